// What the rule of the line is told of a step's ancestors: against a walk over every parent, and fast on a long line.
import { describe, expect, test } from 'bun:test';
import type { LineHistory } from '../../chain/line-rule.ts';
import { decideStep, getStep, recordStep, recordStepMined, type StepDecision } from '../../store/line.ts';
import { type HistoryPlace, lineHistory } from '../../store/line-history.ts';
import type { Store } from '../../store/open.ts';
import { burn, id, NOW, outpoint, raw, withStore } from './fixture.ts';
import { beginLine, block, mine, ROOT, seen, step } from './line-fixture.ts';

const historyOf = (store: Store): LineHistory => lineHistory(store.db, ROOT);

function placeAt(store: Store, { txid }: { readonly txid: string }): HistoryPlace {
  const place = historyOf(store).place({ txid, vout: 0 });
  if (place === null) throw new Error('the step is held');
  return place;
}

describe('a treasury output that a step may spend', () => {
  test('is the root, or output 0 of a step that is held, and nothing else', () => {
    withStore((store) => {
      beginLine(store);
      const [first, second] = [step(), step({ parent: step() })];
      for (const one of [first, second]) decideStep(store.db, one, NOW);
      const { place } = historyOf(store);
      const { txid, vout, amount } = ROOT;
      expect(place({ txid, vout })).toEqual({ txid, vout, amount, depth: 0, surplus: 15_000n });
      const own = { txid: second.txid, vout: 0 };
      expect(place(own)).toEqual({ ...own, amount: second.treasuryAmount, depth: 2, surplus: second.surplus });
      expect([place({ ...own, vout: 1 }), place({ txid, vout: vout + 1 }), place(outpoint('x'))]).toEqual([
        null,
        null,
        null,
      ]);
      const otherLine = lineHistory(store.db, { ...ROOT, ...outpoint('another root') });
      expect([otherLine.place(own), otherLine.place({ txid, vout })]).toEqual([null, null]);
    });
  });
});

// A tree of 3 steps below each of 3 … : every step pays a burn of few, sweeps one of few outputs, and some have no list.
function growTree(store: Store, mined: readonly number[]): readonly StepDecision[] {
  const steps: StepDecision[] = [];
  for (let index = 0; index < 40; index += 1) {
    const parent = steps[Math.floor(index / 2) - 1] ?? null;
    const names = { burns: [index % 7, 10 + (index % 5)], swept: [index % 6], salt: index };
    const made = [
      step({ parent, ...names }),
      step({ parent, burns: [index % 7], salt: index }),
      step({ parent, salt: index }),
    ];
    const taken = made.find((one) => recordStep(store.db, seen(one, index % 4 !== 3), NOW + index).ok);
    if (taken === undefined) throw new Error('the last of them clashes with nothing');
    steps.push(taken);
  }
  for (const [at, index] of mined.entries()) {
    const one = steps[index];
    if (one !== undefined) recordStepMined(store.db, one.txid, block(at + 1), NOW);
  }
  return steps;
}

// The way up from a place, by its parents alone.
function ancestorsOf(store: Store, place: HistoryPlace): ReadonlySet<string> {
  const found = new Set<string>();
  for (let at = getStep(store.db, place.txid); at !== null; ) {
    found.add(at.txid);
    at = at.parentTxid === null ? null : getStep(store.db, at.parentTxid);
  }
  return found;
}

