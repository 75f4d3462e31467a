// Many runs one after the other, until one breaks a line of the Never list or all have passed. A run in which work came to
// a standstill breaks none: it is counted by its seed, and the runs go on.

import { runCeremonyPlan, runCeremonySeed } from './ceremony-run.ts';
import { ceremonyCrashPlan, crashPlan } from './plan.ts';
import { type Outcome, runPlan, runSeed } from './run.ts';
import { type Counts, sumOf } from './tally.ts';

/** Every that many-th seed makes keys in a ceremony instead of using the bridge. */
export const CEREMONY_EVERY = 25;

/** What to run: `seeds` runs from the seed `first` on. */
export interface SimulateInput {
  readonly first: number;
  readonly seeds: number;
  readonly signal: AbortSignal;
  readonly onRun: (outcome: Outcome, done: number) => void;
}

/** A run that broke a promise. */
export type Failure = Pick<Outcome, 'seed' | 'hash' | 'violation' | 'trace'>;

/** What came of them; `failed`: the first run that broke a line of the Never list. */
export interface SimulateResult {
  readonly runs: number;
  readonly failed: Failure | null;
  /** The seeds in which something that was owed did not come about. */
  readonly stalled: readonly number[];
  readonly events: number;
  readonly shares: number;
  readonly crashes: number;
  readonly minted: number;
  readonly paid: number;
  /** Burns that were settled without a node that runs knowing it. */
  readonly stragglers: number;
  /** What the runs exercised, by name. */
  readonly exercised: Counts;
}

export const NOTHING_RUN: SimulateResult = {
  ...{
    runs: 0,
    failed: null,
    stalled: [],
    events: 0,
    shares: 0,
    crashes: 0,
    minted: 0,
    paid: 0,
    stragglers: 0,
  },
  exercised: {},
};

/** The sum of two results; the first failure stays. */
export function together(a: SimulateResult, b: SimulateResult): SimulateResult {
  return {
    runs: a.runs + b.runs,
    failed: a.failed ?? b.failed,
    stalled: [...a.stalled, ...b.stalled],
    events: a.events + b.events,
    shares: a.shares + b.shares,
    crashes: a.crashes + b.crashes,
    minted: a.minted + b.minted,
    paid: a.paid + b.paid,
    stragglers: a.stragglers + b.stragglers,
    exercised: sumOf(a.exercised, b.exercised),
  };
}

/** Runs the seeds in order; ends at the first failure. */
export async function simulate({ first, seeds, signal, onRun }: SimulateInput): Promise<SimulateResult> {
  let result = NOTHING_RUN;
  for (let done = 0; done < seeds && !signal.aborted && result.failed === null; done++) {
    const outcome = await runAnySeed(first + done);
    result = together(result, resultOf(outcome));
    onRun(outcome, done + 1);
  }
  return result;
}

/** Runs whatever a seed stands for. */
export function runAnySeed(seed: number): Promise<Outcome> {
  return seed % CEREMONY_EVERY === 0 ? runCeremonySeed(seed) : runSeed(seed);
}

/** What `crashEveryNode` runs: every `stride`-th await of every node in the federation of a seed. */
export interface CrashInput {
  readonly seed: number;
  readonly stride: number;
  readonly signal: AbortSignal;
  readonly report: (text: string) => void;
}

/**
 * Crashes a node at its first await: a question to its Bitcoin or Wire nodes, a message, a sleep or a commit. Then, in
 * another run, at its second, and so on for all of them; and so for every node. A seed that makes keys: at each point of the
 * key ceremony, before and after each await and after each commit. Ends at the first failure.
 */
export async function crashEveryNode(
  input: CrashInput,
): Promise<{ readonly runs: number; readonly failed: Outcome | null }> {
  const { seed, stride, signal, report } = input;
  const makesKeys = seed % CEREMONY_EVERY === 0;
  const crashed = (node: number, at: number): Promise<Outcome> =>
    makesKeys ? runCeremonyPlan(ceremonyCrashPlan(seed, node, at)) : runPlan(crashPlan(seed, node, at));
  let runs = 0;
  const { participants } = crashPlan(seed, 0, 0);
  for (let node = 0; node < participants; node++) {
    const { awaits, points } = await crashed(node, 0);
    const all = (makesKeys ? points : awaits)[node] ?? 0;
    report(`node ${node}: ${Math.ceil(all / stride)} runs`);
    for (let at = 0; at <= all && !signal.aborted; at += stride) {
      const outcome = await crashed(node, at);
      runs += 1;
      if (outcome.violation !== null) return { runs, failed: outcome };
    }
  }
  return { runs, failed: null };
}

function resultOf(outcome: Outcome): SimulateResult {
  const { seed, violation, events, shares, crashes, minted, paid, stragglers, exercised } = outcome;
  const isStall = violation?.line === 'progress';
  return {
    ...{ runs: 1, events, shares, crashes, minted, paid, stragglers, exercised },
    failed: violation === null || isStall ? null : outcome,
    stalled: isStall ? [seed] : [],
  };
}
