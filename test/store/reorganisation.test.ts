import { describe, expect, test } from 'bun:test';
import { listAudit } from '../../store/audit-log.ts';
import type { Queries } from '../../store/database.ts';
import { type Deposit, getDeposit, recordDeposit, setDepositStatus } from '../../store/deposits.ts';
import { getStep, minedTip } from '../../store/line.ts';
import { exposedDeposits, takeBackAbove } from '../../store/reorganisation.ts';
import { getUtxo, listMaturedStrays, markUtxoSpent, recordUtxo } from '../../store/utxos.ts';
import { id, NOW, outpoint, withStore } from './fixture.ts';
import { beginLine, mine, step } from './line-fixture.ts';

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
        recordUtxo(db, { ...outpoint(name), amount: 5n, leaf: { kind: 'treasury' }, height }, NOW);
      }
      markUtxoSpent(db, outpoint('old'), id('spender'), 11, NOW);
      expect(takeBackAbove(db, 10, NOW)).toMatchObject({ waiting: [outpoint('shallow')], exposed: [], steps: [] });
      expect(getDeposit(db, outpoint('deep'))).toMatchObject({ status: 'confirmed', height: 10 });
      expect(getDeposit(db, outpoint('shallow'))).toMatchObject({ status: 'seen', height: null, blockHash: null });
      // What spent it is in no block any more.
      expect(getUtxo(db, outpoint('old'))).toMatchObject({ status: 'unspent', spentBy: null, height: 10 });
      expect(listMaturedStrays(db, 100, 10).map(({ txid }) => txid)).toEqual([outpoint('old').txid]);
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

  test('take the tip of the line back to the last step that is still mined, and forget no step', () => {
    withStore((store) => {
      const { db } = store;
      beginLine(store);
      const first = step({ burns: ['a'] });
      const second = step({ parent: first, burns: ['b'] });
      const third = step({ parent: second, burns: ['c'] });
      mine(store, 30, first, second, third);
      expect(takeBackAbove(db, 32, NOW).steps).toEqual([]);
      expect([...takeBackAbove(db, 30, NOW).steps].sort()).toEqual([second.txid, third.txid].sort());
      expect(minedTip(db)?.txid).toBe(first.txid);
      for (const { txid, burns } of [second, third]) {
        expect(getStep(db, txid)).toMatchObject({ height: null, blockHash: null, burns });
        expect(getStep(db, txid)?.signedTx).not.toBeNull();
      }
    });
  });
});
