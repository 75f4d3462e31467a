// The key ceremonies of a node: joining one, answering the others, resuming after a crash, and what becomes of the keys.

import { dkgStep, IDLE } from '../../ceremony/dkg/dkg.ts';
import { DKG_TIMING, type DkgResult, type DkgSetup } from '../../ceremony/dkg/setup.ts';
import type { DkgMessage } from '../../ceremony/messages.ts';
import type { BitcoinView } from '../../chain/bitcoin-view.ts';
import {
  beginCeremony,
  endCeremony,
  eraseCeremonyEvents,
  getCeremony,
  readCeremonyEvents,
  runningCeremonies,
} from '../../store/ceremonies.ts';
import { transact } from '../../store/database.ts';
import { listCards, missingCards, participantsOf, sharedParameters } from '../peers/federation.ts';
import type { ProofsAnnouncement } from '../peers/messages.ts';
import type { OutMessage } from '../peers/peer-reply.ts';
import type { ProveTls } from '../peers/tls-self-test.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { CommandParams, CommandResults } from '../runtime/command-types.ts';
import { errorText } from '../runtime/log.ts';
import type { Progress } from '../runtime/progress.ts';
import { pauseStops } from '../validation/pause-gate.ts';
import { noteBeginning } from './ceremony-begin.ts';
import { assertMayEnter, leaveOthers, sayingKeyIsLive } from './ceremony-entry.ts';
import { forgetCeremonyFailure, noteCeremonyFailure } from './ceremony-failures.ts';
import type { CeremonyHistory } from './ceremony-history.ts';
import { abandonedReply, type CeremonyOutcome, dkgReport, finishedReply, storedOutcome } from './ceremony-outcome.ts';
import { CeremonyRunner } from './ceremony-runner.ts';
import { ceremonyFailure, progressText } from './ceremony-text.ts';
import { type CompletionInput, completeCeremony } from './completion.ts';
import { KeyProof, type KeyProofInput } from './key-proof.ts';
import { type LobbyView, lobbyLines } from './lobby-text.ts';
import { runPreflight } from './preflight.ts';
import { recoverKeys } from './recover-keys.ts';

const TICK_MS = 250;
const LOOK_MS = 100;
/** How long a node whose preflight failed stays in the lobby, so that the others see by name why, in ms. */
const PREFLIGHT_GRACE_MS = 3_000;
/** How long a peer's join in another ceremony tells that it waits there, in ms: joins are sent every 10 s at least. */
const ELSEWHERE_MS = 30_000;
/** How much longer than its command a node waits in the lobby, in ms: the command leaves first, and says why. */
const LOBBY_GRACE_MS = 5_000;
/** Of so many ceremonies it is remembered how they went: the latest. */
const HISTORIES_MAX = 20;

/** What ceremonies work with. */
export interface CeremoniesInput extends KeyProofInput, CompletionInput {
  readonly version: string;
  readonly bitcoin: BitcoinView;
  readonly proveTls: ProveTls | null;
}

type Params = CommandParams<'dkg'>;
interface JoinElsewhere {
  readonly ceremonyId: string;
  readonly rehearsal: boolean;
  /** By the monotonic clock, in ms. */
  readonly at: number;
}

/** All ceremonies of a node. */
export class Ceremonies {
  readonly #input: CeremoniesInput;
  readonly #runners = new Map<string, CeremonyRunner>();
  readonly #histories = new Map<string, CeremonyHistory>();
  readonly #proof: KeyProof;
  /** The last join of each peer in a ceremony that this node has not joined. */
  readonly #joinsElsewhere = new Map<number, JoinElsewhere>();
  readonly #stopTicking: () => void;
  readonly #closed = new AbortController();

  constructor(input: CeremoniesInput) {
    this.#input = input;
    this.#proof = new KeyProof(input);
    const unfinished = runningCeremonies(input.db);
    // Cards are read only where there is something to go on with: each takes the verification of a signature.
    const canGoOn = unfinished.length > 0 && this.#cardsMissing().length === 0;
    if (canGoOn) for (const ceremonyId of unfinished) this.#resume(ceremonyId);
    this.#stopTicking = input.effects.every(TICK_MS, () => this.#tick());
  }

