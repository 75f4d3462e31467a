// Children of payouts in the store: one output for all versions, promised to them alone, also against statements that no
// function of the store makes.

import type { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import { listAudit, verifyAuditLog } from '../../store/audit-log.ts';
import type { Store } from '../../store/open.ts';
import { openStore } from '../../store/open.ts';
import {
  type ChildDecision,
  decideChild,
  getChild,
  isPromisedToChild,
  listChildrenOf,
  listLiveChildren,
} from '../../store/payout-children.ts';
import {
  recordChildConfirmed,
  recordChildSettled,
  recordChildSigned,
  recordChildVoid,
  recordChildWaiting,
  voidChildrenOn,
} from '../../store/payout-children-progress.ts';
import { recordPayoutBroadcast, recordPayoutConfirmed, recordPayoutSettled } from '../../store/payout-progress.ts';
import { decidePayout, type PayoutDecision } from '../../store/payouts.ts';
import { listSpendableUtxos, recordUtxo } from '../../store/utxos.ts';
import { burn, id, inFolder, NOW, outpoint, payout, raw, storeBurns, withStore } from './fixture.ts';

const BLOCK = { height: 100, hash: id('block') };
const PARENT = payout(['x'], ['a']);
const CHANGE = { txid: PARENT.txid, vout: 1 };

function child(fee = 2_000n, parent: PayoutDecision = PARENT): ChildDecision {
  const unsignedTx = toHex(utf8(`child of ${parent.txid} at ${fee}`));
  const hash = sha256(sha256(new Uint8Array(Buffer.from(unsignedTx, 'hex'))));
  const { vout: parentVout, amount } = parent.change ?? { vout: 0, amount: 0n };
  return { txid: toHex(hash.reverse()), unsignedTx, parentTxid: parent.txid, parentVout, amount, fee };
}

function withParent<T>(body: (store: Store) => T): T {
  return withStore((store) => {
    storeBurns(store, 'a', 'b');
    decidePayout(store.db, PARENT, NOW);
    recordPayoutBroadcast(store.db, PARENT.txid, NOW);
    return body(store);
  });
}

describe('a decision about a child', () => {
  test('is durable and audited before it is acted upon, and the same again is harmless', () => {
    inFolder((folder) => {
      const path = join(folder, 'security.db');
      const store = openStore(path);
      storeBurns(store, 'a');
      decidePayout(store.db, PARENT, NOW);
      expect(decideChild(store.db, child(), NOW)).toEqual({ ok: true, repeated: false });
      expect(decideChild(store.db, child(), NOW + 1)).toEqual({ ok: true, repeated: true });
      store.close();
      const again = openStore(path);
      expect(getChild(again.db, child().txid)).toMatchObject({ ...child(), status: 'decided', signedTx: null });
      expect(listAudit(again.db).rows[0]).toMatchObject({ kind: 'child_decided', body: { txid: child().txid } });
      expect(verifyAuditLog(again.db).ok).toBe(true);
      again.close();
    });
  });

  test('is refused by name where the output is not the change of a payout that waits', () => {
    withParent(({ db }) => {
      const reasonOf = (decision: ChildDecision) => {
        const verdict = decideChild(db, decision, NOW);
        return verdict.ok ? 'decided' : verdict.reason;
      };
      expect(reasonOf({ ...child(), parentTxid: id('nobody') })).toBe('parent_unknown');
      expect(reasonOf({ ...child(), parentVout: 0 })).toBe('parent_unknown');
      expect(reasonOf({ ...child(), amount: 999_999n })).toBe('parent_unknown');
      expect(reasonOf(child(9_501n))).toBe('fee_too_high');
      expect(reasonOf(child(9_500n))).toBe('decided');
      recordPayoutConfirmed(db, PARENT.txid, BLOCK, NOW);
      expect(reasonOf(child(3_000n))).toBe('parent_not_waiting');
      expect(() => decideChild(db, { ...child(), txid: id('other') }, NOW)).toThrow('txid');
    });
  });

  test('and one about a payout do not take the same output, whichever comes first', () => {
    withParent(({ db }) => {
      const spending: PayoutDecision = { ...payout([], ['b']), inputs: [CHANGE] };
      decideChild(db, child(), NOW);
      expect(isPromisedToChild(db, CHANGE)).toBe(true);
      expect(() => decidePayout(db, spending, NOW)).toThrow('promised to a child');
      voidChildrenOn(db, CHANGE, 'for a test', NOW);
      expect(decidePayout(db, spending, NOW).ok).toBe(true);
      expect(decideChild(db, child(3_000n), NOW)).toEqual({ ok: false, reason: 'input_reserved' });
    });
  });

  test('keeps the output from the planner until the child is void', () => {
    withParent(({ db }) => {
      recordUtxo(db, { ...CHANGE, amount: 1_000_000n, leaf: { kind: 'change' }, height: 99 }, NOW);
      expect(listSpendableUtxos(db).total).toBe(1);
      decideChild(db, child(), NOW);
      expect(listSpendableUtxos(db).total).toBe(0);
      recordChildVoid(db, child().txid, 'for a test', NOW);
      expect(listSpendableUtxos(db).total).toBe(1);
    });
  });
});

describe('the progress of a child', () => {
  test('goes from decided to settled, and takes its siblings out', () => {
    withParent(({ db }) => {
      const [cheap, dear] = [child(1_000n), child(2_000n)];
      for (const one of [cheap, dear]) decideChild(db, one, NOW);
      expect(listChildrenOf(db, PARENT.txid).map(({ fee }) => fee)).toEqual([1_000n, 2_000n]);
      recordChildSigned(db, dear.txid, '0200', NOW);
      expect(getChild(db, dear.txid)).toMatchObject({ status: 'signed', signedTx: '0200' });
      recordChildWaiting(db, dear.txid, NOW);
      recordChildConfirmed(db, dear.txid, 100, NOW);
      expect(getChild(db, dear.txid)).toMatchObject({ status: 'confirmed', height: 100 });
      recordChildSettled(db, dear.txid, NOW);
      expect(listChildrenOf(db, PARENT.txid).map(({ status }) => status)).toEqual(['void', 'settled']);
      expect(listLiveChildren(db, 10)).toEqual([]);
      expect(recordChildWaiting(db, dear.txid, NOW)).toEqual({ ok: false, reason: 'final' });
      expect(recordChildConfirmed(db, cheap.txid, 100, NOW)).toEqual({ ok: false, reason: 'final' });
      expect(recordChildSigned(db, id('none'), '02', NOW)).toEqual({ ok: false, reason: 'child_unknown' });
      // Spent for good.
      expect(isPromisedToChild(db, CHANGE)).toBe(true);
    });
  });

  test('is taken back by a reorganisation, in which a sibling may win', () => {
    withParent(({ db }) => {
      const [cheap, dear] = [child(1_000n), child(2_000n)];
      for (const one of [cheap, dear]) decideChild(db, one, NOW);
      recordChildConfirmed(db, dear.txid, 100, NOW);
      expect(decideChild(db, child(3_000n), NOW)).toEqual({ ok: false, reason: 'input_spent' });
      recordChildWaiting(db, dear.txid, NOW);
      expect(getChild(db, dear.txid)).toMatchObject({ status: 'broadcast', height: null });
      recordChildConfirmed(db, dear.txid, 101, NOW);
      recordChildConfirmed(db, cheap.txid, 101, NOW);
      expect(listChildrenOf(db, PARENT.txid).map(({ status }) => status)).toEqual(['confirmed', 'broadcast']);
      expect(
        listAudit(db)
          .rows.map(({ kind }) => kind)
          .slice(0, 2),
      ).toEqual(['child_confirmed', 'child_reorganised']);
    });
  });
});

describe('never: a child that the rules do not allow', () => {
  const insert = (database: Database, changes: Partial<Record<string, string | number | bigint | null>> = {}) => {
    const { txid, parentTxid, parentVout, amount, fee, unsignedTx } = child(4_000n);
    const row = {
      ...{ txid, parent_txid: parentTxid, parent_vout: parentVout, amount, fee, unsigned_tx: unsignedTx },
      ...{ signed_tx: null, status: 'decided', height: null, created_at: NOW, updated_at: NOW },
      ...changes,
    };
    const names = Object.keys(row);
    const sql = `INSERT INTO payout_children (${names.join()}) VALUES (${names.map(() => '?').join()})`;
    database.run(sql, Object.values(row));
  };
  const set =
    (change: string, txid = child().txid) =>
    (database: Database) => {
      database.run(`UPDATE OR REPLACE payout_children SET ${change} WHERE txid = '${txid}'`);
    };
  const anchored = payout(['w'], ['b']);
  const cases: Readonly<Record<string, readonly [(database: Database) => void, RegExp]>> = {
    'spends what is no change': [(db) => insert(db, { parent_vout: 0 }), /spends the change/],
    'spends another amount': [(db) => insert(db, { amount: 2_000_000n }), /spends the change/],
    'spends the output of no payout': [(db) => insert(db, { parent_txid: id('nobody') }), /spends the change/],
    'pays more than the burns': [(db) => insert(db, { fee: 9_501n }), /within what the burns paid/],
    'pays nothing': [(db) => insert(db, { fee: 0n }), /CHECK/],
    'pays all': [(db) => insert(db, { fee: 1_000_000n }), /CHECK|within/],
    'starts as signed': [(db) => insert(db, { status: 'signed' }), /starts as decided/],
    'starts with a transaction': [(db) => insert(db, { signed_tx: '02' }), /starts as decided/],
    'helps what is settled': [
      (db) => insert(db, { parent_txid: anchored.txid, txid: id('late') }),
      /the payout does not wait/,
    ],
    'comes twice': [(db) => insert(db, { txid: child().txid }), /there already/],
    'moves to another output': [set(`parent_txid = '${id('q')}'`), /does not change/],
    'moves to another number': [set('parent_vout = 0'), /does not change/],
    'gets another fee': [set('fee = 5'), /does not change/],
    'gets another transaction': [set("unsigned_tx = '00'"), /does not change/],
    'pushes another row away': [set('rowid = 2'), /does not change/],
    'becomes undecided': [set("status = 'decided'"), /undecided/],
    'comes back from void': [set("status = 'broadcast'", child(3_000n).txid), /final/],
    'is deleted': [(db) => db.run('DELETE FROM payout_children'), /never deleted/],
    'is mined beside another': [
      (db) => {
        set("status = 'confirmed', height = 5")(db);
        set("status = 'confirmed', height = 5", child(2_500n).txid)(db);
      },
      /one child of a payout is mined/,
    ],
  };
  for (const [name, [statement, error]] of Object.entries(cases)) {
    test(name, () => {
      withParent((store) => {
        const { db } = store;
        for (const fee of [2_000n, 2_500n, 3_000n]) decideChild(db, child(fee), NOW);
        recordChildWaiting(db, child().txid, NOW);
        recordChildVoid(db, child(3_000n).txid, 'for a test', NOW);
        decidePayout(db, anchored, NOW);
        recordPayoutConfirmed(db, anchored.txid, BLOCK, NOW);
        recordPayoutSettled(db, anchored.txid, NOW);
        raw(store, (database) => {
          expect(() => database.transaction(() => statement(database))()).toThrow(error);
        });
      });
    });
  }

  test('spends an anchor, or what a payout spends', () => {
    withParent((store) => {
      const { db } = store;
      const second: PayoutDecision = { ...payout([], ['b']), inputs: [CHANGE] };
      decidePayout(db, second, NOW);
      raw(store, (database) => {
        expect(() => insert(database)).toThrow(/promised to a payout/);
        database.run('DROP TRIGGER payout_children_leave_payouts');
        expect(() => insert(database)).toThrow(/an anchor is spent only by a payout of its burn/);
      });
    });
  });

  test('and a payout that spends what a child spends', () => {
    withParent((store) => {
      decideChild(store.db, child(), NOW);
      raw(store, (database) => {
        const attempt = () => {
          database.run('PRAGMA defer_foreign_keys = ON');
          const other = id('another');
          database.run(
            'INSERT INTO payout_transaction_inputs (txid, input_index, prev_txid, prev_vout) VALUES (?, 0, ?, 1)',
            [other, PARENT.txid],
          );
          database.run(
            `INSERT INTO payout_transactions (txid, unsigned_tx, fee, fee_rate, status, created_at) VALUES (?, '02', 1, 1, 'decided', 1)`,
            [other],
          );
        };
        expect(() => database.transaction(attempt)()).toThrow(/an input is promised to a child/);
      });
      expect(burn('a').fee).toBe(10_000n);
      expect(outpoint('x')).toEqual(PARENT.inputs[0] ?? outpoint('none'));
    });
  });
});
