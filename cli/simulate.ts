// `simulate`: runs whole federations in memory, with faults, and holds them to the promises of the bridge. Needs no
// configuration, no key and no network, and touches none.
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import type { Outcome } from '../simulation/run.ts';
import type { Failure, SimulateResult } from '../simulation/simulate.ts';
import type { Cli } from './call.ts';
import { CliError } from './errors.ts';
import { type Printable, renderFields } from './output.ts';
import { addExamples } from './program.ts';
import { wholeValue } from './values.ts';

const SEEDS_DEFAULT = 100;
const SEEDS_MAX = 1_000_000;
const SEED_MAX = 4_294_967_295;
/** Awaits between two crashes of `--every-await`. */
const STRIDE_MAX = 1_000;
const PROCESSES_MAX = 64;

interface Options {
  readonly seeds: number;
  readonly seed: number;
  readonly processes?: number;
  readonly everyAwait?: number;
}

interface Tally {
  readonly runs: number;
  readonly failed: Failure | null;
  /** Seeds in which work came to a standstill. */
  readonly stalled?: readonly number[];
  readonly exercised?: Readonly<Record<string, number>>;
}

export function registerSimulate(program: Command, cli: Cli): void {
  const seeds = wholeValue('--seeds', 1, SEEDS_MAX, 'a number of runs');
  const seed = wholeValue('--seed', 0, SEED_MAX, 'a seed');
  const processes = wholeValue('--processes', 1, PROCESSES_MAX, 'a number of processes');
  const stride = wholeValue('--every-await', 1, STRIDE_MAX, 'a number of awaits');
  const command = program
    .command('simulate')
    .description('Run simulated federations with crashes, liars and reorgs; exit code 1 if a promise is broken.')
    .option('--seeds <number>', 'how many runs', seeds, SEEDS_DEFAULT)
    .option('--seed <number>', 'seed of the first run; a failing seed alone repeats its run', seed, 1)
    .option('--processes <number>', 'how many processes share the runs (default: one for each core)', processes)
    .option('--every-await <number>', 'instead: crash each node of one federation at every so many-th await', stride)
    .action((options: Options) => run(cli, options));
  addExamples(command, 'mpc_operator simulate --seeds 300', 'mpc_operator simulate --seed 4711 --seeds 1 --json');
}

async function run({ context }: Cli, options: Options): Promise<void> {
  // Only this command needs a simulator in memory.
  const { crashEveryNode } = await import('../simulation/simulate.ts');
  const { output, signal } = context;
  const progress = output.progress();
  const report = (text: string): void => progress.report({ step: 'simulate', text });
  let tally: Tally;
  try {
    tally =
      options.everyAwait === undefined
        ? await runSeeds(options, signal, report)
        : await crashEveryNode({ seed: options.seed, stride: options.everyAwait, signal, report });
  } finally {
    progress.stop();
  }
  output.result(resultJson(tally), () => resultText(tally));
  const { failed, runs, stalled = [] } = tally;
  if (failed !== null) throw new CliError(`Seed ${failed.seed} broke a promise (${failed.violation?.line}).`);
  if (stalled.length > 0) {
    throw new CliError(`No promise was broken, but work came to a standstill in seeds ${stalled.join(', ')}.`);
  }
  if (signal.aborted) throw new CliError(`Stopped after ${runs} runs.`);
}

async function runSeeds(
  { seed: first, seeds, processes = availableParallelism() }: Options,
  signal: AbortSignal,
  report: (text: string) => void,
): Promise<SimulateResult> {
  const { SEEDS_PER_PROCESS_MIN, simulateInProcesses } = await import('./simulate-parts.ts');
  const parts = Math.min(processes, Math.floor(seeds / SEEDS_PER_PROCESS_MIN));
  if (parts > 1) {
    return simulateInProcesses({ first, seeds, signal }, parts, (done) => report(`${done} of ${seeds} runs`));
  }
  const { simulate } = await import('../simulation/simulate.ts');
  return simulate({ first, seeds, signal, onRun: reporter(seeds, report) });
}

function reporter(seeds: number, report: (text: string) => void): (outcome: Outcome, done: number) => void {
  const every = Math.max(1, Math.floor(seeds / 20));
  return (_, done) => {
    if (done % every === 0) report(`${done} of ${seeds} runs`);
  };
}

function resultJson({ failed, ...tally }: Tally): Printable {
  const { trace = [], violation, seed, hash } = failed ?? {};
  return { ...tally, failed: failed === null ? null : { seed, hash, violation: { ...violation }, trace } };
}

function resultText({ failed, runs, exercised = {}, ...counts }: Tally): string {
  const fields = Object.entries({ ...counts, ...exercised }).map(([name, value]) => [name, String(value)] as const);
  const passed = renderFields([['runs', String(runs)], ...fields, ['broken promises', failed === null ? '0' : '1']]);
  if (failed === null) return passed;
  const { seed, violation, trace } = failed;
  return [...trace, '', passed, `seed ${seed}: ${violation?.line}: ${violation?.detail}`].join('\n');
}
