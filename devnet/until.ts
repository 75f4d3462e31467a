// Waiting for something that another process does.

const POLL_MS = 100;

/** `timeoutMs`: how long to wait at most; an abort ends the wait. */
export interface UntilOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Asks again and again until the answer is true. `what` says in an error what was waited for. */
export async function until(what: () => string, isTrue: () => Promise<boolean>, options: UntilOptions): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    options.signal.throwIfAborted();
    if (await isTrue()) return;
    if (Date.now() > deadline) throw new Error(`this did not come about in ${options.timeoutMs / 1000} s: ${what()}`);
    await Bun.sleep(POLL_MS);
  }
}
