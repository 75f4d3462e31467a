// What the others attested while this node was away. Announcements are sent once and are kept in memory only. So each
// node regularly asks the others for what was signed since it asked last, verifies it, and stores how far it has come.

import type { Json } from '../../crypto/canonical-json.ts';
import { decideAttestations, getAttestation, recordAttestationSignature } from '../../store/attestations.ts';
import { loadCursor, saveCursor } from '../../store/cursors.ts';
import { type Queries, transact } from '../../store/database.ts';
import { getDeposit, setDepositStatus } from '../../store/deposits.ts';
import { finishedWindow } from '../../store/finished-pages.ts';
import { getNodeState } from '../../store/node-state.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { FederationKey } from '../keys/keys.ts';
import type { PeerClient } from '../peers/deliver.ts';
import { parseServiceMessage } from '../peers/messages.ts';
import {
  type FinishedPage,
  type FinishedPlace,
  type FinishedRequest,
  finishedPlaceSchema,
} from '../peers/messages-finished.ts';
import { errorText } from '../runtime/log.ts';
import { claimOf } from '../validation/validate-attestation.ts';
import { signatureHolds, tellAttestation } from './attestation-claims.ts';

/** How often something that cannot be confirmed is tried before it is passed over, and how much of a peer's waits so. */
const TRIES_MAX = 100;
const LEFT_MAX = 200;
/** Pages asked of a peer at a time, and the time between, in ms. */
const PAGES_AT_ONCE = 10;
const ASK_TIMEOUT_MS = 5_000;
const PAUSE_MS = { regtest: 2_000, other: 60_000 } as const;

const BEGINNING: FinishedPlace = { epoch: 0, seq: 0 };

type Item = FinishedPage['attestations'][number];

interface Left {
  readonly item: Item;
  readonly tries: number;
}

/** What it works with. */
export interface FinishedInput {
  readonly bridge: Bridge;
  readonly client: PeerClient;
  readonly peers: () => Iterable<number>;
}

/** What this node finished after a place in its log. */
export function tellFinished(db: Queries, { after }: FinishedRequest): FinishedPage {
  const { epoch } = getNodeState(db);
  // After a life that the asker does not know, rows may stand below where it has come to.
  const window = finishedWindow(db, after.epoch === epoch ? after.seq : 0);
  const attestations = window.attestations.map(tellAttestation);
  return { attestations, at: { epoch, seq: window.seq }, more: window.more };
}

/** Asks the peers. */
export class FinishedWork {
  readonly #input: FinishedInput;
  readonly #askedAt = new Map<number, number>();
  /** How far each peer's log is read, and what of it is still to be confirmed. */
  readonly #reading = new Map<number, { readonly at: FinishedPlace; readonly left: readonly Left[] }>();

  constructor(input: FinishedInput) {
    this.#input = input;
  }

