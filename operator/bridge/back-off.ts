// How long a piece of work rests that fails again and again: twice as long after each failure. So work that can never
// succeed costs less and less, and the work behind it in a queue has its turn.
import type { Effects } from '../runtime/effects.ts';

/** Most pieces of work that rest at once; the oldest make room, and are tried early. */
const REMEMBERED_MAX = 20_000;

/** Times in ms: the first rest, and the longest. */
export interface BackOffTimes {
  readonly firstMs: number;
  readonly longestMs: number;
}

interface Failing {
  /** By the monotonic clock. */
  readonly until: number;
  readonly restMs: number;
}

/**
 * The rests of one kind of work, by name. What has not failed again a longest rest after its rest is forgotten: it is well, or
 * over. A restart forgets all, which only tries everything once more.
 */
export class BackOff {
  readonly #clock: Pick<Effects, 'monotonic'>;
  readonly #times: BackOffTimes;
  readonly #failing = new Map<string, Failing>();

  constructor(clock: Pick<Effects, 'monotonic'>, times: BackOffTimes) {
    this.#clock = clock;
    this.#times = times;
  }

  /** Whether it is left alone now. */
  rests(name: string): boolean {
    const failing = this.#failing.get(name);
    return failing !== undefined && this.#clock.monotonic() < failing.until;
  }

  /** It has failed: it rests, twice as long as the last time; `forGood`: as long as can be. Gives the rest in ms. */
  failed(name: string, forGood = false): number {
    const { firstMs, longestMs } = this.#times;
    const before = this.#failing.get(name)?.restMs ?? firstMs / 2;
    const restMs = forGood ? longestMs : Math.min(before * 2, longestMs);
    this.#failing.delete(name);
    this.#failing.set(name, { until: this.#clock.monotonic() + restMs, restMs });
    this.#tidy();
    return restMs;
  }

  /** How many pieces of work are remembered. */
  get size(): number {
    return this.#failing.size;
  }

  /** It has succeeded, or is over: the next failure is a first one. */
  well(name: string): void {
    this.#failing.delete(name);
  }
  // The first ones failed longest ago.
  #tidy(): void {
    const over = this.#clock.monotonic() - this.#times.longestMs;
    for (const [name, { until }] of this.#failing) {
      if (until > over && this.#failing.size <= REMEMBERED_MAX) return;
      this.#failing.delete(name);
    }
  }
}