  /** Takes part in a ceremony until it ends, at this operator's word. Throws `CommandError` where it does not succeed. */
  async join(params: Params, progress: Progress, caller: AbortSignal): Promise<CommandResults['dkg']> {
    const { effects } = this.#input;
    const signal = AbortSignal.any([caller, this.#closed.signal]);
    const begun = effects.monotonic();
    const stored = getCeremony(this.#input.db, params.ceremony_id);
    const isMade = this.#proof.isAwaited(params.ceremony_id) && stored?.rehearsal === params.rehearsal;
    if (!isMade) await this.#makeKeys(params, progress, signal);
    progress({ step: 'proof', text: 'trying the new keys with every share' });
    const { subsets, ...outcome } = await this.#proven(params.ceremony_id, signal);
    return dkgReport(params, outcome, subsets, effects.monotonic() - begun);
  }

  /** Answers a message of a ceremony. */
  async hear(from: number, ceremonyId: string, message: DkgMessage): Promise<readonly OutMessage[]> {
    const answers = await this.#answers(from, ceremonyId, message);
    return this.#input.keys.live() === null ? answers : sayingKeyIsLive(message, answers);
  }

  /** Peers that wait in a ceremony which this node has not joined, by their own joins of the last moments. */
  waitingElsewhere(): readonly { readonly index: number; readonly ceremonyId: string; readonly rehearsal: boolean }[] {
    const now = this.#input.effects.monotonic();
    return [...this.#joinsElsewhere]
      .filter(([, { at }]) => now - at < ELSEWHERE_MS)
      .map(([index, { ceremonyId, rehearsal }]) => ({ index, ceremonyId, rehearsal }));
  }

  #elsewhereOf(index: number): string | null {
    return this.waitingElsewhere().find((one) => one.index === index)?.ceremonyId ?? null;
  }

  async #answers(from: number, ceremonyId: string, message: DkgMessage): Promise<readonly OutMessage[]> {
    const { db, effects } = this.#input;
    const runner = this.#runners.get(ceremonyId);
    if (runner !== undefined) this.#joinsElsewhere.delete(from);
    else if (message.type === 'dkg_join') {
      this.#joinsElsewhere.set(from, { ceremonyId, rehearsal: message.body.rehearsal, at: effects.monotonic() });
    }
    const heard = { kind: 'message', from, message } as const;
    if (runner !== undefined) return runner.feed(heard);
    const stored = getCeremony(db, ceremonyId);
    const outcome = stored === null ? null : storedOutcome(stored);
    if (outcome !== null) return finishedReply(outcome, from, message);
    if (stored?.status === 'failed') return abandonedReply(from, message);
    if (this.#cardsMissing().length > 0) return [];
    const context = { setup: this.#setup(ceremonyId), secrets: this.#secrets() };
    const event = { ...heard, now: effects.now(), elapsed: effects.monotonic() };
    return dkgStep(context, IDLE, event).outgoing.map(({ type, body }) => ({ type, body }));
  }

  /** How a ceremony has gone since this node was unsealed, also where it is over by now; null where that is not known. */
  history(ceremonyId: string): CeremonyHistory | null {
    return this.#histories.get(ceremonyId) ?? null;
  }

  /** What keeps each operator from the lobby, as this node can tell: a sentence by index; empty outside a lobby. */
  lobbyLines(ceremonyId: string): ReadonlyMap<number, string> {
    const runner = this.#runners.get(ceremonyId);
    const seen = runner?.progress();
    if (runner === undefined || seen?.phase !== 'lobby') return new Map();
    const rehearsal = getCeremony(this.#input.db, ceremonyId)?.rehearsal === true;
    return lobbyLines(this.#setup(ceremonyId), seen, rehearsal, this.#viewOf(runner));
  }

  #viewOf(runner: CeremonyRunner): LobbyView {
    return { contact: (index) => runner.contact(index), elsewhere: (index) => this.#elsewhereOf(index) };
  }

  /** Keeps a proof of a ceremony's keys, from whomever, once it verifies under the ceremony's own keys. */
  takeProofs(body: ProofsAnnouncement): void {
    this.#proof.take(body);
  }

  /** What a node is told that lacks the proof of a ceremony. */
  tellProofs(ceremonyId: string): readonly OutMessage[] {
    return this.#proof.answer(ceremonyId);
  }

  /** Gives up a ceremony that has made no keys here, for good. Throws `CommandError` where it has. */
  async abandon(ceremonyId: string): Promise<CommandResults['ceremony-abandon']> {
    const { db, effects } = this.#input;
    const stored = getCeremony(db, ceremonyId);
    if (stored === null) throw new CommandError('ceremony_unknown', `there is no ceremony ${ceremonyId} here`);
    const runner = this.#runners.get(ceremonyId);
    if (stored.status !== 'running' || (runner !== undefined && runner.result() !== null)) {
      throw new CommandError('ceremony_over', `ceremony ${ceremonyId} is over: there is nothing to abandon`);
    }
    // Of one that could not be taken up again at the start, nobody can tell whether this node had confirmed.
    const mayLive = runner?.progress().mayStillComplete ?? readCeremonyEvents(db, ceremonyId).length > 0;
    await runner?.feed({ kind: 'operator_aborted', detail: 'abandoned' });
    this.#runners.delete(ceremonyId);
    runner?.dispose();
    transact(db, (tx) => {
      endCeremony(tx, ceremonyId, 'failed', null, effects.now());
      eraseCeremonyEvents(tx, ceremonyId);
    });
    return { ceremony_id: ceremonyId, may_be_live_elsewhere: mayLive };
  }

  /** Makes the key of an exported ceremony live here, its shares recovered where they are lost. Throws `CommandError`. */
  async recover(file: unknown): Promise<CommandResults['ceremony-recover']> {
    const recovered = await recoverKeys(this.#input, file);
    const { ceremony_id: id } = recovered;
    this.#runners.get(id)?.dispose();
    this.#runners.delete(id);
    leaveOthers(this.#input, this.#runners, id);
    this.#proof.begin(id, this.#input.config.myIndex);
    return recovered;
  }

  /** The runner of a ceremony that is not over, for those who list ceremonies. */
  running(ceremonyId: string): CeremonyRunner | null {
    return this.#runners.get(ceremonyId) ?? null;
  }

  /** Stops everything and erases what is secret in it. What is durable continues at the next start. */
  close(): void {
    this.#stopTicking();
    this.#closed.abort();
    this.#proof.close();
    for (const runner of this.#runners.values()) runner.dispose();
    this.#runners.clear();
  }

  async #makeKeys(params: Params, progress: Progress, signal: AbortSignal): Promise<void> {
    const { db, effects } = this.#input;
    assertMayEnter({ ...this.#input, runners: this.#runners }, params);
    const runner = this.#enter(params);
    progress({ step: 'preflight', text: 'checking this node' });
    await noteBeginning(this.#input, params.ceremony_id);
    const checks = await runPreflight(this.#input, effects.now());
    // The checks took their time, in which another ceremony may have been entered, or a key recovered.
    if (runner.result() === null) assertMayEnter({ ...this.#input, runners: this.#runners }, params);
    forgetCeremonyFailure(db, params.ceremony_id, effects.now());
    // After a restart no command waits any more: the node leaves by itself when that would have.
    const waitMs = params.wait_s * 1000 + LOBBY_GRACE_MS;
    await runner.feed({ kind: 'operator_joined', rehearsal: params.rehearsal, checks, waitMs });
    try {
      await this.#untilEnded(params, runner, progress, signal);
      if (runner.result() === null) throw ceremonyFailure(this.#setup(params.ceremony_id), runner.progress(), []);
    } catch (error) {
      // A node that is being closed has no database to write to any more, and goes on at its next start.
      if (!this.#closed.signal.aborted) noteCeremonyFailure(db, params.ceremony_id, error, effects.now());
      throw error;
    }
    await runner.finished();
  }

  #enter(params: Params): CeremonyRunner {
    const { db, effects } = this.#input;
    const { ceremony_id: id, rehearsal } = params;
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
    const others = () => [...this.#runners].filter(([id]) => id !== ceremonyId).map(([, other]) => other);
    const runner = CeremonyRunner.resume({
      ...{ context, db, keyRing, client, effects, log },
      onComplete: (result) => this.#onComplete(ceremonyId, result),
      mayBegin: () =>
        pauseStops(db) === null &&
        (getCeremony(db, ceremonyId)?.rehearsal === true || this.#input.keys.live() === null),
      mayRevive: () => !others().some((other) => other.hasBegun()),
      onRevived: () => leaveOthers(this.#input, this.#runners, ceremonyId),
    });
    this.#runners.set(ceremonyId, runner);
    this.#histories.delete(ceremonyId);
    this.#histories.set(ceremonyId, runner.history);
    const [oldest] = this.#histories.keys();
    if (this.#histories.size > HISTORIES_MAX && oldest !== undefined) this.#histories.delete(oldest);
    return runner;
  }

  async #onComplete(ceremonyId: string, result: DkgResult): Promise<void> {
    const { myIndex } = this.#input.config;
    const coordinator = this.#runners.get(ceremonyId)?.progress().coordinator ?? null;
    await completeCeremony(this.#input, ceremonyId, result, coordinator);
    this.#proof.begin(ceremonyId, coordinator ?? myIndex);
  }

  #tick(): void {
    this.#proof.round();
    for (const [ceremonyId, runner] of this.#runners) {
      if (runner.isOver()) {
        // Whoever asks from now on is answered from the store.
        this.#runners.delete(ceremonyId);
        runner.dispose();
        continue;
      }
      runner.feed({ kind: 'tick' }).catch((error: unknown) => {
        this.#input.log('error', 'ceremony_tick_failed', { ceremony: ceremonyId, detail: errorText(error) });
      });
    }
  }

  async #untilEnded(params: Params, runner: CeremonyRunner, progress: Progress, signal: AbortSignal): Promise<void> {
    const { effects } = this.#input;
    const deadline = effects.monotonic() + params.wait_s * 1000;
    const setup = this.#setup(params.ceremony_id);
    const view = this.#viewOf(runner);
    let [shown, failingSince] = ['', null as number | null];
    let lines: ReadonlyMap<number, string> = new Map();
    for (;;) {
      const seen = runner.progress();
      const isLobby = seen.phase === 'lobby';
      const left = isLobby ? { remaining_ms: Math.max(0, Math.round(deadline - effects.monotonic())) } : {};
      const seenLines = isLobby ? lobbyLines(setup, seen, params.rehearsal, view) : lines;
      const news = [...seenLines].filter(([index, line]) => lines.get(index) !== line);
      lines = seenLines;
      for (const [, line] of news) progress({ step: 'peer', text: line });
      const text = progressText(setup, seen, params.rehearsal);
      if (text !== shown || news.length > 0) progress({ step: seen.step, text, ...left });
      shown = text;
      if (seen.phase === 'complete' || seen.phase === 'aborted' || seen.phase === 'idle') return;
      const now = effects.monotonic();
      failingSince = seen.step === 'preflight_failed' && seen.waitingFor.length === 0 ? (failingSince ?? now) : null;
      const failed = failingSince !== null && now - failingSince >= PREFLIGHT_GRACE_MS;
      if (seen.phase === 'lobby' && (failed || signal.aborted || now >= deadline)) {
        await runner.feed({ kind: 'operator_aborted', detail: 'left the lobby' });
        throw ceremonyFailure(setup, seen, [...lines.values()]);
      }
      if (signal.aborted || now >= deadline) {
        const detail = `ceremony ${params.ceremony_id} goes on in the background of the server: see \`ceremony list\``;
        throw new CommandError('detached', detail);
      }
      await effects.sleep(LOOK_MS, signal);
    }
  }

  async #proven(ceremonyId: string, signal: AbortSignal): Promise<CeremonyOutcome & { readonly subsets: number[][] }> {
    const proof = await this.#proof.awaited(ceremonyId, signal);
    const stored = getCeremony(this.#input.db, ceremonyId);
    const outcome = stored === null ? null : storedOutcome(stored);
    if (outcome === null) throw new Error(`ceremony ${ceremonyId} is not over`);
    if (proof.ok) return { ...outcome, subsets: proof.subsets };
    if (stored?.rehearsal === true) {
      throw new CommandError(
        'not_proven',
        `the keys were made and are destroyed; not every share signed: ${proof.detail}`,
      );
    }
    const live = this.#input.keys.live();
    if (live !== null && live.keyId !== outcome.key_id) {
      throw new CommandError('key_exists', `the keys were made but are not used: key ${live.keyId} is live already`);
    }
    const detail = `the keys are made and safe, but not every share has signed yet: ${proof.detail}`;
    throw new CommandError('not_proven', `${detail}. The nodes go on trying: see \`ceremony show ${ceremonyId}\``);
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
      parameters: sharedParameters(config, cards),
      timing: DKG_TIMING,
    };
  }

  #secrets() {
    const { keyRing } = this.#input;
    return { hostSecret: keyRing.hostSecret(), identity: keyRing.identity() };
  }
}
