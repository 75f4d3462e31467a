// The Bitcoin view on a real bitcoind in the states that an operator's may be in: one that lost its mempool, one that cannot
// or may not tell everything. Each answer stands for itself.
import { describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { bitcoinNodes } from '../../chain/bitcoin-nodes.ts';
import { nodeMempools } from '../../chain/mempool-source.ts';
import { readNodeReports } from '../../chain/node-reports.ts';
import { chainHealth, MAINNET_HEALTH_LIMITS, stopped } from '../../chain/tips.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { type Regtest, startRegtest } from '../../devnet/bitcoind.ts';
import { startFundedRegtest } from './regtest.ts';

const LIMITS = { ...MAINNET_HEALTH_LIMITS, tipAgeSecondsMax: null, needsEstimate: false };
/** What the documentation says that a node must answer, and may leave unanswered. */
const METHODS = {
  needed: [
    ...['getblockchaininfo', 'getblockhash', 'getblock', 'gettxout', 'getrawtransaction', 'getmempoolentry'],
    ...['getrawmempool', 'getmempoolinfo', 'gettxspendingprevout', 'testmempoolaccept', 'decoderawtransaction'],
    'sendrawtransaction',
  ],
  optional: ['getindexinfo', 'estimatesmartfee'],
};

async function healthOf(node: Regtest) {
  const health = chainHealth(await readNodeReports('regtest', [node.rpc]), LIMITS, 0);
  return { problems: health.problems.map(({ problem }) => problem), stopped: [...stopped(health)], health };
}

describe('a bitcoind that cannot or may not answer everything', () => {
  test('with blocksonly gives no fee estimate, and stops nothing but what needs one', async () => {
    const node = await startRegtest({ flags: ['-blocksonly=1'] });
    try {
      const { problems, stopped, health } = await healthOf(node);
      expect([problems, stopped]).toEqual([['fee_estimate_missing'], ['fee_estimates']]);
      expect(health.problems[0]?.detail).toContain('estimatesmartfee: Fee estimation disabled');
      const view = bitcoinNodes('regtest', [node.rpc]);
      expect(await view.tip()).toMatchObject({ height: 0 });
      await expect(view.feeRate(6)).rejects.toMatchObject({ reason: 'bitcoin_unavailable' });
    } finally {
      await node.stop();
    }
  }, 60_000);

  test('with a whitelist of only the needed methods answers every question except that for a fee rate', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'mpc-whitelist-'));
    const first = await startFundedRegtest({ dir });
    const paid = await first.wallet.send(await first.wallet.newAddress(), 480_000n);
    const raw = fromHex(await first.node.rpc.call('getrawtransaction', [paid.txid], z.string()));
    await first.node.mine(1);
    await first.node.stop();
    const allowed = ['getblockcount', ...METHODS.needed].join(',');
    const node = await startRegtest({ dir, flags: [`-rpcwhitelist=__cookie__:${allowed}`] });
    try {
      const { problems, stopped, health } = await healthOf(node);
      expect(problems).toEqual(['index_unknown', 'fee_estimate_missing']);
      expect(stopped.toSorted()).toEqual(['fee_estimates', 'history']);
      expect(health.problems[0]?.detail).toMatch(/\(403\).*rpcwhitelist.*\(getindexinfo\).*rpcallowip/);
      const view = bitcoinNodes('regtest', [node.rpc]);
      const tip = await view.agreedTip();
      expect((await view.block(await view.blockHash(tip.height))).header.hash).toBe(tip.hash);
      expect(await view.txOuts([paid], 'with_mempool')).toMatchObject([{ amount: 480_000n, confirmations: 1 }]);
      expect(await view.transaction(paid.txid)).toMatchObject({ state: 'confirmed' });
      expect(await view.mempoolSpends([paid])).toEqual([null]);
      expect(await view.mempoolEntry(paid.txid)).toBeNull();
      expect(await view.testAccept(raw)).toMatchObject({ ok: false });
      expect(await view.broadcast(raw)).toEqual({ ok: true, txid: paid.txid });
      const mempools = nodeMempools('regtest', [node.rpc]);
      expect([await mempools.txids(), await mempools.spenders([paid])]).toEqual([new Set(), [[]]]);
      await expect(view.feeRate(6)).rejects.toThrow(/no Bitcoin node estimates fees.*\(estimatesmartfee\)/);
    } finally {
      await node.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  }, 60_000);

  test('needs the methods that the documentation lists', () => {
    const protocol = readFileSync(join(import.meta.dir, '../../docs/PROTOCOL.md'), 'utf8');
    const named = (from: string) => {
      const [, list = ''] = new RegExp(`${from}: ([^.;]+)[.;]`).exec(protocol.replace(/\n/g, ' ')) ?? [];
      return [...list.matchAll(/`([a-z]+)`/g)].map(([, method]) => method).toSorted();
    };
    expect(named('A node must allow')).toEqual(METHODS.needed.toSorted());
    expect(named('It need not allow')).toEqual(METHODS.optional.toSorted());
  });
});

describe('a transaction whose block was invalidated, on a node with an index that lost its mempool', () => {
  test('is unknown, and can be sent again', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'mpc-stale-'));
    const first = await startFundedRegtest({ dir });
    const { txid } = await first.wallet.send(await first.wallet.newAddress(), 480_000n);
    const raw = await first.node.rpc.call('getrawtransaction', [txid], z.string());
    const [block = ''] = await first.node.mine(1);
    await first.node.rpc.call('invalidateblock', [block], z.null());
    await first.node.stop();
    const node = await startRegtest({ dir, flags: ['-persistmempool=0'] });
    try {
      await node.mine(8);
      // What makes the trap: the index goes on showing the block, and no confirmation.
      const shown = z.object({ blockhash: z.string(), confirmations: z.int() });
      expect(await node.rpc.call('getrawtransaction', [txid, true], shown)).toEqual({
        blockhash: block,
        confirmations: 0,
      });
      const view = bitcoinNodes('regtest', [node.rpc]);
      expect(await view.transaction(txid)).toEqual({ state: 'unknown' });
      expect(await view.broadcast(fromHex(raw))).toEqual({ ok: true, txid });
      expect(await view.transaction(txid)).toEqual({ state: 'mempool', outputs: 2 });
      await node.mine(1);
      expect(await view.transaction(txid)).toEqual({ state: 'confirmed', confirmations: 1, outputs: 2 });
    } finally {
      await node.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  }, 60_000);
});
