import { describe, expect, test } from 'bun:test';
import { LoopWatch } from '../../bench/loop-watch.ts';
import { figure, interleaved, median, quantile } from '../../bench/measure.ts';
import { figureTable } from '../../bench/results.ts';

describe('a figure', () => {
  test('passes on its side of the target, the target included', () => {
    expect(figure('a', 0.5, 0.5, 'lower').pass).toBe(true);
    expect(figure('a', 0.51, 0.5, 'lower').pass).toBe(false);
    expect(figure('a', 6, 6, 'higher').pass).toBe(true);
    expect(figure('a', 5.9, 6, 'higher').pass).toBe(false);
  });

  test('that is no number never passes', () => {
    expect(figure('a', Number.NaN, 1, 'lower').pass).toBe(false);
    expect(figure('a', Number.NaN, 1, 'higher').pass).toBe(false);
  });

  test('shows its verdict and target in the table', () => {
    const table = figureTable([figure('first', 0.25, 0.3, 'lower'), figure('second one', 5, 6, 'higher')]);
    expect(table.split('\n')).toEqual([
      'figure      ratio  target',
      'first       0.250  ≤ 0.3   pass',
      'second one  5.000  ≥ 6     FAIL',
    ]);
  });
});

describe('measuring', () => {
  test('the median and quantiles are those of the sorted values', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(quantile([10, 20, 30, 40, 50], 1)).toBe(50);
    expect(quantile([10, 20, 30, 40, 50], 0)).toBe(10);
    expect(() => median([])).toThrow();
  });

  test('subjects take turns, each once per round, and warm-up rounds do not count', async () => {
    const order: string[] = [];
    let clock = 0;
    const costing = (name: string, cost: number) => () => {
      order.push(name);
      clock += cost;
    };
    const medians = await interleaved({ a: costing('a', 1), b: costing('b', 4) }, 3, () => clock, 2);
    expect(medians).toEqual({ a: 1, b: 4 });
    expect(order).toHaveLength(10);
    for (let round = 0; round < 5; round++) expect(order.slice(2 * round, 2 * round + 2).sort()).toEqual(['a', 'b']);
  });

  test('a loop that was never watched was never held', () => {
    expect(new LoopWatch().stop()).toBe(0);
  });
});
