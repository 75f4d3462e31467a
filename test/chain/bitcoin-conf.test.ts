// The RPC credentials that a node's own bitcoin.conf has.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { confCredentials, confValues } from '../../chain/bitcoin-conf.ts';
import { createBitcoinRpc } from '../../chain/rpc.ts';

/** As the launch instructions write it. */
const CONF = 'server=1\nrpcuser=bitcoinrpc\nrpcpassword=0123abcd\nrpcallowip=127.0.0.1\ntxindex=1\n';

describe('user and password in a bitcoin.conf', () => {
  test('are read as the launch instructions set them', () => {
    expect(confCredentials(CONF, 'mainnet')).toEqual({ user: 'bitcoinrpc', password: '0123abcd' });
  });

  test('of the network’s own section come before those above all sections, and the first line counts', () => {
    const text = `${CONF}rpcpassword=later\n[test]\nrpcpassword=t\n[regtest]\n rpcuser = r # ours\nrpcpassword=p\n`;
    expect(confCredentials(text, 'regtest')).toEqual({ user: 'r', password: 'p' });
    expect(confCredentials(text, 'testnet')).toEqual({ user: 'bitcoinrpc', password: 't' });
    expect(confCredentials(text, 'mainnet')).toEqual({ user: 'bitcoinrpc', password: '0123abcd' });
    expect(confCredentials('regtest.rpcuser=a\nregtest.rpcpassword=b', 'regtest')).toEqual({
      user: 'a',
      password: 'b',
    });
  });

  test('are none where one is missing, commented out or in another section', () => {
    for (const text of ['', 'rpcuser=a', 'rpcuser=a\n#rpcpassword=b', 'rpcuser=a\nrpcpassword=', 'rpcauth=a:b$c']) {
      expect(confCredentials(text, 'mainnet')).toBeNull();
    }
    expect(confCredentials('[signet]\nrpcuser=a\nrpcpassword=b', 'mainnet')).toBeNull();
  });
});

describe('a client that nothing was configured for', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mpc-conf-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const place = (name: string) => join(folder, name);

  /** What the node is told by way of authorization, or the client's error. */
  async function authorization(): Promise<string> {
    let seen = '';
    using running = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request) => {
        seen = request.headers.get('authorization') ?? '';
        return Response.json([{ id: 0, result: 1 }]);
      },
    });
    const credentials = { kind: 'bitcoind', cookie: place('.cookie'), conf: place('c'), network: 'mainnet' } as const;
    const retry = { attemptsMax: 1, delayBaseMs: 1, delayMaxMs: 1, jitter: () => 0 };
    const rpc = createBitcoinRpc({ url: `http://127.0.0.1:${running.port}`, credentials, retry });
    const told = await rpc.call('uptime', [], z.int()).then(
      () => atob(seen.replace(/^Basic /, '')),
      (error: unknown) => String(error),
    );
    return told;
  }

  test('uses user and password of a bitcoin.conf that nobody else can read', async () => {
    await writeFile(place('c'), CONF, { mode: 0o600 });
    await writeFile(place('.cookie'), '__cookie__:stale');
    expect(await authorization()).toBe('bitcoinrpc:0123abcd');
  });

  test('uses the cookie where there is no bitcoin.conf with a password', async () => {
    await writeFile(place('c'), 'server=1\n', { mode: 0o600 });
    await writeFile(place('.cookie'), '__cookie__:new\n');
    expect(await authorization()).toBe('__cookie__:new');
  });

  test('never takes a password that others can read, and says how to close the file', async () => {
    for (const mode of [0o644, 0o640, 0o604]) {
      await rm(place('c'), { force: true });
      await writeFile(place('c'), CONF, { mode });
      const told = await authorization();
      expect(told).toContain(
        `others can read ${place('c')}, which has rpcuser and rpcpassword: chmod 600 ${place('c')}`,
      );
      expect(told).not.toContain('0123abcd');
    }
  });

  test('names every way to give the credentials where there are none', async () => {
    const told = await authorization();
    for (const way of ['bitcoin_rpc_cookie_file', 'bitcoin_rpc_password_file', `rpcpassword in ${place('c')}`]) {
      expect(told).toContain(way);
    }
  });
});

test('a key that may stand more than once has all its values, those of the network first', () => {
  const text =
    'rpcallowip=10.0.0.0/8\n#rpcallowip=0.0.0.0/0\nregtest.rpcallowip=::1\n[main]\nrpcallowip = 127.0.0.1 # own\n[test]\nrpcallowip=1.2.3.4\n';
  expect(confValues(text, 'mainnet', 'rpcallowip')).toEqual(['127.0.0.1', '10.0.0.0/8']);
  expect(confValues(text, 'regtest', 'rpcallowip')).toEqual(['::1', '10.0.0.0/8']);
  expect(confValues(text, 'mainnet', 'rpcbind')).toEqual([]);
});
