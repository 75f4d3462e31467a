// Makes sure that the keys of a finished ceremony are proven, even if nodes are silent or crash. One node at a time has
// the signatures made, in an order that all compute alike. Every node asks the others for a proof that it missed. Two
// provers at once do no harm: the first proof that verifies is kept.

import { endCeremony, getCeremony } from '../../store/ceremonies.ts';
import type { Queries } from '../../store/database.ts';
import { liveKey } from '../../store/keys.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { Keys } from '../keys/keys.ts';
import type { PeerClient } from '../peers/deliver.ts';
import { type ProofsAnnouncement, parseServiceMessage } from '../peers/messages.ts';
import type { OutMessage } from '../peers/peer-reply.ts';
import type { Effects } from '../runtime/effects.ts';
import { errorText, type Log } from '../runtime/log.ts';
import type { Signing } from '../signing/signing.ts';
import { pauseStops } from '../validation/pause-gate.ts';
import { type CeremonyOutcome, proofsIn, storedOutcome } from './ceremony-outcome.ts';
import { proveKeys } from './ceremony-proofs.ts';

/** How long a node has the turn to prove the keys, in ms: at first, and once all have had it. */
const TURN_MS = 6_000;
const LATER_TURN_MS = 60_000;
/** How long `dkg` waits for the proof, and the shares of a rehearsal live for it, in ms. */
const PROOF_WAIT_MS = 90_000;
const ASK_TIMEOUT_MS = 5_000;
const LOOK_MS = 100;

/** What proving works with. */
export interface KeyProofInput {
  readonly config: OperatorConfig;
  readonly db: Queries;
  readonly keys: Keys;
  readonly client: PeerClient;
  readonly signing: Signing;
  readonly effects: Effects;
  readonly log: Log;
  readonly announce: (message: OutMessage) => void;
}

/** The outcome of waiting: the subsets that signed, or what stands in the way. */
export type ProofAwaited =
  | { readonly ok: true; readonly subsets: number[][] }
  | { readonly ok: false; readonly detail: string };

interface Unproven {
  readonly rehearsal: boolean;
  /** In ms by the monotonic clock. */
  readonly since: number;
  /** Who begins: the coordinator; after a restart this node itself, which may be the one that all wait for. */
  readonly first: number;
  /** The last turn that this node used. */
  turn: number;
  under: AbortController | null;
  trouble: string;
}

/** The proofs of all ceremonies of a node. */
export class KeyProof {
  readonly #input: KeyProofInput;
  readonly #unproven = new Map<string, Unproven>();

  constructor(input: KeyProofInput) {
    this.#input = input;
    const live = liveKey(input.db);
    if (live !== null) this.begin(live.ceremonyId, input.config.myIndex);
  }

