// The node's status for pages: one report serves all who look within a moment, and nobody waits for a slow one while there is an
// earlier one.
import type { Status } from './page.ts';

/** Younger than this, in ms, a report is shown as it is. */
const FRESH_MS = 1_500;
/** Younger than this, it is shown while a new one is made. */
const SHOWN_MS = 30_000;

/** Reports of the node's status. */
export class StatusCache {
  readonly #read: () => Promise<Status>;
  readonly #monotonic: () => number;
  #last: { readonly status: Status; readonly at: number } | null = null;
  #next: Promise<Status> | null = null;

  constructor(read: () => Promise<Status>, monotonic: () => number) {
    this.#read = read;
    this.#monotonic = monotonic;
  }

  /** The newest report that is at hand, else a new one. */
  get(): Promise<Status> {
    const age = this.#last === null ? Number.POSITIVE_INFINITY : this.#monotonic() - this.#last.at;
    if (this.#last !== null && age < FRESH_MS) return Promise.resolve(this.#last.status);
    const next = this.#renew();
    if (this.#last === null || age >= SHOWN_MS) return next;
    // Whoever asks gets the earlier one; a failure shows to the one who has nothing else.
    next.catch(() => {});
    return Promise.resolve(this.#last.status);
  }

  /** Forgets what is at hand, as after an act. */
  drop(): void {
    this.#last = null;
  }

  /** Has a new report made, so that the first who looks finds one. A failure shows to whoever asks then. */
  keepWarm(): void {
    this.#renew().catch(() => {});
  }

  #renew(): Promise<Status> {
    this.#next ??= this.#read()
      .then((status) => {
        this.#last = { status, at: this.#monotonic() };
        return status;
      })
      .finally(() => {
        this.#next = null;
      });
    return this.#next;
  }
}
