// What became of deposits that waited in the mempool, on evidence that nodes may give.
import { describe, expect, test } from 'bun:test';
import { RawTx } from '@scure/btc-signer';
import type { BitcoinView } from '../../chain/bitcoin-view.ts';
import { parseBlock } from '../../chain/block.ts';
import { scanTransactions, WatchList } from '../../chain/block-scan.ts';
import {
  findMempoolDeposit,
  type MempoolDeposit,
  type MempoolEvidence,
  mempoolChanges,
  replacedInBlock,
  validateMempoolDeposit,
} from '../../chain/mempool.ts';
import type { MempoolSource } from '../../chain/mempool-source.ts';
import { MEMPOOL_NEW_MAX, MempoolWatch } from '../../chain/mempool-watch.ts';
import { parseTransaction, type RawTransactions } from '../../chain/raw-transactions.ts';
import { concat } from '../../crypto/bytes.ts';
import { type AnyTransaction, makeBlock } from './block-arbitraries.ts';

const script = concat(Uint8Array.of(0x51, 32), new Uint8Array(32).fill(7));
const coin = (fill: number, vout = 0) => ({ txid: new Uint8Array(32).fill(fill), index: vout });
const paying = (coins: readonly ReturnType<typeof coin>[], amount = 5n, to = script): AnyTransaction => ({
  version: 2,
  segwitFlag: false,
  inputs: coins.map((one) => ({ ...one, finalScriptSig: new Uint8Array(0), sequence: 0 })),
  outputs: [
    { amount: 9n, script: new Uint8Array(0) },
    { amount, script: to },
  ],
  lockTime: 0,
});
const raw = (transaction: AnyTransaction): RawTransactions => parseTransaction(RawTx.encode(transaction));
const watched = new WatchList<string, never>();
watched.watchScript(script, 'seven');

const A = { txid: '01'.repeat(32), vout: 0 };
const B = { txid: '02'.repeat(32), vout: 1 };
const OTHER = 'ee'.repeat(32);
const deposit: MempoolDeposit<string> = {
  txid: 'dd'.repeat(32),
  inputs: [A, B],
  payments: [{ vout: 1, amount: 5n, watched: 'seven' }],
};
const validate = (evidence: Partial<MempoolEvidence>) =>
  validateMempoolDeposit(deposit, { state: 'unknown', spenders: [[], []], unspent: [true, true], ...evidence });

describe('a deposit in the mempool', () => {
  test('is found with its inputs and the outputs that pay watched scripts', () => {
    const found = findMempoolDeposit(raw(paying([coin(1), coin(2, 1)])), watched);
    expect(found).toMatchObject({ inputs: [A, B], payments: [{ vout: 1, amount: 5n, watched: 'seven' }] });
    expect(findMempoolDeposit(raw(paying([coin(1)], 5n, new Uint8Array(34))), watched)).toBeNull();
  });

  test('waits, is confirmed, or was dropped while its coins are unspent', () => {
    expect(validate({ state: 'mempool', spenders: [[deposit.txid], [deposit.txid]] })).toEqual({ state: 'waiting' });
    expect(validate({ state: 'mempool' })).toEqual({ state: 'waiting' });
    expect(validate({ state: 'confirmed', unspent: [] })).toEqual({ state: 'confirmed' });
    expect(validate({})).toMatchObject({ state: 'deposit_dropped' });
  });

  test('is replaced where it is gone and another transaction spends any of its inputs', () => {
    expect(validate({ spenders: [[], [OTHER]] })).toMatchObject({ state: 'deposit_replaced', by: OTHER, input: B });
    expect(validate({ unspent: [false, true] })).toMatchObject({ state: 'deposit_replaced', by: null, input: A });
    expect(validate({ unspent: [] })).toMatchObject({ state: 'deposit_replaced', by: null });
  });

  test('is contested where one node holds it and another a spender of the same coin', () => {
    const verdict = validate({ state: 'mempool', spenders: [[deposit.txid, OTHER], [deposit.txid]] });
    expect(verdict).toMatchObject({ state: 'deposit_contested', by: OTHER, input: A });
  });

  test('is replaced by what a block holds, each of several that spend one coin, and not by itself', () => {
    const mined = paying([coin(1)], 6n, new Uint8Array(2));
    const first = findMempoolDeposit(raw(paying([coin(1), coin(3)])), watched);
    const second = findMempoolDeposit(raw(paying([coin(1)], 8n)), watched);
    const other = findMempoolDeposit(raw(paying([coin(4)])), watched);
    if (first === null || second === null || other === null) throw new Error('no deposit');
    const block = parseBlock(makeBlock([mined, paying([coin(4)])]).bytes);
    const by = raw(mined).txid(0);
    expect(replacedInBlock(block, [first, second, other])).toEqual(
      [first, second].map(({ txid }) => ({ deposit: txid, by, input: A, block: block.header.hash })),
    );
    expect(scanTransactions(block.transactions, watched).payments).toHaveLength(1);
  });

  test('snapshots differ by what appeared and what vanished', () => {
    expect(mempoolChanges(new Set(['a', 'b']), new Set(['b', 'c']))).toEqual({ appeared: ['c'], vanished: ['a'] });
  });
});

