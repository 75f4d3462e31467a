// The sending end over real TLS: the pin, the deadline, and that a reply is believed only when it answers this request.
import { afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { PEER_MESSAGE_BYTES_MAX } from '../../crypto/envelope.ts';
import type { Session } from '../../crypto/identity.ts';
import type { HttpsPeerClient, SendResult } from '../../operator/peers/deliver.ts';
import { SESSION_HEADER } from '../../operator/peers/peer-reply.ts';
import { listenForPeers, type PeerListener } from '../../routes/listen.ts';
import {
  answering,
  boot,
  clientOf,
  listen,
  makeNode,
  opensslCertificate,
  peerOf,
  type Running,
  sessionsOf,
  type TestNode,
} from './tls-federation.ts';

let alpha: TestNode;
let beta: TestNode;
let gamma: TestNode;
const stops: (() => Promise<unknown> | undefined)[] = [];

beforeAll(async () => {
  [alpha, beta, gamma] = await Promise.all([makeNode(0), makeNode(1), makeNode(2)]);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function started(options: Parameters<typeof listen>[2] = {}, node = alpha): Running {
  const running = listen(node, [beta], options);
  stops.push(() => running.listener.stop());
  return running;
}

function clientTo(port: number, node = alpha, session?: Session): HttpsPeerClient {
  const client = clientOf(beta, sessionsOf(beta, [peerOf(node, port)], session));
  stops.unshift(async () => client.close());
  return client;
}

const ping = (client: HttpsPeerClient, word = 'x', timeoutMs = 10_000): Promise<SendResult> =>
  client.send(0, { ceremony: 'ceremony-1', type: 'ping', body: { word } }, { timeoutMs });

describe('a message', () => {
  test('comes back as the messages of a verified reply, with the clock and boot of the peer', async () => {
    const receiver = started();
    const client = clientTo(receiver.listener.port);
    const result = await ping(client, 'hello');
    expect(result).toMatchObject({
      ok: true,
      messages: [{ type: 'pong', body: { word: 'hello' } }],
      boot: receiver.sessions.session.certificate.boot,
    });
    expect(receiver.received[0]).toMatchObject({ from: 1, ceremony: 'ceremony-1' });
    expect(client.linkStates()).toMatchObject([{ index: 0, delivered: 1, lastFailure: null }]);
  });

  test('sent fifty times at once is handled fifty times, each reply with its own request', async () => {
    const receiver = started();
    const client = clientTo(receiver.listener.port);
    const words = Array.from({ length: 50 }, (_, i) => `word ${i}`);
    const results = await Promise.all(words.map((word) => ping(client, word)));
    expect(results.map((result) => result.ok && result.messages[0]?.body)).toEqual(words.map((word) => ({ word })));
    expect(receiver.acceptor.rejections()).toEqual([]);
  });

  test('finds a peer again that was restarted, with another boot, on the same port', async () => {
    const receiver = started({ session: boot(alpha, Date.now() - 1000) });
    const { port } = receiver.listener;
    const client = clientTo(port);
    expect((await ping(client)).ok).toBe(true);
    await receiver.listener.stop();
    const detail = `nothing answers at 127.0.0.1:${port}: that node does not run, or it is sealed (ECONNREFUSED)`;
    expect(await ping(client)).toMatchObject({ ok: false, error: 'unreachable', detail });
    expect(client.linkStates()[0]?.failed.unreachable).toBe(1);
    const again = listen(alpha, [beta]);
    await again.listener.stop();
    const fetch = peerFetch(again);
    const identity = alpha.tls;
    const peerCertificates = [beta.tls.facts.pem];
    const listener = listenForPeers({ hostname: '127.0.0.1', port, identity, peerCertificates, fetch });
    stops.push(() => listener.stop());
    expect(await ping(client)).toMatchObject({ ok: true, boot: again.sessions.session.certificate.boot });
    expect(client.linkStates()[0]).toMatchObject({ delivered: 2, lastFailure: null });
  });

  test('to an index without a card is unreachable', async () => {
    const client = clientTo(1);
    const sent = client.send(7, { ceremony: '', type: 'ping', body: { word: 'x' } }, { timeoutMs: 1000 });
    expect(await sent).toMatchObject({ ok: false, error: 'unreachable' });
  });

  test('that no peer would take is a mistake of the caller', async () => {
    const client = clientTo(1);
    await expect(ping(client, 'x'.repeat(PEER_MESSAGE_BYTES_MAX))).rejects.toThrow();
  });

  test('that the peer rejects gives its reason as a hint, and of clocks that differ what the peer’s says', async () => {
    const receiver = started({ now: () => Date.now() + 120_000 });
    const client = clientTo(receiver.listener.port);
    const result = await ping(client);
    expect(result).toMatchObject({ ok: false, error: 'rejected', rejection: 'clock_skew' });
    expect(Math.abs((result.peerTime ?? 0) - Date.now() - 120_000)).toBeLessThan(20_000);
    expect(client.linkStates()[0]?.lastFailure).toContain('clocks differ');
  });

  test('to a node that has no card of this one is unreachable, for its gate is shut', async () => {
    const running = listen(alpha, [gamma]);
    stops.push(() => running.listener.stop());
    const result = await ping(clientTo(running.listener.port));
    expect(result).toMatchObject({ ok: false, error: 'unreachable' });
    expect(result.ok ? '' : result.detail).toMatch(
      /^127\.0\.0\.1:\d+ closed the connection; it probably lacks this node's card/,
    );
  });
});

function peerFetch({ acceptor }: Running): (request: Request) => Promise<Response> {
  return async (request) => {
    const verdict = await acceptor.accept(await request.bytes(), request.headers.get(SESSION_HEADER));
    if (!verdict.ok) throw new Error(verdict.reason);
    return new Response(Buffer.from(verdict.bytes), { headers: { [SESSION_HEADER]: acceptor.header } });
  };
}

describe('the pin', () => {
  test('refuses a peer whose certificate is not the one on its card', async () => {
    const swapped = { ...alpha, tls: gamma.tls };
    const running = started({}, swapped);
    const result = await ping(clientTo(running.listener.port));
    expect(result).toMatchObject({ ok: false, error: 'unreachable' });
    expect(result.ok ? '' : result.detail).toContain('shows another certificate than the one on its operator card');
    expect(running.received).toEqual([]);
  });

  test('takes effect for a replaced card without a restart', async () => {
    const swapped = { ...alpha, tls: gamma.tls };
    const running = started({}, swapped);
    const sessions = sessionsOf(beta, [peerOf(alpha, running.listener.port)]);
    const client = clientOf(beta, sessions);
    expect((await ping(client)).ok).toBe(false);
    sessions.replacePeers([peerOf(swapped, running.listener.port)]);
    expect((await ping(client)).ok).toBe(true);
    sessions.replacePeers([peerOf(alpha, running.listener.port)]);
    expect((await ping(client)).ok).toBe(false);
    client.close();
  });

  test.skipIf(Bun.which('openssl') === null)(
    'refuses a certificate that the pinned one has issued, though the chain verifies',
    async () => {
      const directory = await mkdtemp(`${tmpdir()}/pin-`);
      const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
      const root = await opensslCertificate(directory, [...p256, '-subj', '/CN=root']);
      await Bun.write(`${directory}/root.pem`, root.certificate);
      await Bun.write(`${directory}/root.key`, root.key);
      const issued = ['-CA', `${directory}/root.pem`, '-CAkey', `${directory}/root.key`];
      const leaf = await opensslCertificate(directory, [...p256, ...issued, '-subj', '/CN=leaf']);
      const [honest, liar] = [await makeNode(0, root), await makeNode(0, leaf)];
      const client = clientTo(started({}, { ...honest, tls: liar.tls }).listener.port, honest);
      const result = await ping(client);
      expect(result).toMatchObject({ ok: false, error: 'unreachable' });
      expect(result.ok ? '' : result.detail).toContain('another certificate');
      const control = clientTo(started({}, honest).listener.port, honest);
      expect((await ping(control)).ok).toBe(true);
      await rm(directory, { recursive: true, force: true });
    },
  );
});

describe('the deadline', () => {
  test('ends the wait for a handler that does not finish', async () => {
    let release = (): void => {};
    const gate = new Promise<readonly []>((resolve) => {
      release = () => resolve([]);
    });
    const receiver = started({ handle: () => gate });
    expect(await ping(clientTo(receiver.listener.port), 'x', 200)).toMatchObject({ ok: false, error: 'timeout' });
    release();
  });

  test('ends the wait for a reply that begins and never ends', async () => {
    const listener = liar(() => new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(10)) })));
    expect(await ping(clientTo(listener.port), 'x', 200)).toMatchObject({ ok: false, error: 'timeout' });
  });

  test('ends the wait for a peer that accepts the connection and says nothing', async () => {
    const silent: Server = createServer(() => {});
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, '127.0.0.1', () => {
        const address = silent.address();
        resolve(address !== null && typeof address === 'object' ? address.port : 0);
      });
    });
    expect(await ping(clientTo(port), 'x', 200)).toMatchObject({ ok: false, error: 'timeout' });
    silent.close();
  });

  test('is not awaited once the caller gives up', async () => {
    const listener = liar(() => new Promise<Response>(() => {}));
    const client = clientTo(listener.port);
    const giveUp = new AbortController();
    const message = { ceremony: '', type: 'ping', body: { word: 'x' } };
    const sent = client.send(0, message, { timeoutMs: 60_000, signal: giveUp.signal });
    giveUp.abort();
    expect(await sent).toMatchObject({ ok: false, error: 'timeout' });
  });
});

function liar(fetch: (request: Request) => Response | Promise<Response>): PeerListener {
  const listener = answering(alpha, beta, fetch);
  // Its requests may hang for ever, so nobody waits for the listener to finish them.
  stops.push(() => void listener.stop());
  return listener;
}
