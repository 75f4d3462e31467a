// A few nodes on loopback with real certificates and real TLS, for the tests of the peer transport.

import type { Json } from '../../crypto/canonical-json.ts';
import { type EnvelopeFields, sealEnvelope } from '../../crypto/envelope.ts';
import { createSession, type IdentitySecret, identityFromSeed, type Session } from '../../crypto/identity.ts';
import { Acceptor, type Incoming } from '../../operator/peers/accept.ts';
import { type CertificateAndKey, makeCertificate, readCertificate } from '../../operator/peers/certificate.ts';
import { HttpsPeerClient } from '../../operator/peers/deliver.ts';
import { type OutMessage, SESSION_HEADER } from '../../operator/peers/peer-reply.ts';
import { type Peer, PeerSessions } from '../../operator/peers/peer-session.ts';
import { pinnedSession, type TlsIdentity } from '../../operator/peers/tls.ts';
import { listenForPeers, type PeerListener } from '../../routes/listen.ts';
import { peerRoutes } from '../../routes/peer.ts';

export const NETWORK = 'regtest';
export const KNOWN_TYPES: ReadonlySet<string> = new Set(['ping', 'pong']);

/** A node's long-lived part: who it is. */
export interface TestNode {
  readonly index: number;
  readonly identity: IdentitySecret;
  readonly tls: TlsIdentity;
}

/** `ping` and `pong` carry an object with a text `word` and nothing else. */
export function checkBody(_type: string, body: Json): string | null {
  const fits = typeof body === 'object' && body !== null && 'word' in body && typeof body.word === 'string';
  return fits && Object.keys(body).length === 1 ? null : 'a text `word` is expected';
}

export function tlsIdentity({ certificate, key }: CertificateAndKey): TlsIdentity {
  const facts = readCertificate(certificate);
  if (facts === null) throw new Error('unreadable test certificate');
  return { facts, key };
}

/** A node with an identity key of its own and a P-256 certificate, unless another is given. */
export async function makeNode(index: number, given?: CertificateAndKey): Promise<TestNode> {
  const made = given ?? (await makeCertificate({ name: `node ${index}`, address: '127.0.0.1:1', now: Date.now() }));
  const identity = identityFromSeed(crypto.getRandomValues(new Uint8Array(32)));
  return { index, identity, tls: tlsIdentity(made) };
}

/** A fresh start of a node. */
export function boot(node: TestNode, issuedAt = Date.now(), network = NETWORK): Session {
  const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));
  const { identity, index } = node;
  return createSession({ identity, network, index, boot: random(16), seed: random(32), now: issuedAt });
}

export function peerOf(node: TestNode, port = 1): Peer {
  return {
    index: node.index,
    name: `node ${node.index}`,
    address: `127.0.0.1:${port}`,
    certificate: node.tls.facts.pem,
    identityKey: node.identity.publicKey,
  };
}

export function sessionsOf(node: TestNode, peers: readonly Peer[], session = boot(node)): PeerSessions {
  return new PeerSessions({ network: NETWORK, myIndex: node.index, session, peers });
}

export function clientOf(node: TestNode, sessions: PeerSessions): HttpsPeerClient {
  return new HttpsPeerClient({ sessions, tls: node.tls, knownTypes: KNOWN_TYPES, checkBody, now: Date.now });
}

/** A listening node. */
export interface Running {
  readonly node: TestNode;
  readonly sessions: PeerSessions;
  readonly acceptor: Acceptor;
  readonly listener: PeerListener;
  readonly received: Incoming[];
  readonly faults: unknown[];
}

