import { describe, expect, test } from 'bun:test';
import { auditHead, listAudit, verifyAuditLog } from '../../store/audit-log.ts';
import { getBurn, listUndecidedBurns } from '../../store/burns.ts';
import { listUnrecognised, recogniseForeignPayment, recordForeignPayments } from '../../store/foreign-payments.ts';
import type { Store } from '../../store/open.ts';
import { getPayout, getWithdrawal, listPayouts, listWithdrawals } from '../../store/payout-listing.ts';
import {
  recordPayoutBroadcast,
  recordPayoutConfirmed,
  recordPayoutReorganised,
  recordPayoutSettled,
  recordPayoutSigned,
} from '../../store/payout-progress.ts';
import { decidePayout, type PayoutDecision, type PayoutVerdict } from '../../store/payouts.ts';
import { burn, id, NOW, outpoint, payout, storeBurns, withStore } from './fixture.ts';

const FRESH = { ok: true, repeated: false } as const;
const OK = { ok: true } as const;
const BLOCK = { height: 100, hash: id('block') };

function withBurns(names: readonly string[], body: (store: Store) => void): void {
  withStore((store) => {
    storeBurns(store, ...names);
    body(store);
  });
}

function confirm(store: Store, decision: PayoutDecision): void {
  expect(recordPayoutConfirmed(store.db, decision.txid, BLOCK, NOW)).toEqual(OK);
}

