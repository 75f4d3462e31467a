// The clock of a simulated run and its queue of events. Nothing happens but at an event, one at a time, in the order of
// their times and, at one time, of their making. Between two events every promise that can resolve has resolved.

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** Virtual time in ms since the run began. */
export class VirtualTime {
  readonly #heap: Event[] = [];
  #now = 0;
  #made = 0;
  #events = 0;

  get now(): number {
    return this.#now;
  }

  /** How many events have happened. */
  get events(): number {
    return this.#events;
  }

  /** Runs something that much later, by a clock of whole milliseconds; the function it returns calls it off. */
  after(ms: number, run: () => void): () => void {
    const event: Event = { at: this.#now + Math.max(0, Math.ceil(ms)), order: this.#made++, run, isCancelled: false };
    this.#push(event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Stands still until something real is over (a file is read). */
  async hold(isOver: () => boolean): Promise<void> {
    while (!isOver()) await turn();
  }

  /** Lets the next event happen, unless it lies later than `until`; false where there is none. */
  async step(until: number): Promise<boolean> {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > until) return false;
      this.#pop();
      if (next.isCancelled) continue;
      this.#now = next.at;
      this.#events += 1;
      next.run();
      // The nodes wait for nothing but events, so that a turn of the event loop settles all that this one led to.
      await turn();
      return true;
    }
  }

  /** Moves on to a time at which nothing is left to happen. */
  reach(time: number): void {
    this.#now = Math.max(this.#now, time);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      if (left === undefined) break;
      const useRight = right !== undefined && isBefore(right, left);
      const least = useRight ? right : left;
      if (isBefore(last, least)) break;
      heap[at] = least;
      at = 2 * at + (useRight ? 2 : 1);
    }
    heap[at] = last;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
