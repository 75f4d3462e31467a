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

/** The history of one ceremony. */
export class CeremonyHistory {
  readonly #steps: StepTime[] = [];
  #awaitedSince: ReadonlyMap<number, number> = new Map();

  /** Notes how it stands at a time (ms since 1970); to be called after each event. */
  note({ step, waitingFor }: Pick<DkgProgress, 'step' | 'waitingFor'>, at: number): void {
    const isNew = this.#steps.at(-1)?.step !== step;
    if (isNew) this.#steps.push({ step, at });
    if (this.#steps.length > STEPS_MAX) this.#steps.shift();
    // In a new step everybody is asked for something else.
    const before = isNew ? new Map<number, number>() : this.#awaitedSince;
    this.#awaitedSince = new Map(waitingFor.map((index) => [index, before.get(index) ?? at]));
  }

  /** The steps so far, oldest first. */
  steps(): readonly StepTime[] {
    return [...this.#steps];
  }

  /** Since when a participant is awaited; null where it is not. */
  awaitedSince(index: number): number | null {
    return this.#awaitedSince.get(index) ?? null;
  }
}
