// The key ceremonies of a node: joining one, answering the others, resuming after a crash, and what becomes of the keys.

import { dkgStep, IDLE } from '../../ceremony/dkg.ts';
import { DKG_TIMING, type DkgResult, type DkgSetup } from '../../ceremony/dkg-setup.ts';
import type { DkgMessage } from '../../ceremony/messages.ts';
import type { BitcoinView } from '../../chain/bitcoin-view.ts';
import {
  beginCeremony,
  endCeremony,
  eraseCeremonyEvents,
  getCeremony,
  listCeremonies,
} from '../../store/ceremonies.ts';
import { type Queries, transact } from '../../store/database.ts';
import { storeKey } from '../../store/keys.ts';
import { CommandError } from '../command-error.ts';
import type { CommandParams, CommandResults } from '../command-types.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { Effects } from '../effects.ts';
import { type KeyRing, keyIdOf } from '../key-ring.ts';
import { groupKeysToJson, type Keys } from '../keys.ts';
import { errorText, type Log } from '../log.ts';
import type { ServiceMessage } from '../messages.ts';
import type { Progress } from '../progress.ts';
import type { Signing } from '../signing/signing.ts';
import type { PeerClient } from '../transport/deliver.ts';
import { fingerprintOf, listCards, missingCards, participantsOf } from '../transport/federation.ts';
import type { OutMessage } from '../transport/peer-reply.ts';
import { assertMayEnter } from './ceremony-entry.ts';
import { keysFromResult } from './ceremony-keys.ts';
import { type CeremonyOutcome, finishedReply, outcomeOf, proofsIn, storedOutcome } from './ceremony-outcome.ts';
import { proofAwaited, proveKeys } from './ceremony-proofs.ts';
import { CeremonyRunner } from './ceremony-runner.ts';
import { ceremonyFailure, progressText } from './ceremony-text.ts';
import { runPreflight } from './preflight.ts';

const TICK_MS = 250;
const LOOK_MS = 100;
/** How long a node whose preflight failed stays in the lobby, so that the others see by name why, in ms. */
const PREFLIGHT_GRACE_MS = 3_000;
/** How long everybody waits for the coordinator's proof that the new keys sign, in ms. */
const PROOF_WAIT_MS = 90_000;

/** What ceremonies work with. */
export interface CeremoniesInput {
  readonly config: OperatorConfig;
  readonly version: string;
  readonly db: Queries;
  readonly keyRing: KeyRing;
  readonly keys: Keys;
  readonly client: PeerClient;
  readonly signing: Signing;
  readonly bitcoin: BitcoinView;
  readonly effects: Effects;
  readonly log: Log;
  readonly announce: (message: OutMessage) => void;
}

type Params = CommandParams<'dkg'>;

/** All ceremonies of a node. */
export class Ceremonies {
  readonly #input: CeremoniesInput;
  readonly #runners = new Map<string, CeremonyRunner>();
  readonly #stopTicking: () => void;
  readonly #closed = new AbortController();

