// Challenges that a passkey has to sign: each is good once and for a few minutes, and only for what it was made for.

/** For how long a challenge is good, in ms by the monotonic clock. */
export const CHALLENGE_MS = 5 * 60_000;
const CHALLENGES_MAX = 1_000;

/** Challenges in base64url, each with what it is for: an act, an account, a sign-in. */
export class Challenges {
  readonly #monotonic: () => number;
  readonly #open = new Map<string, { readonly purpose: string; readonly until: number }>();

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** How many there are. */
  get size(): number {
    return this.#open.size;
  }

  /** Makes one known. The oldest goes where there are too many. */
  add(challenge: string, purpose: string): void {
    const now = this.#monotonic();
    for (const [other, { until }] of this.#open) if (until <= now) this.#open.delete(other);
    this.#open.delete(challenge);
    this.#open.set(challenge, { purpose, until: now + CHALLENGE_MS });
    const [oldest] = this.#open.keys();
    if (this.#open.size > CHALLENGES_MAX && oldest !== undefined) this.#open.delete(oldest);
  }

  /** Whether it is good for this; it is good no more after that. */
  take(challenge: string, purpose: string): boolean {
    const found = this.#open.get(challenge);
    if (found === undefined || found.purpose !== purpose) return false;
    this.#open.delete(challenge);
    return found.until > this.#monotonic();
  }
}
