// What a node does among its peers, whatever carries the messages: signing, key ceremonies and the bridge over a
// `PeerClient`, and the one way in for what peers send.

import { isDkgMessage, MESSAGE_SCHEMAS, type Message, parseMessage } from '../ceremony/messages.ts';
import type { Json } from '../crypto/canonical-json.ts';
import type { Session } from '../crypto/identity.ts';
import { appendAudit } from '../store/audit-log.ts';
import { listRecipients } from '../store/recipients.ts';
import { Autopilot } from './autopilot.ts';
import type { Bridge } from './bridge/bridge.ts';
import { CertificateRotations } from './certificate-rotation.ts';
import { Scan } from './chain-state/scan.ts';
import { FinishedWork, tellFinished } from './deposits/attestation-exchange.ts';
import { Recipients } from './deposits/recipient-exchange.ts';
import { Follower } from './follower.ts';
import { TimelineExchange } from './incidents/timeline.ts';
import { Ceremonies } from './key-ceremonies/ceremonies.ts';
import type { OpenedNode } from './opened-node.ts';
import { LineExchange } from './payouts/line-exchange.ts';
import { TreasuryOpening } from './payouts/open-treasury.ts';
import { Vetoes } from './payouts/vetoes.ts';
import type { Incoming } from './peers/accept.ts';
import type { PeerClient } from './peers/deliver.ts';
import { type Pong, parseServiceMessage, SERVICE_MESSAGE_TYPES, type ServiceMessage } from './peers/messages.ts';
import type { OutMessage } from './peers/peer-reply.ts';
import type { PeerSessions } from './peers/peer-session.ts';
import type { TlsIdentity } from './peers/tls.ts';
import type { ProveTls } from './peers/tls-self-test.ts';
import { Heartbeat } from './rollback-guard/heartbeat.ts';
import { errorText } from './runtime/log.ts';
import { Signing } from './signing/signing.ts';
import { pauseStops } from './validation/pause-gate.ts';

/** How services reach the other nodes. `boot`: this process's boot id; `peers`: the indices of all others, now. */
export interface Link {
  readonly boot: string;
  readonly client: PeerClient;
  readonly peers: () => Iterable<number>;
  /** Absent only in tests of other parts: then the node takes its state for whole. */
  readonly guard?: GuardLink;
  /** Tries the node's certificate before a ceremony; absent where messages are carried otherwise. */
  readonly proveTls?: ProveTls;
  /** How the transport takes changed certificates; absent where messages are carried otherwise. */
  readonly certificates?: {
    readonly reloadPeers: () => Promise<void>;
    readonly replaceIdentity: (identity: TlsIdentity) => Promise<void>;
  };
}

/** What the state guard needs of the transport. */
export interface GuardLink {
  readonly session: Session;
  readonly identityKey: Uint8Array;
  readonly identityKeyOf: (index: number) => Uint8Array | null;
  readonly watch: Pick<PeerSessions, 'duplicateOf' | 'earlierHeardAgo'>;
  /** Time between two beats to a peer in ms, where it is not the network's usual one. */
  readonly intervalMs?: number;
}

/** The services of an unsealed node. */
export interface Services {
  readonly signing: Signing;
  readonly ceremonies: Ceremonies;
  readonly bridge: Bridge;
  readonly follower: Follower;
  readonly autopilot: Autopilot;
  readonly recipients: Recipients;
  readonly line: LineExchange;
  readonly treasury: TreasuryOpening;
  readonly timeline: TimelineExchange;
  readonly vetoes: Vetoes;
  readonly heartbeat: Heartbeat | null;
  /** Null where messages are not carried by TLS. */
  readonly certificates: CertificateRotations | null;
  /** Handles a message that was let through by `checkBody`; what it returns goes to the sender. */
  handle(message: Incoming): Promise<readonly OutMessage[]>;
  /** Stops everything that goes on by itself and forgets the nonces. */
  close(): Promise<void>;
}

/** How long a pong waits for the own Bitcoin nodes, in ms. */
const PONG_WAIT_MS = 1_500;
const ANNOUNCE_TIMEOUT_MS = 10_000;
const ANNOUNCE_TRIES = 3;
const ANNOUNCE_PAUSE_MS = 2_000;
const BEAT_INTERVAL_MS = { regtest: 2_000, other: 10_000 } as const;

