// The statistics of the timing test, on work whose times are known.
import { describe, expect, test } from 'bun:test';
import { leakage, welch } from '../../bench/secret-timing.ts';

const FIXED = new Uint8Array(32).fill(1);
const SAMPLES = 1_000;

describe('the timing test', () => {
  // A clock that the work itself moves on; noise of 0 to 9 for everybody.
  const tOf = (costOf: (scalar: Uint8Array) => number, other?: Uint8Array): number => {
    const clock = { now: 0, drawn: 0 };
    const work = (scalar: Uint8Array): void => {
      clock.drawn = (clock.drawn * 75 + 74) % 65_537;
      clock.now += 100 + (clock.drawn % 10) + costOf(scalar);
    };
    const against = other === undefined ? {} : { other };
    return leakage({ work, fixed: FIXED, ...against, samples: SAMPLES, clock: () => clock.now });
  };

  test('finds work that takes a tenth longer for the fixed scalar, or for the random ones, and says which', () => {
    expect(tOf((scalar) => (scalar[0] === 1 && scalar[1] === 1 ? 10 : 0))).toBeGreaterThan(5);
    expect(tOf((scalar) => (scalar[0] === 1 && scalar[1] === 1 ? 0 : 10))).toBeLessThan(-5);
  });

  test('finds one fixed scalar that takes longer than another', () => {
    expect(tOf((scalar) => (scalar[0] === 2 ? 10 : 0), new Uint8Array(32).fill(2))).toBeLessThan(-5);
  });

  test('finds nothing where all take the same', () => {
    expect(Math.abs(tOf(() => 0))).toBeLessThan(5);
  });
});

test("Welch's t is that of its formula, and 0 for lists that agree", () => {
  expect(welch([1, 2, 3], [1, 2, 3])).toBe(0);
  // Means 2 and 5, variances 1 and 1, three each.
  expect(welch([1, 2, 3], [4, 5, 6])).toBeCloseTo(-3 / Math.sqrt(2 / 3), 10);
});
