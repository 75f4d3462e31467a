// An operator gone bad: it has its own identity, TLS key, host key and shares like any other, is in everybody's list of
// peers, and says over real mutual TLS whatever a test wants, in well-formed envelopes or in raw bytes.
import { connect, type TLSSocket } from 'node:tls';
import { MESSAGE_SCHEMAS } from '../../ceremony/messages.ts';
import type { NonceOwner } from '../../ceremony/signing/nonce-pool.ts';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { ed25519Scheme } from '../../crypto/ed25519-frost.ts';
import { type EnvelopeFields, sealEnvelope } from '../../crypto/envelope.ts';
import { createSession, type Session } from '../../crypto/identity.ts';
import type { OperatorCard } from '../../crypto/operator-card.ts';
import type { SchemeName } from '../../crypto/scheme.ts';
import { KeyRing } from '../../operator/keys/key-ring.ts';
import { Acceptor, type Incoming, type MessageHandler } from '../../operator/peers/accept.ts';
import { HttpsPeerClient, type SendResult } from '../../operator/peers/deliver.ts';
import { listCards, peersOf } from '../../operator/peers/federation.ts';
import { SERVICE_MESSAGE_TYPES } from '../../operator/peers/messages.ts';
import { MESSAGES_PATH, type OutMessage, SESSION_HEADER } from '../../operator/peers/peer-reply.ts';
import { PeerSessions } from '../../operator/peers/peer-session.ts';
import { loadTlsIdentity, pinnedSession, type TlsIdentity } from '../../operator/peers/tls.ts';
import { listenForPeers, type PeerListener } from '../../routes/listen.ts';
import { peerRoutes } from '../../routes/peer.ts';
import { ATTACKER, type Besieged, dealKeys, PASSPHRASE } from './nodes.ts';

const TIMEOUT_MS = 20_000;
const TYPES: ReadonlySet<string> = new Set([...Object.keys(MESSAGE_SCHEMAS), ...SERVICE_MESSAGE_TYPES]);

/** What raw bytes were answered with. */
export interface RawAnswer {
  readonly status: number;
  readonly rejected: string | null;
}

/** A body of any length and kind for a raw request. */
export type RawBody = Uint8Array | string | ReadableStream<Uint8Array>;

interface Belongings {
  readonly keyRing: KeyRing;
  readonly tls: TlsIdentity;
  readonly session: Session;
  readonly cards: readonly OperatorCard[];
}

/** The attacker. It listens where its card says; what it answers is `answer`'s to say. */
export class MaliciousPeer {
  readonly keyRing: KeyRing;
  readonly tls: TlsIdentity;
  readonly session: Session;
  readonly sessions: PeerSessions;
  readonly client: HttpsPeerClient;
  readonly cards: readonly OperatorCard[];
  readonly received: Incoming[] = [];
  /** The requests it has heard, as bytes with their session header, to be sent again to others. */
  readonly overheard: { readonly bytes: Uint8Array; readonly header: string | null }[] = [];
  answer: MessageHandler = async () => [];
  /** What the attacker takes for the time, in ms. */
  now = (): number => Date.now();
  readonly #listener: PeerListener;

