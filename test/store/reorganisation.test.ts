import { describe, expect, test } from 'bun:test';
import { listAudit } from '../../store/audit-log.ts';
import { recordBurn } from '../../store/burns.ts';
import type { Queries } from '../../store/database.ts';
import { type Deposit, getDeposit, recordDeposit, setDepositStatus } from '../../store/deposits.ts';
import { foreignPaymentOf, recogniseForeignPayment, recordForeignPayments } from '../../store/foreign-payments.ts';
import { getPayout } from '../../store/payout-listing.ts';
import { recordPayoutConfirmed, recordPayoutSettled } from '../../store/payout-progress.ts';
import { decidePayout } from '../../store/payouts.ts';
import { exposedDeposits, forgetThrownOut, takeBackAbove, thrownOutPayouts } from '../../store/reorganisation.ts';
import { getUtxo, listSpendableUtxos, markUtxoSpent, recordUtxo } from '../../store/utxos.ts';
import { burn, id, NOW, outpoint, payout, withStore } from './fixture.ts';

function deposited(db: Queries, name: string, height: number, status: Deposit['status']): void {
  const sighting = {
    ...outpoint(name),
    recipient: id('r', name),
    amount: 500n,
    height,
    blockHash: id('block', height),
  };
  recordDeposit(db, sighting, NOW);
  if (status !== 'seen') setDepositStatus(db, outpoint(name), status, NOW);
}

describe('blocks that leave the chain', () => {
  test('take back the heights of what they brought, and nothing that lies deeper', () => {
    withStore(({ db }) => {
      deposited(db, 'deep', 10, 'confirmed');
      deposited(db, 'shallow', 11, 'confirmed');
      for (const [name, height] of [
        ['old', 10],
        ['new', 11],
      ] as const) {
        recordUtxo(db, { ...outpoint(name), amount: 5n, leaf: { kind: 'change' }, height }, NOW);
      }
      markUtxoSpent(db, outpoint('old'), id('spender'), 11, NOW);
      expect(takeBackAbove(db, 10, NOW)).toMatchObject({ waiting: [outpoint('shallow')], exposed: [], payouts: [] });
      expect(getDeposit(db, outpoint('deep'))).toMatchObject({ status: 'confirmed', height: 10 });
      expect(getDeposit(db, outpoint('shallow'))).toMatchObject({ status: 'seen', height: null, blockHash: null });
      expect(getUtxo(db, outpoint('old'))).toMatchObject({ status: 'spent', spentHeight: null, height: 10 });
      expect(listSpendableUtxos(db).rows).toEqual([]);
    });
  });

  test('expose what was attested or minted, until it is in a block again', () => {
    withStore(({ db }) => {
      deposited(db, 'attested', 20, 'attested');
      deposited(db, 'minted', 21, 'minted');
      takeBackAbove(db, 20, NOW);
      expect(exposedDeposits(db)).toMatchObject([outpoint('minted')]);
      takeBackAbove(db, 19, NOW);
      expect(exposedDeposits(db)).toMatchObject([outpoint('minted'), outpoint('attested')]);
      expect(getDeposit(db, outpoint('minted'))?.status).toBe('minted');
      deposited(db, 'minted', 22, 'minted');
      expect(exposedDeposits(db)).toMatchObject([outpoint('attested')]);
      expect(listAudit(db).rows.map(({ kind }) => kind)).toContain('blocks_taken_back');
    });
  });

  test('leave settled payouts settled, and have them remembered until they are forgotten', () => {
    withStore(({ db }) => {
      recordBurn(db, burn('a'), NOW);
      const paid = payout(['x'], ['a']);
      decidePayout(db, paid, NOW);
      recordPayoutConfirmed(db, paid.txid, { height: 30, hash: id('block', 30) }, NOW);
      recordPayoutSettled(db, paid.txid, NOW);
      expect(takeBackAbove(db, 30, NOW).payouts).toEqual([]);
      expect(takeBackAbove(db, 29, NOW).payouts).toEqual([paid.txid]);
      expect(takeBackAbove(db, 29, NOW).payouts).toEqual([paid.txid]);
      expect([thrownOutPayouts(db), getPayout(db, paid.txid)?.status]).toEqual([[paid.txid], 'settled']);
      forgetThrownOut(db, paid.txid, NOW);
      expect(thrownOutPayouts(db)).toEqual([]);
    });
  });

  test('no longer pay the burns that others had paid in them', () => {
    withStore(({ db }) => {
      recordBurn(db, burn('a'), NOW);
      const output = { outputIndex: 0, script: '0014aa', amount: 5n };
      recordForeignPayments(db, id('t'), [output], 40, NOW);
      const payment = { ...output, txid: id('t'), burnTxid: null, height: 40 };
      expect(recogniseForeignPayment(db, payment, burn('a').burnTxid, NOW)).toBe(true);
      takeBackAbove(db, 40, NOW);
      expect(foreignPaymentOf(db, burn('a').burnTxid)).not.toBeNull();
      takeBackAbove(db, 39, NOW);
      expect(foreignPaymentOf(db, burn('a').burnTxid)).toBeNull();
    });
  });
});
