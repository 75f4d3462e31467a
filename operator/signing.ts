// Threshold signatures. As a participant: judge the meaning, write the decision down, then answer with shares. As the
// coordinator: run the signing ceremony over the network. A node that coordinates asks itself like any other.

import type { MessageBody, Outgoing, SigningMessage } from '../ceremony/messages.ts';
import { parseMessage } from '../ceremony/messages.ts';
import { HeldNonces, IssuedNonces, type NonceOwner } from '../ceremony/nonce-pool.ts';
import type { SigningResult } from '../ceremony/signing-candidates.ts';
import { type SigningEvent, signingStep, startSigning } from '../ceremony/signing-coordinator.ts';
import { answerSignRequest, checkSignRequest } from '../ceremony/signing-participant.ts';
import type { SigningTask } from '../ceremony/signing-session.ts';
import type { Json } from '../crypto/canonical-json.ts';
import type { PeerClient, SendResult } from './deliver.ts';
import type { Effects } from './effects.ts';
import type { Judge } from './judge.ts';
import { type Refusal, refuse } from './judgement.ts';
import { SealedError } from './key-ring.ts';
import type { Keys } from './keys.ts';
import { errorText, type Log } from './log.ts';
import type { OutMessage } from './peer-reply.ts';

/** How long a participant has to judge and answer, in ms. Its Bitcoin and Wire nodes have to answer within that. */
export const ANSWER_TIMEOUT_MS = 15_000;
/** How long a whole signature may take, in ms. */
export const SIGNING_DEADLINE_MS = 90_000;
/** Most fresh nonces that go with an answer. */
const REFILL_MAX = 64;
/** How many requests are judged at once. */
const JUDGED_AT_ONCE_MAX = 32;
const TICK_MS = 50;
/** How long a peer that did not help is asked last, in ms. */
const TROUBLE_MS = 60_000;
/** How long a signer may take before another session is begun beside its own, in ms: a round trip and a judgement. */
const PATIENCE_MS = 200;

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
}

/** Signs as participant and as coordinator, for as long as the process lives. */
export class Signing {
  readonly #input: SigningInput;
  readonly #issued = new IssuedNonces();
  readonly #held = new HeldNonces();
  /** When a peer last failed to help, in ms since 1970: it is asked last for a while. */
  readonly #troubled = new Map<number, number>();
  #judging = 0;

  constructor(input: SigningInput) {
    this.#input = input;
  }

  /** Answers a coordinator (possibly this node itself). */
  async answer(from: number, message: SigningMessage): Promise<readonly OutMessage[]> {
    if (message.type === 'nonce_request') return this.#giveNonces(from, message.body);
    if (message.type !== 'sign_request') return [];
    const { session } = message.body;
    if (this.#judging >= JUDGED_AT_ONCE_MAX) {
      return [refusalMessage(session, refuse('overloaded', `${JUDGED_AT_ONCE_MAX} requests are being judged already`))];
    }
    this.#judging += 1;
    try {
      const answer = await this.#judgeAndSign(from, message.body);
      if ('ok' in answer) {
        this.#input.log('warn', 'sign_refused', { session, from, reason: answer.reason, detail: answer.detail });
        return [refusalMessage(session, answer)];
      }
      return [answer];
    } finally {
      this.#judging -= 1;
    }
  }