/** Every message type that this node understands, as a request or in a reply. */
export const knownTypes: ReadonlySet<string> = new Set([...Object.keys(MESSAGE_SCHEMAS), ...SERVICE_MESSAGE_TYPES]);
// Every message of the key ceremony may come as a request; those below are answers alone.
const ANSWERS: ReadonlySet<string> = new Set([
  'nonces',
  'sign_response',
  'sign_refusal',
  'pong',
  'heartbeat_reply',
  'recipients',
  'finished',
  'line',
  'treasury_root',
  'card_answer',
  'timeline_answer',
  'veto_answer',
]);
/** The message types that may come as a request. */
export const requestTypes: ReadonlySet<string> = new Set([...knownTypes].filter((type) => !ANSWERS.has(type)));

/** Whether a body has the form of its type: null, or what is wrong. */
export function checkBody(type: string, body: Json): string | null {
  const service = parseServiceMessage(type, body);
  if (service === false) return `the body is not that of ${type}`;
  if (service !== null) return null;
  const parsed = parseMessage(type, body);
  return parsed.ok ? null : parsed.detail;
}

/** Starts the services. The key ring must be open. */
export function startServices(node: OpenedNode, link: Link): Services {
  const { config, store, keyRing, keys, bitcoin, wire, chain, validation } = node;
  const { effects, log, version } = node.input;
  const { boot, client } = link;
  const { myIndex } = config;
  const stopped = new AbortController();
  const announce = (message: OutMessage): void => announceToAll(node, link, message, stopped.signal);
  const heartbeat = link.guard === undefined ? null : startHeartbeat(node, client, link.guard);
  const guard = heartbeat;
  const signing = new Signing({
    myIndex,
    participants: config.parties,
    threshold: config.threshold,
    boot,
    keys,
    validation,
    client,
    effects,
    log,
    guard,
    paused: () => pauseStops(store.db),
    audit: (kind, body) => appendAudit(store.db, effects.now(), kind, body),
    ...(node.activity !== undefined && { activity: node.activity }),
  });
  const bridge = { config, db: store.db, keys, bitcoin, wire, chain, validation, signing, effects, log, announce };
  const ceremonies = new Ceremonies({ ...bridge, version, keyRing, client, proveTls: link.proveTls ?? null });
  const follower = new Follower(bridge);
  const scan = new Scan(bridge);
  const lookAgainFrom = (height: number): void => scan.lookAgainFrom(height);
  const recipients = new Recipients({ bridge, client, peers: link.peers, lookAgainFrom });
  const finished = new FinishedWork({ bridge, client, peers: link.peers });
  const line = new LineExchange({ bridge, client, peers: link.peers });
  const maySign = (): boolean => (guard?.maySign().ok ?? true) && pauseStops(store.db) === null;
  const treasury = new TreasuryOpening({ bridge, keyRing, maySign, client, peers: link.peers });
  const vetoes = new Vetoes({ bridge, client, peers: link.peers });
  const autopilot = new Autopilot(bridge, scan, { recipients, finished, line, treasury, vetoes });
  const certificates = rotationsOver(node, link);
  const timeline = new TimelineExchange({ ...bridge, client, peers: link.peers });
  const parts = {
    signing,
    ceremonies,
    bridge,
    follower,
    autopilot,
    recipients,
    line,
    treasury,
    timeline,
    vetoes,
    heartbeat,
    certificates,
  };
  return {
    ...parts,
    handle: (message) => dispatch(node, parts, message),
    async close() {
      stopped.abort();
      ceremonies.close();
      timeline.close();
      await autopilot.stop();
      await follower.settled();
      heartbeat?.close();
      signing.close();
    },
  };
}

function rotationsOver({ config, store, keyRing, input }: OpenedNode, link: Link): CertificateRotations | null {
  const { certificates: transport, client, peers } = link;
  if (transport === undefined) return null;
  const { effects, log } = input;
  return new CertificateRotations({ config, db: store.db, keyRing, client, peers, effects, log, ...transport });
}

type Handlers = Omit<Services, 'handle' | 'close'>;

async function dispatch(node: OpenedNode, services: Handlers, incoming: Incoming): Promise<readonly OutMessage[]> {
  const { from, ceremony, type, body } = incoming;
  const service = parseServiceMessage(type, body);
  if (service !== null && service !== false) return serve(node, services, from, service);
  const parsed = parseMessage(type, body);
  // checkBody has let it through already.
  if (!parsed.ok) throw new Error(`a message of type ${type} was let through unchecked`);
  const message: Message = parsed.message;
  if (isDkgMessage(message)) return services.ceremonies.hear(from, ceremony, message);
  return services.signing.answer(from, message);
}