/** Starts a node that knows these peers and answers each ping with a pong of the same word, or as `handle` says. */
export function listen(
  node: TestNode,
  peers: readonly TestNode[],
  options: {
    readonly handle?: (message: Incoming) => Promise<readonly OutMessage[]>;
    readonly session?: Session;
    readonly now?: () => number;
    readonly bodyMsMax?: number;
  } = {},
): Running {
  const sessions = sessionsOf(
    node,
    peers.map((peer) => peerOf(peer)),
    options.session,
  );
  const received: Incoming[] = [];
  const faults: unknown[] = [];
  const echo = async (message: Incoming): Promise<readonly OutMessage[]> => [{ type: 'pong', body: message.body }];
  const acceptor = new Acceptor({
    sessions,
    knownTypes: KNOWN_TYPES,
    checkBody,
    handle: (message) => {
      received.push(message);
      return (options.handle ?? echo)(message);
    },
    now: options.now ?? Date.now,
    onFault: (error) => faults.push(error),
  });
  const app = peerRoutes(acceptor, options.bodyMsMax === undefined ? {} : { bodyMsMax: options.bodyMsMax });
  const listener = listenForPeers({
    hostname: '127.0.0.1',
    port: 0,
    identity: node.tls,
    peerCertificates: peers.map((peer) => peer.tls.facts.pem),
    fetch: app.fetch,
  });
  return { node, sessions, acceptor, listener, received, faults };
}

/** The session header for a session. */
export function headerOf(session: Session): string {
  return new PeerSessions({ network: NETWORK, myIndex: session.certificate.index, session, peers: [] }).header;
}

/** A sealed ping; every field can be told otherwise. */
export function sealPing(session: Session, to: number, fields: Partial<EnvelopeFields> = {}): Uint8Array {
  const plain: EnvelopeFields = {
    network: NETWORK,
    from: session.certificate.index,
    to,
    boot: session.certificate.boot,
    ceremony: '',
    type: 'ping',
    seq: 1,
    sent_at: Date.now(),
    body: { word: 'hello' },
    ...fields,
  };
  return sealEnvelope(plain, session.signer).bytes;
}

/** What a peer endpoint answered to raw bytes. */
export interface Answer {
  readonly status: number;
  readonly rejected: string | null;
}

/** Posts raw bytes over mutual TLS as `from`, with any session header or none. */
export async function post(
  from: TestNode,
  to: Running,
  body: Uint8Array | ReadableStream<Uint8Array> | string,
  header: string | null,
): Promise<Answer> {
  const session = pinnedSession(from.tls, to.node.tls.facts.pem);
  try {
    const response = await session.fetch(`https://127.0.0.1:${to.listener.port}/v1/messages`, {
      method: 'POST',
      body: body instanceof Uint8Array ? Buffer.from(body) : body,
      headers: header === null ? {} : { [SESSION_HEADER]: header },
    });
    const text = await response.text();
    if (response.status === 200) return { status: 200, rejected: null };
    const parsed: { readonly rejected?: string } = text === '' ? {} : JSON.parse(text);
    return { status: response.status, rejected: parsed.rejected ?? null };
  } finally {
    session.close();
  }
}

/** A certificate made with the openssl binary; `arguments_` come after `req -x509`. */
export async function opensslCertificate(directory: string, arguments_: readonly string[]): Promise<CertificateAndKey> {
  const name = `${directory}/${crypto.randomUUID()}`;
  const command = ['openssl', 'req', '-x509', '-keyout', `${name}.key`, '-out', `${name}.pem`, '-nodes', ...arguments_];
  const made = Bun.spawn(command, { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' });
  const complaint = await new Response(made.stderr).text();
  if ((await made.exited) !== 0) throw new Error(complaint);
  return { certificate: await Bun.file(`${name}.pem`).text(), key: await Bun.file(`${name}.key`).text() };
}

/** A peer that shows the certificate of `node` to `caller` and answers as the test says. */
export function answering(
  node: TestNode,
  caller: TestNode,
  fetch: (request: Request) => Response | Promise<Response>,
): PeerListener {
  const peerCertificates = [caller.tls.facts.pem];
  return listenForPeers({ hostname: '127.0.0.1', port: 0, identity: node.tls, peerCertificates, fetch });
}
