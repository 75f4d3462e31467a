// The world as the operator layer may touch it, gathered so that tests and a simulated federation can stand in for it.

/** Clocks, randomness and waiting. */
export interface Effects {
  /**
   * Milliseconds since 1970 by the machine's clock, which may be set at any time: for messages, certificates, stored rows
   * and logs. How long something took or has to wait is never measured by it.
   */
  now(): number;
  /** Milliseconds since some moment before this process began, by a clock that nobody sets and that never goes back. */
  monotonic(): number;
  /**
   * That many bytes from the runtime's generator. It lives in this process's memory, and the operating system seeds it;
   * a copy of that memory may give the same bytes again.
   */
  random(bytes: number): Uint8Array;
  /**
   * Resolves after that many milliseconds, or at once when the signal aborts. With 0 it resolves in the next turn of the
   * event loop: whatever else is due goes first.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Runs something again and again, that many milliseconds apart, until the function it returns is called. */
  every(ms: number, run: () => void): () => void;
}

/** The real clocks and generator. */
export const systemEffects: Effects = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      if (ms === 0) {
        setImmediate(resolve);
        return;
      }
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done);
    }),
  every: (ms, run) => {
    const timer = setInterval(run, ms);
    return () => clearInterval(timer);
  },
};