describe('the watch over the mempool', () => {
  function world() {
    const waiting = new Map<string, RawTransactions>();
    const spent = new Map<string, string>();
    const state = { waiting, spent, fetched: 0 };
    const source: MempoolSource = {
      txids: async () => new Set(waiting.keys()),
      async transactions(txids) {
        state.fetched += txids.length;
        return new Map([...waiting].filter(([txid]) => txids.includes(txid)));
      },
      spenders: async (outpoints) => outpoints.map(({ txid }) => [...(spent.has(txid) ? [spent.get(txid) ?? ''] : [])]),
    };
    const view: Pick<BitcoinView, 'transaction' | 'txOuts'> = {
      transaction: async () => ({ state: 'unknown' }),
      txOuts: async (outpoints) => outpoints.map(() => ({ amount: 1n, script, confirmations: 3, coinbase: false })),
    };
    return { state, watch: new MempoolWatch(source, view, watched) };
  }

  test('tells a deposit once, its replacement once, and follows it no more', async () => {
    const { state, watch } = world();
    const transaction = raw(paying([coin(1)]));
    const txid = transaction.txid(0);
    state.waiting.set(txid, transaction);
    expect(await watch.round()).toMatchObject([{ kind: 'seen', deposit: { txid } }]);
    expect(await watch.round()).toEqual([]);
    state.waiting.delete(txid);
    state.spent.set(A.txid, OTHER);
    expect(await watch.round()).toMatchObject([
      { kind: 'validated', deposit: { txid }, verdict: { state: 'deposit_replaced', by: OTHER } },
    ]);
    expect(watch.deposits).toEqual([]);
    expect(await watch.round()).toEqual([]);
  });

  test('tells a deposit that was dropped and comes back a second time', async () => {
    const { state, watch } = world();
    const transaction = raw(paying([coin(1)]));
    const txid = transaction.txid(0);
    state.waiting.set(txid, transaction);
    await watch.round();
    state.waiting.delete(txid);
    expect(await watch.round()).toMatchObject([{ verdict: { state: 'deposit_dropped' } }]);
    state.waiting.set(txid, transaction);
    expect(await watch.round()).toMatchObject([{ kind: 'seen' }]);
  });

  test('looks at each transaction once, at no more than its limit in a round, and again when told to', async () => {
    const { state, watch } = world();
    const plain = raw(paying([coin(1)], 1n, new Uint8Array(1)));
    for (let index = 0; index < MEMPOOL_NEW_MAX + 10; index++) state.waiting.set(`${index}`, plain);
    await watch.round();
    expect(state.fetched).toBe(MEMPOOL_NEW_MAX);
    await watch.round();
    await watch.round();
    expect(state.fetched).toBe(MEMPOOL_NEW_MAX + 10);
    watch.lookAgain();
    await watch.round();
    expect(state.fetched).toBe(2 * MEMPOOL_NEW_MAX + 10);
  });
});
