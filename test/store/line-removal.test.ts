// What goes from the store of the treasury line, and what stays.
import { describe, expect, test } from 'bun:test';
import { listAudit } from '../../store/audit-log.ts';
import {
  boundUnmined,
  decideStep,
  forgetPassed,
  getStep,
  minedTip,
  recordStepSigned,
  takeBackStepsAbove,
  waitingSteps,
} from '../../store/line.ts';
import { takeBackAbove } from '../../store/reorganisation.ts';
import { markRootDead } from '../../store/treasury-roots.ts';
import { NOW, withStore } from './fixture.ts';
import { beginLine, mine, ROOT, step } from './line-fixture.ts';

const txids = (steps: readonly { readonly txid: string }[]) => steps.map(({ txid }) => txid);

describe('blocks that leave the chain', () => {
  test('take their steps back, children first, and nothing that lies deeper', () => {
    withStore((store) => {
      beginLine(store);
      const [first, second] = [step(), step({ parent: step() })];
      const third = step({ parent: second });
      mine(store, 5, first, second, third);
      expect(takeBackStepsAbove(store.db, 7)).toEqual([]);
      expect(takeBackAbove(store.db, 5, NOW).steps).toEqual([third.txid, second.txid]);
      expect(minedTip(store.db)).toMatchObject({ txid: first.txid, height: 5 });
      expect(getStep(store.db, third.txid)).toMatchObject({ height: null, blockHash: null });
      expect(txids(waitingSteps(store.db))).toEqual([second.txid, third.txid]);
      expect(listAudit(store.db).rows[0]).toMatchObject({
        kind: 'blocks_taken_back',
        body: { steps: [third.txid, second.txid] },
      });
    });
  });
});

describe('the unmined steps that one peer asked for', () => {
  test('are bounded: the oldest goes, but not what waits in the mempool, has children or is mined', () => {
    withStore((store) => {
      const { db } = store;
      beginLine(store);
      const asked = (salt: number) => step({ salt, askedBy: 1 });
      const [mined, pooled, parent] = [asked(0), asked(1), asked(2)];
      const [oldest, next, newest] = [asked(3), asked(4), asked(5)];
      const made = [mined, pooled, parent, oldest, next, newest];
      for (const [index, one] of made.entries()) decideStep(db, one, NOW + index);
      decideStep(db, step({ parent, askedBy: 2 }), NOW + 9);
      mine(store, 5, mined);
      const inMempool = new Set([pooled.txid]);
      expect(boundUnmined(db, 1, 5, inMempool)).toEqual([]);
      expect(boundUnmined(db, 1, 4, inMempool)).toEqual([oldest.txid]);
      expect(boundUnmined(db, 1, 1, inMempool)).toEqual([next.txid]);
      expect(boundUnmined(db, null, 0, inMempool)).toEqual([]);
      expect(made.map(({ txid }) => getStep(db, txid) !== null)).toEqual([true, true, true, false, false, true]);
      expect(decideStep(db, oldest, NOW)).toEqual({ ok: true, repeated: false });
    });
  });
});

describe('steps that the line has passed', () => {
  test('are forgotten with what follows them once a sibling is deep enough, and not before', () => {
    withStore((store) => {
      const { db } = store;
      beginLine(store);
      const [first, passed] = [step(), step({ salt: 1, burns: ['a'] })];
      const below = step({ parent: passed, burns: ['b'] });
      const deeper = step({ parent: below, burns: ['c'] });
      for (const one of [passed, below, deeper]) decideStep(db, one, NOW);
      mine(store, 5, first);
      const tip = step({ parent: first });
      decideStep(db, tip, NOW);
      recordStepSigned(db, tip.txid, 'aa', NOW);
      expect(forgetPassed(db, 4)).toEqual([]);
      expect(forgetPassed(db, 5)).toEqual([deeper.txid, below.txid, passed.txid]);
      expect(txids([passed, below, deeper]).map((txid) => getStep(db, txid))).toEqual([null, null, null]);
      expect([first, tip].map(({ txid }) => getStep(db, txid)?.txid)).toEqual([first.txid, tip.txid]);
      expect(decideStep(db, passed, NOW)).toEqual({ ok: true, repeated: false });
    });
  });

  test('are all those upon a root that is dead', () => {
    withStore((store) => {
      beginLine(store);
      const [first, second] = [step(), step({ parent: step() })];
      for (const one of [first, second]) decideStep(store.db, one, NOW);
      expect(forgetPassed(store.db, 100)).toEqual([]);
      markRootDead(store.db, ROOT, NOW);
      expect(forgetPassed(store.db, 0)).toEqual([second.txid, first.txid]);
    });
  });
});
