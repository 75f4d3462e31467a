// The unsealed half of a node: its session, the listener and client of the peer protocol, and the services behind them.

import { finishRotation, previousByIndex } from './certificate-rotation.ts';
import type { Gate, OpenedNode } from './opened-node.ts';
import { FeeQuotes } from './payouts/fee-quotes.ts';
import { Acceptor, type Incoming } from './peers/accept.ts';
import { HttpsPeerClient } from './peers/deliver.ts';
import { addressConflicts, ensureOwnCard, listCards, peersOf } from './peers/federation.ts';
import { certificatesOf, PeerSessions } from './peers/peer-session.ts';
import { newSession } from './peers/session.ts';
import type { TlsIdentity } from './peers/tls.ts';
import { provenTlsIdentity, proveTlsIdentity } from './peers/tls-self-test.ts';
import { errorText } from './runtime/log.ts';
import { checkBody, knownTypes, requestTypes, type Services, startServices } from './services.ts';

/** A node among its peers. */
export interface Online extends Omit<Services, 'handle'> {
  readonly boot: string;
  readonly sessions: PeerSessions;
  readonly acceptor: Acceptor;
  readonly client: HttpsPeerClient;
  readonly gate: Gate;
  /** What the public is told that a burn should bear. */
  readonly quotes: FeeQuotes;
  /** Takes the peers of the stored operator cards. */
  reloadPeers(): Promise<void>;
}

const FOLLOW_INTERVAL_MS = { regtest: 500, other: 10_000 } as const;

/** Opens session, listener and services. The key ring must be open. */
export async function goOnline(node: OpenedNode): Promise<Online> {
  const { config, store, keyRing } = node;
  const { effects, log, openGate } = node.input;
  const now = (): number => effects.now();
  await finishRotation(config, store.db, now());
  const tls = await provenTlsIdentity(config, now());
  ensureOwnCard(config, store.db, keyRing, tls.facts.pem, now());
  for (const conflict of addressConflicts(config, listCards(store.db)))
    log('warn', 'addresses_differ', { ...conflict });
  const peers = () => peersOf(listCards(store.db), config.myIndex, previousByIndex(store.db, now()));
  const { network, myIndex } = config;
  const session = newSession({ identity: keyRing.identity(), network, index: myIndex }, store.db, effects);
  const { boot } = session.certificate;
  const sessions = new PeerSessions({ network, myIndex, session, peers: peers(), elapsed: () => effects.monotonic() });
  const client = new HttpsPeerClient({ sessions, tls, knownTypes, checkBody, now });
  let gate: Gate | null = null;
  const reloadPeers = async (): Promise<void> => {
    sessions.replacePeers(peers());
    await gate?.replacePeers(certificates());
  };
  const replaceIdentity = async (identity: TlsIdentity): Promise<void> => {
    client.replaceIdentity(identity);
    await gate?.replaceIdentity(identity);
  };
  const services = startServices(node, {
    certificates: { reloadPeers, replaceIdentity },
    ...{ boot, client, peers: () => sessions.indices(), proveTls: proveTlsIdentity },
    guard: {
      ...{ session, identityKey: keyRing.identity().publicKey, watch: sessions },
      identityKeyOf: (index) => sessions.peer(index)?.identityKey ?? null,
    },
  });
  const onFault = (error: unknown, { from, type }: Incoming): void =>
    log('error', 'message_failed', { from, type, detail: errorText(error) });
  const { handle } = services;
  const acceptor = new Acceptor({ sessions, knownTypes: requestTypes, checkBody, handle, now, onFault });
  const certificates = () => peers().flatMap(certificatesOf);
  const { host: hostname, port } = config.listenAddress;
  try {
    gate = openGate({ acceptor, identity: tls, hostname, port, peerCertificates: certificates() });
  } catch (error) {
    await services.close();
    client.close();
    throw error;
  }
  const quotes = new FeeQuotes(services.bridge, session);
  const interval = network === 'regtest' ? FOLLOW_INTERVAL_MS.regtest : FOLLOW_INTERVAL_MS.other;
  const stopFollowing = effects.every(interval, () => {
    void services.follower.round();
    void services.autopilot.round();
    void node.wireWatch?.look();
    void services.certificates?.round();
    void services.timeline.round();
    if (config.publicAddress !== null) void quotes.round();
    void node.selfWatch?.look();
  });

  return {
    ...services,
    ...{ boot, sessions, acceptor, client, gate, quotes },
    reloadPeers,
    async close() {
      stopFollowing();
      await gate.stop();
      await services.close();
      client.close();
    },
  };
}
