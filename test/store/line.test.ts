// The steps of the treasury line: what a node takes into it, and what it answers about it.
import { describe, expect, test } from 'bun:test';
import { listAudit } from '../../store/audit-log.ts';
import {
  childrenOf,
  decideStep,
  getStep,
  lineFigures,
  listLine,
  minedTip,
  recordStep,
  recordStepList,
  recordStepMined,
  recordStepSigned,
  unlistedSteps,
  waitingSteps,
} from '../../store/line.ts';
import { markRootDead } from '../../store/treasury-roots.ts';
import { burn, id, NOW, outpoint, storeBurns, withStore } from './fixture.ts';
import { beginLine, block, mine, ROOT, seen, step, transaction } from './line-fixture.ts';

const kinds = (db: Parameters<typeof listAudit>[0]) =>
  listAudit(db)
    .rows.map(({ kind }) => kind)
    .reverse();
const txids = (steps: readonly { readonly txid: string }[]) => steps.map(({ txid }) => txid);

describe('a step is decided', () => {
  test('once, with its audit row, and never changes', () => {
    withStore((store) => {
      beginLine(store);
      const one = step({ burns: ['a', 'b'], swept: ['s'], askedBy: 3 });
      expect(decideStep(store.db, one, NOW)).toEqual({ ok: true, repeated: false });
      expect(decideStep(store.db, one, NOW + 1)).toEqual({ ok: true, repeated: true });
      const { txid, vout } = ROOT;
      expect(getStep(store.db, one.txid)).toEqual({
        ...one,
        ...{ root: { txid, vout }, depth: 1, signedTx: null, signedAt: null, height: null, blockHash: null },
        ...{ decidedAt: NOW, createdAt: NOW },
      });
      expect(kinds(store.db)).toEqual(['treasury_root_signed', 'line_decided']);
    });
  });

  test('only upon a root that is recorded and not dead, or a step that is held', () => {
    withStore((store) => {
      const { db } = store;
      const child = step({ parent: step() });
      const unknown = { ok: false, reason: 'parent_unknown' } as const;
      expect(decideStep(db, step(), NOW)).toMatchObject({ ...unknown, data: { txid: ROOT.txid, vout: ROOT.vout } });
      beginLine(store);
      expect(decideStep(db, child, NOW)).toMatchObject({ ...unknown, data: { txid: step().txid, vout: 0 } });
      expect(decideStep(db, { ...step(), keyId: id('another key') }, NOW)).toMatchObject(unknown);
      decideStep(db, step(), NOW);
      expect(decideStep(db, child, NOW).ok).toBe(true);
      markRootDead(db, ROOT, NOW);
      expect(decideStep(db, step({ salt: 1 }), NOW)).toMatchObject(unknown);
      expect(decideStep(db, step({ parent: child }), NOW)).toMatchObject(unknown);
    });
  });

  test('not where an ancestor pays one of its burns, by txid or by nullifier, or spends one of its inputs', () => {
    withStore((store) => {
      beginLine(store);
      const first = step({ burns: ['a'], swept: ['s'] });
      const second = step({ parent: first, burns: ['b'] });
      for (const one of [first, second]) decideStep(store.db, one, NOW);
      const again = step({ parent: second, burns: ['a', 'c'] });
      const data = { burn_txid: burn('a').burnTxid, txid: first.txid };
      expect(decideStep(store.db, again, NOW)).toEqual({ ok: false, reason: 'burn_already_paid', data });
      const renamed = {
        ...step({ parent: second, burns: ['c'] }),
        burns: [{ burnTxid: id('new'), nullifier: burn('b').nullifier }],
      };
      const other = { burn_txid: id('new'), txid: second.txid };
      expect(decideStep(store.db, renamed, NOW)).toEqual({ ok: false, reason: 'burn_already_paid', data: other });
      const spent = { ...outpoint('s'), spent_by: first.txid };
      const greedy = step({ parent: second, swept: ['s'] });
      expect(decideStep(store.db, greedy, NOW)).toEqual({ ok: false, reason: 'input_spent', data: spent });
      expect(kinds(store.db).filter((kind) => kind === 'line_decided')).toHaveLength(2);
    });
  });

  test('also where a sibling, or a child of a sibling, pays the same burns: one of them at most is mined', () => {
    withStore((store) => {
      beginLine(store);
      const [one, other] = [step({ burns: ['a'] }), step({ burns: ['a'], salt: 1 })];
      const cousin = step({ parent: step({ swept: ['x'] }), burns: ['a'] });
      for (const each of [one, other, step({ swept: ['x'] }), cousin]) {
        expect(decideStep(store.db, each, NOW)).toEqual({ ok: true, repeated: false });
      }
    });
  });

  test('and a decision that contradicts its own bytes is a fault of the caller', () => {
    withStore((store) => {
      beginLine(store);
      const one = step({ burns: ['a'] });
      const test = { ...one, inputs: [...one.inputs, { txid: id('test'), vout: 0xffff_ffff }] };
      const testBytes = transaction(test.inputs, [['51', one.treasuryAmount]]);
      for (const [wrong, error] of [
        [{ ...one, txid: id('other') }, /the txid is not/],
        [{ ...one, inputs: [outpoint('x')] }, /the inputs are not/],
        [{ ...one, treasuryAmount: 1n }, /output 0 does not hold/],
        [{ ...one, parentTxid: id('x') }, /input 0 is not output 0/],
        [{ ...test, ...testBytes }, /a test step/],
        [{ ...one, unsignedTx: `${one.unsignedTx}00` }, /goes on after its end/],
        [{ ...one, unsignedTx: one.unsignedTx.slice(2, -2) }, /ends early|count/],
      ] as const) {
        expect(() => decideStep(store.db, wrong, NOW)).toThrow(error);
      }
      expect(getStep(store.db, one.txid)).toBeNull();
    });
  });
});