  private constructor(network: string, port: number, { keyRing, tls, session, cards }: Belongings) {
    this.keyRing = keyRing;
    this.tls = tls;
    this.session = session;
    this.cards = cards;
    const peers = peersOf(cards, ATTACKER);
    this.sessions = new PeerSessions({ network, myIndex: ATTACKER, session, peers });
    const now = (): number => this.now();
    // Nothing that it hears is checked: it takes what no node would.
    const checkBody = (): null => null;
    this.client = new HttpsPeerClient({ sessions: this.sessions, tls, knownTypes: TYPES, checkBody, now });
    const handle: MessageHandler = (message) => {
      this.received.push(message);
      return this.answer(message);
    };
    const onFault = (): void => {};
    const acceptor = new Acceptor({ sessions: this.sessions, knownTypes: TYPES, checkBody, handle, now, onFault });
    const app = peerRoutes(acceptor);
    this.#listener = listenForPeers({
      hostname: '127.0.0.1',
      port,
      identity: tls,
      peerCertificates: peers.map(({ certificate }) => certificate),
      fetch: async (request) => {
        const bytes = new Uint8Array(await request.clone().arrayBuffer());
        this.overheard.push({ bytes, header: request.headers.get(SESSION_HEADER) });
        return app.fetch(request);
      },
    });
  }

  /** Takes the attacker's place in a besieged federation. */
  static async enter({ configs, nodes }: Besieged): Promise<MaliciousPeer> {
    const [config, db] = [configs[ATTACKER], nodes[0]?.store.db];
    if (config === undefined || db === undefined) throw new Error('the federation has no place for an attacker');
    const { network, keySharePath: path } = config;
    const keyRing = new KeyRing({ path, network, index: ATTACKER, workFactor: 1 });
    await keyRing.unseal(PASSPHRASE);
    const tls = await loadTlsIdentity(config.tlsCertPath, config.tlsKeyPath, Date.now());
    if (!tls.ok) throw new Error(tls.detail);
    const session = bootOf(keyRing, network);
    const belongings = { keyRing, tls: tls.identity, session, cards: listCards(db) };
    return new MaliciousPeer(network, config.listenAddress.port, belongings);
  }

  /** Sends a well-formed envelope; the answer is taken as it comes. */
  send(to: number, message: OutMessage, ceremony = ''): Promise<SendResult> {
    return this.client.send(to, { ceremony, ...message }, { timeoutMs: TIMEOUT_MS });
  }

  /** The messages of the answer; throws where there is none. */
  async ask(to: number, message: OutMessage, ceremony = ''): Promise<readonly OutMessage[]> {
    const result = await this.send(to, message, ceremony);
    if (result.ok) return result.messages;
    throw new Error(`${message.type}: ${result.error}, ${result.rejection}, ${result.detail}`);
  }

  /** The bytes of an envelope whose every field may be told otherwise, signed by any session. */
  seal(to: number, fields: Partial<EnvelopeFields>, session: Session = this.session): Uint8Array {
    const plain: EnvelopeFields = {
      network: this.sessions.network,
      from: ATTACKER,
      to,
      boot: session.certificate.boot,
      ceremony: '',
      type: 'ping',
      seq: this.sessions.nextSequence(to),
      sent_at: this.now(),
      body: {},
      ...fields,
    };
    return sealEnvelope(plain, session.signer).bytes;
  }

  /** Posts any bytes with any session header; each request has a connection of its own. */
  async post(to: number, body: RawBody, header: string | null = this.sessions.header): Promise<RawAnswer> {
    const card = this.cards[to];
    if (card === undefined) throw new Error(`no card of operator ${to}`);
    const session = pinnedSession(this.tls, card.tls_certificate);
    try {
      const response = await session.fetch(`https://${card.address}${MESSAGES_PATH}`, {
        method: 'POST',
        body: body instanceof Uint8Array ? Buffer.from(body) : body,
        headers: header === null ? {} : { [SESSION_HEADER]: header },
        proxy: false,
      });
      const text = await response.text();
      if (response.status === 200) return { status: 200, rejected: null };
      const parsed: { readonly rejected?: string } = text.startsWith('{') ? JSON.parse(text) : {};
      return { status: response.status, rejected: parsed.rejected ?? null };
    } finally {
      session.close();
    }
  }

  /**
   * Opens a connection of its own, begins a request and never ends it. A raw socket, because the runtime's client makes
   * requests of one process wait for each other, and the honest nodes live in this one.
   */
  stall(to: number): Promise<TLSSocket> {
    const card = this.cards[to];
    const [host = '', port = ''] = (card?.address ?? '').split(':');
    const { facts, key } = this.tls;
    const socket = connect({ host, port: Number(port), cert: facts.pem, key, rejectUnauthorized: false });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        socket.on('error', () => {});
        socket.write(`POST ${MESSAGES_PATH} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 1000\r\n\r\n{`);
        resolve(socket);
      });
    });
  }

  /** Another start of the attacker, certified by its own identity key. */
  anotherBoot(issuedAt = Date.now()): Session {
    return bootOf(this.keyRing, this.sessions.network, issuedAt);
  }

  /** The attacker's own share of the dealt key. */
  owner(keyId: string, name: SchemeName): NonceOwner {
    const result = dealKeys()[ATTACKER];
    if (result === undefined) throw new Error('the attacker has a share');
    const { groupKey: key, signingShare } = name === 'bip340' ? result.bitcoin : result.attestation;
    return { scheme: name === 'bip340' ? bip340Scheme : ed25519Scheme, keyId, key, index: ATTACKER, signingShare };
  }

  async leave(): Promise<void> {
    await this.#listener.stop();
    this.client.close();
    this.keyRing.close();
  }
}

function bootOf(keyRing: KeyRing, network: string, now = Date.now()): Session {
  const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));
  const identity = keyRing.identity();
  return createSession({ identity, network, index: ATTACKER, boot: random(16), seed: random(32), now });
}

/** The header that carries a session's certificate. */
export function headerOf(session: Session): string {
  const { network, index: myIndex } = session.certificate;
  return new PeerSessions({ network, myIndex, session, peers: [] }).header;
}

/** A JSON value as it would arrive. */
export function asJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}
