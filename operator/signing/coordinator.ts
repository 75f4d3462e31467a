// Coordinating threshold signatures: the signing ceremony over the network. Whoever is silent, slow or lying costs one
// session at most; how long each signer is waited for follows from how long it usually takes (ceremony/signing/answer-times.ts).

import type { Outgoing, SigningMessage } from '../../ceremony/messages.ts';
import { isRefusalReason } from '../../ceremony/refusals.ts';
import { AnswerTimes, allowanceMs, PATIENCE_UNKNOWN_MS } from '../../ceremony/signing/answer-times.ts';
import { nextTickAt, type SigningResult, type SigningState } from '../../ceremony/signing/candidates.ts';
import {
  keepNonces,
  nonceRequest,
  prepareAhead,
  type SigningEvent,
  signingStepInSteps,
  startSigningInSteps,
} from '../../ceremony/signing/coordinator.ts';
import { HeldNonces } from '../../ceremony/signing/nonce-pool.ts';
import type { SigningTask } from '../../ceremony/signing/session.ts';
import type { OutMessage } from '../peers/peer-reply.ts';
import { CommandError } from '../runtime/command-error.ts';
import { errorText } from '../runtime/log.ts';
import { EventQueue } from './event-queue.ts';
import type { NonceUpkeep } from './nonce-upkeep.ts';
import { isLie, isNotReadyYet, isProof, isSwitchedOff, SignerRecords } from './signer-records.ts';
import { eventsOf, failureOf } from './signing-events.ts';
import type { SigningInput } from './signing-input.ts';
import { type Slices, SlicesClosedError } from './slices.ts';

/** How long a participant has to validate and answer, in ms. Its Bitcoin and Wire nodes have to answer within that. */
export const ANSWER_TIMEOUT_MS = 15_000;
/** How long a whole signature may take, in ms. */
export const SIGNING_DEADLINE_MS = 90_000;
/** How long a peer that did not help is asked last, in ms. */
const TROUBLE_MS = 60_000;
/** How long one that lied is asked after all others, in ms. */
const LIE_MS = 60 * 60_000;
/** A peer of which fewer nonces are at hand is asked for more, */
const NONCES_HELD_MIN = 4;
/** once in so long, in ms. */
const TOP_UP_MS = 60_000;

/** What a coordinator shares with the participant of its node. `answer`: this node's own answer. */
export interface CoordinatorInput extends SigningInput {
  readonly slices: Slices;
  readonly upkeep: NonceUpkeep;
  readonly answer: (message: SigningMessage) => Promise<readonly OutMessage[]>;
}

/** One signature under way: its events, and who has been late in which session (`index/session`). */
interface Ceremony {
  readonly task: SigningTask;
  readonly events: EventQueue<SigningEvent>;
  readonly late: Set<string>;
}

/** Coordinates signatures, for as long as the process lives. */
export class Coordinator {
  readonly #input: CoordinatorInput;
  readonly #held = new HeldNonces();
  readonly #times: AnswerTimes;
  readonly #records: SignerRecords;
  /** When a peer last failed to help, in ms by the monotonic clock, as all times here: it is asked last for a while. */
  readonly #troubled = new Map<number, number>();
  /** When a peer last gave a wrong share or nonce. */
  readonly #lied = new Map<number, number>();
  /** When a peer was last asked for nonces ahead. */
  readonly #toppedUpAt = new Map<string, number>();
  /** How many requests of several messages are being coordinated. */
  #batches = 0;
  #isClosed = false;

  constructor(input: CoordinatorInput) {
    this.#input = input;
    this.#times = new AnswerTimes(input.myIndex, input.threshold - 1);
    this.#records = new SignerRecords(input.effects, input.audit ?? null, input.activity ?? null);
  }

  /** How each signer has behaved, and how long it usually takes to answer, in ms. */
  get records(): SignerRecords {
    return this.#records;
  }

