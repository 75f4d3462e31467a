// How a key ceremony has gone at this node since its process started, for operators: which steps when, and since when each
// participant is awaited. Nothing depends on it.
import type { DkgProgress } from '../../ceremony/dkg/setup.ts';

/** Most steps that are remembered: the latest. A ceremony has about ten; each attempt has its own. */
const STEPS_MAX = 50;

/** A step, and when it began, in ms since 1970. */
export interface StepTime {
  readonly step: string;
  readonly at: number;
}

/** For whom a step waited, in ms since 1970; `until` null: not answered, or not yet. */
export interface StepWait {
  readonly since: number;
  readonly until: number | null;
}

/** A step with everybody for whom it waited, by index. */
export interface StepOfHistory extends StepTime {
  readonly waits: ReadonlyMap<number, StepWait>;
}

/** The history of one ceremony. */
export class CeremonyHistory {
  readonly #steps: StepOfHistory[] = [];

  /** Notes how it stands at a time (ms since 1970); to be called after each event. */
  note(
    { step, waitingFor, abort = null }: Pick<DkgProgress, 'step' | 'waitingFor'> & Partial<Pick<DkgProgress, 'abort'>>,
    at: number,
  ): void {
    const last = this.#steps.at(-1);
    const isNew = last?.step !== step;
    // The next step takes the answers of all, but an abort takes none.
    if (last !== undefined && (!isNew || abort === null)) {
      this.#steps[this.#steps.length - 1] = { ...last, waits: answered(last.waits, isNew ? [] : waitingFor, at) };
    }
    // In a new step everybody is asked for something else.
    if (isNew) this.#steps.push({ step, at, waits: answered(new Map(), waitingFor, at) });
    if (this.#steps.length > STEPS_MAX) this.#steps.shift();
  }

  /** The steps so far, oldest first. */
  steps(): readonly StepTime[] {
    return this.#steps.map(({ step, at }) => ({ step, at }));
  }

  /** The same with everybody for whom each waited. */
  waits(): readonly StepOfHistory[] {
    return [...this.#steps];
  }

  /** Since when a participant is awaited; null where it is not. */
  awaitedSince(index: number): number | null {
    const wait = this.#steps.at(-1)?.waits.get(index);
    return wait?.until === null ? wait.since : null;
  }
}

function answered(
  before: ReadonlyMap<number, StepWait>,
  waitingFor: readonly number[],
  at: number,
): ReadonlyMap<number, StepWait> {
  const waits = new Map(before);
  for (const [index, wait] of before) {
    if (wait.until === null && !waitingFor.includes(index)) waits.set(index, { ...wait, until: at });
  }
  for (const index of waitingFor) {
    // Whoever is awaited again, such as one that has left the lobby, is awaited anew.
    if (waits.get(index)?.until !== null) waits.set(index, { since: at, until: null });
  }
  return waits;
}
