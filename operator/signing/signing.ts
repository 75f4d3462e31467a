// Threshold signatures. As a participant: validate the meaning, write the decision down, then answer with shares. As the
// coordinator: run the signing ceremony over the network. A node that coordinates asks itself like any other.

import { clipDetail } from '../../ceremony/fields.ts';
import type { MessageBody, SigningMessage } from '../../ceremony/messages.ts';
import { NONCE_BATCH_MAX } from '../../ceremony/messages-signing.ts';
import type { SigningResult } from '../../ceremony/signing/candidates.ts';
import { IssuedNonces, type NonceOwner } from '../../ceremony/signing/nonce-pool.ts';
import { answerSignRequestInSteps, checkSignRequest } from '../../ceremony/signing/participant.ts';
import type { SigningTask } from '../../ceremony/signing/session.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { SealedError } from '../keys/key-ring.ts';
import type { OutMessage } from '../peers/peer-reply.ts';
import { type Refusal, refuse } from '../validation/verdict.ts';
import { Coordinator } from './coordinator.ts';
import { NonceUpkeep } from './nonce-upkeep.ts';
import { isSwitchedOff, type SignerRecord } from './signer-records.ts';
import type { SigningInput } from './signing-input.ts';
import { Slices, SlicesClosedError } from './slices.ts';

/** How many requests of one peer are validated at once; each peer has its own, so that none can crowd out the others. */
const JUDGED_AT_ONCE_PER_PEER_MAX = 16;

/** A signer's record, and how long its answers usually take, in ms. */
export interface SignerState extends SignerRecord {
  readonly expectedMs: number | null;
}

/** Signs as participant and as coordinator, for as long as the process lives. */
export class Signing {
  readonly #input: SigningInput;
  readonly #issued = new IssuedNonces();
  readonly #slices: Slices;
  readonly #upkeep: NonceUpkeep;
  readonly #coordinator: Coordinator;
  readonly #validating = new Map<number, number>();
  /** Signatures that are under way here, as coordinator or participant, and who waits until there are none. */
  #underWay = 0;
  #waiting: (() => void)[] = [];

