// The unsealed half of a node: its session, the listener and client of the peer protocol, and the services behind them.

import { isDkgMessage, MESSAGE_SCHEMAS, type Message, parseMessage } from '../ceremony/messages.ts';
import { toHex } from '../crypto/bytes.ts';
import type { Json } from '../crypto/canonical-json.ts';
import { createSession } from '../crypto/identity.ts';
import { Acceptor, type Incoming } from './accept.ts';
import type { Bridge } from './bridge.ts';
import { Ceremonies } from './ceremonies.ts';
import { CommandError } from './command-error.ts';
import { HttpsPeerClient } from './deliver.ts';
import { ensureOwnCard, listCards, peersOf } from './federation.ts';
import { Follower } from './follow.ts';
import { errorText } from './log.ts';
import { parseServiceMessage, SERVICE_MESSAGE_TYPES, type ServiceMessage } from './messages.ts';
import type { Node } from './node.ts';
import type { OutMessage } from './peer-reply.ts';
import { PeerSessions } from './peer-session.ts';
import { Signing } from './signing.ts';
import { loadTlsIdentity, type TlsIdentity } from './tls.ts';

/** The peer listener, as the operator layer sees it. */
export interface Gate {
  /** `host:port` it listens on. */
  readonly address: string;
  replacePeers(certificates: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the peer listener for the holders of these certificates (PEM). */
export type OpenGate = (input: {
  readonly acceptor: Acceptor;
  readonly identity: TlsIdentity;
  readonly hostname: string;
  readonly port: number;
  readonly peerCertificates: readonly string[];
}) => Gate;

/** A node among its peers. */
export interface Online {
  readonly boot: string;
  readonly sessions: PeerSessions;
  readonly acceptor: Acceptor;
  readonly client: HttpsPeerClient;
  readonly gate: Gate;
  readonly signing: Signing;
  readonly ceremonies: Ceremonies;
  readonly bridge: Bridge;
  readonly follower: Follower;
  /** Takes the peers of the stored operator cards. */
  reloadPeers(): Promise<void>;
  close(): Promise<void>;
}

const BOOT_BYTES = 16;
const ANNOUNCE_TIMEOUT_MS = 10_000;
const ANNOUNCE_TRIES = 3;
const ANNOUNCE_PAUSE_MS = 2_000;
const FOLLOW_INTERVAL_MS = { regtest: 500, other: 10_000 } as const;

/** Opens session, listener and services. The key ring must be open. */
export async function goOnline(node: Node): Promise<Online> {
  const { config, store, keyRing, keys, bitcoin, wire, judge } = node;
  const { effects, log, version, openGate } = node.input;
  const now = (): number => effects.now();
  const tls = await loadTlsIdentity(config.tlsCertPath, config.tlsKeyPath, now());
  if (!tls.ok) throw new CommandError('tls', tls.detail);
  ensureOwnCard(config, store.db, keyRing, tls.identity.facts.pem, now());
  const peers = () => peersOf(listCards(store.db), config.myIndex);
  const boot = effects.random(BOOT_BYTES);
  const identity = keyRing.identity();
  const { network, myIndex } = config;
  const session = createSession({ identity, network, index: myIndex, boot, seed: effects.random(32), now: now() });
  const sessions = new PeerSessions({ network, myIndex, session, peers: peers() });
  const stopped = new AbortController();

  const client = new HttpsPeerClient({ sessions, tls: tls.identity, knownTypes, checkBody, now });
  const announce = (message: OutMessage): void => announceToAll(node, client, sessions, message, stopped.signal);
  const base = { myIndex, participants: config.parties, boot: toHex(boot), keys, judge, client, effects, log };
  const signing = new Signing(base);
  const bridge = { config, db: store.db, keys, bitcoin, wire, judge, signing, effects, log, announce };
  const ceremonies = new Ceremonies({ ...bridge, version, keyRing, client });
  const follower = new Follower(bridge);
  const handle = (message: Incoming) => dispatch(node, { signing, ceremonies, follower }, message);
  const onFault = (error: unknown, { from, type }: Incoming): void =>
    log('error', 'message_failed', { from, type, detail: errorText(error) });
  const acceptor = new Acceptor({ sessions, knownTypes: requestTypes, checkBody, handle, now, onFault });
  const certificates = () => peers().map((peer) => peer.certificate);
  const { host: hostname, port } = config.listenAddress;
  const gate = openGate({ acceptor, identity: tls.identity, hostname, port, peerCertificates: certificates() });
  const interval = network === 'regtest' ? FOLLOW_INTERVAL_MS.regtest : FOLLOW_INTERVAL_MS.other;
  const timer = setInterval(() => void follower.round(), interval);

  return {
    ...{ boot: toHex(boot), sessions, acceptor, client, gate, signing, ceremonies, bridge, follower },
    async reloadPeers() {
      sessions.replacePeers(peers());
      await gate.replacePeers(certificates());
    },
    async close() {
      stopped.abort();
      clearInterval(timer);
      ceremonies.close();
      await gate.stop();
      await follower.settled();
      client.close();
      signing.close();
    },
  };
}

const knownTypes: ReadonlySet<string> = new Set([...Object.keys(MESSAGE_SCHEMAS), ...SERVICE_MESSAGE_TYPES]);
// Every message of the key ceremony may come as a request; those below are answers alone.
const ANSWERS: ReadonlySet<string> = new Set(['nonces', 'sign_response', 'sign_refusal', 'pong']);
const requestTypes: ReadonlySet<string> = new Set([...knownTypes].filter((type) => !ANSWERS.has(type)));

function checkBody(type: string, body: Json): string | null {
  const service = parseServiceMessage(type, body);
  if (service === false) return `the body is not that of ${type}`;
  if (service !== null) return null;
  const parsed = parseMessage(type, body);
  return parsed.ok ? null : parsed.detail;
}

interface Services {
  readonly signing: Signing;
  readonly ceremonies: Ceremonies;
  readonly follower: Follower;
}

async function dispatch(node: Node, services: Services, incoming: Incoming): Promise<readonly OutMessage[]> {
  const { from, ceremony, type, body } = incoming;
  const service = parseServiceMessage(type, body);
  if (service !== null && service !== false) return serve(node, services, service);
  const parsed = parseMessage(type, body);
  // checkBody has let it through already.
  if (!parsed.ok) throw new Error(`a message of type ${type} was let through unchecked`);
  const message: Message = parsed.message;
  if (isDkgMessage(message)) return services.ceremonies.hear(from, ceremony, message);
  return services.signing.answer(from, message);
}

async function serve(
  node: Node,
  { ceremonies, follower }: Services,
  message: ServiceMessage,
): Promise<readonly OutMessage[]> {
  switch (message.type) {
    case 'ping':
      return [{ type: 'pong', body: await pong(node) }];
    case 'announce_attestation':
    case 'announce_payout':
      follower.take(message);
      return [];
    case 'announce_proofs':
      ceremonies.takeProofs(message.body);
      return [];
    case 'pong':
      return [];
  }
}

async function pong(node: Node): Promise<Json> {
  const { version, effects } = node.input;
  const height = await node.bitcoin.tip().then(
    (tip) => tip.height,
    () => null,
  );
  const key_id = node.keys.live()?.keyId ?? null;
  return { version, now: effects.now(), sealed: node.keyRing.sealed, key_id, bitcoin_height: height };
}

function announceToAll(
  node: Node,
  client: HttpsPeerClient,
  sessions: PeerSessions,
  message: OutMessage,
  signal: AbortSignal,
): void {
  const { effects, log } = node.input;
  const tell = async (to: number): Promise<void> => {
    for (let attempt = 1; attempt <= ANNOUNCE_TRIES && !signal.aborted; attempt++) {
      const result = await client.send(to, { ceremony: '', ...message }, { timeoutMs: ANNOUNCE_TIMEOUT_MS, signal });
      if (result.ok) return;
      log('warn', 'announcement_not_delivered', { to, type: message.type, attempt, detail: result.detail });
      await effects.sleep(ANNOUNCE_PAUSE_MS * attempt, signal);
    }
  };
  for (const index of sessions.indices()) {
    tell(index).catch((error: unknown) => log('error', 'announcement_failed', { to: index, detail: errorText(error) }));
  }
}
