// What a restart must not forget: the database itself refuses to take it back.
import { describe, expect, test } from 'bun:test';
import { appendAudit, auditHead } from '../../store/audit-log.ts';
import { loadVerifiedHead, saveVerifiedHead } from '../../store/audit-verified.ts';
import { ceremonyHeight, noteCeremonyHeight } from '../../store/ceremony-height.ts';
import { loadFork, saveFork } from '../../store/chain-fork.ts';
import type { Store } from '../../store/open.ts';
import { keepRootSignature, rootSignatures } from '../../store/root-signatures.ts';
import { nextStartTime } from '../../store/start-time.ts';
import { loadFunding, noteFundingSpends, saveFunding } from '../../store/treasury-funding.ts';
import { id, NOW, raw, withStore } from './fixture.ts';

const root = { txid: id('a'), vout: 0 };
const input = { txid: id('b'), vout: 3 };

const run = (store: Store, sql: string) => raw(store, (database) => database.run(sql));

describe('a database', () => {
  test('keeps a fork of the chain until it is over, and never a later beginning of it', () =>
    withStore((store) => {
      const { db } = store;
      expect(loadFork(db)).toBeNull();
      saveFork(db, { at: NOW, height: 100, agreedFrom: null });
      saveFork(db, { at: NOW, height: 99, agreedFrom: 102 });
      expect(loadFork(db)).toEqual({ at: NOW, height: 99, agreedFrom: 102 });
      expect(() => saveFork(db, { at: NOW, height: 100, agreedFrom: null })).toThrow('never begins later');
      expect(() => run(store, 'UPDATE chain_fork SET at = at + 1')).toThrow('never begins later');
      saveFork(db, null);
      expect(loadFork(db)).toBeNull();
    }));

  test('takes no row of the audit log for verified that it does not have, and none earlier than before', () =>
    withStore((store) => {
      const { db } = store;
      const heads = [1, 2].map(() => {
        appendAudit(db, NOW, 'test', {});
        return auditHead(db);
      });
      const [first, second] = heads;
      if (first === undefined || second === undefined) throw new Error('two rows were written');
      expect(() => saveVerifiedHead(db, { seq: 9, hash: id('c') })).toThrow('no such row');
      saveVerifiedHead(db, second);
      expect(() => saveVerifiedHead(db, first)).toThrow('no such later row');
      expect(() => run(store, `UPDATE audit_verified SET hash = '${id('c')}'`)).toThrow('no such later row');
      expect(loadVerifiedHead(db)).toEqual(second);
    }));

  test('keeps the lowest height at which a key ceremony began', () =>
    withStore((store) => {
      const { db } = store;
      expect(ceremonyHeight(db, 'first')).toBeNull();
      for (const height of [120, 118, 130]) noteCeremonyHeight(db, 'first', height);
      expect(ceremonyHeight(db, 'first')).toBe(118);
      expect(() => run(store, 'UPDATE ceremony_heights SET height = 119')).toThrow('never rises');
      expect(() => run(store, 'DELETE FROM ceremony_heights')).toThrow('never deleted');
    }));

  test('never lets the time of a start fall a little, nor forgets it', () =>
    withStore((store) => {
      const { db } = store;
      const at = nextStartTime(db, NOW);
      expect(nextStartTime(db, NOW - 1_000)).toBe(at + 1);
      expect(() => run(store, 'UPDATE own_start SET at = at')).toThrow('only rises');
      expect(() => run(store, 'DELETE FROM own_start')).toThrow('never deleted');
    }));

  test('keeps what funds a root and what spends it instead, and forgets both with the next root', () =>
    withStore((store) => {
      const { db } = store;
      const block = { height: 200, hash: id('d') };
      noteFundingSpends(db, [{ txid: id('e'), outpoint: input }], block);
      expect(loadFunding(db)).toBeNull();
      saveFunding(db, root, [input]);
      noteFundingSpends(db, [{ txid: root.txid, outpoint: input }], block);
      expect(loadFunding(db)).toEqual({ root, inputs: [input], rival: null });
      noteFundingSpends(db, [{ txid: id('e'), outpoint: input }], block);
      expect(loadFunding(db)).toEqual({ root, inputs: [input], rival: { txid: id('e'), ...block } });
      expect(() => run(store, 'UPDATE treasury_funding SET root_vout = 1')).toThrow('never changes');
      const next = { txid: id('f'), vout: 1 };
      saveFunding(db, next, []);
      expect(loadFunding(db)).toEqual({ root: next, inputs: [], rival: null });
    }));

  test('keeps one signature of each operator under each root', () =>
    withStore(({ db }) => {
      const [one, two] = ['1'.repeat(128), '2'.repeat(128)];
      keepRootSignature(db, root, 0, one);
      keepRootSignature(db, root, 2, one);
      keepRootSignature(db, root, 2, two);
      keepRootSignature(db, { ...root, vout: 1 }, 1, one);
      expect(rootSignatures(db, root)).toEqual(
        new Map([
          [0, one],
          [2, two],
        ]),
      );
    }));
});
