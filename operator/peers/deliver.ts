// Sending to peers: one pinned, kept-alive TLS connection pool per peer. A reply is believed only when the peer's session
// key signed it for exactly the request that was sent.
import type { Json } from '../../crypto/canonical-json.ts';
import {
  checkEnvelope,
  PEER_MESSAGE_BYTES_MAX,
  type PeerEnvelope,
  parseEnvelope,
  sealEnvelope,
} from '../../crypto/envelope.ts';
import type { BodyCheck } from './accept.ts';
import { connectionFault } from './connection-fault.ts';
import {
  MESSAGES_PATH,
  type OutMessage,
  parseRefusal,
  parseReply,
  REPLY_TYPE,
  type Rejection,
  SESSION_HEADER,
} from './peer-reply.ts';
import { certificatesOf, type Peer, type PeerSessions } from './peer-session.ts';
import { readReply } from './read-body.ts';
import { pinnedSession, type TlsIdentity } from './tls.ts';

/** A message for a peer; `ceremony` may be empty. */
export interface Outgoing extends OutMessage {
  readonly ceremony: string;
}

/** How long to wait for the whole answer, in ms, and what ends the wait early. */
export interface SendOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** A verified answer: its messages, when by the peer's clock it was sealed, and how long it took. */
export interface Delivered {
  readonly ok: true;
  readonly messages: readonly OutMessage[];
  readonly boot: string;
  /** The peer's clock, in ms since 1970. */
  readonly peerTime: number;
  readonly roundTripMs: number;
}

/** Why there is no answer. `rejection` is the peer's own, unsigned word where it gave one. */
export interface NotDelivered {
  readonly ok: false;
  readonly error: 'unreachable' | 'timeout' | 'rejected' | 'bad_reply';
  readonly rejection: Rejection | null;
  readonly detail: string;
  /** What the peer showed as the certificate of a later start of this node. Unverified. */
  readonly session?: Json;
  /** Of `clock_skew`: what the peer's clock said, in ms since 1970. Unsigned, but over the peer's own TLS connection. */
  readonly peerTime?: number;
}

export type SendResult = Delivered | NotDelivered;

/** Sends a message to a peer and returns the messages of its reply. Throws only where the message itself is malformed. */
export interface PeerClient {
  send(to: number, message: Outgoing, options: SendOptions): Promise<SendResult>;
}

/** How sending to a peer has gone since the process started. Times in ms since 1970. */
export interface PeerLink {
  readonly index: number;
  readonly delivered: number;
  readonly failed: Readonly<Record<NotDelivered['error'], number>>;
  readonly lastDeliveredAt: number | null;
  readonly lastRoundTripMs: number | null;
  /** What went wrong last; null once a message has been delivered again. */
  readonly lastFailure: string | null;
}

interface Connection {
  readonly certificates: readonly string[];
  readonly session: Bun.FetchSession;
}

/** What `HttpsPeerClient` works with. The body check is the one that requests go through. */
export interface HttpsPeerClientInput {
  readonly sessions: PeerSessions;
  readonly tls: TlsIdentity;
  readonly knownTypes: ReadonlySet<string>;
  readonly checkBody: BodyCheck;
  readonly now: () => number;
}

/** The client over mutual TLS. Peers are looked up in `sessions` at each send, so a replaced card takes effect at once. */
export class HttpsPeerClient implements PeerClient {
  private readonly input: HttpsPeerClientInput;
  private readonly connections = new Map<number, Connection>();
  private readonly links = new Map<number, PeerLink>();
  private tls: TlsIdentity;

  constructor(input: HttpsPeerClientInput) {
    this.input = input;
    this.tls = input.tls;
  }

  async send(to: number, message: Outgoing, options: SendOptions): Promise<SendResult> {
    const peer = this.input.sessions.peer(to);
    if (peer === null) return failed('unreachable', `this node does not have the operator card of operator ${to}`);
    const flaw = this.input.sessions.certificateFlaw(to, this.input.now());
    if (flaw !== null) {
      const result = failed('unreachable', flaw);
      this.record(to, result);
      return result;
    }
    const { envelope, bytes } = this.seal(to, message);
    const result = await this.exchange(peer, envelope, bytes, options);
    this.record(to, result);
    return result;
  }

  /** How sending to each known peer has gone, in index order. */
  linkStates(): readonly PeerLink[] {
    return this.input.sessions.peers().map(({ index }) => this.links.get(index) ?? newLink(index));
  }

  /** Shows another certificate of this node from the next connection on. */
  replaceIdentity(tls: TlsIdentity): void {
    this.tls = tls;
    this.close();
  }

  /** Closes idle connections. */
  close(): void {
    for (const { session } of this.connections.values()) session.close();
    this.connections.clear();
  }

  private seal(to: number, message: Outgoing): ReturnType<typeof sealEnvelope> {
    const { sessions, now } = this.input;
    const fields = {
      network: sessions.network,
      from: sessions.myIndex,
      to,
      boot: sessions.session.certificate.boot,
      ceremony: message.ceremony,
      type: message.type,
      seq: sessions.nextSequence(to),
      sent_at: now(),
      body: message.body,
    };
    return sealEnvelope(fields, sessions.session.signer);
  }

