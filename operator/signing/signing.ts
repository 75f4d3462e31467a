// Threshold signatures. As a participant: judge the meaning, write the decision down, then answer with shares. As the
// coordinator: run the signing ceremony over the network. A node that coordinates asks itself like any other.

import type { MessageBody, Outgoing, SigningMessage } from '../../ceremony/messages.ts';
import { NONCE_BATCH_MAX } from '../../ceremony/messages-signing.ts';
import { HeldNonces, IssuedNonces, type NonceOwner } from '../../ceremony/nonce-pool.ts';
import type { SigningResult } from '../../ceremony/signing-candidates.ts';
import { type SigningEvent, signingStepInSteps, startSigningInSteps } from '../../ceremony/signing-coordinator.ts';
import { answerSignRequestInSteps, checkSignRequest } from '../../ceremony/signing-participant.ts';
import type { SigningTask } from '../../ceremony/signing-session.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { CommandError } from '../command-error.ts';
import type { Effects } from '../effects.ts';
import type { Judge } from '../judge/judge.ts';
import { type Refusal, refuse } from '../judge/judgement.ts';
import { SealedError } from '../key-ring.ts';
import type { Keys } from '../keys.ts';
import { errorText, type Log } from '../log.ts';
import type { PeerClient } from '../transport/deliver.ts';
import type { OutMessage } from '../transport/peer-reply.ts';
import { EventQueue } from './event-queue.ts';
import { NonceUpkeep } from './nonce-upkeep.ts';
import { eventsOf, failureOf } from './signing-events.ts';
import { Slices, SlicesClosedError } from './slices.ts';

/** How long a participant has to judge and answer, in ms. Its Bitcoin and Wire nodes have to answer within that. */
export const ANSWER_TIMEOUT_MS = 15_000;
/** How long a whole signature may take, in ms. */
export const SIGNING_DEADLINE_MS = 90_000;
/** How many requests of one peer are judged at once; each peer has its own, so that none can crowd out the others. */
const JUDGED_AT_ONCE_PER_PEER_MAX = 16;
const TICK_MS = 50;
/** How long a peer that did not help is asked last, in ms. */
const TROUBLE_MS = 60_000;
/** How long a signer may take before another session is begun beside its own, in ms: a round trip and a judgement. */
const PATIENCE_MS = 200;
/** How much longer for each message of the request; SIGN_MESSAGES_MAX bounds it. */
const PATIENCE_PER_MESSAGE_MS = 15;

/** What signing works with. `boot`: this process's boot id. */
export interface SigningInput {
  readonly myIndex: number;
  readonly participants: number;
  readonly boot: string;
  readonly keys: Keys;
  readonly judge: Judge;
  readonly client: PeerClient;
  readonly effects: Effects;
  readonly log: Log;
  /** Absent only where nothing can have been rolled back: in a test or bench that has no heartbeats. */
  readonly guard?: SigningGuard | null;
}

/** Whether the state of this node is whole (operator/guard/heartbeat.ts). */
export interface SigningGuard {
  maySign(): { readonly ok: true } | { readonly ok: false; readonly detail: string };
  /** As `maySign`; waits a while where the node has just started. */
  ready(): Promise<ReturnType<SigningGuard['maySign']>>;
  /** To be told of every decision, before a share leaves. */
  changed(): void;
}

/** Signs as participant and as coordinator, for as long as the process lives. */
export class Signing {
  readonly #input: SigningInput;
  readonly #issued = new IssuedNonces();
  readonly #held = new HeldNonces();
  readonly #slices: Slices;
  readonly #upkeep: NonceUpkeep;
  /** When a peer last failed to help, in ms since 1970: it is asked last for a while. */
  readonly #troubled = new Map<number, number>();
  readonly #judging = new Map<number, number>();
  /** How many requests of several messages are being coordinated. */
  #batches = 0;
  #isClosed = false;