  get times(): AnswerTimes {
    return this.#times;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Forgets the peers' nonces under a key that is of no use any more. */
  forget(keyId: string): void {
    this.#held.dropKey(keyId);
  }

  /** Signs the messages of an intent; up to n − t of the candidates may be silent, slow or lying. */
  async coordinate(task: SigningTask, candidates: readonly number[]): Promise<SigningResult> {
    const isBatch = task.messages.length > 1;
    if (isBatch) this.#batches += 1;
    // A single signature takes a few milliseconds, and what it waits for may come at any time. During a batch there is
    // time for upkeep, and need of it.
    const release = isBatch ? null : this.#input.upkeep.hold();
    try {
      return await this.#coordinate(task, candidates);
    } finally {
      if (isBatch) this.#batches -= 1;
      release?.();
    }
  }

  /**
   * Whom to ask, best first: this node, then the others in index order; after them the slow ones, those that did not help
   * lately, and those that lied. Beside a batch that is under way this node goes last, for combining and verifying that one keep it at work.
   */
  candidates(): readonly number[] {
    const { myIndex, participants, effects } = this.#input;
    const now = effects.monotonic();
    const rank = (index: number): number => {
      if (now - (this.#lied.get(index) ?? Number.NEGATIVE_INFINITY) < LIE_MS) return 3;
      if (this.#isTroubled(index, now)) return 2;
      return this.#times.isSlow(index, now) ? 1 : 0;
    };
    const others = Array.from({ length: participants }, (_, index) => index).filter((index) => index !== myIndex);
    others.sort((a, b) => rank(a) - rank(b) || a - b);
    return this.#batches > 0 ? [...others, myIndex] : [myIndex, ...others];
  }

  async #coordinate(task: SigningTask, candidates: readonly number[]): Promise<SigningResult> {
    this.#assertNotPaused();
    const standing = await this.#input.guard?.ready();
    if (standing?.ok === false) return { kind: 'failed', detail: standing.detail, sessions: 0, exclusions: [] };
    const ceremony = { task, events: new EventQueue<SigningEvent>(), late: new Set<string>() };
    let result: SigningResult;
    try {
      result = await this.#run(ceremony, candidates);
    } catch (error) {
      throw error instanceof SlicesClosedError ? new CommandError('closing', error.message) : error;
    }
    this.#keepTrouble(task, result);
    if (result.kind === 'signed') this.#topUp(task, candidates);
    return result;
  }

  // What is under way ends here as well: a paused node has nothing signed, by nobody.
  #assertNotPaused(): void {
    const paused = this.#input.paused?.() ?? null;
    if (paused !== null) throw new CommandError('paused', paused);
  }

  #keepTrouble(task: SigningTask, { exclusions }: SigningResult): void {
    const { effects, log } = this.#input;
    const about = { scheme: task.scheme.name, key_id: task.keyId, intent: task.intent.kind };
    for (const exclusion of exclusions) {
      const { index, reason, detail } = exclusion;
      if (isProof(task) && isNotReadyYet(reason)) {
        log('info', 'signer_not_ready_yet', { index, reason, detail });
        continue;
      }
      this.#troubled.set(index, effects.monotonic());
      if (isRefusalReason(reason)) this.#input.activity?.refusal(index, reason);
      if (isSwitchedOff(reason)) {
        log('info', `signer_${reason}`, { index, detail, intent: task.intent.kind });
        continue;
      }
      if (isLie(reason)) this.#lied.set(index, effects.monotonic());
      log('warn', 'signer_excluded', { index, reason, detail, intent: task.intent.kind });
      try {
        this.#records.excluded(exclusion, about);
      } catch (error) {
        // The signature is there already; what cannot be written about it must not take it away.
        log('error', 'lie_not_recorded', { index, detail: errorText(error) });
      }
    }
  }

  // Who was not needed this time may be needed the next, in place of one that has died since: with its nonces at hand
  // that takes one round trip and not two.
  #topUp(task: SigningTask, candidates: readonly number[]): void {
    const { myIndex, effects } = this.#input;
    const { scheme, keyId, messages } = task;
    const now = effects.monotonic();
    for (const peer of candidates) {
      if (peer === myIndex || this.#isTroubled(peer, now)) continue;
      const held = this.#held.count({ peer, scheme: scheme.name, keyId });
      const name = `${peer}/${scheme.name}/${keyId}`;
      const askedAt = this.#toppedUpAt.get(name) ?? Number.NEGATIVE_INFINITY;
      if (held >= Math.max(NONCES_HELD_MIN, messages.length) || now - askedAt < TOP_UP_MS) continue;
      this.#toppedUpAt.set(name, now);
      void this.#fetchNonces(task, peer);
    }
  }

  async #fetchNonces(task: SigningTask, peer: number): Promise<void> {
    const { upkeep, log } = this.#input;
    try {
      for (const event of await this.#answerTo(nonceRequest(task, peer))) {
        if (event.kind !== 'nonces') continue;
        keepNonces(task, event, this.#held);
        upkeep.received(task.scheme, event.body.nonces);
      }
    } catch (error) {
      log('warn', 'nonces_not_fetched', { peer, detail: errorText(error) });
    }
  }

  #isTroubled(index: number, now: number): boolean {
    return now - (this.#troubled.get(index) ?? Number.NEGATIVE_INFINITY) < TROUBLE_MS;
  }

  async #run(ceremony: Ceremony, candidates: readonly number[]): Promise<SigningResult> {
    const { task, events, late } = ceremony;
    const { myIndex, slices, upkeep } = this.#input;
    const isOwn = ({ to }: Outgoing<SigningMessage>): boolean => to === myIndex;
    let step = await slices.run(startSigningInSteps(this.#start(task, candidates), this.#held));
    for (;;) {
      // This node goes last: what it computes itself, it computes while the others do.
      const [own, others] = [step.outgoing.filter(isOwn), step.outgoing.filter((message) => !isOwn(message))];
      for (const message of [...others, ...own]) {
        void this.#ask(ceremony, message);
        // Sealing a large request for each of many signers takes its time.
        if (task.messages.length > 1) await slices.pause();
      }
      if (step.state.result !== null) return step.state.result;
      const event = await this.#next(events, step.state);
      if (this.#isClosed) throw new CommandError('closing', 'the node is being closed');
      this.#assertNotPaused();
      if (event.kind === 'nonces' || event.kind === 'response') upkeep.received(task.scheme, event.body.nonces);
      step = await slices.run(signingStepInSteps(step.state, event, this.#held));
      // This node has given its own share, and the others are at work.
      const isOwnShare = event.kind === 'response' && event.from === myIndex;
      if (isOwnShare && task.messages.length === 1) prepareAhead(step.state, this.#held);
      for (const { index, phase } of step.state.candidates) {
        if (phase.kind === 'slow') late.add(`${index}/${phase.session ?? ''}`);
      }
    }
  }

  #start(task: SigningTask, candidates: readonly number[]) {
    const { effects } = this.#input;
    const now = effects.monotonic();
    const allowance = allowanceMs(task.messages.length, task.intent);
    return {
      task,
      candidates,
      random: effects.random(32),
      now,
      patienceMs: PATIENCE_UNKNOWN_MS + allowance,
      patienceOf: new Map(
        candidates.map((index) => [index, this.#times.patienceMs(index, task.intent.kind) + allowance]),
      ),
      deadline: now + SIGNING_DEADLINE_MS,
    };
  }

  // The next event; a tick where somebody's time is over before anything happens.
  async #next(events: EventQueue<SigningEvent>, state: SigningState): Promise<SigningEvent> {
    const { effects } = this.#input;
    const waiting = events.take();
    if (waiting !== undefined) return waiting;
    const happened = new AbortController();
    const tick = async (): Promise<void> => {
      await effects.sleep(Math.max(1, nextTickAt(state) - effects.monotonic()), happened.signal);
      // After a stall of this process, answers that are there already go first.
      if (!happened.signal.aborted) await effects.sleep(0);
      if (!happened.signal.aborted) events.push({ kind: 'tick', now: effects.monotonic() });
    };
    void tick();
    try {
      return await events.next();
    } finally {
      happened.abort();
    }
  }

  async #ask({ task, events, late }: Ceremony, message: Outgoing<SigningMessage>): Promise<void> {
    const { effects, log } = this.#input;
    const { to, type } = message;
    const begun = effects.monotonic();
    try {
      const answer = await this.#answerTo(message);
      events.push(...answer);
      const isLate = late.has(`${to}/${message.type === 'sign_request' ? message.body.session : ''}`);
      this.#account(task, answer, effects.monotonic() - begun, isLate);
    } catch (error) {
      log('error', 'signing_request_failed', { to, type, detail: errorText(error) });
      const detail = 'the request failed here';
      events.push({ kind: 'failed', now: effects.monotonic(), from: to, reason: 'malformed', detail });
    }
  }

  async #answerTo(message: Outgoing<SigningMessage>): Promise<readonly SigningEvent[]> {
    const { myIndex, client, effects, boot } = this.#input;
    const { to, type, body } = message;
    if (type !== 'nonce_request' && type !== 'sign_request') throw new Error(`a coordinator does not send ${type}`);
    if (to === myIndex) return eventsOf(to, await this.#input.answer(message), boot, effects.monotonic());
    const result = await client.send(to, { ceremony: '', type, body }, { timeoutMs: ANSWER_TIMEOUT_MS });
    if (!result.ok) return [failureOf(to, result, effects.monotonic())];
    return eventsOf(to, result.messages, result.boot, effects.monotonic());
  }

  // Late answers count too, also those that come when the signature is there already: they tell how long a signer takes.
  #account(task: SigningTask, events: readonly SigningEvent[], tookMs: number, isLate: boolean): void {
    for (const event of events) {
      if (event.kind === 'tick') continue;
      const { from: index, now } = event;
      if (event.kind === 'timeout') this.#records.failed(index, 'silent', 'timeout', 'did not answer in time');
      if (event.kind === 'failed' && event.reason === 'unreachable') {
        this.#records.failed(index, 'silent', event.reason, event.detail);
      }
      if (event.kind !== 'response' && event.kind !== 'nonces') continue;
      if (event.kind === 'response') this.#input.activity?.took(index, tookMs);
      if (event.kind === 'nonces') this.#times.note(index, 'nonces', tookMs, now);
      else if (allowanceMs(task.messages.length, task.intent) === 0)
        this.#times.note(index, task.intent.kind, tookMs, now);
      if (isLate && !isProof(task))
        this.#records.failed(index, 'slow', 'slow', `answered after ${Math.round(tookMs)} ms`);
      else if (event.kind === 'response') this.#records.answered(index);
    }
  }
}