describe('deciding a payout', () => {
  test('anchors its burns at an input and records all of it with one audit row', () => {
    withBurns(['a', 'b'], ({ db }) => {
      const decision = payout(['x', 'y'], ['a', 'b']);
      expect(decidePayout(db, decision, NOW)).toEqual(FRESH);
      expect(getPayout(db, decision.txid)).toMatchObject({ ...decision, status: 'decided', createdAt: NOW });
      for (const name of ['a', 'b']) expect(getBurn(db, burn(name).burnTxid)?.anchor).toEqual(outpoint('x'));
      expect(listAudit(db).rows.map(({ kind }) => kind)).toEqual(['payout_decided']);
    });
  });

  test('again is ok and writes nothing', () => {
    withBurns(['a'], ({ db }) => {
      const decision = payout(['x'], ['a']);
      decidePayout(db, decision, NOW);
      expect(decidePayout(db, decision, NOW + 1)).toEqual({ ok: true, repeated: true });
      expect(auditHead(db).seq).toBe(1);
    });
  });

  test('again for other burns or other outputs is refused', () => {
    withBurns(['a', 'b'], ({ db }) => {
      const decision = payout(['x'], ['a']);
      decidePayout(db, decision, NOW);
      const data = { burns: [{ burn_txid: burn('a').burnTxid, output_index: 0 }] };
      const mismatch: PayoutVerdict = { ok: false, reason: 'burn_mismatch', data };
      const forB = { ...decision, burns: [{ burnTxid: burn('b').burnTxid, outputIndex: 0 }] };
      const moved = { ...decision, burns: [{ burnTxid: burn('a').burnTxid, outputIndex: 1 }] };
      expect(decidePayout(db, forB, NOW)).toEqual(mismatch);
      expect(decidePayout(db, moved, NOW)).toEqual(mismatch);
      expect(decidePayout(db, { ...decision, burns: [] }, NOW)).toEqual(mismatch);
    });
  });

  test('that pays two burns with one output is refused', () => {
    withBurns(['a', 'b'], ({ db }) => {
      const decision = payout(['x'], ['a', 'b']);
      const shared = { ...decision, burns: decision.burns.map((paid) => ({ ...paid, outputIndex: 0 })) };
      expect(decidePayout(db, shared, NOW)).toMatchObject({ ok: false, reason: 'burn_mismatch' });
    });
  });

  test('of a burn that nobody told of is refused', () => {
    withBurns([], ({ db }) => {
      const data = { burn_txid: burn('a').burnTxid };
      expect(decidePayout(db, payout(['x'], ['a']), NOW)).toEqual<PayoutVerdict>({
        ok: false,
        reason: 'burn_unknown',
        data,
      });
      expect(auditHead(db).seq).toBe(0);
    });
  });

  test('without the anchor is refused and names it; with it, as a fee bump, it is agreed', () => {
    withBurns(['a'], ({ db }) => {
      decidePayout(db, payout(['x', 'y'], ['a']), NOW);
      const data = { burn_txid: burn('a').burnTxid, anchor: outpoint('x') };
      const conflict: PayoutVerdict = { ok: false, reason: 'burn_conflict', data };
      expect(decidePayout(db, payout(['y'], ['a']), NOW)).toEqual(conflict);
      expect(decidePayout(db, payout(['z', 'x'], ['a'], 900n), NOW)).toEqual(FRESH);
      expect(getBurn(db, burn('a').burnTxid)?.anchor).toEqual(outpoint('x'));
    });
  });

  test('that spends an anchor but leaves its burn out is refused and names the burns', () => {
    withBurns(['a', 'b', 'c'], ({ db }) => {
      decidePayout(db, payout(['x'], ['a', 'b']), NOW);
      const data = { input: outpoint('x'), burns: [burn('a').burnTxid, burn('b').burnTxid].sort() };
      const reserved: PayoutVerdict = { ok: false, reason: 'input_reserved', data };
      expect(decidePayout(db, payout(['x'], ['a']), NOW)).toEqual(reserved);
      expect(decidePayout(db, payout(['z', 'x'], ['c']), NOW)).toEqual(reserved);
      expect(decidePayout(db, payout(['x'], []), NOW)).toEqual(reserved);
    });
  });

  test('anchors a burn at the first input that no live transaction spends', () => {
    withBurns(['a', 'b', 'c'], ({ db }) => {
      decidePayout(db, payout(['x', 'y'], ['a']), NOW);
      expect(decidePayout(db, payout(['x', 'y', 'z'], ['a', 'b']), NOW)).toEqual(FRESH);
      expect(getBurn(db, burn('b').burnTxid)?.anchor).toEqual(outpoint('z'));
      expect(decidePayout(db, payout(['w', 'x', 'z'], ['a', 'b', 'c']), NOW)).toEqual(FRESH);
      expect(getBurn(db, burn('c').burnTxid)?.anchor).toEqual(outpoint('w'));
    });
  });

  test('anchors a burn at its first input where live transactions spend all of them', () => {
    withBurns(['a', 'b'], ({ db }) => {
      decidePayout(db, payout(['x', 'y'], ['a']), NOW);
      expect(decidePayout(db, payout(['y'], ['b']), NOW)).toEqual(FRESH);
      expect(getBurn(db, burn('b').burnTxid)?.anchor).toEqual(outpoint('y'));
      const data = { input: outpoint('y'), burns: [burn('b').burnTxid] };
      const reserved: PayoutVerdict = { ok: false, reason: 'input_reserved', data };
      expect(decidePayout(db, payout(['x', 'y'], ['a'], 900n), NOW)).toEqual(reserved);
      expect(decidePayout(db, payout(['x', 'y'], ['a', 'b'], 900n), NOW)).toEqual(FRESH);
    });
  });

  test('binds burns crosswise, and agrees to pay all of them from all anchors', () => {
    withBurns(['a', 'b', 'c'], ({ db }) => {
      decidePayout(db, payout(['x'], ['a']), NOW);
      decidePayout(db, payout(['y'], ['b']), NOW);
      // Another node has bound a to y, b to z, and c with them.
      expect(decidePayout(db, payout(['x', 'y', 'z'], ['a', 'b', 'c']), NOW)).toEqual(FRESH);
    });
  });

  test('may spend the anchor of a burn that is settled by a transaction without it', () => {
    withBurns(['a', 'b'], (store) => {
      const [other, bound] = [payout(['y'], ['a']), payout(['x'], ['a'])];
      decidePayout(store.db, bound, NOW);
      recordForeignPayments(store.db, other.txid, [{ outputIndex: 0, script: '51', amount: 49_990_000n }], 1, NOW);
      const next = payout(['x'], ['b']);
      expect(decidePayout(store.db, next, NOW)).toMatchObject({ reason: 'input_reserved' });
      const [seen] = listUnrecognised(store.db).rows;
      if (seen === undefined) throw new Error('the payment was recorded');
      recogniseForeignPayment(store.db, seen, burn('a').burnTxid, NOW);
      expect(decidePayout(store.db, next, NOW)).toEqual(FRESH);
    });
  });

  test('of a burn whose payout is confirmed is refused, the same transaction too', () => {
    withBurns(['a'], (store) => {
      const first = payout(['x'], ['a']);
      decidePayout(store.db, first, NOW);
      confirm(store, first);
      const paid: PayoutVerdict = {
        ok: false,
        reason: 'burn_already_paid',
        data: { burn_txid: burn('a').burnTxid, txid: first.txid },
      };
      for (const decision of [first, payout(['x', 'y'], ['a'])]) {
        expect(decidePayout(store.db, decision, NOW)).toEqual(paid);
      }
      recordPayoutReorganised(store.db, first.txid, NOW);
      expect(decidePayout(store.db, payout(['x', 'y'], ['a']), NOW)).toEqual(FRESH);
    });
  });

  test('throws where the txid is not of the transaction, or there is no input', () => {
    withBurns(['a'], ({ db }) => {
      const decision = payout(['x'], ['a']);
      expect(() => decidePayout(db, { ...decision, txid: id('other') }, NOW)).toThrow(/not of this transaction/);
      expect(() => decidePayout(db, payout([], ['a']), NOW)).toThrow(/has an input/);
      expect(auditHead(db).seq).toBe(0);
    });
  });
});

