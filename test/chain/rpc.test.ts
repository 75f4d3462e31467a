// The JSON-RPC client against a server that behaves as a node may.
import { afterEach, describe, expect, test } from 'bun:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import {
  assertNetwork,
  type BitcoinRpcError,
  createBitcoinRpc,
  type RetryPolicy,
  RPC_RESPONSE_BYTES_MAX,
  type RpcCredentials,
} from '../../chain/rpc.ts';

const USER = 'alice:s3cret-pässword';
const QUICK: RetryPolicy = { attemptsMax: 3, delayBaseMs: 1, delayMaxMs: 2, jitter: () => 0 };
const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

type Item = { id: number; method: string; params: unknown[] };

function server(answer: (items: Item[], request: Request) => Response | Promise<Response>) {
  const running = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => answer(z.array(z.custom<Item>()).parse(await request.json()), request),
  });
  endings.push(() => running.stop(true));
  return `http://127.0.0.1:${running.port}`;
}

async function credentialsFile(text: string) {
  const dir = await mkdtemp(join(tmpdir(), 'mpc-rpc-'));
  endings.push(() => rm(dir, { recursive: true }));
  const path = join(dir, '.cookie');
  await writeFile(path, text);
  return { kind: 'file', path } satisfies RpcCredentials;
}

const results = (items: Item[], value: unknown) => Response.json(items.map(({ id }) => ({ id, result: value })));

async function client(url: string, timeoutMs = 2_000) {
  return createBitcoinRpc({ url, credentials: await credentialsFile(USER), timeoutMs, retry: QUICK });
}

async function fault(promise: Promise<unknown>): Promise<BitcoinRpcError> {
  return promise.then(
    () => {
      throw new Error('the call should have failed');
    },
    (error) => error,
  );
}

