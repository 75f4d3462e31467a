// Whose turn a piece of work is, by a clock that may be set while work waits or rests.
import { beforeEach, describe, expect, test } from 'bun:test';
import { rankFor } from '../../operator/bridge/schedule.ts';
import { Turns } from '../../operator/bridge/turns.ts';
import type { Effects } from '../../operator/runtime/effects.ts';

const HOUR_MS = 3_600_000;
const TAKEOVER_S = 10;
const PARTIES = 3;

/** A piece of work that this node, the first, begins as the one of that rank. */
function workOfRank(rank: number): string {
  for (let i = 0; ; i++) if (rankFor(`work ${i}`, 0, PARTIES) === rank) return `work ${i}`;
}

function turnsBy(effects: Pick<Effects, 'now' | 'monotonic'>): Turns {
  return new Turns({ effects, config: { myIndex: 0, parties: PARTIES, takeoverS: TAKEOVER_S }, log: () => {} });
}

describe('a node whose clock was an hour ahead and is put right', () => {
  let wall = 0;
  let elapsed = 0;
  let ran = 0;
  let turns: Turns;
  const pass = (ms: number): void => {
    wall += ms;
    elapsed += ms;
  };
  const run = async (): Promise<void> => {
    ran += 1;
  };

  beforeEach(() => {
    [wall, elapsed, ran] = [1_900_000_000_000 + HOUR_MS, 0, 0];
    turns = turnsBy({ now: () => wall, monotonic: () => elapsed });
  });

  test('takes work over from a silent leader after the usual wait', async () => {
    const name = workOfRank(1);
    expect(await turns.take(name, run)).toBe(false);
    wall -= HOUR_MS;
    pass(TAKEOVER_S * 1000 - 1);
    expect(await turns.take(name, run)).toBe(false);
    pass(1);
    expect(await turns.take(name, run)).toBe(true);
    expect(ran).toBe(1);
  });

  test('takes up work that failed after the usual rest', async () => {
    const name = workOfRank(0);
    await turns.take(name, () => Promise.reject(new Error('it failed')));
    wall -= HOUR_MS;
    pass(TAKEOVER_S * 1000 - 1);
    expect(turns.rests(name)).toBe(true);
    pass(1);
    expect(turns.rests(name)).toBe(false);
    expect(await turns.take(name, run)).toBe(true);
  });
});

describe('a clock that is set forward', () => {
  test('neither ends a rest nor makes it this node’s turn', async () => {
    let wall = 1_900_000_000_000;
    const turns = turnsBy({ now: () => wall, monotonic: () => 0 });
    const name = workOfRank(1);
    const idle = async (): Promise<void> => {};
    expect(await turns.take(name, idle)).toBe(false);
    turns.rest('burn', TAKEOVER_S * 1000);
    wall += HOUR_MS;
    expect(await turns.take(name, idle)).toBe(false);
    expect(turns.rests('burn')).toBe(true);
  });
});
