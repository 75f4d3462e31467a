// What a node does among its peers, whatever carries the messages: signing, key ceremonies and the bridge over a
// `PeerClient`, and the one way in for what peers send.

import { isDkgMessage, MESSAGE_SCHEMAS, type Message, parseMessage } from '../ceremony/messages.ts';
import type { Json } from '../crypto/canonical-json.ts';
import type { Incoming } from './accept.ts';
import type { Bridge } from './bridge.ts';
import { Ceremonies } from './ceremonies.ts';
import type { PeerClient } from './deliver.ts';
import { Follower } from './follow.ts';
import { errorText } from './log.ts';
import { parseServiceMessage, SERVICE_MESSAGE_TYPES, type ServiceMessage } from './messages.ts';
import type { Node } from './node.ts';
import type { OutMessage } from './peer-reply.ts';
import { Signing } from './signing.ts';

/** How services reach the other nodes. `boot`: this process's boot id; `peers`: the indices of all others, now. */
export interface Link {
  readonly boot: string;
  readonly client: PeerClient;
  readonly peers: () => Iterable<number>;
}

/** The services of an unsealed node. */
export interface Services {
  readonly signing: Signing;
  readonly ceremonies: Ceremonies;
  readonly bridge: Bridge;
  readonly follower: Follower;
  /** Handles a message that was let through by `checkBody`; what it returns goes to the sender. */
  handle(message: Incoming): Promise<readonly OutMessage[]>;
  /** Stops everything that goes on by itself and forgets the nonces. */
  close(): Promise<void>;
}

const ANNOUNCE_TIMEOUT_MS = 10_000;
const ANNOUNCE_TRIES = 3;
const ANNOUNCE_PAUSE_MS = 2_000;

/** Every message type that this node understands, as a request or in a reply. */
export const knownTypes: ReadonlySet<string> = new Set([...Object.keys(MESSAGE_SCHEMAS), ...SERVICE_MESSAGE_TYPES]);
// Every message of the key ceremony may come as a request; those below are answers alone.
const ANSWERS: ReadonlySet<string> = new Set(['nonces', 'sign_response', 'sign_refusal', 'pong']);
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
export function startServices(node: Node, link: Link): Services {
  const { config, store, keyRing, keys, bitcoin, wire, judge } = node;
  const { effects, log, version } = node.input;
  const { boot, client } = link;
  const { myIndex } = config;
  const stopped = new AbortController();
  const announce = (message: OutMessage): void => announceToAll(node, link, message, stopped.signal);
  const signing = new Signing({ myIndex, participants: config.parties, boot, keys, judge, client, effects, log });
  const bridge = { config, db: store.db, keys, bitcoin, wire, judge, signing, effects, log, announce };
  const ceremonies = new Ceremonies({ ...bridge, version, keyRing, client });
  const follower = new Follower(bridge);
  return {
    ...{ signing, ceremonies, bridge, follower },
    handle: (message) => dispatch(node, { signing, ceremonies, follower }, message),
    async close() {
      stopped.abort();
      ceremonies.close();
      await follower.settled();
      signing.close();
    },
  };
}

type Handlers = Pick<Services, 'signing' | 'ceremonies' | 'follower'>;

async function dispatch(node: Node, services: Handlers, incoming: Incoming): Promise<readonly OutMessage[]> {
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
  node: Node,
  { ceremonies, follower }: Handlers,
  from: number,
  message: ServiceMessage,
): Promise<readonly OutMessage[]> {
  switch (message.type) {
    case 'ping':
      return [{ type: 'pong', body: await pong(node) }];
    case 'announce_attestation':
    case 'announce_payout':
      follower.take(from, message);
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

function announceToAll(node: Node, { client, peers }: Link, message: OutMessage, signal: AbortSignal): void {
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
