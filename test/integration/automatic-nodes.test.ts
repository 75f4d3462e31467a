// Several Bitcoin nodes of one operator, real ones: while they disagree more confirmations are asked for, without a majority
// nothing is signed, and a restart forgets none of it.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { bitcoinNodes } from '../../chain/bitcoin-nodes.ts';
import { type BitcoinRpc, createBitcoinRpc } from '../../chain/rpc.ts';
import { type Regtest, startRegtest } from '../../devnet/bitcoind.ts';
import { ChainWatch } from '../../operator/chain-state/chain-watch.ts';
import { checkConfig, type OperatorConfig } from '../../operator/config/config.ts';
import { openStore, type Store } from '../../store/open.ts';
import { REGTEST_START_TIMEOUT_MS } from './regtest.ts';

const SIDE = {
  left: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080',
  right: 'bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6',
} as const;
const text = z.string();
let left: Regtest;
let right: Regtest;
let folder: string;
let store: Store;
const lines: string[] = [];

beforeAll(async () => {
  [left, right] = await Promise.all([startRegtest(), startRegtest()]);
  folder = await mkdtemp(join(tmpdir(), 'mpc-chain-watch-'));
  store = openStore(join(folder, 'security.db'));
  await left.mine(10);
  await handOver(left, right);
}, REGTEST_START_TIMEOUT_MS);
afterAll(async () => {
  store.close();
  await Promise.all([left.stop(), right.stop()]);
  await rm(folder, { recursive: true, force: true });
}, 30_000);

const hashAt = (node: Regtest, at: number) => node.rpc.call('getblockhash', [at], text);
const height = (node: Regtest) => node.rpc.call('getblockcount', [], z.int());

async function handOver(from: Regtest, to: Regtest): Promise<void> {
  const top = await height(from);
  let first = Math.min(await height(to), top);
  while ((await hashAt(from, first)) !== (await hashAt(to, first))) first -= 1;
  for (let at = first + 1; at <= top; at++) {
    const raw = await from.rpc.call('getblock', [await hashAt(from, at), 0], text);
    await to.rpc.call('submitblock', [raw], text.nullable());
  }
}

function configOf(network: string): OperatorConfig {
  const raw = {
    ...{ parties: 3, threshold: 2, my_index: 0, party_addresses: ['a:1', 'b:1', 'c:1'] },
    ...{ key_share_path: 'key', tls_cert_path: 'crt', tls_key_path: 'pem', user_db_path: 'u.db' },
    ...{ security_db_path: 's.db', bitcoin_nodes: ['http://127.0.0.1:1', 'http://127.0.0.1:2'] },
    ...{ normal_confirmations: 3, fork_confirmations: 9, network },
  };
  const verdict = checkConfig(raw, join(folder, 'config.json'), folder);
  if (!verdict.ok) throw new Error(JSON.stringify(verdict.problems));
  return verdict.config;
}

function watchOf(nodes: readonly BitcoinRpc[], network = 'regtest'): ChainWatch {
  const effects = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    random: (bytes: number) => new Uint8Array(bytes),
    sleep: () => Promise.resolve(),
    every: () => () => {},
  };
  const log = (_level: string, event: string): void => void lines.push(event);
  return new ChainWatch({ config: configOf(network), nodes, db: store.db, effects, log });
}

const dead = (): BitcoinRpc =>
  createBitcoinRpc({
    url: 'http://127.0.0.1:1',
    credentials: { kind: 'file', path: left.cookiePath },
    retry: { attemptsMax: 1, delayBaseMs: 1, delayMaxMs: 1, jitter: () => 0 },
  });

test('before the first look nothing may be signed', async () => {
  const watch = watchOf([left.rpc, right.rpc]);
  expect(watch.stops('payouts')).toContain('not looked');
  await watch.look();
  expect([watch.stops('payouts'), watch.stops('scan'), watch.confirmations()]).toEqual([null, null, 3]);
});

test('nodes with different blocks ask for fork_confirmations, also after a restart, until they have agreed for a while', async () => {
  await left.mine(2, SIDE.left);
  await right.mine(3, SIDE.right);
  const watch = watchOf([left.rpc, right.rpc]);
  await watch.look();
  expect([watch.isForked(), watch.confirmations()]).toEqual([true, 9]);
  expect(watch.problems().map(({ problem }) => problem)).toContain('fork');
  expect(lines).toContain('chain_forked');
  await handOver(right, left);
  const restarted = watchOf([left.rpc, right.rpc]);
  expect(restarted.confirmations()).toBe(9);
  await restarted.look();
  expect([restarted.isForked(), restarted.problems()]).toEqual([true, []]);
  await right.mine(6);
  await handOver(right, left);
  await restarted.look();
  expect([restarted.isForked(), restarted.confirmations()]).toEqual([false, 3]);
  expect(lines).toContain('chain_agreed');
});

test('without an answering majority everything stops', async () => {
  const nodes = [left.rpc, dead()];
  const watch = watchOf(nodes);
  await watch.look();
  expect(
    watch
      .problems()
      .map(({ problem }) => problem)
      .sort(),
  ).toEqual(['no_majority', 'node_unavailable']);
  for (const what of ['scan', 'attestations', 'payouts'] as const)
    expect(watch.stops(what)).toContain('not a majority');
  const bitcoin = bitcoinNodes('regtest', nodes);
  expect(await bitcoin.tip().catch((error: Error) => error.message)).toContain('1 of 2');
});

test('a node of another network stops everything and is named', async () => {
  const watch = watchOf([left.rpc, right.rpc], 'testnet4');
  await watch.look();
  expect(watch.problems().map(({ problem }) => problem)).toContain('wrong_network');
  expect(watch.stops('payouts')).not.toBeNull();
});