describe('the ancestors of a place', () => {
  for (const [name, mined] of [
    ['no step is mined', []],
    ['one branch is mined', [0, 2, 6]],
    ['another branch is mined to its end', [1, 4, 11, 24]],
  ] as const) {
    test(`are those of a walk over all parents where ${name}`, () => {
      withStore((store) => {
        beginLine(store);
        const steps = growTree(store, mined);
        const history = historyOf(store);
        const burns = Array.from({ length: 15 }, (_, index) => burn(index));
        const outpoints = Array.from({ length: 6 }, (_, index) => outpoint(index));
        let hits = 0;
        for (const one of steps) {
          const place = placeAt(store, one);
          const ancestors = ancestorsOf(store, place);
          const above = steps.flatMap(({ txid }) => (ancestors.has(txid) ? (getStep(store.db, txid) ?? []) : []));
          const paid = above.flatMap(({ txid, burns: list }) => (list ?? []).map((each) => `${txid}:${each.burnTxid}`));
          expect(
            history
              .payersOf(place, burns)
              .map((payer) => `${payer.txid}:${payer.burnTxid}`)
              .sort(),
          ).toEqual(paid.sort());
          const spent = above.flatMap(({ txid, inputs }) => inputs.slice(1).map((input) => `${txid}:${input.txid}`));
          const spenders = history.spendersOf(place, outpoints).map((each) => `${each.txid}:${each.spent.txid}`);
          expect(spenders.sort()).toEqual(spent.sort());
          const hidden = above.filter(({ kind }) => kind === null).map(({ txid }) => txid);
          expect(
            history
              .unlisted(place)
              .map(({ txid }) => txid)
              .sort(),
          ).toEqual(hidden.sort());
          hits += paid.length + spent.length + hidden.length;
        }
        expect(hits).toBeGreaterThan(100);
        const root = history.place(ROOT);
        if (root === null) throw new Error('the root is a place');
        expect([history.payersOf(root, burns), history.spendersOf(root, outpoints), history.unlisted(root)]).toEqual([
          [],
          [],
          [],
        ]);
      });
    });
  }

  test('are found by nullifier under the name by which the burn was asked for, and shown with their outputs', () => {
    withStore((store) => {
      beginLine(store);
      const [first, hidden] = [step({ burns: ['a'] }), step({ parent: step({ burns: ['a'] }), burns: ['b'] })];
      recordStep(store.db, seen(first), NOW);
      recordStep(store.db, seen(hidden, false), NOW);
      const history = historyOf(store);
      const renamed = { burnTxid: id('new'), nullifier: burn('a').nullifier };
      const place = placeAt(store, hidden);
      expect(history.payersOf(place, [renamed])).toEqual([{ txid: first.txid, burnTxid: id('new') }]);
      const [unlisted] = history.unlisted(place);
      expect(unlisted?.outputs.map(({ amount }) => amount)).toEqual([20_000n, 0n, 5_000n]);
    });
  });
});

/** Adds mined steps 2 … `depth` below the first, each paying one burn, in rows that no trigger validates. Returns the last. */
function lengthen(store: Store, firstTxid: string, depth: number): { readonly txid: string } {
  const txid = (column: string) => `printf('%064x', ${column})`;
  const numbers = `WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < ${depth})`;
  raw(store, (database) => {
    const triggers = database
      .query<{ name: string }, []>(`SELECT name FROM sqlite_master WHERE type = 'trigger'`)
      .all();
    for (const { name } of triggers) database.run(`DROP TRIGGER ${name}`);
    const parent = `CASE i WHEN 2 THEN '${firstTxid}' ELSE ${txid('i - 1')} END`;
    database.run(`INSERT INTO line_inputs ${numbers} SELECT ${txid('i')}, 0, ${parent}, 0 FROM n`);
    database.run(`INSERT INTO line_burns ${numbers} SELECT ${txid('i')}, ${txid('i')}, ${txid('i')} FROM n`);
    database.run(`INSERT INTO line_steps (txid, root_txid, root_vout, parent_txid, depth, key_id, unsigned_tx, treasury_amount,
      surplus, vsize, kind, height, block_hash, created_at)
      ${numbers} SELECT ${txid('i')}, '${ROOT.txid}', ${ROOT.vout}, ${parent}, i, 'k', '', 1, 0, 1, 'payout', i, 'aa', 1 FROM n`);
  });
  return { txid: depth.toString(16).padStart(64, '0') };
}

test('a line of 10,000 mined steps is asked in a few milliseconds', () => {
  withStore((store) => {
    beginLine(store);
    const first = step({ burns: ['a'], swept: ['s'] });
    mine(store, 1, first);
    const place = placeAt(store, lengthen(store, first.txid, 10_000));
    const history = historyOf(store);
    const burns = Array.from({ length: 100 }, (_, index) => burn(index));
    const times = Array.from({ length: 20 }, () => {
      const start = performance.now();
      expect(history.payersOf(place, [...burns, burn('a')])).toEqual([
        { txid: first.txid, burnTxid: burn('a').burnTxid },
      ]);
      expect(history.spendersOf(place, [outpoint('s'), outpoint('x')])).toHaveLength(1);
      expect(history.unlisted(place)).toEqual([]);
      return performance.now() - start;
    });
    // The fastest of many, for the machine may do much else.
    expect(Math.min(...times)).toBeLessThan(10);
  });
});
