// Rests of single pieces of work, by a clock that the test moves.
import { expect, test } from 'bun:test';
import { BackOff } from '../../../operator/bridge/back-off.ts';

test('work that fails again and again rests twice as long each time, up to a limit; after a success the rests begin again at the shortest', () => {
  let now = 0;
  const rests = new BackOff({ monotonic: () => now }, { firstMs: 10, longestMs: 35 });
  expect(rests.rests('a')).toBeFalse();
  for (const restMs of [10, 20, 35, 35]) {
    expect(rests.failed('a')).toBe(restMs);
    now += restMs - 1;
    expect(rests.rests('a')).toBeTrue();
    expect(rests.rests('b')).toBeFalse();
    now += 1;
    expect(rests.rests('a')).toBeFalse();
  }
  rests.well('a');
  expect(rests.failed('a')).toBe(10);
  expect(rests.failed('b', true)).toBe(35);
});

test('a bounded number of failing works is remembered, whoever makes them fail', () => {
  const rests = new BackOff({ monotonic: () => 0 }, { firstMs: 10, longestMs: 10 });
  for (let i = 0; i <= 20_000; i++) rests.failed(`${i}`);
  expect(rests.rests('0')).toBeFalse();
  expect(rests.rests('1')).toBeTrue();
});

test('work that does not fail again after its rest is forgotten in time, though nobody says that it is well', () => {
  let now = 0;
  const rests = new BackOff({ monotonic: () => now }, { firstMs: 10, longestMs: 20 });
  for (; now < 100_000; now += 1) rests.failed(`${now}`);
  expect(rests.size).toBeLessThanOrEqual(31);
  // Doubled still, where the next failure comes right after the rest.
  now += 10;
  expect(rests.failed(`${now - 11}`)).toBe(20);
});
