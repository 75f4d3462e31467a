// The attacker as the coordinator of signatures: it asks an honest node for nonces and partial signatures, may change
// the request in any way, and finishes with its own share what an honest node agreed to.
import { type Intent, intentSchema, type LineStepIntent } from '../../ceremony/intent.ts';
import { attestationMessages, testMessages } from '../../ceremony/intent-messages.ts';
import { type MessageBody, parseMessage } from '../../ceremony/messages.ts';
import type { PublicNonceJson } from '../../ceremony/messages-signing.ts';
import type { DerivedMessage } from '../../ceremony/signing/participant.ts';
import {
  finishSession,
  type OpenSession,
  openSession,
  type SigningTask,
  withResponse,
} from '../../ceremony/signing/session.ts';
import { buildLine, type LineRoot } from '../../chain/line.ts';
import { readLine } from '../../chain/line-intent.ts';
import { toHex } from '../../crypto/bytes.ts';
import type { NoncePair, SchemeName } from '../../crypto/scheme.ts';
import { asJson, type MaliciousPeer } from './malicious-peer.ts';
import { ATTACKER } from './nodes.ts';

export type SignRequest = MessageBody<'sign_request'>;
export type SignAnswer = MessageBody<'sign_response'> | MessageBody<'sign_refusal'>;

/** A request that is ready to be sent, with what the attacker needs to use the answer. */
export interface Prepared {
  readonly victim: number;
  readonly task: SigningTask;
  readonly session: OpenSession;
  readonly request: SignRequest;
  readonly ownNonces: readonly NoncePair[];
}

/** How a crafted request differs from a right one. */
export interface Craft {
  /** Nonces of the victim to use; else fresh ones are asked for. */
  readonly nonces?: readonly PublicNonceJson[];
  /** Commits to other messages than the intent's. */
  readonly messages?: readonly DerivedMessage[];
}

/** The attacker coordinating under the dealt key. */
export class MaliciousCoordinator {
  readonly #peer: MaliciousPeer;
  readonly #keyId: string;
  readonly #root: LineRoot;
  #sessions = 0;

  /** `root`: with which the line of the key begins. */
  constructor(peer: MaliciousPeer, keyId: string, root: LineRoot) {
    this.#peer = peer;
    this.#keyId = keyId;
    this.#root = root;
  }

  /** Public nonces of a victim. */
  async nonces(victim: number, scheme: SchemeName, count: number): Promise<readonly PublicNonceJson[]> {
    const body = { scheme, key_id: this.#keyId, count };
    const [answer] = await this.#peer.ask(victim, { type: 'nonce_request', body });
    const parsed = parseMessage(answer?.type ?? '', answer?.body ?? null);
    if (!parsed.ok || parsed.message.type !== 'nonces') throw new Error('the victim gave no nonces');
    return parsed.message.body.nonces;
  }

  /** A session of the victim and the attacker over an intent. */
  async prepare(victim: number, scheme: SchemeName, intent: Intent, craft: Craft = {}): Promise<Prepared> {
    const owner = this.#peer.owner(this.#keyId, scheme);
    const messages =
      craft.messages ?? (intent.kind === 'line' ? this.#stepMessages(intent) : messagesOf(scheme, intent));
    const nonces = craft.nonces ?? (await this.nonces(victim, scheme, messages.length));
    const ownNonces = messages.map(() =>
      owner.scheme.generateNonce(owner.key, ATTACKER, owner.signingShare, crypto.getRandomValues(new Uint8Array(32))),
    );
    const own = ownNonces.map((pair, i) => ({ id: i.toString(16).padStart(32, '0'), nonce: toHex(pair.public) }));
    const task = { scheme: owner.scheme, keyId: this.#keyId, key: owner.key, intent, messages };
    const boot = this.#peer.sessions.states().find(({ index }) => index === victim)?.boot ?? '';
    const id = (++this.#sessions).toString(16).padStart(32, 'e');
    const opened = openSession(task, id, [
      { index: victim, boot, nonces },
      { index: ATTACKER, boot: this.#peer.session.certificate.boot, nonces: own },
    ]);
    if (!opened.ok) throw new Error('the nonces are in order');
    return { victim, task, session: opened.session, request: opened.session.request, ownNonces };
  }

  /** Sends a request, changed where a test says so; the victim's answer. */
  async sign(
    { victim, request }: Prepared,
    change: (request: SignRequest) => unknown = (same) => same,
  ): Promise<SignAnswer> {
    const [answer] = await this.#peer.ask(victim, { type: 'sign_request', body: asJson(change(request)) });
    const parsed = parseMessage(answer?.type ?? '', answer?.body ?? null);
    if (!parsed.ok) throw new Error(`the victim's answer is malformed: ${parsed.detail}`);
    const { message } = parsed;
    if (message.type !== 'sign_response' && message.type !== 'sign_refusal') throw new Error(`a ${message.type}`);
    return message.body;
  }

  /** The reason of a refusal; throws where the victim signed. */
  async refusal(prepared: Prepared, change?: (request: SignRequest) => unknown): Promise<string> {
    const answer = await this.sign(prepared, change);
    if ('reason' in answer) return answer.reason;
    throw new Error('the victim signed');
  }

  /** Whether the victim's partial signatures and the attacker's own make signatures that verify. */
  isSigned({ victim, task, session, ownNonces }: Prepared, answer: SignAnswer): boolean {
    if (!('partials' in answer)) return false;
    const { signingShare } = this.#peer.owner(this.#keyId, task.scheme.name);
    const own = session.parts.map((part, i) => {
      const secret = ownNonces[i]?.secret;
      if (secret === undefined) throw new Error('one nonce for each message');
      return toHex(task.scheme.sign(task.key, ATTACKER, signingShare, secret, part.session));
    });
    const answered = withResponse(withResponse(session, victim, answer.partials), ATTACKER, own);
    return finishSession(task, answered).ok;
  }

  #stepMessages(intent: LineStepIntent): readonly DerivedMessage[] {
    const groupKey = this.#peer.owner(this.#keyId, 'bip340').key.publicKey;
    const terms = { network: 'regtest' as const, keyId: this.#keyId, groupKey, root: this.#root };
    const formed = buildLine(terms, readLine(intent));
    if (!formed.ok) throw new Error(`the step has not its form: ${formed.detail}`);
    return formed.built.messages.map(({ message, tweaks }) => ({ message, tweaks }));
  }
}

function messagesOf(scheme: SchemeName, intent: Exclude<Intent, LineStepIntent>): readonly DerivedMessage[] {
  if (intent.kind === 'test_message') return testMessages(scheme, intent);
  if (intent.kind === 'attestation') return attestationMessages(intent);
  throw new Error(`no messages for ${intent.kind}`);
}

/** An intent as a peer sends it. */
export function intentOf(value: unknown): Intent {
  return intentSchema.parse(asJson(value));
}
