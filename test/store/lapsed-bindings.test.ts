// An input that burns are bound to serves others once nobody completed their payouts for long; the burns stay bound to it.
import { describe, expect, test } from 'bun:test';
import { listLostAnchors, releaseAnchor } from '../../store/anchor-releases.ts';
import { getBurn } from '../../store/burns.ts';
import { isLapsed, STALE_DECISION_MS } from '../../store/lapsed-bindings.ts';
import type { Store } from '../../store/open.ts';
import { getPayout } from '../../store/payout-listing.ts';
import {
  recordPayoutBroadcast,
  recordPayoutConfirmed,
  recordPayoutSettled,
  recordPayoutSigned,
} from '../../store/payout-progress.ts';
import { decidePayout, type PayoutVerdict } from '../../store/payouts.ts';
import { listHeldUtxos, listLapsedUtxos, listSpendableUtxos, markUtxoSpent, recordUtxo } from '../../store/utxos.ts';
import { burn, id, NOW, outpoint, payout, raw, storeBurns, withStore } from './fixture.ts';

const FRESH = { ok: true, repeated: false } as const;
const STALE = NOW + STALE_DECISION_MS;
const BLOCK = { height: 100, hash: id('block') };

/** `a` and `b` were decided together upon `x` at NOW. */
function withBound(body: (store: Store) => void): void {
  withStore((store) => {
    storeBurns(store, 'a', 'b', 'c', 'd');
    decidePayout(store.db, payout(['x'], ['a', 'b']), NOW);
    body(store);
  });
}

const reserved = (...names: readonly string[]): PayoutVerdict => ({
  ok: false,
  reason: 'input_reserved',
  data: { input: outpoint('x'), burns: names.map((name) => burn(name).burnTxid).sort() },
});

/** Writes a payout of `c` from `x` past the program, created at this time. */
function insertRaw(store: Store, at: number): void {
  raw(store, (database) => {
    const { txid, unsignedTx, inputs, fee, feeRate } = payout(['x'], ['c'], 700n);
    const [input] = inputs;
    if (input === undefined) throw new Error('it has an input');
    database.transaction(() => {
      database.run('PRAGMA defer_foreign_keys = ON');
      database.run(
        'INSERT INTO payout_transaction_inputs (txid, input_index, prev_txid, prev_vout) VALUES (?, 0, ?, ?)',
        [...[txid, input.txid, input.vout]],
      );
      database.run('INSERT INTO payout_transaction_burns (txid, burn_txid, output_index) VALUES (?, ?, 0)', [
        ...[txid, burn('c').burnTxid],
      ]);
      database.run('UPDATE burns SET anchor_txid = ?, anchor_vout = ? WHERE burn_txid = ?', [
        ...[input.txid, input.vout, burn('c').burnTxid],
      ]);
      database.run(
        `INSERT INTO payout_transactions (txid, unsigned_tx, fee, fee_rate, status, created_at) VALUES (?, ?, ?, ?, 'decided', ?)`,
        [txid, unsignedTx, fee, feeRate, at],
      );
    })();
  });
}

describe('the anchor of burns that nobody paid', () => {
  test('is kept for all of them until the first decision is old, to the millisecond', () => {
    withBound(({ db }) => {
      expect(decidePayout(db, payout(['x'], ['a']), STALE - 1)).toEqual(reserved('a', 'b'));
      expect(decidePayout(db, payout(['x', 'y'], ['c']), STALE - 1)).toEqual(reserved('a', 'b'));
      expect(decidePayout(db, payout(['x'], ['a']), STALE)).toEqual(FRESH);
      expect(decidePayout(db, payout(['x', 'y'], ['c']), STALE)).toEqual(FRESH);
    });
  });

  test('is not kept longer by other versions that are decided meanwhile', () => {
    withBound(({ db }) => {
      decidePayout(db, payout(['x'], ['a', 'b'], 900n), STALE - 1);
      expect(decidePayout(db, payout(['x'], ['a']), STALE)).toEqual(FRESH);
    });
  });

  test('is not kept longer for a burn that joins them meanwhile', () => {
    withBound((store) => {
      const { db } = store;
      decidePayout(db, payout(['x'], ['a', 'b', 'd']), STALE - 1);
      expect(getBurn(db, burn('d').burnTxid)?.anchor).toEqual(outpoint('x'));
      expect(decidePayout(db, payout(['x'], ['a'], 600n), STALE - 1)).toEqual(reserved('a', 'b', 'd'));
      expect(decidePayout(db, payout(['x'], ['a'], 600n), STALE)).toEqual(FRESH);
      insertRaw(store, STALE);
    });
  });

  test('is kept for a burn that joins one whose payout is signed: the age of that one does not count', () => {
    withStore((store) => {
      const { db } = store;
      storeBurns(store, 'a', 'c', 'd');
      decidePayout(db, payout(['x'], ['a']), NOW);
      recordPayoutSigned(db, payout(['x'], ['a']).txid, '00', NOW);
      decidePayout(db, payout(['x'], ['a', 'd']), STALE);
      expect(decidePayout(db, payout(['x'], ['a'], 600n), STALE + 1)).toEqual(reserved('a', 'd'));
      expect(() => insertRaw(store, STALE + 1)).toThrow(/an anchor is spent only by a payout of its burn/);
    });
  });

  test('lets the signed payout that took it be replaced, and nobody take it from that one', () => {
    withBound(({ db }) => {
      decidePayout(db, payout(['x'], ['a']), STALE);
      recordPayoutSigned(db, payout(['x'], ['a']).txid, '00', STALE);
      expect(decidePayout(db, payout(['x'], ['a'], 900n), STALE + 1)).toEqual(FRESH);
      expect(decidePayout(db, payout(['x'], ['b']), STALE * 2)).toEqual(reserved('a', 'b'));
    });
  });

  test('is kept for ever once a payout of them is signed, broadcast or in the chain', () => {
    const { txid } = payout(['x'], ['a', 'b']);
    const ways = [
      ({ db }: Store) => recordPayoutSigned(db, txid, '00', NOW),
      ({ db }: Store) => recordPayoutBroadcast(db, txid, NOW),
      ({ db }: Store) => recordPayoutConfirmed(db, txid, BLOCK, NOW),
    ];
    for (const way of ways) {
      withBound((store) => {
        expect(way(store).ok).toBe(true);
        expect(decidePayout(store.db, payout(['x'], ['c']), STALE * 2)).toEqual(reserved('a', 'b'));
        expect(() => insertRaw(store, STALE * 2)).toThrow(/an anchor is spent only by a payout of its burn/);
      });
    }
  });

  test('is kept by the database as well, whatever the program says', () => {
    withBound((store) => {
      expect(() => insertRaw(store, STALE - 1)).toThrow(/an anchor is spent only by a payout of its burn/);
      insertRaw(store, STALE);
      expect(getPayout(store.db, payout(['x'], ['c'], 700n).txid)?.status).toBe('decided');
    });
  });
});

