// A federation in memory for signing tests: keys from a real ceremony, participants that answer, and a driver that
// carries messages between them and one coordinator as an operator would.

import type { Intent } from '../../ceremony/intent.ts';
import { type Outgoing, parseMessage, type SigningMessage } from '../../ceremony/messages.ts';
import type { SigningState } from '../../ceremony/signing/candidates.ts';
import { type SigningEvent, signingStep, startSigning } from '../../ceremony/signing/coordinator.ts';
import { HeldNonces, IssuedNonces, type NonceOwner } from '../../ceremony/signing/nonce-pool.ts';
import { answerSignRequest, type DerivedMessage, type ParticipantDesk } from '../../ceremony/signing/participant.ts';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import { toHex } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { ed25519Scheme } from '../../crypto/ed25519-frost.ts';
import type { FrostScheme } from '../../crypto/scheme.ts';
import { bytesOf, Federation } from './federation.ts';

export type Scheme = 'bip340' | 'ed25519';

/** Keys of t out of n, made once for each size. */
const ceremonies = new Map<string, ReturnType<Federation['results']>>();

function resultsOf(t: number, n: number): ReturnType<Federation['results']> {
  const name = `${t}/${n}`;
  const known = ceremonies.get(name);
  if (known !== undefined) return known;
  const federation = new Federation({ n, t });
  federation.joinAll();
  federation.run((all) => all.allComplete());
  const results = federation.results();
  ceremonies.set(name, results);
  return results;
}

let drawn = 0;

/** Fresh bytes for nonces: never the same twice. */
export function draw(length: number): Uint8Array {
  return bytesOf(`draw/${drawn++}`).slice(0, length);
}

export function schemeOf(name: Scheme): FrostScheme {
  return name === 'bip340' ? bip340Scheme : ed25519Scheme;
}

/** The desks of all participants of one key. */
export function desksOf(t: number, n: number, scheme: Scheme): ParticipantDesk[] {
  return resultsOf(t, n).map(({ bitcoin, attestation }, index) => {
    const { groupKey, signingShare } = scheme === 'bip340' ? bitcoin : attestation;
    const owner: NonceOwner = { scheme: schemeOf(scheme), keyId: 'key-1', key: groupKey, index, signingShare };
    return { owner, boot: toHex(bytesOf(`boot/${index}`).slice(0, 16)), nonces: new IssuedNonces() };
  });
}

/** How a participant behaves: given a message to it, its answer; null for silence. */
export type Behaviour = (message: Outgoing<SigningMessage>, honest: () => SigningMessage) => SigningMessage | null;

const HONEST: Behaviour = (_message, honest) => honest();

export interface SigningCase {
  readonly desks: readonly ParticipantDesk[];
  readonly messages: readonly DerivedMessage[];
  readonly behaviours?: Readonly<Record<number, Behaviour>>;
  readonly candidates?: readonly number[];
  readonly pool?: HeldNonces;
  readonly intent?: Intent;
}

/** The coordinator (index 0) and the participants, with the messages between them. */
export class SigningRoom {
  readonly pool: HeldNonces;
  state: SigningState;
  now = 1_000;
  requests = 0;
  nonceRequests = 0;
  readonly withheld: SigningEvent[] = [];
  private readonly setting: SigningCase;
  private queue: Outgoing<SigningMessage>[] = [];

  constructor(setting: SigningCase) {
    this.setting = setting;
    this.pool = setting.pool ?? new HeldNonces();
    const [first] = setting.desks;
    if (first === undefined) throw new Error('no participants');
    const { scheme, keyId, key } = first.owner;
    const intent = setting.intent ?? { kind: 'test_message', message: 'hello' };
    const step = startSigning(
      {
        task: { scheme, keyId, key, intent, messages: setting.messages },
        candidates: setting.candidates ?? setting.desks.map(({ owner }) => owner.index),
        random: draw(32),
        now: this.now,
        patienceMs: 1_000,
        deadline: 30_000,
      },
      this.pool,
    );
    this.state = step.state;
    this.queue.push(...step.outgoing);
  }

  /** Carries messages until none is under way; silence passes time until the end. */
  run(ticks = 80): SigningState['result'] {
    for (let i = 0; i < ticks && this.state.result === null; i++) {
      this.drain();
      this.now += 500;
      this.feed({ kind: 'tick', now: this.now });
    }
    return this.state.result;
  }

  drain(): void {
    for (let message = this.queue.shift(); message !== undefined; message = this.queue.shift()) this.carry(message);
  }

  feed(event: SigningEvent): void {
    const step = signingStep(this.state, event, this.pool);
    this.state = step.state;
    this.queue.push(...step.outgoing);
  }

  private carry(message: Outgoing<SigningMessage>): void {
    if (message.type === 'sign_request') this.requests++;
    if (message.type === 'nonce_request') this.nonceRequests++;
    const desk = this.setting.desks[message.to];
    if (desk === undefined) throw new Error('no such participant');
    const behave = this.setting.behaviours?.[message.to] ?? HONEST;
    const answer = behave(message, () => honestAnswer(desk, message, this.setting.messages));
    if (answer === null) return;
    const event = eventOf(message.to, answer, this.now);
    if (event !== null) this.feed(event);
  }
}

/** What an honest participant answers to index 0. */
export function honestAnswer(
  desk: ParticipantDesk,
  message: Outgoing<SigningMessage>,
  messages: readonly DerivedMessage[],
): SigningMessage {
  const { owner, boot, nonces } = desk;
  if (message.type === 'nonce_request') {
    const { scheme, key_id, count } = message.body;
    const issued = nonces.issue(owner, 0, count, draw);
    return { type: 'nonces', body: { scheme, key_id, boot, nonces: issued } };
  }
  if (message.type !== 'sign_request') throw new Error(`a coordinator does not send ${message.type}`);
  const parsed = parseMessage('sign_request', roundTrip(message.body));
  if (!parsed.ok || parsed.message.type !== 'sign_request') throw new Error('the request does not parse');
  const { session } = message.body;
  const answer = answerSignRequest(desk, { from: 0, request: parsed.message.body, messages });
  if (!answer.ok) return { type: 'sign_refusal', body: { session, reason: answer.reason, detail: answer.detail } };
  const refill = nonces.issue(owner, 0, messages.length, draw);
  return { type: 'sign_response', body: { session, partials: [...answer.partials], nonces: refill } };
}

/** An answer as the coordinator's event. */
export function eventOf(from: number, answer: SigningMessage, now: number): SigningEvent | null {
  const parsed = parseMessage(answer.type, roundTrip(answer.body));
  if (!parsed.ok) return { kind: 'failed', now, from, reason: 'malformed', detail: parsed.detail };
  const { message } = parsed;
  if (message.type === 'nonces') return { kind: 'nonces', now, from, body: message.body };
  if (message.type === 'sign_response') return { kind: 'response', now, from, body: message.body };
  return message.type === 'sign_refusal' ? { kind: 'refusal', now, from, body: message.body } : null;
}

function roundTrip(body: object): Json {
  return JSON.parse(JSON.stringify(body));
}
