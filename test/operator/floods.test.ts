// Floods over real TLS: any number of hostile peers at once, and what is left to the honest one.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { connect, type TLSSocket } from 'node:tls';
import { PEER_MESSAGE_BYTES_MAX } from '../../crypto/envelope.ts';
import type { HttpsPeerClient } from '../../operator/peers/deliver.ts';
import { MESSAGES_PATH, SESSION_HEADER } from '../../operator/peers/peer-reply.ts';
import {
  PEER_BYTES_IN_FLIGHT_MAX,
  PEER_BYTES_RESERVED,
  PEER_REQUESTS_IN_FLIGHT_MAX,
  PEER_REQUESTS_RESERVED,
  RequestSlots,
  SHARED_BYTES_IN_FLIGHT_MAX,
  SHARED_REQUESTS_IN_FLIGHT_MAX,
} from '../../operator/peers/request-slots.ts';
import {
  boot,
  clientOf,
  headerOf,
  listen,
  makeNode,
  peerOf,
  type Running,
  sealPing,
  sessionsOf,
  type TestNode,
} from './tls-federation.ts';

const PEERS = 7;
const HONEST = PEERS;

let victim: TestNode;
let peers: readonly TestNode[];
let running: Running;
let honest: HttpsPeerClient;
let sockets: TLSSocket[];
let letGo: () => void;

beforeEach(async () => {
  victim = await makeNode(0);
  peers = await Promise.all(Array.from({ length: PEERS }, (_, i) => makeNode(i + 1)));
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  running = listen(victim, peers, {
    // What hostile peers ask takes for ever; what the honest one asks is answered at once.
    handle: async ({ from, body }) => {
      if (from !== HONEST) await held;
      return [{ type: 'pong', body }];
    },
  });
  const [node] = peers.slice(-1);
  if (node === undefined) throw new Error('there are peers');
  honest = clientOf(node, sessionsOf(node, [peerOf(victim, running.listener.port)]));
  sockets = [];
});
afterEach(async () => {
  letGo();
  honest.close();
  for (const socket of sockets) socket.destroy();
  await running.listener.stop();
});

const ping = () => honest.send(0, { ceremony: '', type: 'ping', body: { word: 'hello' } }, { timeoutMs: 20_000 });

// By bare sockets: the runtime's own client sends only so many requests at once.
function ask(node: TestNode, bytes: Uint8Array, header: string): Promise<void> {
  const { facts, key } = node.tls;
  const { port } = running.listener;
  const socket = connect({ host: '127.0.0.1', port, cert: facts.pem, key, rejectUnauthorized: false });
  sockets.push(socket);
  socket.on('error', () => {});
  socket.once('secureConnect', () => {
    const head = [`POST ${MESSAGES_PATH} HTTP/1.1`, 'host: victim', `${SESSION_HEADER}: ${header}`];
    socket.write(`${[...head, `content-length: ${bytes.length}`].join('\r\n')}\r\n\r\n`);
    socket.write(bytes);
  });
  return new Promise((resolve) => {
    socket.once('data', () => resolve());
    socket.once('close', () => resolve());
  });
}

/** All peers but the honest one ask as much as they can. Each request is held by the node, or answered, or its socket closed. */
async function flood(requests: number, word = 'hello'): Promise<{ readonly answered: Promise<unknown> }> {
  const answers: Promise<void>[] = [];
  let over = 0;
  for (const node of peers.slice(0, -1)) {
    const session = boot(node);
    for (let seq = 1; seq <= requests; seq++) {
      const asked = ask(node, sealPing(session, 0, { seq, body: { word } }), headerOf(session));
      answers.push(
        asked.then(() => {
          over += 1;
        }),
      );
    }
  }
  const settled = (): number => over + running.received.filter(({ from }) => from !== HONEST).length;
  for (let tries = 0; settled() < answers.length && tries < 4_000; tries++) await Bun.sleep(5);
  expect(settled()).toBeGreaterThanOrEqual(answers.length);
  return { answered: Promise.all(answers) };
}