  constructor(input: SigningInput) {
    this.#input = input;
    this.#slices = new Slices(input.effects);
    this.#upkeep = new NonceUpkeep({
      issued: this.#issued,
      slices: this.#slices,
      effects: input.effects,
      log: input.log,
    });
  }

  /** Answers a coordinator (possibly this node itself). */
  async answer(from: number, message: SigningMessage): Promise<readonly OutMessage[]> {
    if (message.type === 'nonce_request') return [await this.#giveNonces(from, message.body)];
    if (message.type !== 'sign_request') return [];
    const { session } = message.body;
    const judging = this.#judging.get(from) ?? 0;
    if (judging >= JUDGED_AT_ONCE_PER_PEER_MAX) {
      const detail = `${JUDGED_AT_ONCE_PER_PEER_MAX} requests of this peer are being judged already`;
      return [refusalMessage(session, refuse('overloaded', detail))];
    }
    this.#judging.set(from, judging + 1);
    try {
      const answer = await this.#judgeAndSign(from, message.body);
      if ('ok' in answer) {
        this.#input.log('warn', 'sign_refused', { session, from, reason: answer.reason, detail: answer.detail });
        return [refusalMessage(session, answer)];
      }
      return [answer];
    } catch (error) {
      // No share has left; what was taken for them is erased.
      if (error instanceof SlicesClosedError) return [refusalMessage(session, refuse('overloaded', error.message))];
      throw error;
    } finally {
      this.#judging.set(from, (this.#judging.get(from) ?? 1) - 1);
    }
  }

  /**
   * Coordinates a signature over the messages of an intent. Candidates are this node and then the peers that were
   * reached last; up to n − t of them may be silent, slow or lying.
   */
  async coordinate(task: SigningTask, candidates: readonly number[]): Promise<SigningResult> {
    if (task.messages.length === 1) return this.#coordinate(task, candidates);
    this.#batches += 1;
    try {
      return await this.#coordinate(task, candidates);
    } finally {
      this.#batches -= 1;
    }
  }

  async #coordinate(task: SigningTask, candidates: readonly number[]): Promise<SigningResult> {
    const { effects, log, guard } = this.#input;
    const standing = await guard?.ready();
    if (standing?.ok === false) return { kind: 'failed', detail: standing.detail, sessions: 0, exclusions: [] };
    const events = new EventQueue<SigningEvent>();
    const isOwn = ({ to }: Outgoing<SigningMessage>): boolean => to === this.#input.myIndex;
    const begun = effects.now();
    const start = {
      task,
      candidates,
      random: effects.random(32),
      now: begun,
      patienceMs: PATIENCE_MS + PATIENCE_PER_MESSAGE_MS * task.messages.length,
      deadline: begun + SIGNING_DEADLINE_MS,
    };
    const stopTicking = effects.every(TICK_MS, () => events.push({ kind: 'tick', now: effects.now() }));
    let result: SigningResult | null = null;
    try {
      let step = await this.#slices.run(startSigningInSteps(start, this.#held));
      for (;;) {
        // This node goes last: what it computes itself, it computes while the others do.
        const [own, others] = [step.outgoing.filter(isOwn), step.outgoing.filter((message) => !isOwn(message))];
        for (const message of [...others, ...own]) {
          void this.#ask(message, events);
          // Sealing a large request for each of many signers takes its time.
          if (task.messages.length > 1) await this.#slices.pause();
        }
        result = step.state.result;
        if (result !== null) break;
        const event = await events.next();
        if (this.#isClosed) throw new CommandError('closing', 'the node is being closed');
        if (event.kind === 'nonces' || event.kind === 'response') this.#upkeep.received(task.scheme, event.body.nonces);
        step = await this.#slices.run(signingStepInSteps(step.state, event, this.#held));
      }
    } catch (error) {
      throw error instanceof SlicesClosedError ? new CommandError('closing', error.message) : error;
    } finally {
      stopTicking();
    }
    for (const { index, reason, detail } of result.exclusions) {
      this.#troubled.set(index, effects.now());
      log('warn', 'signer_excluded', { index, reason, detail, intent: task.intent.kind });
    }
    return result;
  }

  /**
   * Whom to ask, best first: this node, then the others in index order, those that did not help lately last. Beside a
   * batch that is under way this node goes last, for combining and verifying that one keep it at work already.
   */
  candidates(): readonly number[] {
    const { myIndex, participants, effects } = this.#input;
    const isTroubled = (index: number): number =>
      effects.now() - (this.#troubled.get(index) ?? Number.NEGATIVE_INFINITY) < TROUBLE_MS ? 1 : 0;
    const others = Array.from({ length: participants }, (_, index) => index).filter((index) => index !== myIndex);
    others.sort((a, b) => isTroubled(a) - isTroubled(b) || a - b);
    return this.#batches > 0 ? [...others, myIndex] : [myIndex, ...others];
  }

  /** Ends what is being coordinated and forgets all secret nonces, as when the process ends. */
  close(): void {
    this.#isClosed = true;
    this.#slices.close();
    this.#issued.dropAll();
  }

  async #giveNonces(from: number, body: MessageBody<'nonce_request'>): Promise<OutMessage> {
    const { scheme, key_id, count } = body;
    const owner = this.#owner(key_id, scheme);
    // No nonces is an answer: the coordinator names this node as one that gave fewer than it was asked for.
    const nonces = 'ok' in owner ? [] : await this.#issue(owner, from, count);
    return { type: 'nonces', body: { scheme, key_id, boot: this.#input.boot, nonces } };
  }

  async #judgeAndSign(from: number, request: MessageBody<'sign_request'>): Promise<OutMessage | Refusal> {
    const stopped = this.#stopped();
    if (stopped !== null) return stopped;
    const owner = this.#owner(request.key_id, request.scheme);
    if ('ok' in owner) return owner;
    // Reading a large request took its time already.
    const isLarge = request.messages.length > 1;
    if (isLarge) await this.#slices.pause();
    const judgement = await this.#input.judge.judge(request.intent, request.key_id, request.scheme);
    if (!judgement.ok) return judgement;
    const desk = { owner, boot: this.#input.boot, nonces: this.#issued };
    const judged = { from, request, messages: judgement.messages };
    // A request that does not fit its nonces must not bind this node to a decision.
    const flaw = checkSignRequest(desk, judged);
    if (flaw !== null && !flaw.ok) return flaw;
    // Judging took its time, in which a peer may have shown that this state is not the newest.
    const late = this.#stopped();
    if (late !== null) return late;
    const decision = judgement.decide();
    if (!decision.ok) return decision;
    this.#input.guard?.changed();
    if (isLarge) await this.#slices.pause();
    const answer = await this.#slices.run(answerSignRequestInSteps(desk, judged));
    if (!answer.ok) return answer;
    // As many as were used, so that the next request of this size needs no second round trip.
    const nonces = await this.#issue(owner, from, Math.min(NONCE_BATCH_MAX, request.messages.length));
    // A share that nobody has seen yet need not leave.
    const tooLate = this.#stopped();
    if (tooLate !== null) return tooLate;
    return { type: 'sign_response', body: { session: request.session, partials: answer.partials, nonces } };
  }

  #stopped(): Refusal | null {
    const standing = this.#input.guard?.maySign();
    return standing?.ok === false ? refuse('state_regressed', standing.detail) : null;
  }

  async #issue(owner: NonceOwner, peer: number, count: number): Promise<readonly Json[]> {
    const { effects } = this.#input;
    const issued = this.#issued.issueInSteps(owner, peer, count, (bytes) => effects.random(bytes));
    const nonces = await this.#slices.run(issued);
    this.#upkeep.given(owner, count);
    return nonces.map(({ id, nonce }) => ({ id, nonce }));
  }

  #owner(keyId: string, scheme: MessageBody<'sign_request'>['scheme']): NonceOwner | Refusal {
    try {
      return this.#input.keys.owner(keyId, scheme) ?? refuse('unknown_key', `this node has no live share of ${keyId}`);
    } catch (error) {
      if (error instanceof SealedError) return refuse('not_unsealed', error.message);
      throw error;
    }
  }

  async #ask(message: Outgoing<SigningMessage>, events: EventQueue<SigningEvent>): Promise<void> {
    const { myIndex, client, effects, log } = this.#input;
    const { to, type, body } = message;
    if (type !== 'nonce_request' && type !== 'sign_request') throw new Error(`a coordinator does not send ${type}`);
    try {
      if (to === myIndex) {
        events.push(...eventsOf(to, await this.answer(to, message), this.#input.boot, effects.now()));
        return;
      }
      const options = { timeoutMs: ANSWER_TIMEOUT_MS + TICK_MS };
      const result = await client.send(to, { ceremony: '', type, body }, options);
      events.push(
        ...(result.ok
          ? eventsOf(to, result.messages, result.boot, effects.now())
          : [failureOf(to, result, effects.now())]),
      );
    } catch (error) {
      log('error', 'signing_request_failed', { to, type, detail: errorText(error) });
      events.push({
        kind: 'failed',
        now: effects.now(),
        from: to,
        reason: 'malformed',
        detail: 'the request failed here',
      });
    }
  }
}

function refusalMessage(session: string, refusal: Refusal): OutMessage {
  const { reason, detail, data } = refusal;
  return { type: 'sign_refusal', body: { session, reason, detail, ...(data === undefined ? {} : { data }) } };
}
