// Steps of the line between peers. A signed step is announced once. As an announcement may be lost, nodes also ask for steps
// regularly. They ask for the lists of burns of steps that they know only from a block or a mempool. A step that a peer
// sends is built again from its meaning, and its signatures are verified: it counts because the group has signed it.

import { asUnavailable } from '../../chain/bitcoin-view.ts';
import { burnOutput } from '../../chain/burn.ts';
import { signedBy } from '../../chain/custody-spend.ts';
import { type BuiltLine, buildLine, type LineRoot, parseLine } from '../../chain/line.ts';
import { lineJson, parseLineIntent } from '../../chain/line-intent.ts';
import { listOf } from '../../chain/line-list.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import type { LineJson } from '../../crypto/line-json.ts';
import { lineSchema } from '../../crypto/line-json.ts';
import { listBurns } from '../../store/burns.ts';
import { PAGE_ROWS_MAX } from '../../store/database.ts';
import {
  getStep,
  type LineStep,
  recordStep,
  recordStepList,
  unexplainedSteps,
  unlistedSteps,
  waitingSteps,
} from '../../store/line.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { lineRoot, lineTerms } from '../chain-state/line-terms.ts';
import { scannedHeight } from '../chain-state/scan.ts';
import type { FederationKey } from '../keys/keys.ts';
import type { PeerClient } from '../peers/deliver.ts';
import { parseServiceMessage } from '../peers/messages.ts';
import { type LineAnswer, type LineRequest, STEPS_TOLD_MAX, type StepTold } from '../peers/messages-line.ts';
import { errorText, type LogFields } from '../runtime/log.ts';
import { ownMeaning } from './step-meaning.ts';

/** What the told steps of one answer may take, in characters of JSON: well below the largest peer message. */
const TOLD_CHARACTERS_MAX = 600_000;
/** Most announcements of one peer that wait for a parent that is not held yet; its oldest make room. */
const WAITING_PER_PEER_MAX = 32;
/** How often one is tried before it is dropped. */
const TRIES_MAX = 100;
const ASK_TIMEOUT_MS = 5_000;
const PAUSE_MS = { regtest: 2_000, other: 30_000 } as const;

/** What it works with. */
export interface LineExchangeInput {
  readonly bridge: Bridge;
  readonly client: PeerClient;
  readonly peers: () => Iterable<number>;
}

interface Waiting {
  readonly from: number;
  readonly told: StepTold;
  tries: number;
}

/** Tells and takes steps. */
export class LineExchange {
  readonly #input: LineExchangeInput;
  readonly #askedAt = new Map<number, number>();
  #waiting: Waiting[] = [];
  /** How many burns were known when lists were last looked for, and what was missing then. */
  #lookedWith = '';
  /** From which of the unlisted steps on the next peer is asked. */
  #askedFrom = 0;

  constructor(input: LineExchangeInput) {
    this.#input = input;
  }

  /** Keeps a peer's announcement for the next round. */
  take(from: number, told: StepTold): void {
    const own = this.#waiting.filter((entry) => entry.from === from);
    const oldest = own.length < WAITING_PER_PEER_MAX ? undefined : own[0];
    this.#waiting = [...this.#waiting.filter((entry) => entry !== oldest), { from, told, tries: 0 }];
  }

  /** What this node tells a peer. */
  answer({ held, unlisted }: LineRequest): LineAnswer {
    const { db, keys } = this.#input.bridge;
    const key = keys.live();
    if (key === null || lineRoot(db, key) === null) return { steps: [], lists: [] };
    const answer = { steps: [] as StepTold[], lists: [] as LineJson[] };
    let characters = 0;
    const fits = (value: unknown): boolean => {
      characters += JSON.stringify(value).length;
      return characters <= TOLD_CHARACTERS_MAX;
    };
    const known = new Set(held);
    for (const step of waitingSteps(db).slice(0, STEPS_TOLD_MAX)) {
      const intent = lineSchema.safeParse(step.intent);
      if (known.has(step.txid) || step.signedTx === null || !intent.success) continue;
      const told = { intent: intent.data, transaction: step.signedTx };
      if (!fits(told)) return answer;
      answer.steps.push(told);
    }
    for (const txid of unlisted) {
      const intent = lineSchema.safeParse(getStep(db, txid)?.intent ?? null);
      if (!intent.success) continue;
      if (!fits(intent.data)) return answer;
      answer.lists.push(intent.data);
    }
    return answer;
  }