  private async exchange(
    peer: Peer,
    request: PeerEnvelope,
    bytes: Uint8Array,
    options: SendOptions,
  ): Promise<SendResult> {
    const deadline = AbortSignal.timeout(options.timeoutMs);
    const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
    const startedAt = performance.now();
    try {
      const response = await this.connection(peer).fetch(`https://${peer.address}${MESSAGES_PATH}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'accept-encoding': 'identity',
          [SESSION_HEADER]: this.input.sessions.header,
        },
        body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
        redirect: 'manual',
        // A proxy named by the environment has no business between operators.
        proxy: false,
        signal,
      });
      const answer = await readReply(response, PEER_MESSAGE_BYTES_MAX, signal);
      const roundTripMs = performance.now() - startedAt;
      if (answer === null) return failed('bad_reply', `the reply is larger than ${PEER_MESSAGE_BYTES_MAX} bytes`);
      if (response.status !== 200) return rejected(response.status, answer);
      return this.readReply(request, answer, response.headers.get(SESSION_HEADER), roundTripMs);
    } catch (error) {
      if (deadline.aborted) return failed('timeout', `no answer within ${options.timeoutMs} ms`);
      if (options.signal?.aborted === true) return failed('timeout', 'the wait for an answer was ended');
      return failed('unreachable', connectionFault(error, peer.address));
    }
  }

  private readReply(request: PeerEnvelope, bytes: Uint8Array, header: string | null, roundTripMs: number): SendResult {
    const { sessions, now } = this.input;
    const parsed = parseEnvelope(bytes);
    if (!parsed.ok) return failed('bad_reply', `the reply is ${parsed.reason}`);
    const reply = parsed.envelope;
    const plain = checkEnvelope(reply, {
      now: now(),
      network: sessions.network,
      myIndex: sessions.myIndex,
      knownIndices: new Set([request.to]),
      knownTypes: new Set([REPLY_TYPE]),
    });
    if (plain !== null) return failed('bad_reply', `the reply is refused: ${plain}`);
    const refusal = sessions.admit(reply, header, now());
    if (refusal !== null) return failed('bad_reply', `the reply is refused: ${refusal.reason}, ${refusal.detail}`);
    const body = parseReply(reply.body);
    if (body === null) return failed('bad_reply', 'the body of the reply is malformed');
    const answersIt =
      body.in_reply_to === request.seq && body.in_reply_to_boot === request.boot && reply.ceremony === request.ceremony;
    if (!answersIt) return failed('bad_reply', 'the reply answers another request');
    const wrong = this.firstWrong(body.messages);
    if (wrong !== null) return failed('bad_reply', wrong);
    return { ok: true, messages: body.messages, boot: reply.boot, peerTime: reply.sent_at, roundTripMs };
  }

  private firstWrong(messages: readonly OutMessage[]): string | null {
    for (const { type, body } of messages) {
      if (!this.input.knownTypes.has(type)) return 'the reply carries a message of an unknown type';
      const wrong = this.input.checkBody(type, body);
      if (wrong !== null) return `the reply carries a malformed ${type}: ${wrong}`;
    }
    return null;
  }

  private connection(peer: Peer): Bun.FetchSession {
    const open = this.connections.get(peer.index);
    const certificates = certificatesOf(peer);
    if (open !== undefined && Bun.deepEquals(open.certificates, certificates)) return open.session;
    open?.session.close();
    const session = pinnedSession(this.tls, ...certificates);
    this.connections.set(peer.index, { certificates, session });
    return session;
  }

  private record(index: number, result: SendResult): void {
    const link = this.links.get(index) ?? newLink(index);
    if (result.ok) {
      const { roundTripMs: lastRoundTripMs } = result;
      const lastDeliveredAt = this.input.now();
      const delivered = link.delivered + 1;
      this.links.set(index, { ...link, delivered, lastDeliveredAt, lastRoundTripMs, lastFailure: null });
      return;
    }
    const counts = { ...link.failed, [result.error]: link.failed[result.error] + 1 };
    this.links.set(index, { ...link, failed: counts, lastFailure: `${result.error}: ${result.detail}` });
  }
}

function newLink(index: number): PeerLink {
  const none = { unreachable: 0, timeout: 0, rejected: 0, bad_reply: 0 };
  return { index, delivered: 0, failed: none, lastDeliveredAt: null, lastRoundTripMs: null, lastFailure: null };
}

function rejected(status: number, answer: Uint8Array): NotDelivered {
  const refusal = parseRefusal(new TextDecoder().decode(answer));
  if (refusal === null) return failed('rejected', `the peer answered with HTTP status ${status}`);
  const { reason: rejection, detail, session, now: peerTime } = refusal;
  const more = { ...(session !== undefined && { session }), ...(peerTime !== undefined && { peerTime }) };
  return { ok: false, error: 'rejected', rejection, detail, ...more };
}

function failed(error: NotDelivered['error'], detail: string): NotDelivered {
  return { ok: false, error, rejection: null, detail };
}