describe('the life of a payout', () => {
  test('goes from decided to settled, each step with its time and its audit row, each step once', () => {
    withBurns(['a'], ({ db }) => {
      const { txid } = payout(['x'], ['a']);
      decidePayout(db, payout(['x'], ['a']), NOW);
      for (const repeat of [0, 100]) {
        expect(recordPayoutSigned(db, txid, 'beef', NOW + repeat + 1)).toEqual(OK);
        expect(recordPayoutBroadcast(db, txid, NOW + repeat + 2)).toEqual(OK);
        expect(recordPayoutConfirmed(db, txid, BLOCK, NOW + repeat + 3)).toEqual(OK);
        expect(recordPayoutSettled(db, txid, NOW + repeat + 4)).toEqual(OK);
      }
      expect(getPayout(db, txid)).toMatchObject({
        status: 'settled',
        signedTx: 'beef',
        height: BLOCK.height,
        blockHash: BLOCK.hash,
        signedAt: NOW + 1,
        broadcastAt: NOW + 2,
        confirmedAt: NOW + 3,
        settledAt: NOW + 4,
      });
      const kinds = listAudit(db).rows.map(({ kind }) => kind);
      expect(kinds.reverse()).toEqual(
        ['decided', 'signed', 'broadcast', 'confirmed', 'settled'].map((k) => `payout_${k}`),
      );
      expect(verifyAuditLog(db).ok).toBe(true);
      expect(recordPayoutReorganised(db, txid, NOW)).toEqual({ ok: false, reason: 'final' });
    });
  });

  test('its transaction is kept whenever it comes, also after it was seen in a mempool or in a block', () => {
    withBurns(['a'], ({ db }) => {
      const { txid } = payout(['x'], ['a']);
      decidePayout(db, payout(['x'], ['a']), NOW);
      recordPayoutBroadcast(db, txid, NOW);
      expect(recordPayoutSigned(db, txid, 'beef', NOW + 1)).toEqual(OK);
      expect(getPayout(db, txid)).toMatchObject({ status: 'broadcast', signedTx: 'beef', signedAt: NOW + 1 });
    });
    withBurns(['a'], (store) => {
      const { db } = store;
      const decision = payout(['x'], ['a']);
      decidePayout(db, decision, NOW);
      confirm(store, decision);
      recordPayoutSettled(db, decision.txid, NOW);
      for (const told of ['beef', 'f00d']) recordPayoutSigned(db, decision.txid, told, NOW + 1);
      expect(getPayout(db, decision.txid)).toMatchObject({ status: 'settled', signedTx: 'beef' });
      expect(verifyAuditLog(db).ok).toBe(true);
    });
  });

  test('a reorganisation takes a confirmation back, and lets the rival confirm', () => {
    withBurns(['a'], ({ db }) => {
      const [first, bump] = [payout(['x'], ['a']), payout(['x'], ['a'], 900n)];
      for (const decision of [first, bump]) decidePayout(db, decision, NOW);
      recordPayoutConfirmed(db, first.txid, BLOCK, NOW);
      recordPayoutConfirmed(db, bump.txid, BLOCK, NOW);
      expect(getPayout(db, first.txid)).toMatchObject({ status: 'broadcast', height: null, blockHash: null });
      expect(getPayout(db, bump.txid)?.status).toBe('confirmed');
      expect(recordPayoutReorganised(db, first.txid, NOW)).toEqual({ ok: false, reason: 'not_confirmed' });
    });
  });

  test('once one is settled its rivals are replaced for ever', () => {
    withBurns(['a', 'b'], (store) => {
      const { db } = store;
      const [first, bump, apart] = [payout(['x'], ['a']), payout(['x'], ['a'], 900n), payout(['z'], ['b'])];
      for (const decision of [first, bump, apart]) decidePayout(db, decision, NOW);
      expect(recordPayoutSettled(db, bump.txid, NOW)).toEqual({ ok: false, reason: 'not_confirmed' });
      confirm(store, bump);
      recordPayoutSettled(db, bump.txid, NOW);
      expect(getPayout(db, first.txid)?.status).toBe('replaced');
      expect(getPayout(db, apart.txid)?.status).toBe('decided');
      expect(recordPayoutConfirmed(db, first.txid, BLOCK, NOW)).toEqual({ ok: false, reason: 'final' });
    });
  });

  test('a transaction that lost a shared input cannot be agreed to again, its burn can', () => {
    withBurns(['a', 'b'], (store) => {
      const [lost, won] = [payout(['x', 'y'], ['a']), payout(['z', 'y'], ['b'])];
      for (const decision of [lost, won]) expect(decidePayout(store.db, decision, NOW)).toEqual(FRESH);
      confirm(store, won);
      recordPayoutSettled(store.db, won.txid, NOW);
      const data = { ...outpoint('y'), spent_by: won.txid };
      for (const dead of [lost, payout(['x', 'y'], ['a'], 900n), payout(['w', 'y'], [])]) {
        expect(decidePayout(store.db, dead, NOW)).toEqual<PayoutVerdict>({ ok: false, reason: 'input_spent', data });
      }
      expect(decidePayout(store.db, payout(['x', 'w'], ['a']), NOW)).toEqual(FRESH);
    });
  });

  test('steps of an unknown transaction are refused', () => {
    withBurns([], ({ db }) => {
      const unknown = { ok: false, reason: 'payout_unknown' } as const;
      expect(recordPayoutSigned(db, id('no'), '', NOW)).toEqual(unknown);
      expect(recordPayoutSettled(db, id('no'), NOW)).toEqual(unknown);
    });
  });
});