  /** Tries what waits, looks for lists among the own burns, and asks the peers that were not asked of late. */
  async pull(key: FederationKey, signal: AbortSignal): Promise<void> {
    const { bridge, peers } = this.#input;
    const root = lineRoot(bridge.db, key);
    if (root === null) return;
    await this.#tryWaiting(key, root);
    this.#findLists(key, root);
    const pause = bridge.config.network === 'regtest' ? PAUSE_MS.regtest : PAUSE_MS.other;
    const now = bridge.effects.monotonic();
    const due = [...peers()].filter((peer) => now - (this.#askedAt.get(peer) ?? Number.NEGATIVE_INFINITY) >= pause);
    const ask = async (peer: number): Promise<void> => {
      this.#askedAt.set(peer, now);
      await this.#pullFrom(key, root, peer, signal);
    };
    for (const outcome of await Promise.allSettled(due.map(ask))) {
      if (outcome.status === 'rejected') bridge.log('warn', 'line_not_pulled', { detail: errorText(outcome.reason) });
    }
  }

  async #tryWaiting(key: FederationKey, root: LineRoot): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    const liars = new Set<number>();
    for (const entry of waiting) {
      if (liars.has(entry.from)) continue;
      entry.tries += 1;
      const taken = await this.#take(key, root, entry);
      if (taken === 'wrong') liars.add(entry.from);
      if (taken === 'early' && entry.tries < TRIES_MAX) this.#waiting.push(entry);
    }
  }

  // One that cannot be taken in, whatever the fault, must not cost this node those behind it.
  async #take(key: FederationKey, root: LineRoot, entry: Pick<Waiting, 'from' | 'told'>): Promise<StepTaken> {
    const { bridge } = this.#input;
    try {
      return await takeStep(bridge, key, root, entry);
    } catch (error) {
      bridge.log('error', 'told_step_not_taken', { detail: errorText(error) });
      return 'done';
    }
  }

