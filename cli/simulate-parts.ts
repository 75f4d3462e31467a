// Seeds shared among processes, as a run keeps one core busy: each process is this program again, with a part of the seeds.
import { z } from 'zod';
import { NOTHING_RUN, type SimulateInput, type SimulateResult, together } from '../simulation/simulate.ts';
import { CliError } from './errors.ts';
import { ownProgram } from './own-program.ts';

/** Below so many seeds a process costs more than it brings: it has to warm up. */
export const SEEDS_PER_PROCESS_MIN = 20;

const count = z.number();
const violation = z.object({
  line: z.enum(['never 1', 'never 2', 'never 3', 'never 4', 'never 5', 'never 6', 'never 7', 'progress', 'fault']),
  detail: z.string(),
});
const resultJson = z.object({
  ...{ runs: count, events: count, shares: count, crashes: count, minted: count, paid: count },
  stragglers: count,
  stalled: z.array(count),
  exercised: z.record(z.string(), count),
  failed: z.object({ seed: count, hash: z.string(), violation, trace: z.array(z.string()) }).nullable(),
});
const DONE = /^(\d+) of \d+ runs$/gm;

/** Runs the seeds in so many processes; ends at the first failure. `onDone`: how many runs are over. */
export async function simulateInProcesses(
  { first, seeds, signal }: Omit<SimulateInput, 'onRun'>,
  processes: number,
  onDone: (done: number) => void,
): Promise<SimulateResult> {
  const share = Math.ceil(seeds / processes);
  const done = new Map<number, number>();
  const stop = new AbortController();
  const ended = AbortSignal.any([signal, stop.signal]);
  const part = async (begin: number): Promise<SimulateResult> => {
    const report = (runs: number): void => {
      done.set(begin, runs);
      onDone([...done.values()].reduce((sum, one) => sum + one, 0));
    };
    const result = await runPart(begin, Math.min(share, first + seeds - begin), ended, report);
    if (result.failed !== null) stop.abort();
    return result;
  };
  const begins = Array.from({ length: processes }, (_, at) => first + at * share).filter((at) => at < first + seeds);
  return (await Promise.all(begins.map(part))).reduce(together, NOTHING_RUN);
}

async function runPart(
  first: number,
  seeds: number,
  signal: AbortSignal,
  onDone: (done: number) => void,
): Promise<SimulateResult> {
  const words = ['simulate', '--seed', `${first}`, '--seeds', `${seeds}`, '--processes', '1', '--json'];
  const child = Bun.spawn([...ownProgram(), ...words], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', signal });
  const output = new Response(child.stdout).text();
  let last = '';
  for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
    last = chunk;
    for (const [, done] of chunk.matchAll(DONE)) onDone(Number(done));
  }
  await child.exited;
  const text = await output;
  if (text !== '') return resultJson.parse(JSON.parse(text));
  if (signal.aborted) return NOTHING_RUN;
  throw new CliError(`The process for the seeds from ${first} on ended without a result: ${last.trim()}`);
}
