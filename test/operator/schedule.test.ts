import { describe, expect, test } from 'bun:test';
import { batchDue, isTurn, rankFor } from '../../operator/bridge/schedule.ts';

const names = Array.from({ length: 300 }, (_, i) => `work-${i}`);

describe('the leader of a piece of work', () => {
  test('is one node, and every other has a place of its own', () => {
    for (const name of names) {
      const ranks = [0, 1, 2, 3, 4].map((index) => rankFor(name, index, 5));
      expect(ranks.toSorted()).toEqual([0, 1, 2, 3, 4]);
    }
  });

  test('changes with the work, so that work spreads over all nodes', () => {
    const led = [0, 1, 2, 3, 4].map((index) => names.filter((name) => rankFor(name, index, 5) === 0).length);
    for (const count of led) expect(count).toBeGreaterThan(30);
  });

  test('begins at once; each next one takes over after one more silence', () => {
    const work = { name: 'deposit', readySince: 1_000 };
    const turns = (now: number) => [0, 1, 2].filter((index) => isTurn(work, index, 3, 500, now)).length;
    expect([turns(1_000), turns(1_499), turns(1_500), turns(2_000)]).toEqual([1, 1, 2, 3]);
  });
});

describe('waiting burns', () => {
  const policy = { count: 3, ageMs: 1_000, cheapRate: 2_000n };

  test('wait while they are few, young and fees are high', () => {
    expect(batchDue(policy, [100, 200], 5_000n, 500)).toBeNull();
    expect(batchDue(policy, [], 1_000n, 500)).toBeNull();
  });

  test('are paid when they are many, when the oldest is old, or when fees are low', () => {
    expect(batchDue(policy, [1, 2, 3], 5_000n, 4)).toBe('count');
    expect(batchDue(policy, [500, 100], 5_000n, 1_100)).toBe('age');
    expect(batchDue(policy, [500], 2_000n, 600)).toBe('fee_rate');
    // Seen while the clock was ahead.
    expect(batchDue(policy, [3_600_000], 5_000n, 1_000)).toBe('age');
  });
});
