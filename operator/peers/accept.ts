// What comes in from peers, validated end to end before anything acts on it, and the sealed reply. Every rejection is
// counted by reason and by the peer that the message claims to be from.
import type { Json } from '../../crypto/canonical-json.ts';
import {
  CLOCK_SKEW_MS_MAX,
  checkEnvelope,
  type EnvelopeRejection,
  PEER_MESSAGE_BYTES_MAX,
  type PeerEnvelope,
  parseEnvelope,
  sealEnvelope,
} from '../../crypto/envelope.ts';
import type { SessionCertificate } from '../../crypto/identity.ts';
import { type Flood, FloodWatch } from './flood-watch.ts';
import { type OutMessage, REPLY_TYPE, type Refusal, type Rejection, replyJson } from './peer-reply.ts';
import type { PeerSessions } from './peer-session.ts';
import { ReadSlots } from './read-slots.ts';
import { RequestSlots } from './request-slots.ts';

/** A message that has passed every check. `receivedAt` in ms since 1970. */
export interface Incoming {
  readonly from: number;
  readonly ceremony: string;
  readonly type: string;
  readonly body: Json;
  readonly boot: string;
  readonly receivedAt: number;
}

/** Handles a message; what it returns goes to the sender in the reply. */
export type MessageHandler = (message: Incoming) => Promise<readonly OutMessage[]>;

/** Whether a body has the form that its type asks for: null, or what is wrong in a sentence without the body's data. */
export type BodyCheck = (type: string, body: Json) => string | null;

/** What `accept` made of a request: the bytes of the reply, or a refusal. */
export type AcceptVerdict = { readonly ok: true; readonly bytes: Uint8Array } | Refusal;

/** How often a reason occurred; `peer` is the index the message claimed, null where it could not be told. */
export interface RejectionCount {
  readonly reason: Rejection;
  readonly peer: number | null;
  readonly count: number;
}

/** What `Acceptor` works with. `now` gives ms since 1970; `onFault` is told of handlers that threw. */
export interface AcceptorInput {
  readonly sessions: PeerSessions;
  readonly knownTypes: ReadonlySet<string>;
  readonly checkBody: BodyCheck;
  readonly handle: MessageHandler;
  readonly now: () => number;
  readonly onFault: (error: unknown, message: Incoming) => void;
}

/** The receiving end of the peer protocol. */
export class Acceptor {
  private readonly input: AcceptorInput;
  private readonly counts = new Map<string, RejectionCount>();
  private readonly slots = new RequestSlots();
  private readonly watch = new FloodWatch();
  /** What is being read of requests; here, so that it is one for all that read, however they are put together. */
  readonly reads = new ReadSlots();

  constructor(input: AcceptorInput) {
    if (input.knownTypes.has(REPLY_TYPE)) throw new Error('a reply is never a request');
    this.input = input;
  }

  /** This node's session certificate, which anybody at the gate may see. */
  get certificate(): SessionCertificate {
    return this.input.sessions.session.certificate;
  }

  /** What goes into the session header of a reply. */
  get header(): string {
    return this.input.sessions.header;
  }

  /** Validates the bytes of a request and, where all is well, handles it and seals the reply. Never rejects its promise. */
  async accept(bytes: Uint8Array, sessionHeader: string | null): Promise<AcceptVerdict> {
    const parsed = parseEnvelope(bytes);
    if (!parsed.ok) return this.refuse(parsed.reason, sentenceOf(parsed.reason));
    const { envelope } = parsed;
    const receivedAt = this.input.now();
    const refusal = this.validate(envelope, sessionHeader, receivedAt);
    if (refusal !== null) {
      this.refuse(refusal.reason, refusal.detail, envelope.from);
      return refusal;
    }
    const { from, ceremony, type, body, boot } = envelope;
    const slot = this.slots.take(from, bytes.length);
    if (typeof slot === 'string') {
      this.watch.refuse(from, receivedAt, this.input.sessions.elapsed());
      return this.refuse('busy', slot, from);
    }
    try {
      return await this.handle(envelope, { from, ceremony, type, body, boot, receivedAt });
    } finally {
      slot();
    }
  }

  /** Counts a refusal and returns it; also for what reads the request and has to stop before `accept`. */
  refuse(reason: Rejection, detail: string, peer: number | null = null): Refusal {
    const key = `${reason} ${peer}`;
    this.counts.set(key, { reason, peer, count: (this.counts.get(key)?.count ?? 0) + 1 });
    return { ok: false, reason, detail };
  }

  /** Every reason that has occurred, by claimed peer, since the process started. */
  rejections(): readonly RejectionCount[] {
    return [...this.counts.values()];
  }

  /** The peers that send more requests than they may, now. Each has proven by its signature that it is the one. */
  floods(): readonly Flood[] {
    return this.watch.floods(this.input.sessions.elapsed());
  }

  private validate(envelope: PeerEnvelope, sessionHeader: string | null, now: number): Refusal | null {
    const { sessions, knownTypes, checkBody } = this.input;
    const { network, myIndex } = sessions;
    const plain = checkEnvelope(envelope, { now, network, myIndex, knownIndices: sessions.indices(), knownTypes });
    if (plain !== null) {
      return { ok: false, reason: plain, detail: sentenceOf(plain), ...(plain === 'clock_skew' && { now }) };
    }
    const refusal = sessions.admit(envelope, sessionHeader, now);
    if (refusal !== null) return refusal;
    const wrong = checkBody(envelope.type, envelope.body);
    return wrong === null ? null : { ok: false, reason: 'bad_body', detail: wrong };
  }

  private async handle(request: PeerEnvelope, message: Incoming): Promise<AcceptVerdict> {
    const { from } = request;
    try {
      const messages = await this.input.handle(message);
      return { ok: true, bytes: this.sealReply(request, messages) };
    } catch (error) {
      this.input.onFault(error, message);
      return this.refuse('fault', 'the receiver could not handle this message; its log says why', from);
    }
  }

  private sealReply(request: PeerEnvelope, messages: readonly OutMessage[]): Uint8Array {
    const { sessions, now } = this.input;
    const fields = {
      network: sessions.network,
      from: sessions.myIndex,
      to: request.from,
      boot: sessions.session.certificate.boot,
      ceremony: request.ceremony,
      type: REPLY_TYPE,
      seq: sessions.nextSequence(request.from),
      sent_at: now(),
      body: replyJson({ in_reply_to: request.seq, in_reply_to_boot: request.boot, messages }),
    };
    return sealEnvelope(fields, sessions.session.signer).bytes;
  }
}

function sentenceOf(reason: EnvelopeRejection): string {
  switch (reason) {
    case 'too_large':
      return `a message may have ${PEER_MESSAGE_BYTES_MAX} bytes`;
    case 'malformed':
      return 'the body is not a canonical JSON envelope';
    case 'wrong_version':
      return 'this node speaks version 1 of the peer protocol';
    case 'wrong_network':
      return 'this node serves another network';
    case 'wrong_recipient':
      return 'the message is for another node';
    case 'unknown_sender':
      return 'this node knows no peer with that index';
    case 'clock_skew':
      return `the clocks differ by more than ${CLOCK_SKEW_MS_MAX / 1000} seconds`;
    case 'unknown_type':
      return 'this node knows no message of that type';
    default:
      return `the message is refused: ${reason}`;
  }
}