describe('a flood from all other peers at once', () => {
  test('of requests that are never done leaves an honest peer its turns, again and again', async () => {
    const sent = await flood(PEER_REQUESTS_IN_FLIGHT_MAX + 8);
    for (let round = 0; round < 20; round++) expect(await ping()).toMatchObject({ ok: true });
    const together = await Promise.all(Array.from({ length: PEER_REQUESTS_RESERVED }, () => ping()));
    for (const answer of together) expect(answer).toMatchObject({ ok: true });
    expect(running.acceptor.rejections().filter(({ peer }) => peer === HONEST)).toEqual([]);
    const handled = running.received.filter(({ from }) => from !== HONEST).length;
    expect(handled).toBeLessThanOrEqual(SHARED_REQUESTS_IN_FLIGHT_MAX + (HONEST - 1) * PEER_REQUESTS_RESERVED);
    letGo();
    await sent.answered;
  }, 60_000);

  test('of the largest messages keeps no more of them in memory than each peer may have', async () => {
    const word = 'x'.repeat(PEER_MESSAGE_BYTES_MAX - 2_000);
    const sent = await flood(24, word);
    expect(await ping()).toMatchObject({ ok: true });
    const handled = running.received.filter(({ from }) => from !== HONEST).length;
    expect(handled).toBeLessThanOrEqual(((HONEST - 1) * PEER_BYTES_IN_FLIGHT_MAX) / (PEER_MESSAGE_BYTES_MAX / 2));
    letGo();
    await sent.answered;
  }, 60_000);
});

describe('the slots', () => {
  test('are bounded for each peer and for all, and come back when given back', () => {
    const slots = new RequestSlots();
    const taken: (() => void)[] = [];
    const fill = (peer: number): number => {
      for (let count = 0; ; count++) {
        const slot = slots.take(peer, 1);
        if (typeof slot === 'string') return count;
        taken.push(slot);
      }
    };
    const own = PEER_REQUESTS_IN_FLIGHT_MAX - PEER_REQUESTS_RESERVED;
    const greedy = Math.floor(SHARED_REQUESTS_IN_FLIGHT_MAX / own);
    for (let peer = 0; peer < greedy; peer++) expect(fill(peer)).toBe(PEER_REQUESTS_IN_FLIGHT_MAX);
    expect(fill(greedy)).toBe(PEER_REQUESTS_RESERVED + (SHARED_REQUESTS_IN_FLIGHT_MAX % own));
    for (let peer = greedy + 1; peer < 63; peer++) expect(fill(peer)).toBe(PEER_REQUESTS_RESERVED);
    for (const slot of taken) slot();
    expect(fill(5)).toBe(PEER_REQUESTS_IN_FLIGHT_MAX);
  });

  test('hold one message however large, and several up to what a peer may keep in memory', () => {
    const slots = new RequestSlots();
    expect(typeof slots.take(1, PEER_BYTES_IN_FLIGHT_MAX * 2)).toBe('function');
    expect(typeof slots.take(1, 1)).toBe('string');
    expect(typeof slots.take(2, PEER_BYTES_IN_FLIGHT_MAX)).toBe('function');
    expect(typeof slots.take(2, 1)).toBe('string');
  });

  test('hold no more bytes of all peers together than their reserves and a shared part, and each reserve is kept', () => {
    const slots = new RequestSlots();
    let bytes = 0;
    for (let peer = 0; peer < 63; peer++) {
      let taken = 0;
      while (typeof slots.take(peer, PEER_BYTES_RESERVED) !== 'string') taken += PEER_BYTES_RESERVED;
      expect(taken).toBeGreaterThanOrEqual(PEER_BYTES_RESERVED);
      bytes += taken;
    }
    expect(bytes).toBe(63 * PEER_BYTES_RESERVED + SHARED_BYTES_IN_FLIGHT_MAX);
    expect(typeof slots.take(63, PEER_BYTES_RESERVED)).toBe('function');
  });
});
