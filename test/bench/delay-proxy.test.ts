// The proxy that stands for a slow network: what it must not do to the bytes.
import { afterEach, describe, expect, test } from 'bun:test';
import { type DelayProxy, startDelayProxy } from '../../bench/delay-proxy.ts';

const ONE_WAY_MS = 5;
const LARGE_BYTES = 3_000_000;
const open: { stop(force?: boolean): unknown }[] = [];

afterEach(() => {
  for (const server of open.splice(0)) server.stop(true);
});

function echoing(): number {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => new Response(await request.bytes()),
  });
  open.push(server);
  return server.port ?? 0;
}

function proxied(port: number): DelayProxy {
  const proxy = startDelayProxy(port, ONE_WAY_MS);
  open.push(proxy);
  return proxy;
}

const post = (port: number, body: Uint8Array<ArrayBuffer>) =>
  fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body }).then((answer) => answer.bytes());

describe('a delaying proxy', () => {
  test('hands on every byte in order, however many, in both directions', async () => {
    const body = crypto.getRandomValues(new Uint8Array(65_536));
    const large = new Uint8Array(LARGE_BYTES).map((_, i) => (i * 7 + (i >> 8)) & 0xff);
    const { port } = proxied(echoing());
    expect(Buffer.compare(await post(port, body), body)).toBe(0);
    expect(Buffer.compare(await post(port, large), large)).toBe(0);
  });

  test('keeps connections apart', async () => {
    const { port } = proxied(echoing());
    const bodies = Array.from({ length: 8 }, (_, i) => new Uint8Array(10_000).fill(i));
    const answers = await Promise.all(bodies.map((body) => post(port, body)));
    for (const [i, answer] of answers.entries()) expect(answer.every((byte) => byte === i)).toBe(true);
    expect(answers.map((answer) => answer.length)).toEqual(bodies.map((body) => body.length));
  });

  test('refuses where nobody listens behind it', async () => {
    const gone = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() });
    const port = gone.port ?? 0;
    await gone.stop(true);
    const failure = await post(proxied(port).port, new Uint8Array(1)).then(
      () => 'answered',
      () => 'refused',
    );
    expect(failure).toBe('refused');
  });

  test('ends a connection that the server ends', async () => {
    const server = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: {
        open(socket) {
          socket.end('over');
        },
        data() {},
      },
    });
    open.push(server);
    const ended = Promise.withResolvers<string>();
    let told = '';
    await Bun.connect({
      hostname: '127.0.0.1',
      port: proxied(server.port).port,
      socket: {
        data(_socket, chunk) {
          told += chunk.toString();
        },
        close: () => ended.resolve(told),
      },
    });
    expect(await ended.promise).toBe('over');
  });
});