async function serve(
  node: OpenedNode,
  { ceremonies, follower, autopilot, recipients, line, treasury, timeline, vetoes, heartbeat, certificates }: Handlers,
  from: number,
  message: ServiceMessage,
): Promise<readonly OutMessage[]> {
  switch (message.type) {
    case 'ping':
      return [{ type: 'pong', body: await pong(node) }];
    case 'announce_attestations':
      follower.take(from, message);
      return [];
    case 'announce_step':
      line.take(from, message.body);
      return [];
    case 'line_request':
      return [{ type: 'line', body: { ...line.answer(message.body) } }];
    case 'announce_request':
      autopilot.requests.take(from, message.body);
      return [];
    case 'announce_recipient':
      recipients.take(from, [message.body]);
      return [];
    case 'recipients_request':
      return [{ type: 'recipients', body: recipients.answer(message.body) }];
    case 'announce_proofs':
      ceremonies.takeProofs(message.body);
      return [];
    case 'proofs_request':
      return ceremonies.tellProofs(message.body.ceremony_id);
    case 'heartbeat':
      return heartbeat === null ? [] : [{ type: 'heartbeat_reply', body: heartbeat.answer(from, message.body) }];
    case 'finished_request':
      return [{ type: 'finished', body: { ...tellFinished(node.store.db, message.body) } }];
    case 'treasury_root_request':
      return [{ type: 'treasury_root', body: { ...(await treasury.answer(message.body)) } }];
    case 'announce_card':
      return certificates === null ? [] : [{ type: 'card_answer', body: certificates.take(from, message.body) }];
    case 'announce_timeline':
      return [{ type: 'timeline_answer', body: timeline.take(from, message.body) }];
    case 'announce_veto':
      return [{ type: 'veto_answer', body: { ...vetoes.take(from, message.body) } }];
    case 'pong':
    case 'timeline_answer':
    case 'veto_answer':
    case 'card_answer':
    case 'heartbeat_reply':
    case 'recipients':
    case 'finished':
    case 'line':
    case 'treasury_root':
      return [];
  }
}

// A Bitcoin node that hangs is no reason for a peer to think that this node does not answer.
async function pong(node: OpenedNode): Promise<Json> {
  const { effects, version } = node.input;
  const done = new AbortController();
  const late = { version, key_id: node.keys.live()?.keyId ?? null, bitcoin_height: null };
  const waited = effects.sleep(PONG_WAIT_MS, done.signal).then(() => late);
  const known = await Promise.race([facts(node), waited]);
  done.abort();
  return { ...known, now: node.input.effects.now(), sealed: node.keyRing.sealed };
}

async function facts(node: OpenedNode): Promise<Pick<Pong, 'version' | 'key_id' | 'bitcoin_height'>> {
  const bitcoin_height = await node.bitcoin.tip().then(
    ({ height }) => height,
    () => null,
  );
  return { version: node.input.version, key_id: node.keys.live()?.keyId ?? null, bitcoin_height };
}

function startHeartbeat(node: OpenedNode, client: PeerClient, guard: GuardLink): Heartbeat {
  const { config, store } = node;
  const { effects, log } = node.input;
  const { db } = store;
  const { myIndex, parties: participants, threshold, network } = config;
  const heartbeat = new Heartbeat({
    ...guard,
    ...{ db, client, effects, log },
    setup: { myIndex, participants, threshold },
    intervalMs: guard.intervalMs ?? (network === 'regtest' ? BEAT_INTERVAL_MS.regtest : BEAT_INTERVAL_MS.other),
    facts: async () => ({ ...(await facts(node)), recipients: listRecipients(db, { limit: 1 }).total }),
  });
  heartbeat.start();
  return heartbeat;
}

function announceToAll(node: OpenedNode, { client, peers }: Link, message: OutMessage, signal: AbortSignal): void {
  const { effects, log } = node.input;
  const tell = async (to: number): Promise<void> => {
    for (let attempt = 1; attempt <= ANNOUNCE_TRIES && !signal.aborted; attempt++) {
      const result = await client.send(to, { ceremony: '', ...message }, { timeoutMs: ANNOUNCE_TIMEOUT_MS, signal });
      if (result.ok) return;
      log('warn', 'announcement_not_delivered', { to, type: message.type, attempt, detail: result.detail });
      await effects.sleep(ANNOUNCE_PAUSE_MS * attempt, signal);
    }
  };
  for (const index of peers()) {
    tell(index).catch((error: unknown) => log('error', 'announcement_failed', { to: index, detail: errorText(error) }));
  }
}
