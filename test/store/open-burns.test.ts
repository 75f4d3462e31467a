import { describe, expect, test } from 'bun:test';
import { recordBurn } from '../../store/burns.ts';
import { recogniseForeignPayment, recordForeignPayments } from '../../store/foreign-payments.ts';
import type { Store } from '../../store/open.ts';
import { listOpenBurns, listUnpaidBurns } from '../../store/open-burns.ts';
import { recordPayoutConfirmed, recordPayoutReplaced, recordPayoutSigned } from '../../store/payout-progress.ts';
import { decidePayout } from '../../store/payouts.ts';
import { burn, id, NOW, payout, withStore } from './fixture.ts';

const open = ({ db }: Store) => listOpenBurns(db).rows.map(({ burnTxid }) => burnTxid);
const unpaid = ({ db }: Store) => listUnpaidBurns(db).rows.map(({ burnTxid }) => burnTxid);
const a = burn('a').burnTxid;

function paidByOthers({ db }: Store, txid: string): boolean {
  const output = { outputIndex: 1, script: '0014aa', amount: 5n };
  recordForeignPayments(db, txid, [output], 40, NOW);
  return recogniseForeignPayment(db, { ...output, txid, burnTxid: null, height: 40 }, a, NOW);
}

describe('a burn waits', () => {
  test('until a payout of it is signed, and again once that can never be mined', () => {
    withStore((store) => {
      const { db } = store;
      recordBurn(db, burn('a'), NOW);
      expect(open(store)).toEqual([a]);
      const paying = payout(['x'], ['a']);
      decidePayout(db, paying, NOW);
      expect(open(store)).toEqual([a]);
      recordPayoutSigned(db, paying.txid, '00', NOW);
      expect([open(store), unpaid(store)]).toEqual([[], [a]]);
      expect(recordPayoutReplaced(db, paying.txid, id('rival'), NOW)).toEqual({ ok: true });
      expect(open(store)).toEqual([a]);
    });
  });

  test('no longer when others have paid it in the chain, once', () => {
    withStore((store) => {
      recordBurn(store.db, burn('a'), NOW);
      expect(paidByOthers(store, id('t'))).toBe(true);
      expect(paidByOthers(store, id('u'))).toBe(false);
      expect([open(store), unpaid(store)]).toEqual([[], []]);
    });
  });
});

describe('a payout', () => {
  test('of a burn that others have paid is refused with their transaction', () => {
    withStore((store) => {
      recordBurn(store.db, burn('a'), NOW);
      paidByOthers(store, id('t'));
      const verdict = decidePayout(store.db, payout(['x'], ['a']), NOW);
      expect(verdict).toEqual({ ok: false, reason: 'burn_already_paid', data: { burn_txid: a, txid: id('t') } });
    });
  });

  test('that is confirmed is never called replaced', () => {
    withStore((store) => {
      recordBurn(store.db, burn('a'), NOW);
      const paying = payout(['x'], ['a']);
      decidePayout(store.db, paying, NOW);
      recordPayoutConfirmed(store.db, paying.txid, { height: 3, hash: id('block') }, NOW);
      const verdict = recordPayoutReplaced(store.db, paying.txid, id('rival'), NOW);
      expect(verdict).toEqual({ ok: false, reason: 'final' });
    });
  });
});
