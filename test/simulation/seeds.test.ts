// Three hundred seeds of the simulator through the executable, and that a seed means one and the same run.
import { describe, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { runCeremonySeed } from '../../simulation/ceremony-run.ts';
import { crashPlan } from '../../simulation/plan.ts';
import { runPlan, runSeed } from '../../simulation/run.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const SEEDS = 300;
// Coordinators that begin at once can bind burns so that no transaction agrees with enough nodes until a new coin comes in
// (docs/SECURITY.md). It costs no money; how often it may happen is held here.
const STALLED_MAX = 5;
/** As many processes as a small machine has cores. */
const PROCESSES = 2;
const TIMEOUT_MS = 900_000;
const CRASH_STRIDE = 60;

const resultJson = z.object({
  runs: z.number(),
  minted: z.number(),
  paid: z.number(),
  stalled: z.array(z.number()),
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
      const share = SEEDS / PROCESSES;
      const parts = Array.from({ length: PROCESSES }, (_, part) => simulated(1 + part * share, share));
      for (const { runs, failed, stalled, minted, paid } of await Promise.all(parts)) {
        expect(failed).toBeNull();
        expect(stalled.length).toBeLessThanOrEqual(STALLED_MAX);
        expect(runs).toBe(share);
        expect(minted).toBeGreaterThan(share);
        expect(paid).toBeGreaterThan(share);
      }
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
});

describe('a seed', () => {
  for (const seed of [2, 5, 10]) {
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