describe('lists', () => {
  test('of withdrawals show each burn with the status of its furthest transaction', () => {
    withBurns(['a', 'b'], (store) => {
      const { db } = store;
      const [first, bump] = [payout(['x'], ['a']), payout(['x'], ['a'], 900n)];
      decidePayout(db, first, NOW);
      decidePayout(db, bump, NOW + 1);
      confirm(store, bump);
      const { rows, total } = listWithdrawals(db);
      expect(total).toBe(2);
      const statuses = rows.map((row) => [row.burn.burnTxid, row.status, row.payouts.map(({ txid }) => txid)]);
      expect(statuses).toContainEqual([burn('a').burnTxid, 'confirmed', [first.txid, bump.txid]]);
      expect(statuses).toContainEqual([burn('b').burnTxid, 'undecided', []]);
      expect(getWithdrawal(db, burn('a').burnTxid)?.burn).toMatchObject(burn('a'));
      expect(getWithdrawal(db, burn('c').burnTxid)).toBeNull();
      expect(listUndecidedBurns(db)).toMatchObject({ rows: [burn('b')], total: 1 });
    });
  });

  test('of payouts filter by status, newest first', () => {
    withBurns(['a', 'b'], ({ db }) => {
      decidePayout(db, payout(['x'], ['a']), NOW);
      decidePayout(db, payout(['z'], ['b']), NOW + 1);
      recordPayoutSigned(db, payout(['x'], ['a']).txid, 'beef', NOW);
      expect(listPayouts(db).rows.map(({ txid }) => txid)).toEqual([
        payout(['z'], ['b']).txid,
        payout(['x'], ['a']).txid,
      ]);
      expect(listPayouts(db, ['signed']).rows.map(({ txid }) => txid)).toEqual([payout(['x'], ['a']).txid]);
      expect(listPayouts(db, ['settled'])).toEqual({ rows: [], total: 0 });
    });
  });
});
