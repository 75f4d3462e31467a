// When a burn may be unbound from its anchor: by the store's own functions, and past them by plain SQL.
import type { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { type LostAnchor, listLostAnchors, releaseAnchor, returnedAnchors } from '../../store/anchor-releases.ts';
import { listAudit, verifyAuditLog } from '../../store/audit-log.ts';
import { getBurn, recordBurn } from '../../store/burns.ts';
import {
  foreignPaymentOf,
  listUnrecognised,
  recogniseForeignPayment,
  recordForeignPayments,
} from '../../store/foreign-payments.ts';
import type { Store } from '../../store/open.ts';
import { listOpenBurns } from '../../store/open-burns.ts';
import { getPayout } from '../../store/payout-listing.ts';
import { recordPayoutConfirmed } from '../../store/payout-progress.ts';
import { decidePayout, type PayoutVerdict } from '../../store/payouts.ts';
import { takeBackAbove } from '../../store/reorganisation.ts';
import { markUtxoSpent, markUtxoUnspent, recordUtxo } from '../../store/utxos.ts';
import { burn, id, NOW, outpoint, payout, raw, storeBurns, withStore } from './fixture.ts';

const A = burn('a').burnTxid;
const T = payout(['x'], ['a']);
const SPENDER = id('spender');
const HEIGHT = 100;
const GROUND = { blockHash: id('block'), tipHeight: HEIGHT + 5, depth: 6 };
const FRESH: PayoutVerdict = { ok: true, repeated: false };
const NET = burn('a').amount - burn('a').fee;

/** A burn bound to x, which `spender` spends at HEIGHT. */
function lostBy(spender: string, body: (store: Store) => void): void {
  withStore((store) => {
    const { db } = store;
    storeBurns(store, 'a', 'b');
    for (const name of ['x', 'y']) {
      recordUtxo(db, { ...outpoint(name), amount: 9n, leaf: { kind: 'change' }, height: 1 }, NOW);
    }
    decidePayout(db, T, NOW);
    markUtxoSpent(db, outpoint('x'), spender, HEIGHT, NOW);
    body(store);
  });
}

function theLost(store: Store): LostAnchor {
  const [lost] = listLostAnchors(store.db, HEIGHT);
  if (lost === undefined) throw new Error('no anchor is lost');
  return lost;
}

const paying = (store: Store, amount: bigint, script = '51') =>
  recordForeignPayments(store.db, SPENDER, [{ outputIndex: 0, script, amount }], HEIGHT, NOW);

describe('a burn whose anchor another transaction has spent', () => {
  test('is released: its payouts are given up, it waits again, and is bound anew', () => {
    lostBy(SPENDER, (store) => {
      const { db } = store;
      expect(theLost(store)).toEqual({ burnTxid: A, anchor: outpoint('x'), spentBy: SPENDER, spentHeight: HEIGHT });
      expect(releaseAnchor(db, theLost(store), GROUND, NOW)).toBe(true);
      expect(getBurn(db, A)?.anchor).toBeNull();
      expect(getPayout(db, T.txid)?.status).toBe('replaced');
      expect(listOpenBurns(db).rows.map(({ burnTxid }) => burnTxid)).toContain(A);
      expect(listLostAnchors(db, HEIGHT)).toEqual([]);
      expect(listAudit(db).rows[0]?.kind).toBe('anchor_released');
      expect(decidePayout(db, T, NOW)).toMatchObject({ ok: false, reason: 'input_spent' });
      expect(decidePayout(db, payout(['x'], ['a'], 900n), NOW)).toMatchObject({ ok: false, reason: 'input_spent' });
      expect(decidePayout(db, payout(['y'], ['a']), NOW)).toEqual(FRESH);
      expect(getBurn(db, A)?.anchor).toEqual(outpoint('y'));
      expect(verifyAuditLog(db).ok).toBe(true);
    });
  });

  test('is not released while the spending is unconfirmed, or not as deep as asked', () => {
    lostBy(SPENDER, (store) => {
      const { db } = store;
      expect(listLostAnchors(db, HEIGHT - 1)).toEqual([]);
      const shallow = { ...GROUND, tipHeight: HEIGHT + 4 };
      expect(() => releaseAnchor(db, theLost(store), shallow, NOW)).toThrow(/CHECK|anchor_releases_deep/);
      expect(getBurn(db, A)?.anchor).toEqual(outpoint('x'));
      expect(getPayout(db, T.txid)?.status).toBe('decided');
      const lost = theLost(store);
      markUtxoSpent(db, outpoint('x'), SPENDER, null, NOW);
      expect(listLostAnchors(db, HEIGHT)).toEqual([]);
      expect(releaseAnchor(db, lost, GROUND, NOW)).toBe(false);
    });
  });

  test('is not released by a payout of its own', () => {
    lostBy(T.txid, ({ db }) => {
      expect(listLostAnchors(db, HEIGHT)).toEqual([]);
    });
  });

  test('is not released while an output of the stranger may be its payment', () => {
    lostBy(SPENDER, (store) => {
      paying(store, NET);
      expect(listLostAnchors(store.db, HEIGHT)).toEqual([]);
    });
  });

  test('is not released where the output was taken for the payment of a burn that looks the same', () => {
    lostBy(SPENDER, (store) => {
      const twin = {
        ...burn('a'),
        burnTxid: '0'.repeat(64),
        nullifier: id('twin'),
        address: burn('a').address.toUpperCase(),
      };
      recordBurn(store.db, twin, NOW);
      paying(store, NET);
      const [seen] = listUnrecognised(store.db).rows;
      if (seen === undefined) throw new Error('the payment was recorded');
      expect(recogniseForeignPayment(store.db, seen, twin.burnTxid, NOW)).toBe(true);
      expect(listLostAnchors(store.db, HEIGHT)).toEqual([]);
    });
  });

  test('is released where the stranger pays another address the same amount, or this one another amount', () => {
    lostBy(SPENDER, (store) => {
      paying(store, NET);
      const [seen] = listUnrecognised(store.db).rows;
      if (seen === undefined) throw new Error('the payment was recorded');
      recogniseForeignPayment(store.db, seen, burn('b').burnTxid, NOW);
      expect(releaseAnchor(store.db, theLost(store), GROUND, NOW)).toBe(true);
    });
    lostBy(SPENDER, (store) => {
      paying(store, NET - 1n);
      expect(releaseAnchor(store.db, theLost(store), GROUND, NOW)).toBe(true);
    });
  });

  test('is not released once it is paid', () => {
    lostBy(SPENDER, (store) => {
      const { db } = store;
      const lost = theLost(store);
      recordPayoutConfirmed(db, T.txid, { height: 3, hash: id('other') }, NOW);
      expect(releaseAnchor(db, lost, GROUND, NOW)).toBe(false);
      expect(getBurn(db, A)?.anchor).toEqual(outpoint('x'));
    });
  });
});

describe('a reorganisation deeper than was asked for, after the release,', () => {
  test('shows, and binds further payouts of the burn to both inputs', () => {
    lostBy(SPENDER, (store) => {
      const { db } = store;
      releaseAnchor(db, theLost(store), GROUND, NOW);
      expect(decidePayout(db, payout(['y'], ['a']), NOW)).toEqual(FRESH);
      expect(returnedAnchors(db)).toEqual([]);
      expect(takeBackAbove(db, HEIGHT - 1, NOW).released).toEqual([A]);
      markUtxoUnspent(db, outpoint('x'), SPENDER, NOW);
      expect(returnedAnchors(db)).toEqual([{ burnTxid: A, ...outpoint('x') }]);
      const data = { burn_txid: A, anchor: outpoint('x') };
      const conflict: PayoutVerdict = { ok: false, reason: 'burn_conflict', data };
      expect(decidePayout(db, payout(['y'], ['a'], 900n), NOW)).toEqual(conflict);
      expect(decidePayout(db, payout(['x', 'y'], ['a'], 900n), NOW)).toEqual(FRESH);
      markUtxoSpent(db, outpoint('x'), id('another'), HEIGHT, NOW);
      expect(decidePayout(db, payout(['y'], ['a'], 950n), NOW)).toEqual(FRESH);
    });
  });

  test('before the burn was bound anew never binds it to the old input again', () => {
    lostBy(SPENDER, (store) => {
      const { db } = store;
      releaseAnchor(db, theLost(store), GROUND, NOW);
      takeBackAbove(db, HEIGHT - 1, NOW);
      markUtxoUnspent(db, outpoint('x'), SPENDER, NOW);
      expect(decidePayout(db, payout(['x'], ['a'], 900n), NOW)).toMatchObject({ ok: false, reason: 'input_spent' });
      expect(decidePayout(db, payout(['x', 'y'], ['a'], 900n), NOW)).toEqual(FRESH);
      expect(getBurn(db, A)?.anchor).toEqual(outpoint('y'));
    });
  });
});

test('what a stranger pays is known for certain once it is taken over as a decision', () => {
  lostBy(SPENDER, (store) => {
    const { db } = store;
    const other = payout(['y'], ['b']);
    recordForeignPayments(db, other.txid, [{ outputIndex: 0, script: '51', amount: NET }], HEIGHT, NOW);
    const [seen] = listUnrecognised(db).rows;
    if (seen === undefined) throw new Error('the payment was recorded');
    recogniseForeignPayment(db, seen, A, NOW);
    expect(decidePayout(db, { ...other, mined: true }, NOW)).toEqual(FRESH);
    expect(foreignPaymentOf(db, A)).toBeNull();
    expect(foreignPaymentOf(db, burn('b').burnTxid)?.txid).toBe(other.txid);
  });
});

describe('no statement', () => {
  const release = (changes: Readonly<Record<string, string | number>> = {}): string => {
    const row = {
      ...{ burn_txid: A, anchor_txid: outpoint('x').txid, anchor_vout: 0, spent_by: SPENDER, spent_height: HEIGHT },
      ...{ block_hash: id('block'), tip_height: HEIGHT + 5, depth: 6, released_at: 1 },
      ...changes,
    };
    const values = Object.values(row).map((value) => (typeof value === 'string' ? `'${value}'` : `${value}`));
    return `INSERT INTO anchor_releases (${Object.keys(row).join()}) VALUES (${values.join()})`;
  };
  const giveUp = `UPDATE payout_transactions SET status = 'replaced' WHERE txid = '${T.txid}'`;
  const unbind = `UPDATE burns SET anchor_txid = NULL, anchor_vout = NULL WHERE burn_txid = '${A}'`;
  const rebind = (name: string) =>
    `UPDATE burns SET anchor_txid = '${outpoint(name).txid}', anchor_vout = 0 WHERE burn_txid = '${A}'`;

  const ofY = release({ anchor_txid: outpoint('y').txid });
  const inputOf = (name: string) =>
    `INSERT INTO payout_transaction_inputs VALUES ('${SPENDER}', 0, '${outpoint(name).txid}', 0)`;
  const paysA = `INSERT INTO payout_transaction_burns VALUES ('${SPENDER}', '${A}', 0)`;

  const attacks: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
    'unbinds a burn that is not released': [[giveUp, unbind], /set once, unless it is released/],
    'releases a burn of which a payout is not given up': [[release()], /not given up/],
    'releases from an outpoint that is not the anchor': [
      [giveUp, `UPDATE utxos SET status = 'spent', spent_by = '${SPENDER}', spent_height = ${HEIGHT}`, ofY],
      /not the anchor of the burn/,
    ],
    'releases with a transaction that does not spend the anchor': [
      [giveUp, release({ spent_by: id('nobody') })],
      /leaves its burn unpaid/,
    ],
    'releases at a height at which it was not spent': [
      [giveUp, release({ spent_height: HEIGHT - 9 })],
      /leaves its burn unpaid/,
    ],
    'releases what is only in the mempool': [
      [giveUp, `UPDATE utxos SET spent_height = NULL`, release()],
      /leaves its burn unpaid/,
    ],
    'releases what a payout of the burn has spent': [
      [giveUp, `UPDATE utxos SET spent_by = '${T.txid}' WHERE spent_by IS NOT NULL`, release({ spent_by: T.txid })],
      /leaves its burn unpaid/,
    ],
    'releases what a stranger has spent that may pay the burn': [
      [giveUp, `INSERT INTO foreign_payments VALUES ('${SPENDER}', 0, '51', ${NET}, NULL, ${HEIGHT}, 1)`, release()],
      /leaves its burn unpaid/,
    ],
    'releases a burn that somebody has paid': [
      [giveUp, `INSERT INTO foreign_payments VALUES ('${id('payer')}', 0, '51', 1, '${A}', ${HEIGHT}, 1)`, release()],
      /the burn is paid/,
    ],
    'releases too early': [[giveUp, release({ tip_height: HEIGHT + 4 })], /CHECK/],
    'releases at no depth': [[giveUp, release({ depth: 0 })], /CHECK/],
    'releases twice': [[giveUp, release(), release()], /is there already/],
    'replaces a release': [[giveUp, release(), release().replace('INSERT', 'INSERT OR REPLACE')], /is there already/],
    'changes a release': [[giveUp, release(), 'UPDATE anchor_releases SET depth = 1'], /never change/],
    'deletes a release': [[giveUp, release(), 'DELETE FROM anchor_releases'], /never deleted/],
    'moves an anchor in one step': [[giveUp, release(), rebind('y')], /set once, unless it is released/],
    'binds a burn again to what it was released from': [
      [giveUp, release(), unbind, inputOf('x'), paysA, rebind('x')],
      /does not come back/,
    ],
    'binds a released burn without a payout': [[giveUp, release(), unbind, rebind('y')], /input of the payout/],
    'brings a payout back that was given up': [
      [giveUp, release(), `UPDATE payout_transactions SET status = 'signed' WHERE txid = '${T.txid}'`],
      /are final/,
    ],
    'decides a payout beside an anchor that came back': [
      [
        ...[giveUp, release(), unbind, `UPDATE utxos SET spent_height = NULL`],
        ...[inputOf('y'), paysA],
        rebind('y'),
        `INSERT INTO payout_transactions (txid, unsigned_tx, fee, fee_rate, status, created_at) VALUES ('${SPENDER}', '', 1, 1, 'decided', 1)`,
      ],
      /came back is spent by payouts of its burn/,
    ],
  };
  for (const [name, [statements, error]] of Object.entries(attacks)) {
    test(name, () => {
      lostBy(SPENDER, (store) => {
        raw(store, (database: Database) => {
          database.run('PRAGMA recursive_triggers = ON');
          const attempt = () =>
            database.transaction(() => statements.forEach((statement) => void database.run(statement)))();
          expect(attempt).toThrow(error);
        });
      });
    });
  }

  test('but the right ones in their order unbind a burn', () => {
    lostBy(SPENDER, (store) => {
      raw(store, (database) => {
        for (const statement of [giveUp, release(), unbind]) database.run(statement);
      });
      expect(getBurn(store.db, A)?.anchor).toBeNull();
    });
  });
});
