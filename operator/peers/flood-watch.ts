// Which peers send more requests than this node may handle for them. A few at a busy moment are no fault; a peer that goes
// on is named to the operator, since it works against this node or is broken.

/** So many refused requests of one peer, without a pause, are a flood. */
export const FLOOD_REQUESTS_MIN = 100;
/** A flood is over once none of its requests was refused for so long, in ms. */
export const FLOOD_PAUSE_MS = 60_000;

/** A flood: the peer, when it began in ms since 1970, and how many requests were refused since. */
export interface Flood {
  readonly peer: number;
  readonly since: number;
  readonly refused: number;
}

interface Refused {
  readonly since: number;
  readonly lastAt: number;
  readonly refused: number;
}

/** Refusals for want of a slot, by peer. */
export class FloodWatch {
  readonly #refused = new Map<number, Refused>();

  /** A request of a peer was refused. `at` in ms since 1970, `measuredAt` in ms by the monotonic clock. */
  refuse(peer: number, at: number, measuredAt: number): void {
    const before = this.#refused.get(peer);
    const goesOn = before !== undefined && measuredAt - before.lastAt < FLOOD_PAUSE_MS;
    const refused = goesOn ? before.refused + 1 : 1;
    this.#refused.set(peer, { since: goesOn ? before.since : at, lastAt: measuredAt, refused });
  }

  /** The floods that go on; `now` in ms by the monotonic clock. */
  floods(now: number): readonly Flood[] {
    return [...this.#refused]
      .filter(([, { lastAt, refused }]) => refused >= FLOOD_REQUESTS_MIN && now - lastAt < FLOOD_PAUSE_MS)
      .map(([peer, { since, refused }]) => ({ peer, since, refused }));
  }
}