  /**
   * Coordinates a signature over the messages of an intent. Candidates are this node and then the peers that were
   * reached last; up to n − t of them may be silent, slow or lying.
   */
  async coordinate(task: SigningTask, candidates: readonly number[]): Promise<SigningResult> {
    const { effects, log } = this.#input;
    const events = new EventQueue();
    const begun = effects.now();
    const start = {
      task,
      candidates,
      random: effects.random(32),
      now: begun,
      patienceMs: PATIENCE_MS,
      deadline: begun + SIGNING_DEADLINE_MS,
    };
    let step = startSigning(start, this.#held);
    const timer = setInterval(() => events.push({ kind: 'tick', now: effects.now() }), TICK_MS);
    try {
      for (;;) {
        for (const message of step.outgoing) void this.#ask(message, events);
        if (step.state.result !== null) break;
        step = signingStep(step.state, await events.next(), this.#held);
      }
    } finally {
      clearInterval(timer);
    }
    const { result } = step.state;
    for (const { index, reason, detail } of result.exclusions) {
      this.#troubled.set(index, effects.now());
      log('warn', 'signer_excluded', { index, reason, detail, intent: task.intent.kind });
    }
    return result;
  }

  /** Whom to ask, best first: this node, then the others in index order, those that did not help lately last. */
  candidates(): readonly number[] {
    const { myIndex, participants, effects } = this.#input;
    const isTroubled = (index: number): number =>
      effects.now() - (this.#troubled.get(index) ?? Number.NEGATIVE_INFINITY) < TROUBLE_MS ? 1 : 0;
    const others = Array.from({ length: participants }, (_, index) => index).filter((index) => index !== myIndex);
    return [myIndex, ...others.sort((a, b) => isTroubled(a) - isTroubled(b) || a - b)];
  }

  /** Forgets all secret nonces, as when the process ends. */
  close(): void {
    this.#issued.dropAll();
  }

  #giveNonces(from: number, { scheme, key_id, count }: MessageBody<'nonce_request'>): readonly OutMessage[] {
    const owner = this.#owner(key_id, scheme);
    // No nonces is an answer: the coordinator names this node as one that gave fewer than it was asked for.
    const nonces = 'ok' in owner ? [] : this.#issue(owner, from, count);
    return [{ type: 'nonces', body: { scheme, key_id, boot: this.#input.boot, nonces: nonces.map(nonceJson) } }];
  }

  async #judgeAndSign(from: number, request: MessageBody<'sign_request'>): Promise<OutMessage | Refusal> {
    const owner = this.#owner(request.key_id, request.scheme);
    if ('ok' in owner) return owner;
    const judgement = await this.#input.judge.judge(request.intent, request.key_id, request.scheme);
    if (!judgement.ok) return judgement;
    const desk = { owner, boot: this.#input.boot, nonces: this.#issued };
    const judged = { from, request, messages: judgement.messages };
    // A request that does not fit its nonces must not bind this node to a decision.
    const flaw = checkSignRequest(desk, judged);
    if (flaw !== null && !flaw.ok) return flaw;
    const decision = judgement.decide();
    if (!decision.ok) return decision;
    const answer = answerSignRequest(desk, judged);
    if (!answer.ok) return answer;
    const nonces = this.#issue(owner, from, Math.min(REFILL_MAX, request.messages.length));
    const body = { session: request.session, partials: answer.partials, nonces: nonces.map(nonceJson) };
    return { type: 'sign_response', body };
  }

  #issue(owner: NonceOwner, peer: number, count: number) {
    return this.#issued.issue(owner, peer, count, (bytes) => this.#input.effects.random(bytes));
  }

  #owner(keyId: string, scheme: MessageBody<'sign_request'>['scheme']): NonceOwner | Refusal {
    try {
      return this.#input.keys.owner(keyId, scheme) ?? refuse('unknown_key', `this node has no live share of ${keyId}`);
    } catch (error) {
      if (error instanceof SealedError) return refuse('not_unsealed', error.message);
      throw error;
    }
  }

  async #ask(message: Outgoing<SigningMessage>, events: EventQueue): Promise<void> {
    const { myIndex, client, effects, log } = this.#input;
    const { to, type, body } = message;
    if (type !== 'nonce_request' && type !== 'sign_request') throw new Error(`a coordinator does not send ${type}`);
    try {
      if (to === myIndex) {
        events.push(...this.#eventsOf(to, await this.answer(to, message), this.#input.boot));
        return;
      }
      const options = { timeoutMs: ANSWER_TIMEOUT_MS + TICK_MS };
      const result = await client.send(to, { ceremony: '', type, body }, options);
      events.push(
        ...(result.ok ? this.#eventsOf(to, result.messages, result.boot) : [failure(to, result, effects.now())]),
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

  #eventsOf(from: number, messages: readonly OutMessage[], boot: string): readonly SigningEvent[] {
    const now = this.#input.effects.now();
    const events: SigningEvent[] = [];
    for (const { type, body } of messages) {
      const parsed = parseMessage(type, body);
      if (!parsed.ok) continue;
      const { message } = parsed;
      if (message.type === 'nonces' && message.body.boot === boot) {
        events.push({ kind: 'nonces', now, from, body: message.body });
      }
      if (message.type === 'sign_response') events.push({ kind: 'response', now, from, body: message.body });
      if (message.type === 'sign_refusal') events.push({ kind: 'refusal', now, from, body: message.body });
    }
    if (events.length > 0) return events;
    return [{ kind: 'failed', now, from, reason: 'malformed', detail: 'answered with something else' }];
  }
}

function failure(from: number, result: Extract<SendResult, { ok: false }>, now: number): SigningEvent {
  if (result.error === 'timeout') return { kind: 'timeout', now, from };
  return { kind: 'failed', now, from, reason: result.error, detail: result.detail };
}

function refusalMessage(session: string, refusal: Refusal): OutMessage {
  const { reason, detail, data } = refusal;
  return { type: 'sign_refusal', body: { session, reason, detail, ...(data === undefined ? {} : { data }) } };
}

function nonceJson({ id, nonce }: { readonly id: string; readonly nonce: string }): Json {
  return { id, nonce };
}

// What has happened and was not looked at yet, in order.
class EventQueue {
  readonly #waiting: SigningEvent[] = [];
  #wake: (() => void) | null = null;

  push(...events: readonly SigningEvent[]): void {
    this.#waiting.push(...events);
    this.#wake?.();
  }

  async next(): Promise<SigningEvent> {
    for (;;) {
      const event = this.#waiting.shift();
      if (event !== undefined) return event;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }
}