describe('a step that others made', () => {
  test('is recorded with its block without being decided, and can be decided afterwards', () => {
    withStore((store) => {
      beginLine(store);
      const one = step({ burns: ['a'] });
      const sighting = seen(one, true, { signedTx: 'aa', height: 7, blockHash: id('block', 7) });
      expect(recordStep(store.db, sighting, NOW)).toEqual({ ok: true, repeated: false });
      expect(recordStep(store.db, sighting, NOW)).toEqual({ ok: true, repeated: true });
      expect(getStep(store.db, one.txid)).toMatchObject({ height: 7, signedTx: 'aa', decidedAt: null });
      expect(kinds(store.db)).toEqual(['treasury_root_signed', 'line_signed', 'line_mined']);
      expect(decideStep(store.db, one, NOW + 5)).toEqual({ ok: true, repeated: false });
      expect(getStep(store.db, one.txid)).toMatchObject({ decidedAt: NOW + 5, createdAt: NOW });
    });
  });

  test('is recorded without its list, which is learned once', () => {
    withStore((store) => {
      const { db } = store;
      beginLine(store);
      const one = step({ burns: ['a'] });
      recordStep(db, seen(one, false), NOW);
      expect(txids(unlistedSteps(db, 10))).toEqual([one.txid]);
      expect(getStep(db, one.txid)).toMatchObject({ kind: null, burns: null, fee: null });
      expect(recordStepList(db, one.txid, { ...one, fee: null, intent: null }, NOW)).toEqual({
        ok: true,
        repeated: false,
      });
      expect(recordStepList(db, one.txid, one, NOW)).toEqual({ ok: true, repeated: true });
      expect(getStep(db, one.txid)).toMatchObject({
        kind: 'payout',
        burns: one.burns,
        fee: one.fee,
        intent: one.intent,
      });
      expect(unlistedSteps(db, 10)).toEqual([]);
      const otherList = { ...one, burns: step({ burns: ['b'] }).burns };
      expect(() => recordStepList(db, one.txid, otherList, NOW)).toThrow(/two lists/);
      expect(recordStepList(db, id('x'), one, NOW)).toMatchObject({ ok: false, reason: 'step_unknown' });
    });
  });

  test('keeps its list to itself where an ancestor or a descendant pays one of the burns', () => {
    withStore((store) => {
      const { db } = store;
      beginLine(store);
      const top = step({ burns: ['a'] });
      const middle = step({ parent: top, burns: ['a', 'c'] });
      const low = step({ parent: middle, burns: ['c'] });
      const sibling = step({ parent: top, burns: ['c'], salt: 1 });
      recordStep(db, seen(top), NOW);
      for (const one of [middle, low]) recordStep(db, seen(one, false), NOW);
      recordStep(db, seen(sibling), NOW);
      expect(recordStepList(db, middle.txid, middle, NOW)).toMatchObject({ ok: false, data: { txid: top.txid } });
      expect(recordStepList(db, low.txid, low, NOW)).toEqual({ ok: true, repeated: false });
      const late = { ...middle, burns: step({ burns: ['c'] }).burns };
      const refused = {
        ok: false,
        reason: 'burn_already_paid',
        data: { burn_txid: burn('c').burnTxid, txid: low.txid },
      } as const;
      expect(recordStepList(db, middle.txid, late, NOW)).toEqual(refused);
      expect(decideStep(db, middle, NOW)).toMatchObject({ ok: false, reason: 'burn_already_paid' });
      expect(getStep(db, middle.txid)).toMatchObject({ kind: null, decidedAt: null });
    });
  });
});

