// Runs the whole suite, as `npm test` does: prepares what tests need (the compiled executable, a bitcoind), shows the
// runner's own output as it comes, and ends with one plain line, `N passed, N failed`. Arguments go to the runner, to
// run a part: `npm test -- test/crypto`.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findSummary, type Summary, summaryLine } from './run-summary.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const TAIL_CHARACTERS_MAX = 64 * 1024;
const TEST_TIMEOUT_MS = 60_000;
/** Files that run at a time. No more: many of them start a federation, four processes and more. */
const WORKERS = 2;

/** Runs a step of the preparation with its output shown; throws where it fails. */
async function prepare(what: string, command: readonly string[]): Promise<void> {
  console.error(`Preparing: ${what} …`);
  const child = Bun.spawn([...command], { cwd: root, stdin: 'ignore', stdout: 'ignore', stderr: 'inherit' });
  if ((await child.exited) !== 0) throw new Error(`${what} failed: ${command.join(' ')}`);
}

/** A bitcoind for the tests that need one; its path goes to them in BITCOIND. */
async function prepareBitcoind(): Promise<string> {
  console.error('Preparing: bitcoind …');
  const { findBitcoind } = await import('../devnet/bitcoind.ts');
  return findBitcoind((line: string) => console.error(`  ${line}`));
}

/** Passes a stream through and keeps its end, where the runner's summary stands. */
async function passThrough(from: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let tail = '';
  for await (const chunk of from) {
    process.stderr.write(chunk);
    tail = (tail + decoder.decode(chunk, { stream: true })).slice(-TAIL_CHARACTERS_MAX);
  }
  return tail;
}

async function runSuite(args: readonly string[], env: Record<string, string | undefined>): Promise<Summary> {
  // One waits for processes while another computes. Each worker runs its files one after the other as a runner without
  // workers does, in one process, where modules and what they compute beforehand are shared.
  const working = [`--parallel=${WORKERS}`, '--no-isolate'];
  const command = [process.execPath, 'test', ...working, `--timeout=${TEST_TIMEOUT_MS}`, '--only-failures', ...args];
  const child = Bun.spawn(command, { cwd: root, env, stdin: 'ignore', stdout: 'inherit', stderr: 'pipe' });
  const interrupt = () => child.kill('SIGTERM');
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const tail = await passThrough(child.stderr);
  return findSummary(tail, await child.exited);
}

async function main(args: readonly string[]): Promise<Summary> {
  const env: Record<string, string | undefined> = { ...process.env };
  if (args.length === 0) {
    await prepare('the executable', [process.execPath, 'run', 'build']);
    env['BITCOIND'] = await prepareBitcoind();
    if (Bun.which('chromium') === null && env['CHROMIUM'] === undefined) {
      console.error('No chromium on the PATH: the tests of the web admin in a browser are skipped.');
    }
  } else if (!existsSync(`${root}dist/mpc_operator`)) {
    console.error('No executable in dist/: tests of it will fail until `npm run build`.');
  }
  return runSuite(args, env);
}

const summary = await main(process.argv.slice(2)).catch((error: unknown): Summary => {
  console.error(error instanceof Error ? error.message : String(error));
  return { passed: 0, failed: 1, skipped: 0 };
});
console.log(summaryLine(summary));
process.exit(summary.failed === 0 && summary.passed > 0 ? 0 : 1);
