// Long computations in slices, so that the event loop is never held for longer than a slice takes: heartbeats, answers
// and other signatures go on beside a batch of hundreds. Slices of different works take turns, one per turn of the loop.
import type { Steps } from '../../ceremony/steps.ts';
import type { Effects } from '../runtime/effects.ts';

/** How long a slice may take before its work gives way, in ms; a step begun before that is one message or nonce. */
const SLICE_MS = 2;
/** How many steps are done at a stretch at most, whatever the clock says. */
const STEPS_PER_SLICE_MAX = 8;

/** The node is being closed; the work was ended and has erased its secrets. */
export class SlicesClosedError extends Error {
  constructor() {
    super('the node is being closed');
  }
}

/** Runs works side by side. */
export class Slices {
  readonly #effects: Pick<Effects, 'sleep' | 'monotonic'>;
  #turn: Promise<void> = Promise.resolve();
  #running = 0;
  #isClosed = false;

  constructor(effects: Pick<Effects, 'sleep' | 'monotonic'>) {
    this.#effects = effects;
  }

  /** Whether a work is under way. */
  get isBusy(): boolean {
    return this.#running > 0;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Does a work to its end; it begins at once. Throws what the work throws, and `SlicesClosedError`. */
  async run<Result>(work: Steps<Result>): Promise<Result> {
    this.#running += 1;
    try {
      for (;;) {
        const begun = this.#effects.monotonic();
        for (let done = 0; done < STEPS_PER_SLICE_MAX && this.#effects.monotonic() - begun < SLICE_MS; done++) {
          const step = work.next();
          if (step.done === true) return step.value;
        }
        await this.#pauseIn(work);
      }
    } finally {
      this.#running -= 1;
    }
  }

  /** Lets everything else that is due go first. */
  pause(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#effects.sleep(0));
    return this.#turn;
  }

  /** Ends all works at their next pause. */
  close(): void {
    this.#isClosed = true;
  }

  async #pauseIn(work: Steps<unknown>): Promise<void> {
    await this.pause();
    if (!this.#isClosed) return;
    const error = new SlicesClosedError();
    // Runs the work's own clearing up, and throws the error on.
    work.throw(error);
    throw error;
  }
}
