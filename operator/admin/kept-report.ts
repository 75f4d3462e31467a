// A report that takes seconds, as of checks that ask peers and own nodes: pages show the last one with its age, and never wait.
import type { Effects } from '../runtime/effects.ts';

/** A report, and when it was made in ms since 1970. */
export interface Kept<T> {
  readonly report: T;
  readonly at: number;
}

/** How old a report may be, in ms, until looking at it makes a new one; and after something has changed. */
const FRESH_MS = 60_000;
const CHANGED_MS = 5_000;

/** Keeps the newest report. */
export class KeptReport<T> {
  readonly #make: () => Promise<T>;
  readonly #effects: Pick<Effects, 'now' | 'monotonic'>;
  readonly #onFault: (error: unknown) => void;
  #kept: Kept<T> | null = null;
  #triedAt = Number.NEGATIVE_INFINITY;
  #isUnderWay = false;
  #hasChanged = false;

  constructor(
    make: () => Promise<T>,
    effects: Pick<Effects, 'now' | 'monotonic'>,
    onFault: (error: unknown) => void = () => {},
  ) {
    this.#make = make;
    this.#effects = effects;
    this.#onFault = onFault;
  }

  /** The newest report; null where there is none yet. Begins a new one where that is due. */
  look(): Kept<T> | null {
    const age = this.#effects.monotonic() - this.#triedAt;
    if (!this.#isUnderWay && age > (this.#hasChanged ? CHANGED_MS : FRESH_MS)) this.#renew();
    return this.#kept;
  }

  /** What it is about has changed: the next look makes a new one soon. */
  changed(): void {
    this.#hasChanged = true;
  }

  #renew(): void {
    this.#isUnderWay = true;
    this.#hasChanged = false;
    this.#triedAt = this.#effects.monotonic();
    this.#make()
      .then((report) => {
        this.#kept = { report, at: this.#effects.now() };
      })
      .catch(this.#onFault)
      .finally(() => {
        this.#isUnderWay = false;
      });
  }
}
