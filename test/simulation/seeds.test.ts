// Three hundred seeds of the simulator, and that a seed means one and the same run.
import { describe, expect, test } from 'bun:test';
import { runCeremonySeed } from '../../simulation/ceremony-run.ts';
import { crashPlan } from '../../simulation/plan.ts';
import { runPlan, runSeed } from '../../simulation/run.ts';
import { simulate } from '../../simulation/simulate.ts';

const SEEDS = 300;
const BATCH = 50;
const TIMEOUT_MS = 600_000;
const signal = new AbortController().signal;

describe('a simulated federation keeps its promises', () => {
  for (let first = 1; first <= SEEDS; first += BATCH) {
    test(
      `in the seeds ${first} to ${first + BATCH - 1}`,
      async () => {
        const { failed } = await simulate({ first, seeds: BATCH, signal, onRun: () => {} });
        expect(failed === null ? null : { seed: failed.seed, ...failed.violation, trace: failed.trace }).toBeNull();
      },
      TIMEOUT_MS,
    );
  }

  test(
    'wherever its coordinator crashes (every 40th await)',
    async () => {
      const calm = await runPlan(crashPlan(1, 0, 0));
      for (let at = 1; at < (calm.awaits[0] ?? 0); at += 40) {
        const { violation, crashes } = await runPlan(crashPlan(1, 0, at));
        expect({ at, violation, crashes }).toEqual({ at, violation: null, crashes: 1 });
      }
    },
    TIMEOUT_MS,
  );
});

describe('a seed', () => {
  for (const seed of [2, 5, 10]) {
    test(`is one run: ${seed} happens twice alike`, async () => {
      const [first, second] = [await runSeed(seed), await runSeed(seed)];
      expect(first.hash).toBe(second.hash);
      expect(first.events).toBe(second.events);
    });
  }

  test('that makes keys happens twice alike', async () => {
    const [first, second] = [await runCeremonySeed(75), await runCeremonySeed(75)];
    expect(first.hash).toBe(second.hash);
  });

  test('and another are two runs', async () => {
    expect((await runSeed(2)).hash).not.toBe((await runSeed(5)).hash);
  });
});