describe('the bitcoin RPC client', () => {
  test('sends the credentials of a file, a password file or the environment in the header alone', async () => {
    const seen: string[] = [];
    const url = server((items, request) => {
      seen.push(`${request.url} ${request.headers.get('authorization')}`);
      return results(items, 1);
    });
    const [user = '', password = ''] = USER.split(':');
    process.env['MPC_TEST_RPC_USER'] = user;
    process.env['MPC_TEST_RPC_PASSWORD'] = password;
    const credentials = {
      kind: 'environment',
      userVariable: 'MPC_TEST_RPC_USER',
      passwordVariable: 'MPC_TEST_RPC_PASSWORD',
    } as const;
    await createBitcoinRpc({ url, credentials }).call('uptime', [], z.int());
    delete process.env['MPC_TEST_RPC_USER'];
    delete process.env['MPC_TEST_RPC_PASSWORD'];
    await (await client(url)).call('uptime', [], z.int());
    const { path } = await credentialsFile(`${password}\n`);
    const passwordFile = { kind: 'password_file', user, path } as const;
    await createBitcoinRpc({ url, credentials: passwordFile }).call('uptime', [], z.int());
    const header = `Basic ${Buffer.from(USER).toString('base64')}`;
    expect(seen).toEqual(Array(3).fill(`${url}/ ${header}`));
  });

  test('reads a new cookie when the node refuses the old one', async () => {
    const credentials = await credentialsFile('__cookie__:old');
    const url = server((items, request) => {
      const isNew = request.headers.get('authorization') === `Basic ${btoa('__cookie__:new')}`;
      return isNew ? results(items, 5) : new Response('', { status: 401 });
    });
    const rpc = createBitcoinRpc({ url, credentials, retry: QUICK });
    expect((await fault(rpc.call('uptime', [], z.int()))).kind).toBe('unauthorized');
    await writeFile(credentials.path, '__cookie__:new\n');
    expect(await rpc.call('uptime', [], z.int())).toBe(5);
  });

  test('reads no credentials file to its end that has none', async () => {
    const endless = createBitcoinRpc({
      url: server((items) => results(items, 5)),
      credentials: { kind: 'file', path: '/dev/zero' },
    });
    expect((await fault(endless.call('uptime', [], z.int()))).kind).toBe('credentials_unreadable');
  });

  test('refuses a URL with credentials, without repeating them', () => {
    const make = (url: string) => () =>
      createBitcoinRpc({ url, credentials: { kind: 'environment', userVariable: 'UNSET', passwordVariable: 'UNSET' } });
    expect(make('http://bob:hunter2@127.0.0.1:8332')).toThrow(/^(?!.*hunter2).*credentials/);
    expect(make('http://:hunter2 @@')).toThrow(/^(?!.*hunter2).*cannot be read/);
    expect(make('file:///etc')).toThrow('not http');
    expect(make('http://127.0.0.1:8332/wallet/x')).toThrow('end after the port');
  });

  test('names what fails, and never the credentials or parameters', async () => {
    const closed = server((items) => results(items, 1));
    await endings.pop()?.();
    const wide = server(() => new Response('x'.repeat(RPC_RESPONSE_BYTES_MAX + 1)));
    const cases = [
      [closed, 'unreachable'],
      [server(() => new Response('no', { status: 401 })), 'unauthorized'],
      [server(() => new Response('no', { status: 403 })), 'forbidden'],
      [server(() => new Response('<html>')), 'malformed'],
      [server(() => Response.json([])), 'malformed'],
      [server((items) => results(items, 'text')), 'malformed'],
      [server((items) => Response.json(items.map(({ id }) => ({ id, error: { code: -8, message: 'bad' } })))), 'rpc'],
      [server(() => new Response('', { status: 503 })), 'busy'],
      [wide, 'too_large'],
    ] as const;
    for (const [url, kind] of cases) {
      const error = await fault((await client(url)).call('walletpassphrase', ['p4ssphrase', 1], z.int()));
      expect(error.kind).toBe(kind);
      expect(`${error.message}${error.stack}`).not.toMatch(/s3cret|p4ssphrase|alice/);
    }
    const unset = createBitcoinRpc({
      url: closed,
      credentials: { kind: 'environment', userVariable: 'MPC_UNSET', passwordVariable: 'MPC_UNSET' },
    });
    expect((await fault(unset.call('uptime', [], z.int()))).kind).toBe('credentials_unreadable');
  });

  test('says of a 403 which methods the node must allow, and where', async () => {
    const rpc = await client(server(() => new Response('', { status: 403 })));
    const calls = ['getblock', 'uptime', 'getblock'].map((method) => ({ method, params: ['s3cret'] }));
    const { message } = await fault(rpc.batch(calls));
    expect(message).toMatch(/\(403\).*rpcwhitelist.*\(getblock, uptime\).*rpcallowip/);
    expect(message).not.toContain('s3cret');
  });

  test('takes an answer with neither result nor error for none, and a result that is null for what it says', async () => {
    const silent = await client(server((items) => Response.json(items.map(({ id }) => ({ id })))));
    expect((await fault(silent.call('gettxout', [], z.null()))).kind).toBe('malformed');
    const spent = await client(server((items) => results(items, null)));
    expect(await spent.call('gettxout', [], z.null())).toBeNull();
  });

  test('gives up after the time-out', async () => {
    const url = server(() => new Promise(() => {}));
    expect((await fault((await client(url, 50)).call('uptime', [], z.int()))).kind).toBe('timeout');
  });

  test('repeats an idempotent call after a transient fault, and no other call', async () => {
    let calls = 0;
    const url = server((items) => (++calls % 3 === 0 ? results(items, calls) : new Response('', { status: 503 })));
    const rpc = await client(url);
    expect(await rpc.call('uptime', [], z.int(), { idempotent: true })).toBe(3);
    expect((await fault(rpc.call('sendtoaddress', [], z.int()))).kind).toBe('busy');
    expect(calls).toBe(4);
  });

  test('repeats no call that the node answered with an error, except that it is still starting', async () => {
    const codes = [-28, -5];
    let calls = 0;
    const url = server((items) =>
      Response.json(items.map(({ id }) => ({ id, error: { code: codes[calls++], message: 'no' } }))),
    );
    const error = await fault((await client(url)).call('uptime', [], z.int(), { idempotent: true }));
    expect([error.kind, error.code, calls]).toEqual(['rpc', -5, 2]);
  });

  test('puts the answers of a batch in the order of the calls, errors in their place', async () => {
    const url = server((items) =>
      Response.json(
        items
          .map(({ id, method }) =>
            method === 'bad' ? { id, result: null, error: { code: -1, message: 'no' } } : { id, result: method },
          )
          .reverse(),
      ),
    );
    const calls = ['a', 'bad', 'c'].map((method) => ({ method, params: [] }));
    expect(await (await client(url)).batch(calls)).toEqual([
      { ok: true, result: 'a' },
      { ok: false, code: -1, message: 'no' },
      { ok: true, result: 'c' },
    ]);
  });

  test('follows no redirect, which would carry the credentials elsewhere', async () => {
    let visits = 0;
    const elsewhere = server((items) => {
      visits++;
      return results(items, 1);
    });
    const url = server(() => Response.redirect(elsewhere, 307));
    expect((await fault((await client(url)).call('uptime', [], z.int()))).kind).toBe('malformed');
    expect(visits).toBe(0);
  });

  test('goes to the node itself whatever proxy the environment names', async () => {
    const proxy = server(() => new Response('proxy'));
    const url = server((items) => results(items, 1));
    const before = process.env['http_proxy'];
    process.env['http_proxy'] = proxy;
    try {
      expect(await (await client(url)).call('uptime', [], z.int())).toBe(1);
    } finally {
      if (before === undefined) delete process.env['http_proxy'];
      else process.env['http_proxy'] = before;
    }
  });

  test('refuses a node on another network', async () => {
    const info = { chain: 'test', blocks: 1, headers: 1, bestblockhash: '0'.repeat(64), initialblockdownload: false };
    const rpc = await client(server((items) => results(items, info)));
    expect(await assertNetwork(rpc, 'testnet')).toEqual(info);
    expect((await fault(assertNetwork(rpc, 'mainnet'))).kind).toBe('wrong_network');
  });
});
