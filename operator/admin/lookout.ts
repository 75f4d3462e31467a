// What takes its time to look at, such as files and the own Bitcoin nodes: looked at in the background, so that no page waits for it.
// Pages show what the last look saw, and when.
import type { Effects } from '../runtime/effects.ts';
import { errorText } from '../runtime/log.ts';

/** What a look saw, and when (ms since 1970). `fault`: why the last look failed, a sentence; then `value` is of an earlier one. */
export interface Seen<T> {
  readonly value: T | null;
  readonly at: number | null;
  readonly fault: string | null;
}

/** How long the very first page may wait for the very first look, in ms. */
const FIRST_MS_MAX = 400;
/** How old a look may be after something has changed, in ms. */
const CHANGED_MS = 5_000;

/** Looks again, in the background, whenever somebody asks and the last look is older than `freshMs`. */
export class Lookout<T> {
  readonly #look: () => Promise<T>;
  readonly #effects: Pick<Effects, 'now' | 'monotonic' | 'sleep'>;
  readonly #freshMs: number;
  #seen: Seen<T> = { value: null, at: null, fault: null };
  #endedAt = Number.NEGATIVE_INFINITY;
  #under: Promise<void> | null = null;
  #hasChanged = false;

  constructor(look: () => Promise<T>, effects: Pick<Effects, 'now' | 'monotonic' | 'sleep'>, freshMs: number) {
    this.#look = look;
    this.#effects = effects;
    this.#freshMs = freshMs;
  }

  /** What was seen last; the first time it waits a moment for the look that it begins. */
  async seen(): Promise<Seen<T>> {
    const fresh = this.#hasChanged ? Math.min(CHANGED_MS, this.#freshMs) : this.#freshMs;
    if (this.#effects.monotonic() - this.#endedAt >= fresh) this.#under ??= this.#begin();
    if (this.#seen.at === null && this.#seen.fault === null && this.#under !== null) {
      const enough = new AbortController();
      await Promise.race([this.#under, this.#effects.sleep(FIRST_MS_MAX, enough.signal)]);
      enough.abort();
    }
    return this.#seen;
  }

  /** What it looks at has changed: whoever asks soon has it looked at again. */
  changed(): void {
    this.#hasChanged = true;
  }

  async #begin(): Promise<void> {
    this.#hasChanged = false;
    try {
      const value = await this.#look();
      this.#seen = { value, at: this.#effects.now(), fault: null };
    } catch (error) {
      this.#seen = { ...this.#seen, fault: errorText(error) };
    } finally {
      this.#endedAt = this.#effects.monotonic();
      this.#under = null;
    }
  }
}
