// When a scan that is behind is a matter for the operator.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { problemText } from '../../operator/runtime/problems.ts';
import { lagProblem as lagOf } from '../../operator/status/chain-report.ts';
import { BridgeWorld } from './bridge-world.ts';

let world: BridgeWorld;
beforeEach(async () => {
  world = await BridgeWorld.make();
});
afterEach(() => world.close());

const progress = () => {
  const told = world.federation.at(0).services.autopilot.scan.progress();
  if (told === null) throw new Error('it has scanned');
  return told;
};
/** What is said of a lag by the clock of a scan. */
const lagProblem = (lag: Parameters<typeof lagOf>[0], monotonic: number): string | null => {
  const found = lagOf(lag, { now: 2_000_000_000_000, monotonic });
  return found === null ? null : problemText(found);
};
const now = () => world.federation.at(0).node.input.effects.monotonic();

describe('a scan that is behind', () => {
  test('is no problem for a moment when several blocks come at once, and is one when it lasts or is long', () => {
    const lag = { height: 100, tip: 108, since: 1_000_000 };
    expect(lagProblem(lag, 1_000_000)).toBeNull();
    expect(lagProblem(lag, 1_060_000)).toBeNull();
    expect(lagProblem(lag, 1_060_001)).toContain('8 blocks to read (100 of 108)');
    expect(lagProblem({ ...lag, tip: 101 }, 1_060_001)).toContain('1 block to read (100 of 101)');
    expect(lagProblem({ ...lag, tip: 112 }, 1_000_000)).toBeNull();
    expect(lagProblem({ ...lag, tip: 113 }, 1_000_000)).toContain('13 blocks');
    expect(lagProblem({ height: 108, tip: 108, since: 0 }, 1_060_001)).toBeNull();
    expect(lagProblem({ ...lag, since: null }, 9_060_001)).toBeNull();
  });

  test('says since when, from when it began until it has read all', async () => {
    await world.rounds(1, [0]);
    expect(progress().since).toBeNull();
    const view = world.federation.chain.views[0];
    if (view === undefined) throw new Error('every member has a view');
    const read = view.block;
    view.block = () => Promise.reject(new Error('the node hands out no blocks'));
    world.mine(4);
    const before = now();
    await world.rounds(1, [0]);
    world.pass(70);
    await world.rounds(1, [0]);
    const { since, height, tip } = progress();
    expect(tip - height).toBe(4);
    expect(since ?? 0).toBeGreaterThanOrEqual(before);
    expect(since ?? 0).toBeLessThan(before + 60_000);
    expect(lagProblem(progress(), now())).toContain('4 blocks to read');
    view.block = read;
    await world.rounds(1, [0]);
    expect(progress()).toMatchObject({ since: null });
    expect(lagProblem(progress(), now())).toBeNull();
  });
});
