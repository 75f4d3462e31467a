// Reading an HTTP body whose length the other side chose: never more than a limit, and no longer than a signal allows.

/**
 * All bytes of a body, or null as soon as there are more than `bytesMax`. `grown` is told how many bytes each piece has
 * brought. Throws the signal's reason when it aborts
 * first, and what the stream throws when the connection breaks. A missing body is empty.
 */
export async function readWithin(
  body: ReadableStream<Uint8Array> | null,
  bytesMax: number,
  signal: AbortSignal,
  grown: (bytes: number) => void = () => {},
): Promise<Uint8Array | null> {
  if (body === null) return new Uint8Array(0);
  const reader = body.getReader();
  // Cancelling makes a pending read settle, also where the runtime would wait for bytes that never come.
  const stop = (): void => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener('abort', stop, { once: true });
  try {
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return joined(parts, length);
      length += value.length;
      grown(value.length);
      if (length > bytesMax) {
        stop();
        return null;
      }
      parts.push(value);
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Up to so many announced bytes a body is taken in one piece, which is quicker; what never comes is no more than that. */
export const WHOLE_BODY_BYTES_MAX = 64 * 1024;

/**
 * `readWithin` of a reply. A short one is taken in one piece where it is as long as it says: what is compressed may be
 * longer.
 */
export function readReply(response: Response, bytesMax: number, signal: AbortSignal): Promise<Uint8Array | null> {
  const { headers } = response;
  const announced = Number(headers.get('content-length') ?? Number.NaN);
  const isPlain = headers.get('content-encoding') === null && announced <= Math.min(bytesMax, WHOLE_BODY_BYTES_MAX);
  return isPlain ? settledWithin(response.bytes(), signal) : readWithin(response.body, bytesMax, signal);
}

/** What a promise gives, or the signal's reason thrown when it aborts first; the promise may then end as it likes. */
export function settledWithin<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
