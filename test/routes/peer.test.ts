// The peer endpoints as an HTTP application: paths, statuses, limits of time and number.
import { afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { PEER_MESSAGE_BYTES_MAX } from '../../crypto/envelope.ts';
import { verifySessionCertificate } from '../../crypto/identity.ts';
import { Acceptor } from '../../operator/peers/accept.ts';
import { type OutMessage, SESSION_HEADER } from '../../operator/peers/peer-reply.ts';
import { READS_IN_FLIGHT_MAX } from '../../operator/peers/read-slots.ts';
import { PEER_REQUESTS_RESERVED, SHARED_REQUESTS_IN_FLIGHT_MAX } from '../../operator/peers/request-slots.ts';
import { pinnedSession } from '../../operator/peers/tls.ts';
import { peerRoutes } from '../../routes/peer.ts';
import {
  boot,
  checkBody,
  headerOf,
  KNOWN_TYPES,
  listen,
  makeNode,
  NETWORK,
  peerOf,
  type Running,
  sealPing,
  sessionsOf,
  type TestNode,
} from '../operator/tls-federation.ts';

let alpha: TestNode;
let beta: TestNode;
let running: Running | null = null;

beforeAll(async () => {
  [alpha, beta] = await Promise.all([makeNode(0), makeNode(1)]);
});
afterEach(async () => {
  await running?.listener.stop();
  running = null;
});

describe('over TLS', () => {
  test('GET /v1/session gives a session certificate that the identity key signed', async () => {
    running = listen(alpha, [beta]);
    using session = pinnedSession(beta.tls, alpha.tls.facts.pem);
    const response = await session.fetch(`https://127.0.0.1:${running.listener.port}/v1/session`);
    const expected = { identityKey: alpha.identity.publicKey, network: NETWORK, index: 0 };
    expect(verifySessionCertificate(await response.json(), expected)).toMatchObject({ ok: true });
  });

  test.each([
    ['GET', '/v1/messages'],
    ['POST', '/v1/session'],
    ['GET', '/'],
    ['GET', '/admin'],
  ])('%s %s is not there', async (method, path) => {
    running = listen(alpha, [beta]);
    using session = pinnedSession(beta.tls, alpha.tls.facts.pem);
    const response = await session.fetch(`https://127.0.0.1:${running.listener.port}${path}`, { method });
    expect(response.status).toBe(404);
    expect(running.acceptor.rejections()).toEqual([]);
  });

  test('a message that trickles in past its deadline is given up and counted', async () => {
    running = listen(alpha, [beta], { bodyMsMax: 100 });
    using session = pinnedSession(beta.tls, alpha.tls.facts.pem);
    const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(new Uint8Array(10)) });
    const url = `https://127.0.0.1:${running.listener.port}/v1/messages`;
    const response = await session.fetch(url, { method: 'POST', body });
    expect(response.status).toBe(400);
    expect(running.acceptor.rejections()).toEqual([{ reason: 'malformed', peer: null, count: 1 }]);
  });
});

describe('without TLS in between', () => {
  const request = (bytes: Uint8Array, header: string): Request =>
    new Request('http://peer/v1/messages', {
      method: 'POST',
      body: Buffer.from(bytes),
      headers: { [SESSION_HEADER]: header },
    });

  test('a reply carries the session certificate of the node that gives it', async () => {
    const sessions = sessionsOf(alpha, [peerOf(beta)]);
    const app = peerRoutes(acceptorOf(sessions, async () => []));
    const session = boot(beta);
    const response = await app.request(request(sealPing(session, 0), headerOf(session)));
    expect(response.status).toBe(200);
    expect(response.headers.get(SESSION_HEADER)).toBe(sessions.header);
  });

  test('a message that announces too great a length is refused before any of it has come', async () => {
    const acceptor = acceptorOf(sessionsOf(alpha, [peerOf(beta)]), async () => []);
    const response = await peerRoutes(acceptor).request('http://peer/v1/messages', {
      method: 'POST',
      body: new ReadableStream<Uint8Array>({}),
      headers: { 'content-length': `${PEER_MESSAGE_BYTES_MAX + 1}` },
    });
    expect(response.status).toBe(413);
    expect(acceptor.rejections()).toEqual([{ reason: 'too_large', peer: null, count: 1 }]);
  });

  test('beyond the number of messages that are read at once, the one that takes longest makes room', async () => {
    const held: ReadableStreamDefaultController<Uint8Array>[] = [];
    const app = peerRoutes(acceptorOf(sessionsOf(alpha, [peerOf(beta)]), async () => []));
    const slow = Array.from({ length: READS_IN_FLIGHT_MAX }, (_, i) => {
      const body = new ReadableStream<Uint8Array>({ start: (controller) => void held.push(controller) });
      return app.fetch(new Request('http://alpha/v1/messages', { method: 'POST', body }), { address: `10.0.0.${i}` });
    });
    const session = boot(beta);
    const honest = await app.request(request(sealPing(session, 0), headerOf(session)));
    expect(honest.status).toBe(200);
    expect(await (await slow[0])?.json()).toMatchObject({ rejected: 'busy' });
    for (const controller of held.slice(1)) controller.close();
    const rest = await Promise.all(slow.slice(1));
    expect(new Set(rest.map(({ status }) => status))).toEqual(new Set([400]));
  });

  test('beyond the number of requests in flight the node says busy, and serves again when they are done', async () => {
    let release = (): void => {};
    const gate = new Promise<readonly OutMessage[]>((resolve) => {
      release = () => resolve([]);
    });
    const peers = await Promise.all(Array.from({ length: 5 }, (_, i) => makeNode(i + 1, certificateOf(beta))));
    const sessions = sessionsOf(
      alpha,
      peers.map((peer) => peerOf(peer)),
    );
    let handled = 0;
    const handle = (): Promise<readonly OutMessage[]> => {
      handled += 1;
      return gate;
    };
    const app = peerRoutes(acceptorOf(sessions, handle));
    const boots = peers.map((peer) => boot(peer));
    const send = async (i: number): Promise<number> => {
      const session = boots[i % boots.length];
      if (session === undefined) throw new Error('no such peer');
      const ping = request(sealPing(session, 0, { seq: i + 1 }), headerOf(session));
      return (await app.fetch(ping, { address: `10.0.0.${i % boots.length}` })).status;
    };
    const most = SHARED_REQUESTS_IN_FLIGHT_MAX + boots.length * PEER_REQUESTS_RESERVED;
    const all = Array.from({ length: most }, (_, i) => send(i));
    while (handled < most) await Bun.sleep(1);
    expect(await send(most)).toBe(503);
    release();
    expect(new Set(await Promise.all(all))).toEqual(new Set([200]));
    expect(await send(most + 1)).toBe(200);
  });
});

function certificateOf(node: TestNode): { readonly certificate: string; readonly key: string } {
  return { certificate: node.tls.facts.pem, key: node.tls.key };
}

function acceptorOf(sessions: ReturnType<typeof sessionsOf>, handle: () => Promise<readonly OutMessage[]>): Acceptor {
  const onFault = (error: unknown): void => {
    throw error;
  };
  return new Acceptor({ sessions, knownTypes: KNOWN_TYPES, checkBody, handle, now: Date.now, onFault });
}