describe('a burn whose binding has lapsed', () => {
  test('stays bound: what pays it spends its anchor, also after that served another payout', () => {
    withBound(({ db }) => {
      expect(decidePayout(db, payout(['x', 'y'], ['a']), STALE)).toEqual(FRESH);
      const conflict = { ok: false, reason: 'burn_conflict' };
      expect(decidePayout(db, payout(['y'], ['b']), STALE)).toMatchObject(conflict);
      expect(decidePayout(db, payout(['y'], ['a']), STALE)).toMatchObject(conflict);
      expect(getBurn(db, burn('b').burnTxid)?.anchor).toEqual(outpoint('x'));
    });
  });

  test('is released once the payout that took its anchor is deep in the chain, not before, and bound anew', () => {
    withBound(({ db }) => {
      recordUtxo(db, { ...outpoint('x'), amount: 9n, leaf: { kind: 'change' }, height: 1 }, NOW);
      const taking = payout(['x'], ['a']);
      decidePayout(db, taking, STALE);
      recordPayoutConfirmed(db, taking.txid, BLOCK, STALE);
      markUtxoSpent(db, outpoint('x'), taking.txid, BLOCK.height, STALE);
      expect(decidePayout(db, payout(['y'], ['b']), STALE)).toMatchObject({ reason: 'burn_conflict' });
      recordPayoutSettled(db, taking.txid, STALE);
      expect(decidePayout(db, payout(['y'], ['b']), STALE)).toMatchObject({ reason: 'burn_conflict' });
      const [lost] = listLostAnchors(db, BLOCK.height);
      if (lost === undefined) throw new Error('the anchor of b is lost');
      expect(lost.burnTxid).toBe(burn('b').burnTxid);
      const ground = { blockHash: BLOCK.hash, tipHeight: BLOCK.height + 5, depth: 6 };
      expect(releaseAnchor(db, lost, ground, STALE)).toBe(true);
      expect(getPayout(db, payout(['x'], ['a', 'b']).txid)?.status).toBe('replaced');
      expect(decidePayout(db, payout(['y'], ['b']), STALE)).toEqual(FRESH);
    });
  });

  test('offers its coin last, once all that are bound to it have lapsed and none of its spenders is signed', () => {
    withBound(({ db }) => {
      for (const name of ['x', 'y']) {
        recordUtxo(db, { ...outpoint(name), amount: 9n, leaf: { kind: 'change' }, height: 1 }, NOW);
      }
      const lapsed = (at: number) => listLapsedUtxos(db, [], at).rows.map(({ txid }) => txid);
      expect(lapsed(STALE - 1)).toEqual([]);
      expect(lapsed(STALE)).toEqual([outpoint('x').txid]);
      expect(listHeldUtxos(db, []).rows).toEqual([]);
      expect(listSpendableUtxos(db).rows.map(({ txid }) => txid)).toEqual([outpoint('y').txid]);
      decidePayout(db, payout(['y', 'x'], ['c', 'a', 'b']), STALE - 1);
      expect(lapsed(STALE)).toEqual([outpoint('x').txid]);
      recordPayoutSigned(db, payout(['y', 'x'], ['c', 'a', 'b']).txid, '00', STALE);
      expect(lapsed(STALE * 2)).toEqual([]);
    });
  });

  test('is none that was never bound, or is bound to another input', () => {
    withBound(({ db }) => {
      expect(isLapsed(db, burn('a').burnTxid, outpoint('x'), STALE)).toBe(true);
      expect(isLapsed(db, burn('a').burnTxid, outpoint('y'), STALE)).toBe(false);
      expect(isLapsed(db, burn('c').burnTxid, outpoint('x'), STALE)).toBe(false);
    });
  });
});