  constructor(input: CeremoniesInput) {
    this.#input = input;
    for (const { ceremonyId, status } of listCeremonies(input.db).rows) {
      if (status === 'running' && this.#cardsMissing().length === 0) this.#resume(ceremonyId);
    }
    this.#stopTicking = input.effects.every(TICK_MS, () => this.#tick());
  }

  /** Takes part in a ceremony until it ends, at this operator's word. Throws `CommandError` where it does not succeed. */
  async join(params: Params, progress: Progress, caller: AbortSignal): Promise<CommandResults['dkg']> {
    const { effects, config, bitcoin } = this.#input;
    const signal = AbortSignal.any([caller, this.#closed.signal]);
    const begun = effects.now();
    const runner = this.#enter(params);
    progress({ step: 'preflight', text: 'checking this node' });
    const checks = await runPreflight(config, bitcoin, effects.now());
    const joined = { kind: 'operator_joined', now: effects.now(), rehearsal: params.rehearsal, checks } as const;
    await runner.feed(joined);
    await this.#untilEnded(params, runner, progress, signal);
    const result = runner.result();
    if (result === null) throw ceremonyFailure(this.#setup(params.ceremony_id), runner.progress());
    await runner.finished();
    progress({ step: 'proof', text: 'trying the new keys with every share' });
    const subsets = await this.#proven(params.ceremony_id, runner, signal);
    return this.#report(params, runner, result, subsets, effects.now() - begun);
  }

  /** Answers a message of a ceremony. */
  async hear(from: number, ceremonyId: string, message: DkgMessage): Promise<readonly OutMessage[]> {
    const { db, effects } = this.#input;
    const runner = this.#runners.get(ceremonyId);
    const event = { kind: 'message', now: effects.now(), from, message } as const;
    if (runner !== undefined) return runner.feed(event);
    const stored = getCeremony(db, ceremonyId);
    if (stored !== null && stored.status !== 'running') return finishedReply(storedOutcome(stored), message);
    if (this.#cardsMissing().length > 0) return [];
    const context = { setup: this.#setup(ceremonyId), secrets: this.#secrets() };
    return dkgStep(context, IDLE, event).outgoing.map(({ type, body }) => ({ type, body }));
  }

  /** Keeps the coordinator's proof of a ceremony, once it verifies under the ceremony's own keys. */
  takeProofs(body: Extract<ServiceMessage, { type: 'announce_proofs' }>['body']): void {
    const { db, effects } = this.#input;
    const stored = getCeremony(db, body.ceremony_id);
    if (stored === null || stored.status === 'running') return;
    const outcome = proofsIn(storedOutcome(stored), body);
    if (outcome === null) return;
    endCeremony(db, body.ceremony_id, stored.status, outcome, effects.now());
    if (stored.rehearsal) this.#input.keys.endRehearsal(storedOutcome(stored).key_id);
  }

  /** The runner of a ceremony that is not over, for those who list ceremonies. */
  running(ceremonyId: string): CeremonyRunner | null {
    return this.#runners.get(ceremonyId) ?? null;
  }

  /** Stops everything and erases what is secret in it. What is durable continues at the next start. */
  close(): void {
    this.#stopTicking();
    this.#closed.abort();
    for (const runner of this.#runners.values()) runner.dispose();
    this.#runners.clear();
  }

  #enter(params: Params): CeremonyRunner {
    const { db, effects } = this.#input;
    const { ceremony_id: id, rehearsal } = params;
    assertMayEnter(this.#input, params);
    const known = getCeremony(db, id);
    if (known === null) beginCeremony(db, { ceremonyId: id, kind: 'dkg', rehearsal }, effects.now());
    return this.#runners.get(id) ?? this.#open(id);
  }

  // One that cannot be read any more, such as one abandoned before cards were replaced, must not keep the node down.
  #resume(ceremonyId: string): void {
    try {
      this.#open(ceremonyId);
    } catch (error) {
      this.#input.log('error', 'ceremony_not_resumed', { ceremony: ceremonyId, detail: errorText(error) });
    }
  }

  #open(ceremonyId: string): CeremonyRunner {
    const { db, keyRing, client, effects, log } = this.#input;
    const context = { setup: this.#setup(ceremonyId), secrets: this.#secrets() };
    const onComplete = (result: DkgResult): Promise<void> => this.#onComplete(ceremonyId, result);
    const runner = CeremonyRunner.resume({ context, db, keyRing, client, effects, log, onComplete });
    this.#runners.set(ceremonyId, runner);
    return runner;
  }

  // The order is what makes a crash harmless: shares in the key file, then the key and the end of the ceremony in one
  // commit, then the secrets of the ceremony erased. Run again, each step finds its work done.
  async #onComplete(ceremonyId: string, result: DkgResult): Promise<void> {
    const { db, keyRing, keys, effects } = this.#input;
    const now = effects.now();
    const shares = keysFromResult(ceremonyId, result, now);
    const keyId = keyIdOf(shares.bitcoin.groupKey.publicKey, shares.attestation.groupKey.publicKey);
    const outcome = outcomeOf(keyId, result, this.#runners.get(ceremonyId)?.progress().coordinator ?? null);
    if (result.rehearsal) keys.beginRehearsal(keyId, shares, result.certificate.transcript_hash);
    else await keyRing.add(shares);
    transact(db, (tx) => {
      if (!result.rehearsal) {
        const { transcript, certificate } = result;
        const groupKeys = groupKeysToJson(shares.bitcoin.groupKey, shares.attestation.groupKey);
        storeKey(tx, { keyId, ceremonyId, groupKeys, transcript, certificate: { ...certificate } }, 'live', now);
      }
      endCeremony(tx, ceremonyId, result.rehearsal ? 'destroyed' : 'done', outcome, now);
      eraseCeremonyEvents(tx, ceremonyId);
    });
  }

  #tick(): void {
    for (const [ceremonyId, runner] of this.#runners) {
      if (runner.isOver()) {
        // Whoever asks from now on is answered from the store.
        this.#runners.delete(ceremonyId);
        runner.dispose();
        continue;
      }
      runner.feed({ kind: 'tick', now: this.#input.effects.now() }).catch((error: unknown) => {
        this.#input.log('error', 'ceremony_tick_failed', { ceremony: ceremonyId, detail: errorText(error) });
      });
    }
  }

  async #untilEnded(params: Params, runner: CeremonyRunner, progress: Progress, signal: AbortSignal): Promise<void> {
    const { effects } = this.#input;
    const deadline = effects.now() + params.wait_s * 1000;
    const setup = this.#setup(params.ceremony_id);
    let [told, failingSince] = ['', null as number | null];
    for (;;) {
      const seen = runner.progress();
      const text = progressText(setup, seen);
      if (text !== told) progress({ step: seen.step, text });
      told = text;
      if (seen.phase === 'complete' || seen.phase === 'aborted' || seen.phase === 'idle') return;
      const now = effects.now();
      failingSince = seen.step === 'preflight_failed' && seen.waitingFor.length === 0 ? (failingSince ?? now) : null;
      const failed = failingSince !== null && now - failingSince >= PREFLIGHT_GRACE_MS;
      if (seen.phase === 'lobby' && (failed || signal.aborted || now >= deadline)) {
        await runner.feed({ kind: 'operator_aborted', now, detail: 'left the lobby' });
        throw ceremonyFailure(setup, seen);
      }
      if (signal.aborted || now >= deadline) {
        const told = `ceremony ${params.ceremony_id} goes on in the background of the server: see \`ceremony list\``;
        throw new CommandError('detached', told);
      }
      await effects.sleep(LOOK_MS, signal);
    }
  }

  // The coordinator tries the keys; the others are done when its proof has arrived and verified. However it ends, the
  // shares of a rehearsal do not outlive it.
  async #proven(ceremonyId: string, runner: CeremonyRunner, signal: AbortSignal): Promise<number[][]> {
    const { db, keys, signing, effects, config, announce } = this.#input;
    const { key_id: keyId } = this.#outcome(ceremonyId);
    const deadline = effects.now() + PROOF_WAIT_MS;
    try {
      if (runner.progress().coordinator !== config.myIndex) {
        return await proofAwaited({ effects, deadline, signal, look: () => this.#outcome(ceremonyId).subsets });
      }
      const key = keys.get(keyId);
      if (key === null) throw new Error(`key ${keyId} is not stored`);
      const proofs = await proveKeys({ keys, signing, effects, deadline, signal }, key);
      const body = { ceremony_id: ceremonyId, ...proofs };
      this.takeProofs(body);
      announce({ type: 'announce_proofs', body });
      return proofs.subsets;
    } finally {
      if (getCeremony(db, ceremonyId)?.rehearsal === true) keys.endRehearsal(keyId);
    }
  }

  #outcome(ceremonyId: string): CeremonyOutcome {
    const stored = getCeremony(this.#input.db, ceremonyId);
    if (stored === null || stored.status === 'running') throw new Error(`ceremony ${ceremonyId} is not over`);
    return storedOutcome(stored);
  }

  #report(
    { ceremony_id, rehearsal }: Params,
    runner: CeremonyRunner,
    { transcript, certificate }: DkgResult,
    proven: readonly (readonly number[])[],
    duration_ms: number,
  ): CommandResults['dkg'] {
    const { bitcoin, attestation } = transcript.outputs;
    return {
      ceremony_id,
      rehearsal,
      coordinator: runner.progress().coordinator ?? this.#input.config.myIndex,
      key_id: rehearsal ? null : this.#outcome(ceremony_id).key_id,
      bitcoin_public_key: bitcoin.public_key,
      attestation_public_key: attestation.public_key,
      transcript_hash: certificate.transcript_hash,
      proven,
      duration_ms,
    };
  }

  #cardsMissing(): readonly number[] {
    return missingCards(this.#input.config, listCards(this.#input.db));
  }

  #setup(ceremonyId: string): DkgSetup {
    const { config, version, db } = this.#input;
    const cards = listCards(db);
    return {
      network: config.network,
      ceremonyId,
      version,
      myIndex: config.myIndex,
      threshold: config.threshold,
      participants: participantsOf(cards),
      parametersFingerprint: fingerprintOf(config, cards),
      timing: DKG_TIMING,
    };
  }

  #secrets() {
    const { keyRing } = this.#input;
    return { hostSecret: keyRing.hostSecret(), identity: keyRing.identity() };
  }
}
