// What has happened and was not looked at yet, in order.

/** A queue with one reader. */
export class EventQueue<Event> {
  readonly #waiting: Event[] = [];
  #wake: (() => void) | null = null;

  push(...events: readonly Event[]): void {
    this.#waiting.push(...events);
    this.#wake?.();
  }

  /** The next event, where there is one already. */
  take(): Event | undefined {
    return this.#waiting.shift();
  }

  /** The next event, when there is one. */
  async next(): Promise<Event> {
    for (;;) {
      const event = this.#waiting.shift();
      if (event !== undefined) return event;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }
}
