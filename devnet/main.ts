// `npm run devnet`: a federation on this machine that runs the bridge once from end to end and then stays up to be tried.
// However it ends (done, failed, Ctrl-C, its terminal closed), no process and, without --keep, no file stays behind.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT_FAILURE, EXIT_OK } from '../cli/errors.ts';
import { createOutput, type Output, type TextStream } from '../cli/output.ts';
import { type DevnetOptions, readArguments } from './arguments.ts';
import { findBitcoind } from './bitcoind.ts';
import type { Federation } from './federation.ts';
import { guideText } from './guide.ts';
import { goAutomatic } from './steps.ts';
import { runStory, type StoryResult } from './story.ts';
import { storyJson, storyText } from './table.ts';

/** Exit codes of a process that a signal ended, as shells count them. */
const SIGNAL_EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
/** While the federation stays up, a Bitcoin block and a ledger block come this often. */
const BLOCK_INTERVAL_MS = 10_000;
const PARENT_LOOK_MS = 250;

interface Run {
  readonly options: DevnetOptions;
  readonly output: Output;
  /** Aborts on Ctrl-C and the like. */
  readonly signal: AbortSignal;
}

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  const stop = new AbortController();
  let signalCode: number = EXIT_FAILURE;
  for (const [name, code] of Object.entries(SIGNAL_EXIT_CODES)) {
    // npm passes on the Ctrl-C that this process gets from the terminal too: a second signal must not cut the end short.
    process.on(name, () => {
      if (!stop.signal.aborted) signalCode = code;
      stop.abort(new Error('stopped'));
    });
  }
  if (process.env['npm_lifecycle_event'] !== undefined) endWithParent(stop);
  const [stdout, stderr] = [lasting(process.stdout, stop), lasting(process.stderr, stop)];
  const verdict = readArguments(args, stdout, stderr);
  if (!verdict.ok) return verdict.exitCode;
  const { options } = verdict;
  const output = createOutput({ stdout, stderr, env: process.env, json: options.json });
  return (await run({ options, output, signal: stop.signal })) ?? signalCode;
}

/** Everything from start to end, with nothing left running; gives the exit code, or null where a signal came first. */
async function run({ options, output, signal }: Run): Promise<number | null> {
  const { parties, threshold, once, keep } = options;
  const folder = keep ? mkdtempSync(join(tmpdir(), 'mpc-devnet-')) : null;
  const display = output.progress();
  const tell = (text: string) => display.report({ step: 'devnet', text });
  let federation: Federation | null = null;
  try {
    const bitcoind = await orAborted(findBitcoind(tell), signal);
    const binary = process.env['MPC_OPERATOR_BINARY'] || null;
    const result = await runStory(
      { parties, threshold, bitcoind, binary, signal, ...(folder !== null && { folder }) },
      tell,
    );
    display.stop();
    federation = result.federation;
    if (signal.aborted) return null;
    return await conclude(result, bitcoind, { options, output, signal });
  } catch (error) {
    display.stop();
    if (signal.aborted) return null;
    output.note(`devnet: ${error instanceof Error ? error.message : String(error)}`);
    return EXIT_FAILURE;
  } finally {
    if (signal.aborted || !once) output.note('devnet: stopping');
    await federation?.stop();
    if (folder !== null) output.note(`devnet: everything is kept in ${folder}`);
  }
}

async function conclude(
  { story, federation }: StoryResult,
  bitcoind: string,
  { options, output, signal }: Run,
): Promise<number> {
  output.result(storyJson(story), () => storyText(story));
  if (story.error !== null) {
    output.note(`devnet: the step "${story.failed_step}" failed`);
    for (const line of story.error.split('\n')) output.note(`devnet: ${line}`);
    if (!options.keep) output.note('devnet: with --keep, the logs of all operators stay');
    return EXIT_FAILURE;
  }
  if (!options.once && federation !== null) {
    output.note('Starting the operators again, to attest deposits and pay burns by themselves');
    await orAborted(goAutomatic(federation), signal);
    for (const line of (await guideText({ federation, story, bitcoind })).split('\n')) output.note(line);
    await stayUp(federation, output, signal);
  }
  return EXIT_OK;
}

/** Lets the chain and the ledger go on until the signal; says so when an operator ends. */
async function stayUp({ bitcoin, ledger, operators }: Federation, output: Output, signal: AbortSignal): Promise<void> {
  const block = async () => {
    ledger.addBlocks(1);
    try {
      await bitcoin.mine(1);
    } catch (error) {
      if (!signal.aborted) output.note(`devnet: no block: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const clock = setInterval(block, BLOCK_INTERVAL_MS);
  for (const operator of operators) {
    void operator.ended().then(() => {
      if (!signal.aborted) output.note(`devnet: operator ${operator.index} has ended; its log is ${operator.logPath}`);
    });
  }
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  clearInterval(clock);
}

// npm starts scripts through a shell and passes SIGTERM on to that shell alone: the shell's end is all that is seen here.
function endWithParent(stop: AbortController): void {
  const parent = process.ppid;
  const look = () => {
    if (process.ppid !== parent) stop.abort(new Error('the parent has ended'));
  };
  setInterval(look, PARENT_LOOK_MS).unref();
}

// What cannot be interrupted is left behind; the end of this process ends it.
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** A stream whose reader may go away, a closed terminal say: then there is nobody left to run for. */
function lasting(stream: NodeJS.WriteStream, stop: AbortController): TextStream {
  const gone = () => stop.abort(new Error('nobody reads'));
  stream.on('error', gone);
  return {
    isTTY: stream.isTTY,
    write(text) {
      try {
        stream.write(text);
      } catch {
        gone();
      }
    },
  };
}