  async #pullFrom(key: FederationKey, root: LineRoot, peer: number, signal: AbortSignal): Promise<void> {
    const { bridge, client } = this.#input;
    const held = waitingSteps(bridge.db)
      .slice(0, STEPS_TOLD_MAX)
      .map(({ txid }) => txid);
    const unlisted = this.#someUnlisted();
    const message = { ceremony: '', type: 'line_request', body: { held, unlisted } };
    const result = await client.send(peer, message, { timeoutMs: ASK_TIMEOUT_MS, signal });
    if (!result.ok || signal.aborted) return;
    for (const { type, body } of result.messages) {
      const parsed = parseServiceMessage(type, body);
      if (parsed === null || parsed === false || parsed.type !== 'line') continue;
      for (const told of parsed.body.steps) {
        if ((await this.#take(key, root, { from: peer, told })) === 'wrong') break;
      }
      for (const told of parsed.body.lists) takeList(bridge, key, root, told);
    }
  }

  // Others each time where there are many: lists that nobody tells must not keep this node from asking for those behind them.
  #someUnlisted(): readonly string[] {
    const txids = unlistedSteps(this.#input.bridge.db, PAGE_ROWS_MAX).map(({ txid }) => txid);
    const from = txids.length === 0 ? 0 : this.#askedFrom % txids.length;
    this.#askedFrom = from + STEPS_TOLD_MAX;
    return [...txids.slice(from), ...txids.slice(0, from)].slice(0, STEPS_TOLD_MAX);
  }

  // Only when burns or missing lists have changed: it reads every burn.
  #findLists(key: FederationKey, root: LineRoot): void {
    const { db, config, effects, log } = this.#input.bridge;
    const missing = unlistedSteps(db, PAGE_ROWS_MAX);
    const unexplained = unexplainedSteps(db, PAGE_ROWS_MAX);
    const names = [...missing, ...unexplained].map(({ txid }) => txid).join();
    const looked = `${names}/${listBurns(db, { limit: 1 }).total}/${scannedHeight(db)}`;
    if (names === '' || looked === this.#lookedWith) return;
    this.#lookedWith = looked;
    for (const step of unexplained) {
      const meaning = meaningFor(this.#input.bridge, key, root, step);
      const { kind, burns } = step;
      if (kind === null || burns === null || meaning.intent === null) continue;
      recordStepList(db, step.txid, { kind, burns, ...meaning }, effects.now());
    }
    const candidates = missing.length === 0 ? [] : everyBurn(this.#input.bridge);
    for (const step of missing) {
      const parsed = parseLine(fromHex(step.unsignedTx), key.bitcoin.publicKey);
      if (parsed === null) continue;
      const list = listOf(parsed, { ...lineTerms(config, key), root }, candidates);
      if (list === null) continue;
      const meaning = meaningFor(this.#input.bridge, key, root, { ...step, ...list });
      const verdict = recordStepList(db, step.txid, { ...list, ...meaning }, effects.now());
      if (verdict.ok) log('info', 'line_list_found', { txid: step.txid, burns: list.burns.length });
      else log('error', 'told_step_contradicts', { txid: step.txid, reason: verdict.reason });
    }
  }
}

/**
 * What became of a step that a peer told. `wrong`: no honest peer tells it. What else that peer told is left for another
 * time, as signatures of a large step take long to check. `early`: its parent is not held yet.
 */
export type StepTaken = 'done' | 'wrong' | 'early';

/** Takes a signed step, as a peer tells it; it counts among those that the peer has this node keep. */
export async function takeStep(
  bridge: Bridge,
  key: FederationKey,
  root: LineRoot,
  { from, told }: { readonly from: number; readonly told: StepTold },
): Promise<StepTaken> {
  const { db, config, effects, log, bitcoin } = bridge;
  const intent = parseLineIntent(told.intent);
  if (intent === null || intent.test) return 'wrong';
  const formed = buildLine({ ...lineTerms(config, key), root }, intent);
  if (!formed.ok) {
    log('warn', 'told_step_wrong', { detail: formed.detail });
    return 'wrong';
  }
  const { built } = formed;
  const held = getStep(db, built.txid);
  if (held !== null && held.signedTx !== null && held.burns !== null) return 'done';
  if (!signedBy(built, fromHex(told.transaction))) {
    log('warn', 'told_step_wrong', { txid: built.txid, detail: 'its signatures do not verify' });
    return 'wrong';
  }
  const stored = storedStep(built, root, key);
  // The signatures hold the miner fee, for they commit to what the inputs held; but not what each burn bore.
  const { intent: meaning } = meaningFor(bridge, key, root, stored);
  const seen = { ...stored, intent: meaning, signedTx: told.transaction, height: null, blockHash: null, askedBy: from };
  const verdict = recordStep(db, seen, effects.now());
  if (!verdict.ok) {
    if (verdict.reason === 'parent_unknown') return 'early';
    log('error', 'told_step_contradicts', { txid: built.txid, reason: verdict.reason });
    return 'done';
  }
  log('info', 'line_step_signed', stepFields(built));
  const sent = await bitcoin.broadcast(fromHex(told.transaction)).catch(asUnavailable);
  if (sent.ok) log('info', 'line_step_broadcast', stepFields(built));
  return 'done';
}

/** What the log says of a step. `amount`: what it pays out of the treasury, in sats. */
export function stepFields({ txid, intent }: Pick<BuiltLine, 'txid' | 'intent'>): LogFields {
  const { step: kind, burns, destination, fee } = intent;
  const amount = burns.reduce((sum, burn) => sum + burn.amount - burn.fee, destination?.amount ?? 0n);
  return { txid, kind, burns: burns.length, amount: `${amount}`, fee: `${fee}` };
}

/** A built step as the store keeps it. */
export function storedStep(
  built: Extract<ReturnType<typeof buildLine>, { ok: true }>['built'],
  root: LineRoot,
  key: FederationKey,
) {
  const { intent, txid, unsigned, vsize, inputs, outputs } = built;
  const { treasury } = intent;
  return {
    txid,
    parentTxid: treasury.txid === root.txid && treasury.vout === root.vout ? null : treasury.txid,
    keyId: key.keyId,
    unsignedTx: toHex(unsigned),
    vsize,
    inputs: inputs.map(({ txid: spent, vout }) => ({ txid: spent, vout })),
    treasuryAmount: outputs[0]?.amount ?? 0n,
    surplus: intent.surplus,
    kind: intent.step,
    burns: intent.burns.map(({ burnTxid, nullifier }) => ({ burnTxid, nullifier })),
    fee: intent.fee,
    intent: { ...lineJson(intent) },
  };
}

function takeList(bridge: Bridge, key: FederationKey, root: LineRoot, told: LineJson): void {
  const { db, config, effects } = bridge;
  const intent = parseLineIntent(told);
  if (intent === null) return;
  const formed = buildLine({ ...lineTerms(config, key), root }, intent);
  if (!formed.ok) return;
  const step: LineStep | null = getStep(db, formed.built.txid);
  if (step === null || step.burns !== null) return;
  const { kind, burns } = storedStep(formed.built, root, key);
  const meaning = meaningFor(bridge, key, root, { ...step, kind, burns });
  recordStepList(db, step.txid, { kind, burns, ...meaning }, effects.now());
}

/** Fee and meaning of a step as this node's own reading tells them, or null both. */
function meaningFor(
  { db, config }: Bridge,
  key: FederationKey,
  root: LineRoot,
  step: Parameters<typeof ownMeaning>[2],
): { readonly fee: bigint | null; readonly intent: Json | null } {
  const intent = ownMeaning(db, { ...lineTerms(config, key), root }, step);
  return intent === null ? { fee: null, intent: null } : { fee: intent.fee, intent: { ...lineJson(intent) } };
}

function everyBurn({ db, config }: Bridge) {
  const found: { burnTxid: string; nullifier: string; script: Uint8Array; amount: bigint }[] = [];
  for (let offset = 0; ; offset += PAGE_ROWS_MAX) {
    const { rows } = listBurns(db, { limit: PAGE_ROWS_MAX, offset });
    for (const burn of rows) {
      const payable = burnOutput({ network: config.network }, burn);
      if (payable.ok) found.push({ burnTxid: burn.burnTxid, nullifier: burn.nullifier, ...payable.output });
    }
    if (rows.length < PAGE_ROWS_MAX) return found;
  }
}