  /** Takes up a ceremony that is over, unless it is proven. `first`: who has the first turn. */
  begin(ceremonyId: string, first: number): void {
    const stored = getCeremony(this.#input.db, ceremonyId);
    if (stored === null || this.#outcome(ceremonyId)?.subsets !== null) return;
    const { rehearsal } = stored;
    // A key that came second is not used.
    if (!rehearsal && liveKey(this.#input.db)?.ceremonyId !== ceremonyId) return;
    const since = this.#input.effects.monotonic();
    this.#unproven.set(ceremonyId, { rehearsal, since, first, turn: -1, under: null, trouble: 'nobody has tried yet' });
  }

  /** Whether the proof of a ceremony is still to come. */
  isAwaited(ceremonyId: string): boolean {
    return this.#unproven.has(ceremonyId);
  }

  /**
   * Keeps a proof, from whomever, once it verifies under the ceremony's own keys. None can come before this node's own
   * ceremony is over, for its share has a part in it.
   */
  take(body: ProofsAnnouncement): void {
    const { db, keys, effects } = this.#input;
    const { ceremony_id: id } = body;
    const stored = getCeremony(db, id);
    const before = this.#outcome(id);
    if (stored === null || before === null || stored.status === 'running') return;
    const outcome = proofsIn(before, body);
    if (outcome === null) return;
    endCeremony(db, id, stored.status, outcome, effects.now());
    if (stored.rehearsal) keys.endRehearsal(before.key_id);
    this.#unproven.get(id)?.under?.abort();
    this.#unproven.delete(id);
  }

  /** The proof of a ceremony, for a node that lacks it. */
  answer(ceremonyId: string): readonly OutMessage[] {
    const outcome = this.#outcome(ceremonyId);
    const { bitcoin, attestation } = outcome?.file.proofs ?? {};
    if (outcome === null || outcome.subsets === null || bitcoin === undefined || attestation === undefined) return [];
    const body = { ceremony_id: ceremonyId, bitcoin, attestation, subsets: outcome.subsets };
    return [{ type: 'announce_proofs', body }];
  }

  /** Lets time pass: this node proves the keys where it is its turn. */
  round(): void {
    const { effects, log, config, db } = this.#input;
    const isPaused = pauseStops(db) !== null;
    for (const [id, unproven] of this.#unproven) {
      const age = effects.monotonic() - unproven.since;
      if (unproven.rehearsal && age >= PROOF_WAIT_MS) {
        try {
          this.#giveUp(id);
        } catch (error) {
          log('error', 'rehearsal_not_ended', { ceremony: id, detail: errorText(error) });
        }
        continue;
      }
      const { turn, endsIn } = turnAt(age, config.parties);
      const isMine = (unproven.first + turn) % config.parties === config.myIndex;
      if (isPaused || !isMine || turn === unproven.turn || unproven.under !== null) continue;
      unproven.turn = turn;
      unproven.under = new AbortController();
      this.#prove(id, unproven, effects.monotonic() + endsIn, unproven.under.signal)
        .catch((error: unknown) => {
          unproven.trouble = errorText(error);
          log('error', 'proof_failed', { ceremony: id, detail: unproven.trouble });
        })
        .finally(() => {
          unproven.under = null;
        });
    }
  }

  /** Waits for the proof, at most PROOF_WAIT_MS; what is not proven by then is tried further, a rehearsal's excepted. */
  async awaited(ceremonyId: string, signal: AbortSignal): Promise<ProofAwaited> {
    const { effects } = this.#input;
    const deadline = effects.monotonic() + PROOF_WAIT_MS;
    let trouble = '';
    for (;;) {
      const subsets = this.#outcome(ceremonyId)?.subsets ?? null;
      if (subsets !== null) return { ok: true, subsets };
      const unproven = this.#unproven.get(ceremonyId);
      trouble = unproven?.trouble ?? trouble;
      if (unproven === undefined || effects.monotonic() >= deadline || signal.aborted) {
        // However it ends, the shares of a rehearsal do not outlive it.
        if (unproven?.rehearsal === true) this.#giveUp(ceremonyId);
        return { ok: false, detail: trouble };
      }
      await effects.sleep(LOOK_MS, signal);
    }
  }

  /** Stops everything; what is not proven is taken up at the next start. */
  close(): void {
    for (const { under } of this.#unproven.values()) under?.abort();
    this.#unproven.clear();
  }

  async #prove(ceremonyId: string, unproven: Unproven, deadline: number, signal: AbortSignal): Promise<void> {
    const { keys, signing, effects, log, announce } = this.#input;
    const key = keys.get(this.#outcome(ceremonyId)?.key_id ?? '');
    if (key === null) return;
    const proving = proveKeys({ keys, signing, effects, deadline, signal }, key);
    const [proofs] = await Promise.all([proving, this.#ask(ceremonyId, signal)]);
    if (signal.aborted) return;
    if (!proofs.ok) {
      unproven.trouble = proofs.detail;
      log('warn', 'keys_not_proven_yet', { ceremony: ceremonyId, detail: proofs.detail });
      return;
    }
    const { bitcoin, attestation, subsets } = proofs;
    const body = { ceremony_id: ceremonyId, bitcoin, attestation, subsets };
    this.take(body);
    announce({ type: 'announce_proofs', body });
  }

  async #ask(ceremonyId: string, signal: AbortSignal): Promise<void> {
    const { client, config } = this.#input;
    const message = { ceremony: '', type: 'proofs_request', body: { ceremony_id: ceremonyId } };
    const others = Array.from({ length: config.parties }, (_, index) => index).filter((i) => i !== config.myIndex);
    await Promise.all(
      others.map(async (to) => {
        const result = await client.send(to, message, { timeoutMs: ASK_TIMEOUT_MS, signal });
        for (const { type, body } of result.ok ? result.messages : []) {
          const parsed = parseServiceMessage(type, body);
          if (parsed === null || parsed === false || parsed.type !== 'announce_proofs') continue;
          if (parsed.body.ceremony_id === ceremonyId && this.isAwaited(ceremonyId)) this.take(parsed.body);
        }
      }),
    );
  }

  #giveUp(ceremonyId: string): void {
    // First, for where the store cannot be read now, the shares are destroyed at the next occasion.
    const keyId = this.#outcome(ceremonyId)?.key_id ?? '';
    this.#unproven.get(ceremonyId)?.under?.abort();
    this.#unproven.delete(ceremonyId);
    this.#input.keys.endRehearsal(keyId);
  }

  #outcome(ceremonyId: string): CeremonyOutcome | null {
    const stored = getCeremony(this.#input.db, ceremonyId);
    return stored === null ? null : storedOutcome(stored);
  }
}

// Everybody has a short turn, then everybody a long one, again and again; counted from when this node took the matter up.
function turnAt(age: number, parties: number): { readonly turn: number; readonly endsIn: number } {
  const early = Math.floor(age / TURN_MS);
  if (early < parties) return { turn: early, endsIn: TURN_MS - (age % TURN_MS) };
  const late = age - parties * TURN_MS;
  return { turn: parties + Math.floor(late / LATER_TURN_MS), endsIn: LATER_TURN_MS - (late % LATER_TURN_MS) };
}
