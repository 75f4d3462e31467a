// Three hundred seeds of the simulator through the executable, and that a seed means one and the same run.
import { describe, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { runCeremonyPlan, runCeremonySeed } from '../../simulation/ceremony-run.ts';
import { ceremonyCrashPlan, crashPlan, LIES } from '../../simulation/plan.ts';
import { runPlan, runSeed } from '../../simulation/run.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const SEEDS = 300;
/** What seeds without which they would prove little bring about. */
const EXERCISED = [
  ...['crashes', 'partitions', 'reorgs', 'double-spends', 'messages lost', 'messages duplicated'],
  ...['restores of older states', 'restores to an empty database', 'restores of one node at once'],
  ...['restores of several nodes at once', 'restores of all honest nodes at once', 'reorgs of what was final'],
  ...['nodes that relay less', 'log treasury_open', 'steps validated again with an empty database'],
  ...[
    'figures of nodes that were compared with the chain',
    'restored nodes that sign again',
    'copies of living nodes',
    'nodes dead for good',
  ],
  ...LIES.map((lie) => `liars: ${lie}`),
  ...['copies kept apart from the original', 'shares of a copy that was kept apart', 'clocks set back before a start'],
  ...['clocks stepped while running', 'starts cut short', 'crashes before sending', 'crashes after a commit'],
  ...['nodes whose service is off', 'log signer_service_off'],
];
const TIMEOUT_MS = 900_000;
const CRASH_STRIDE = 60;
const POINT_STRIDE = 40;
/** So many points after the first crash a node is starting again. */
const AGAIN = 3;

const resultJson = z.object({
  runs: z.number(),
  minted: z.number(),
  paid: z.number(),
  stalled: z.array(z.number()),
  exercised: z.record(z.string(), z.number()),
  failed: z
    .object({
      seed: z.number(),
      violation: z.object({ line: z.string(), detail: z.string() }),
      trace: z.array(z.string()),
    })
    .nullable(),
});

async function simulated(first: number, seeds: number): Promise<z.infer<typeof resultJson>> {
  const words = ['simulate', '--seed', `${first}`, '--seeds', `${seeds}`, '--json'];
  const child = Bun.spawn([process.execPath, 'server.ts', ...words], { cwd: root, stdout: 'pipe', stderr: 'ignore' });
  const text = await new Response(child.stdout).text();
  await child.exited;
  return resultJson.parse(JSON.parse(text));
}

describe('a simulated federation keeps its promises', () => {
  test(
    `in the seeds 1 to ${SEEDS}`,
    async () => {
      const { runs, failed, stalled, minted, paid, exercised } = await simulated(1, SEEDS);
      expect(failed).toBeNull();
      expect(stalled).toEqual([]);
      expect(runs).toBe(SEEDS);
      expect(minted).toBeGreaterThan(SEEDS);
      expect(paid).toBeGreaterThan(SEEDS);
      for (const what of EXERCISED) expect({ what, times: exercised[what] ?? 0 }).not.toEqual({ what, times: 0 });
    },
    TIMEOUT_MS,
  );

  test(
    `whenever one of its nodes crashes (every ${CRASH_STRIDE}th await)`,
    async () => {
      const { awaits } = await runPlan(crashPlan(1, 0, 0));
      for (let at = 1; at < (awaits[0] ?? 0); at += CRASH_STRIDE) {
        const { violation, crashes } = await runPlan(crashPlan(1, 0, at));
        expect({ at, violation, crashes }).toEqual({ at, violation: null, crashes: 1 });
      }
    },
    TIMEOUT_MS,
  );

  test(
    `whenever one of its nodes crashes while it makes keys (every ${POINT_STRIDE}th point), and again as it starts`,
    async () => {
      const { points } = await runCeremonyPlan(ceremonyCrashPlan(1, 0));
      for (const [node, all] of points.entries()) {
        for (let at = 1 + node; at < all; at += POINT_STRIDE) {
          const { violation, crashes } = await runCeremonyPlan(ceremonyCrashPlan(1, node, at, at + AGAIN));
          expect({ node, at, violation, crashes }).toEqual({ node, at, violation: null, crashes: 2 });
        }
      }
    },
    TIMEOUT_MS,
  );
});

describe('a seed', () => {
  for (const seed of [2, 5, 10, 30]) {
    test(`is one run: ${seed} happens twice alike`, async () => {
      const [first, second] = [await runSeed(seed), await runSeed(seed)];
      expect(first.hash).toBe(second.hash);
      expect(first.events).toBe(second.events);
    }, 60_000);
  }

  test('that makes keys happens twice alike', async () => {
    const [first, second] = [await runCeremonySeed(75), await runCeremonySeed(75)];
    expect(first.hash).toBe(second.hash);
  }, 60_000);

  test('and another are two runs', async () => {
    expect((await runSeed(2)).hash).not.toBe((await runSeed(5)).hash);
  }, 60_000);
});
