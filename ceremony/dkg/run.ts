// The course of one attempt of a key ceremony at one node: its beginning, what is heard, what the node says to itself,
// what awaits an answer, and what happens when time passes.

import type { DkgMessage, Outgoing } from '../messages.ts';
import { type Attempt, faultOf } from './attempt.ts';
import { beginCoordinator, coordinatorAwaits, coordinatorPending } from './coordinator.ts';
import { attemptOf, hear, type Run, type RunStep } from './hear.ts';
import { beginParticipant, participantAwaits, participantPending } from './participant.ts';
import { type DkgContext, namesOf } from './setup.ts';

/** What an attempt begins with. */
export interface RunStart {
  readonly attempt: string;
  readonly coordinator: number;
  readonly rehearsal: boolean;
  readonly random: Uint8Array;
  readonly now: number;
}

/** Begins an attempt. */
export function beginRun(context: DkgContext, start: RunStart): RunStep {
  const { attempt, coordinator, rehearsal, random, now } = start;
  const own: Attempt = { context, id: attempt, coordinator, random };
  const run: Run = {
    attempt,
    coordinator,
    rehearsal,
    random,
    participant: beginParticipant(own),
    coordination: coordinator === context.setup.myIndex ? beginCoordinator() : null,
    participantSince: now,
    coordinatorSince: now,
    said: new Map(),
    doubt: false,
  };
  return settle(context, { kind: 'running', run, replies: [] }, now);
}

/** Hears a message of this attempt from another node. */
export function hearInRun(context: DkgContext, run: Run, from: number, message: DkgMessage, now: number): RunStep {
  return settle(context, hear(context, run, from, message, now), now);
}

/** Lets time pass: names who is missing when a step has taken too long. */
export function tickRun(context: DkgContext, run: Run, now: number): RunStep {
  const { setup } = context;
  const { stepTimeoutMs } = setup.timing;
  const quiet = { kind: 'running' as const, run, replies: [] };
  const { participant, coordination } = run;
  const gathers = coordination !== null && coordination.step !== 'gathering_confirmations';
  if (gathers && coordination.step !== 'completing' && now - run.coordinatorSince > stepTimeoutMs) {
    return missing(context, run, coordinatorAwaits(setup, coordination));
  }
  const waited = now - run.participantSince;
  // Whoever has confirmed cannot take it back: the others may hold live keys already, and to ask them costs little.
  if (participant.step === 'confirmed') {
    const isLate = coordination === null && waited > setup.timing.doubtAfterMs;
    return isLate && !run.doubt ? { ...quiet, run: { ...run, doubt: true } } : quiet;
  }
  return waited <= 2 * stepTimeoutMs
    ? quiet
    : missing(context, run, participantAwaits(attemptOf(context, run), participant));
}

/** The messages of this attempt that still await an answer from other nodes. */
export function runPending(context: DkgContext, run: Run): Outgoing<DkgMessage>[] {
  return allPending(context, run).filter(({ to }) => to !== context.setup.myIndex);
}

/** This node's confirmation for each of `askees`, who may have the n signatures; none where it has not confirmed. */
export function confirmations({ participant }: Run, askees: readonly number[]): Outgoing<DkgMessage>[] {
  if (participant.step !== 'confirmed') return [];
  return askees.map((to) => ({ to, type: 'dkg_confirm', body: participant.confirm }));
}

/** Whose answer this node awaits in this attempt. */
export function runAwaits(context: DkgContext, run: Run): number[] {
  const { participant, coordination } = run;
  const awaited = new Set(coordination === null ? [] : coordinatorAwaits(context.setup, coordination));
  for (const index of participantAwaits(attemptOf(context, run), participant)) awaited.add(index);
  awaited.delete(context.setup.myIndex);
  return [...awaited].sort((a, b) => a - b);
}

function missing(context: DkgContext, run: Run, indices: readonly number[]): RunStep {
  const names = namesOf(context.setup, indices);
  const [only] = indices;
  const culprit = indices.length === 1 && only !== undefined ? only : null;
  return { kind: 'fault', run, fault: faultOf('timeout', culprit, `no answer in time from ${names}`, indices) };
}

function allPending(context: DkgContext, run: Run): Outgoing<DkgMessage>[] {
  const own = participantPending(attemptOf(context, run), run.participant, run.doubt);
  return run.coordination === null
    ? own
    : [...own, ...coordinatorPending(context.setup, run.attempt, run.coordination)];
}

// What this node says to itself is heard at once, until nothing new is said.
function settle(context: DkgContext, first: RunStep, now: number): RunStep {
  const { myIndex } = context.setup;
  let step = first;
  const replies: Outgoing<DkgMessage>[] = [];
  while (step.kind !== 'fault') {
    const { run } = step;
    const toSelf = [...step.replies, ...allPending(context, run)].find(
      (message) =>
        message.to === myIndex && message.type !== 'dkg_start' && !run.said.has(`${message.type}/${myIndex}`),
    );
    replies.push(...step.replies.filter(({ to }) => to !== myIndex));
    if (toSelf === undefined || step.kind === 'complete') return { ...step, replies };
    step = hear(context, run, myIndex, toSelf, now);
  }
  return step;
}