describe('a block', () => {
  test('holds a step only after its parent', () => {
    withStore((store) => {
      const { db } = store;
      beginLine(store);
      const first = step();
      const second = step({ parent: first });
      decideStep(db, first, NOW);
      const sighting = seen(second, true, { height: 5, blockHash: id('block', 5) });
      const refused = { ok: false, reason: 'parent_not_mined', data: { txid: first.txid } } as const;
      expect(recordStep(db, sighting, NOW)).toEqual(refused);
      expect(getStep(db, second.txid)).toBeNull();
      recordStepMined(db, first.txid, block(6), NOW);
      expect(recordStep(db, sighting, NOW)).toEqual(refused);
      decideStep(db, second, NOW);
      expect(recordStepMined(db, second.txid, block(5), NOW)).toEqual(refused);
      expect(recordStepMined(db, second.txid, block(6), NOW)).toEqual({ ok: true, repeated: false });
      expect(recordStepMined(db, second.txid, block(6), NOW)).toEqual({ ok: true, repeated: true });
      expect(minedTip(db)?.txid).toBe(second.txid);
      expect(recordStepMined(db, id('x'), block(6), NOW)).toMatchObject({ ok: false, reason: 'step_unknown' });
    });
  });

  test('with a sibling takes back the step that was mined before, and what followed it', () => {
    withStore((store) => {
      const { db } = store;
      beginLine(store);
      const [first, rival] = [step(), step({ salt: 1 })];
      const second = step({ parent: first });
      mine(store, 5, first, second);
      decideStep(db, rival, NOW);
      recordStepMined(db, rival.txid, block(5), NOW);
      expect(txids([minedTip(db) ?? first])).toEqual([rival.txid]);
      expect([first, second].map(({ txid }) => getStep(db, txid)?.height)).toEqual([null, null]);
      expect(listAudit(db).rows.map(({ kind }) => kind)).toContain('line_taken_back');
    });
  });

  test('that is another than before moves the step', () => {
    withStore((store) => {
      beginLine(store);
      const first = step();
      mine(store, 5, first, step({ parent: first }));
      expect(recordStepMined(store.db, first.txid, block(9), NOW)).toEqual({ ok: true, repeated: false });
      expect(minedTip(store.db)).toMatchObject({ txid: first.txid, height: 9 });
    });
  });
});

describe('the line as it stands', () => {
  test('lists as waiting the signed steps that can still be mined, the nearest to the tip first', () => {
    withStore((store) => {
      const { db } = store;
      beginLine(store);
      const [first, passed] = [step(), step({ salt: 1 })];
      const waiting = step({ parent: first });
      const child = step({ parent: waiting });
      const decided = step({ parent: first, salt: 2 });
      for (const one of [passed, first]) decideStep(db, one, NOW);
      recordStepSigned(db, passed.txid, 'aa', NOW);
      expect(txids(waitingSteps(db))).toEqual([passed.txid]);
      mine(store, 5, first);
      for (const one of [waiting, child, decided]) decideStep(db, one, NOW);
      for (const one of [child, waiting]) recordStepSigned(db, one.txid, 'aa', NOW);
      expect(txids(waitingSteps(db))).toEqual([waiting.txid, child.txid]);
      expect(txids(childrenOf(db, null))).toEqual([passed.txid, first.txid]);
      expect(txids(childrenOf(db, first.txid)).sort()).toEqual([waiting.txid, decided.txid].sort());
      expect(recordStepSigned(db, id('x'), 'aa', NOW)).toMatchObject({ ok: false, reason: 'step_unknown' });
    });
  });

  test('is listed from its end, and its settled part has its sums', () => {
    withStore((store) => {
      const { db } = store;
      storeBurns(store, 'a', 'b');
      beginLine(store);
      const first = step({ burns: ['a', 'b'] });
      const second = step({ parent: first, swept: ['s'] });
      const third = step({ parent: second, burns: ['c'] });
      mine(store, 5, first, second, third);
      expect(txids(listLine(db, { limit: 2 }).rows)).toEqual([third.txid, second.txid]);
      expect(listLine(db, { offset: 2 })).toMatchObject({ rows: [{ txid: first.txid }], total: 3 });
      expect(lineFigures(db, 6)).toEqual({ steps: 2, burns: 2, collectedFees: 20_000n, minerFees: 800n, unknown: 0 });
      expect(lineFigures(db, 4)).toEqual({ steps: 0, burns: 0, collectedFees: 0n, minerFees: 0n, unknown: 0 });
    });
  });
});
