// The times that the starts of a node bear, whatever is done to its clock between them.
import { afterEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { emptyStore, openMemoryStore } from '../../simulation/memory-store.ts';
import { openStore } from '../../store/open.ts';
import { nextStartTime, SET_BACK_MS_MAX } from '../../store/start-time.ts';

const T = 1_900_000_000_000;
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** The times of starts at which the clock stands so, each with the file opened anew. */
function starts(...clock: readonly number[]): readonly number[] {
  const folder = mkdtempSync(join(tmpdir(), 'mpc-start-time-'));
  folders.push(folder);
  return clock.map((now) => {
    const store = openStore(join(folder, 'security.db'));
    try {
      return nextStartTime(store.db, now);
    } finally {
      store.close();
    }
  });
}

describe('the time of a start', () => {
  test('is what the clock says, as long as it goes forward', () => {
    expect(starts(T, T + 1, T + 5_000)).toEqual([T, T + 1, T + 5_000]);
  });

  test('is later than that of the last start where the clock was set back since, or has not moved', () => {
    expect(starts(T, T, T - 1, T - SET_BACK_MS_MAX / 2)).toEqual([T, T + 1, T + 2, T + 3]);
  });

  test('is what the clock says again once that has passed the last start', () => {
    expect(starts(T, T - 30_000, T + 30_000)).toEqual([T, T + 1, T + 30_000]);
  });

  test('is what the clock says where it was further ahead before than any peer accepts', () => {
    expect(starts(T + SET_BACK_MS_MAX + 1, T, T - 5)).toEqual([T + SET_BACK_MS_MAX + 1, T, T + 1]);
  });

  test('never falls while the clock is set back by no more than that', () => {
    const steps = fc.array(fc.integer({ min: -60_000, max: 60_000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(steps, (by) => {
        const { db, database } = openMemoryStore(emptyStore(), () => {});
        let now = T;
        const times = by.map((step) => {
          now += step;
          return nextStartTime(db, now);
        });
        database.close();
        for (const [i, time] of times.entries()) expect(time).toBeGreaterThan(times[i - 1] ?? 0);
      }),
      { seed: 7, numRuns: 100 },
    );
  });
});
