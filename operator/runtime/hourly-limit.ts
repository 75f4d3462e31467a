// What a peer can have this node write down for ever, or do to all others, at a rate that people never need: so many times in
// an hour, each peer for itself.

const HOUR_MS = 3_600_000;

/** So many times in an hour of each peer. */
export class HourlyLimit {
  readonly #max: number;
  readonly #monotonic: () => number;
  /** When each peer was let through within the last hour, by the monotonic clock; at most so many. */
  readonly #times = new Map<number, readonly number[]>();

  /** `monotonic` in ms. */
  constructor(max: number, monotonic: () => number) {
    this.#max = max;
    this.#monotonic = monotonic;
  }

  /** Lets a peer through, and counts it; false where it was let through as often as it may be. */
  take(peer: number): boolean {
    const now = this.#monotonic();
    const recent = (this.#times.get(peer) ?? []).filter((at) => now - at < HOUR_MS);
    const isFree = recent.length < this.#max;
    this.#times.set(peer, isFree ? [...recent, now] : recent);
    return isFree;
  }
}
