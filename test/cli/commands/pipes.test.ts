import { afterAll, beforeAll, expect, test } from 'bun:test';
import { join } from 'node:path';
import { Desk } from './desk.ts';
import * as results from './results.ts';

const ENTRY = join(import.meta.dir, 'process.ts');
let desk: Desk;
beforeAll(async () => {
  desk = new Desk();
  await desk.serve({
    withdrawals: results.withdrawals,
    deposits: results.manyDeposits,
    status: { ...results.status, problems: [results.sealedPeer] },
  });
});
afterAll(() => desk.close());

function environment() {
  return { HOME: desk.home, PATH: '/usr/bin:/bin', MPC_OPERATOR_CONFIG: desk.path('config.json') };
}

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const options = { env: { ...environment(), ...env }, stdout: 'pipe', stderr: 'pipe' } as const;
  return Bun.spawn([process.execPath, ENTRY, ...args], options);
}

test('a long list goes through a pipe whole', async () => {
  const child = start(['deposits', '--limit', '500', '--json']);
  const [out, code] = [await new Response(child.stdout).text(), await child.exited];
  expect(JSON.parse(out)).toEqual(results.manyDeposits);
  expect(code).toBe(0);
});

test('a reader that closes the pipe early ends the command silently with code 0', async () => {
  // Read by `head`, as this process would drain the pipe ahead of its reader.
  const line = '"$0" "$1" deposits --limit 500 | head -n 1; exit "$PIPESTATUS"';
  const child = Bun.spawn(['bash', '-c', line, process.execPath, ENTRY], {
    env: environment(),
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, err] = [await new Response(child.stdout).text(), await new Response(child.stderr).text()];
  expect(out).toMatch(/^DEPOSIT .*\n$/);
  expect(err).toBe('');
  expect(await child.exited).toBe(0);
});

test.each([
  ['Asia/Kolkata', '2026-03-01T14:00:00+05:30'],
  ['America/St_Johns', '2026-03-01T05:00:00-03:30'],
  ['UTC', '2026-03-01T08:30:00+00:00'],
])('times are printed in the zone %s of the process', async (zone, time) => {
  const child = start(['withdrawals'], { TZ: zone });
  expect(await new Response(child.stdout).text()).toContain(time);
});

test('exit codes reach the shell: 1 for trouble, 2 for wrong usage', async () => {
  expect(await start(['status']).exited).toBe(1);
  expect(await start(['status', '--nonsense']).exited).toBe(2);
});
