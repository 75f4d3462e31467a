// Ports for servers of test files that run side by side.
import { expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const SOURCE = fileURLToPath(new URL('../../devnet/ports.ts', import.meta.url));
const COUNT = 300;

/** What a worker of the test runner is given; null: a process that is none. */
async function portsOf(worker: number | null): Promise<readonly number[]> {
  const code = `console.log(JSON.stringify((await import(${JSON.stringify(SOURCE)})).freePorts(${COUNT})))`;
  const env = { PATH: process.env['PATH'] ?? '', ...(worker !== null && { BUN_TEST_WORKER_ID: `${worker}` }) };
  const child = Bun.spawn([process.execPath, '-e', code], { env, stdout: 'pipe' });
  return z.array(z.int()).parse(JSON.parse(await child.stdout.text()));
}

test('no two workers are given the same port, and none a port of outgoing connections', async () => {
  const given = (await Promise.all([null, 1, 2].map(portsOf))).flat();
  expect(new Set(given).size).toBe(3 * COUNT);
  expect(Math.min(...given)).toBeGreaterThanOrEqual(20_000);
  expect(Math.max(...given)).toBeLessThan(32_768);
});