  /** Asks all peers that were not asked of late. Never rejects. */
  async pull(key: FederationKey, signal: AbortSignal): Promise<void> {
    const { config, effects, log } = this.#input.bridge;
    const pause = config.network === 'regtest' ? PAUSE_MS.regtest : PAUSE_MS.other;
    const due = [...this.#input.peers()].filter(
      (peer) => effects.monotonic() - (this.#askedAt.get(peer) ?? Number.NEGATIVE_INFINITY) >= pause,
    );
    const ask = async (peer: number): Promise<void> => {
      this.#askedAt.set(peer, effects.monotonic());
      await this.#pullFrom(key, peer, signal);
    };
    for (const outcome of await Promise.allSettled(due.map(ask))) {
      if (outcome.status === 'rejected') log('warn', 'finished_work_not_pulled', { detail: errorText(outcome.reason) });
    }
  }

  // What cannot be confirmed yet holds up nothing behind it; but only what has been dealt with is behind the kept place, so
  // that a restart asks for the rest again.
  async #pullFrom(key: FederationKey, peer: number, signal: AbortSignal): Promise<void> {
    const { db, effects, log } = this.#input.bridge;
    const name = `finished_of_${peer}`;
    const stored = finishedPlaceSchema.safeParse(loadCursor(db, name));
    const kept = stored.success ? stored.data : BEGINNING;
    let { at, left } = this.#reading.get(peer) ?? { at: kept, left: [] };
    left = this.#try(key, left);
    for (let pages = 0; pages < PAGES_AT_ONCE && left.length < LEFT_MAX && !signal.aborted; pages++) {
      const page = await this.#ask(peer, { after: at }, signal);
      if (page === null || signal.aborted || isSame(page.at, at)) break;
      const items = page.attestations.map((item) => ({ item, tries: 0 }));
      left = [...left, ...this.#try(key, items)];
      at = page.at;
      if (!page.more) break;
    }
    if (signal.aborted) return;
    const hopeless = left.filter(({ tries }) => tries >= TRIES_MAX).length;
    if (hopeless > 0) log('warn', 'finished_work_passed_over', { peer, items: hopeless });
    left = left.filter(({ tries }) => tries < TRIES_MAX);
    this.#reading.set(peer, { at, left });
    if (left.length === 0 && !isSame(at, kept)) saveCursor(db, name, { ...at }, effects.now());
  }

  // Gives those that could not be confirmed.
  #try(key: FederationKey, items: readonly Left[]): readonly Left[] {
    const left: Left[] = [];
    for (const { item, tries } of items) {
      if (!this.#take(key, item)) left.push({ item, tries: tries + 1 });
    }
    return left;
  }

  #take(key: FederationKey, item: Item): boolean {
    const { bridge } = this.#input;
    try {
      return keepAttestation(bridge, key, item);
    } catch (error) {
      bridge.log('warn', 'finished_work_untried', { detail: errorText(error) });
      return false;
    }
  }

  async #ask(peer: number, request: FinishedRequest, signal: AbortSignal): Promise<FinishedPage | null> {
    const body: Json = { after: { ...request.after } };
    const message = { ceremony: '', type: 'finished_request', body };
    const result = await this.#input.client.send(peer, message, { timeoutMs: ASK_TIMEOUT_MS, signal });
    if (!result.ok) return null;
    for (const { type, body: told } of result.messages) {
      const parsed = parseServiceMessage(type, told);
      if (parsed !== null && parsed !== false && parsed.type === 'finished') return parsed.body;
    }
    return null;
  }
}

// The group's signature, and the deposit as the own scan has found it. True once there is nothing left to do.
function keepAttestation(bridge: Bridge, key: FederationKey, told: FinishedPage['attestations'][number]): boolean {
  const { db, effects, log } = bridge;
  const { txid, vout, recipient, signature, signature_expiry: expiry } = told;
  if (signature === null || expiry === null) return true;
  const known = getAttestation(db, told);
  if (known?.signature === signature || (known?.signatureExpiry ?? 0n) > BigInt(expiry)) return true;
  if (!signatureHolds(told, key)) return true;
  const claim = claimOf({ ...told, expiry });
  const deposit = getDeposit(db, told);
  if (deposit === null || deposit.height === null) return false;
  return transact(db, (tx): boolean => {
    const now = effects.now();
    const isIt = deposit.recipient === recipient && deposit.amount === claim.amount;
    const [decision] = isIt ? decideAttestations(tx, [claim], now) : [];
    if (decision?.ok !== true) {
      log('error', 'attested_otherwise', { txid, vout });
      return true;
    }
    recordAttestationSignature(tx, claim, signature, now);
    if (deposit.status !== 'minted') setDepositStatus(tx, told, 'attested', now);
    log('info', 'deposit_attested', { txid, vout, amount: `${claim.amount}` });
    return true;
  });
}

function isSame(a: FinishedPlace, b: FinishedPlace): boolean {
  return a.epoch === b.epoch && a.seq === b.seq;
}