  constructor(input: SigningInput) {
    this.#input = input;
    this.#slices = new Slices(input.effects);
    this.#upkeep = new NonceUpkeep({
      issued: this.#issued,
      slices: this.#slices,
      effects: input.effects,
      log: input.log,
    });
    this.#coordinator = new Coordinator({
      ...input,
      slices: this.#slices,
      upkeep: this.#upkeep,
      answer: (message) => this.answer(input.myIndex, message),
    });
    // A machine that was put back together with its memory holds nonces that it may have used already.
    input.guard?.whenStopped(() => this.#issued.dropAll());
    input.keys.whenEnded((keyId) => {
      this.#upkeep.forget(keyId);
      this.#issued.dropKey(keyId);
      this.#coordinator.forget(keyId);
    });
  }

  /** Answers a coordinator (possibly this node itself). */
  answer(from: number, message: SigningMessage): Promise<readonly OutMessage[]> {
    return this.#counted(() => this.#answer(from, message));
  }

  async #answer(from: number, message: SigningMessage): Promise<readonly OutMessage[]> {
    if (message.type === 'nonce_request') return [await this.#giveNonces(from, message.body)];
    if (message.type !== 'sign_request') return [];
    const { session } = message.body;
    const validating = this.#validating.get(from) ?? 0;
    if (validating >= JUDGED_AT_ONCE_PER_PEER_MAX) {
      const detail = `${JUDGED_AT_ONCE_PER_PEER_MAX} requests of this peer are being validated already`;
      return [this.#refused(from, session, refuse('overloaded', detail))];
    }
    this.#validating.set(from, validating + 1);
    try {
      const answer = await this.#validateAndSign(from, message.body);
      if ('ok' in answer) {
        // That the service is off, or the node paused, is the operator's own choice, which nobody needs to be warned of.
        const { reason, detail } = answer;
        if (isSwitchedOff(reason)) this.#input.log('info', 'sign_refused', { session, from, reason, detail });
        else this.#input.log('warn', 'sign_refused', { session, from, reason, detail });
        return [this.#refused(from, session, answer)];
      }
      return [answer];
    } catch (error) {
      // No share has left; what was taken for them is erased.
      if (error instanceof SlicesClosedError)
        return [this.#refused(from, session, refuse('overloaded', error.message))];
      throw error;
    } finally {
      this.#validating.set(from, (this.#validating.get(from) ?? 1) - 1);
    }
  }

  /**
   * Coordinates a signature over the messages of an intent. Candidates are this node and then the peers that were
   * reached last; up to n − t of them may be silent, slow or lying.
   */
  coordinate(task: SigningTask, candidates: readonly number[]): Promise<SigningResult> {
    return this.#counted(() => this.#coordinator.coordinate(task, candidates));
  }

  /** Resolves once no signature is under way here. */
  idle(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  /** Whom to ask, best first. */
  candidates(): readonly number[] {
    return this.#coordinator.candidates();
  }

  /** How each signer has behaved towards this coordinator, in index order. */
  signers(): readonly SignerState[] {
    const { records, times } = this.#coordinator;
    return records.list().map((record) => ({ ...record, expectedMs: times.expectedMs(record.index) }));
  }

  /** Ends what is being coordinated and forgets all secret nonces, as when the process ends. */
  close(): void {
    this.#coordinator.close();
    this.#slices.close();
    this.#issued.dropAll();
  }

  async #giveNonces(from: number, body: MessageBody<'nonce_request'>): Promise<OutMessage> {
    const { scheme, key_id, count } = body;
    const owner = this.#owner(key_id, scheme);
    // No nonces is an answer: the coordinator leaves this node out as one that holds no live share of the key.
    const nonces = 'ok' in owner ? [] : await this.#issue(owner, from, count);
    return { type: 'nonces', body: { scheme, key_id, boot: this.#input.boot, nonces } };
  }

  async #validateAndSign(from: number, request: MessageBody<'sign_request'>): Promise<OutMessage | Refusal> {
    const stopped = this.#stopped();
    if (stopped !== null) return stopped;
    const owner = this.#owner(request.key_id, request.scheme);
    if ('ok' in owner) return owner;
    // Reading a large request took its time already.
    const isLarge = request.messages.length > 1;
    if (isLarge) await this.#slices.pause();
    const { validation, myIndex } = this.#input;
    const peer = from === myIndex ? undefined : from;
    const verdict = await validation.validate(request.intent, request.key_id, request.scheme, peer);
    if (!verdict.ok) return verdict;
    // Writing a large decision down takes its time as well.
    if (isLarge) await this.#slices.pause();
    const desk = { owner, boot: this.#input.boot, nonces: this.#issued };
    const validated = { from, request, messages: verdict.messages };
    // Validating took its time, in which a peer may have shown that this state is not the newest.
    const late = this.#stopped();
    if (late !== null) return late;
    // A request that does not fit its nonces must not bind this node to a decision.
    const flaw = checkSignRequest(desk, validated);
    if (flaw !== null && !flaw.ok) return flaw;
    const decision = verdict.decide();
    if (!decision.ok) return decision;
    this.#input.guard?.changed();
    if (isLarge) await this.#slices.pause();
    const answer = await this.#slices.run(answerSignRequestInSteps(desk, validated));
    if (!answer.ok) return answer;
    // As many as were used, so that the next request of this size needs no second round trip.
    const nonces = await this.#issue(owner, from, Math.min(NONCE_BATCH_MAX, request.messages.length));
    // A share that nobody has seen yet need not leave.
    const tooLate = this.#stopped();
    if (tooLate !== null) return tooLate;
    return { type: 'sign_response', body: { session: request.session, partials: answer.partials, nonces } };
  }

  // What it refuses to itself, its coordinator counts.
  #refused(from: number, session: string, refusal: Refusal): OutMessage {
    const { myIndex, activity } = this.#input;
    if (from !== myIndex) activity?.refusal(myIndex, refusal.reason);
    return refusalMessage(session, refusal);
  }

  #stopped(): Refusal | null {
    const paused = this.#input.paused?.() ?? null;
    if (paused !== null) return refuse('paused', paused);
    const standing = this.#input.guard?.maySign();
    return standing?.ok === false ? refuse('state_regressed', standing.detail) : null;
  }

  async #issue(owner: NonceOwner, peer: number, count: number): Promise<readonly Json[]> {
    const { effects } = this.#input;
    const issued = this.#issued.issueInSteps(owner, peer, count, (bytes) => effects.random(bytes));
    const nonces = await this.#slices.run(issued);
    // None is given under a key that has ended meanwhile, nor made ahead.
    if (nonces.length > 0) this.#upkeep.given(owner, count);
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
}

function refusalMessage(session: string, refusal: Refusal): OutMessage {
  const { reason, detail, data } = refusal;
  return {
    type: 'sign_refusal',
    body: { session, reason, detail: clipDetail(detail), ...(data === undefined ? {} : { data }) },
  };
}
