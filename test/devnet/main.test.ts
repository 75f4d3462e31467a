// `npm run devnet` as a whole: real processes, a real Bitcoin node.
import { afterEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { findBitcoind } from '../../devnet/bitcoind.ts';

const MAIN = fileURLToPath(new URL('../../devnet/main.ts', import.meta.url));
const RUN_TIMEOUT_MS = 180_000;
/** Makes key files quick to open, in tests of how the devnet ends; what they guard there is nothing. */
const QUICK = { MPC_OPERATOR_SCRYPT_WORK_FACTOR: '4' };
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** The devnet in a process group of its own, so that whatever it leaves behind can be found. */
function devnet(args: readonly string[], more: Record<string, string> = {}) {
  return started([process.execPath, MAIN, ...args], more);
}

async function started(command: string[], more: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'mpc-test-'));
  folders.push(folder);
  const env: Record<string, string | undefined> = { ...process.env, BITCOIND: await findBitcoind(), TMPDIR: folder };
  // The setting of other files in this process; the devnet's own is the default.
  delete env['MPC_OPERATOR_SCRYPT_WORK_FACTOR'];
  const child = Bun.spawn(command, {
    env: { ...env, ...more },
    detached: true,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const stdout = child.stdout.text();
  return { child, folder, stdout };
}

/** Whether any process of the group is left. */
function groupRuns(pid: number): boolean {
  try {
    return process.kill(-pid, 0);
  } catch {
    return false;
  }
}

/** Resolves when the text was said; goes on reading, as a terminal does. */
function untilSaid(stderr: ReadableStream<Uint8Array>, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const read = async () => {
      const decoder = new TextDecoder();
      for await (const chunk of stderr) {
        said += decoder.decode(chunk, { stream: true });
        if (said.includes(text)) resolve();
      }
      reject(new Error(`the devnet ended without saying "${text}":\n${said}`));
    };
    read().catch(reject);
  });
}

const sats = z.string().transform(BigInt);
const rowSchema = z.object({
  step: z.string(),
  signers: z.array(z.int()).nullable(),
  txid: z.string().nullable(),
  amount: sats.nullable(),
  fee: sats.nullable(),
});
const storySchema = z.object({ ok: z.literal(true), error: z.null(), steps: z.array(rowSchema) });

describe('the devnet', () => {
  test(
    '--once --json runs the bridge end to end, prints exact amounts, and leaves nothing behind',
    async () => {
      const { child, folder, stdout } = await devnet(['--once', '--json']);
      const [code, stderr] = await Promise.all([child.exited, child.stderr.text()]);
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      const { steps } = storySchema.parse(JSON.parse(await stdout));
      const row = (name: string) => steps.find(({ step }) => step === name);
      expect(steps.map(({ step }) => step)).toEqual([
        'start',
        'exchange cards',
        'make keys',
        'open treasury',
        'enable service',
        'deposit',
        'attest',
        'mint',
        'burn',
        'pay out',
        'settle',
        'check',
      ]);
      expect(row('mint')?.amount).toBe(100_000_000n);
      expect(row('burn')).toMatchObject({ amount: 50_000_000n, fee: 2_000n });
      expect(row('check')?.amount).toBe(49_998_000n);
      expect(row('make keys')?.signers).toEqual([0, 1, 2]);
      for (const signed of ['attest', 'pay out']) expect(row(signed)?.signers).toHaveLength(2);
      expect(row('pay out')?.txid).toMatch(/^[0-9a-f]{64}$/);
      expect(groupRuns(child.pid)).toBe(false);
      expect(readdirSync(folder)).toEqual([]);
    },
    RUN_TIMEOUT_MS,
  );

  test.each([
    ['SIGINT', 130, 'Starting a Bitcoin node'],
    ['SIGTERM', 143, 'Making keys'],
    ['SIGHUP', 129, 'Starting 3 operators'],
    ['SIGINT', 130, 'Making the keys'],
  ] as const)(
    '%s ends it with exit code %d at "%s", with no process and no file left',
    async (signal, code, step) => {
      const { child, folder } = await devnet([], QUICK);
      await untilSaid(child.stderr, step);
      // Somewhere within the step, not just at its beginning.
      await Bun.sleep(Math.random() * 500);
      child.kill(signal);
      expect(await child.exited).toBe(code);
      expect(groupRuns(child.pid)).toBe(false);
      expect(readdirSync(folder)).toEqual([]);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'a Ctrl-C that reaches the whole process group at once ends it in order too',
    async () => {
      const { child, folder } = await devnet([], QUICK);
      await untilSaid(child.stderr, 'Starting 3 operators');
      await Bun.sleep(Math.random() * 500);
      process.kill(-child.pid, 'SIGINT');
      expect(await child.exited).toBe(130);
      expect(groupRuns(child.pid)).toBe(false);
      expect(readdirSync(folder)).toEqual([]);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'started by npm, it ends with the shell that npm starts scripts in, which passes no signal on',
    async () => {
      const script = ['sh', '-c', '"$0" "$1"; true', process.execPath, MAIN];
      const { child, folder } = await started(script, { ...QUICK, npm_lifecycle_event: 'devnet' });
      await untilSaid(child.stderr, 'Starting 3 operators');
      child.kill('SIGTERM');
      await child.exited;
      // The group outlives the shell for as long as the devnet takes to end.
      while (groupRuns(child.pid)) await Bun.sleep(50);
      expect(readdirSync(folder)).toEqual([]);
    },
    RUN_TIMEOUT_MS,
  );
});
