// Reading a body that the other side controls: the limit stops the reading itself, not only the result.
import { afterAll, describe, expect, test } from 'bun:test';
import { readReply, readWithin, settledWithin } from '../../operator/peers/read-body.ts';

const never = new AbortController().signal;

function chunks(count: number, bytes: number): { stream: ReadableStream<Uint8Array>; given: () => number } {
  let given = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (given === count) return controller.close();
      given += 1;
      controller.enqueue(new Uint8Array(bytes).fill(given));
    },
  });
  return { stream, given: () => given };
}

describe('a body', () => {
  test('within the limit arrives whole and in order', async () => {
    const bytes = await readWithin(chunks(3, 2).stream, 6, never);
    expect(bytes).toEqual(new Uint8Array([1, 1, 2, 2, 3, 3]));
  });

  test('that is missing is empty', async () => {
    expect(await readWithin(null, 6, never)).toEqual(new Uint8Array(0));
  });

  test('one byte over the limit is null', async () => {
    expect(await readWithin(chunks(7, 1).stream, 6, never)).toBeNull();
  });

  test('without end is read no further than just past the limit', async () => {
    const endless = chunks(Number.POSITIVE_INFINITY, 10);
    expect(await readWithin(endless.stream, 100, never)).toBeNull();
    expect(endless.given()).toBeLessThan(14);
  });

  test('that never comes ends with the reason of the signal, and the source is cancelled', async () => {
    let cancelled: unknown = null;
    const stream = new ReadableStream<Uint8Array>({
      cancel(reason) {
        cancelled = reason;
      },
    });
    const giveUp = new AbortController();
    const read = readWithin(stream, 6, giveUp.signal);
    giveUp.abort(new Error('enough'));
    await expect(read).rejects.toThrow('enough');
    expect(cancelled).toEqual(new Error('enough'));
  });

  test('is not begun once the signal has aborted', async () => {
    await expect(readWithin(chunks(1, 1).stream, 6, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});

describe('a reply', () => {
  const LIMIT = 1_000;
  let answer: () => Response = () => new Response();
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => answer() });
  afterAll(() => server.stop(true));
  const read = async (response: Response): Promise<number | null> => {
    answer = () => response;
    return (await readReply(await fetch(server.url), LIMIT, never))?.length ?? null;
  };

  test('is read whole up to the limit, whether it tells its length or comes in pieces', async () => {
    expect(await read(new Response(new Uint8Array(LIMIT)))).toBe(LIMIT);
    expect(await read(new Response(new Uint8Array(LIMIT + 1)))).toBeNull();
    expect(await read(new Response(chunks(10, LIMIT / 10).stream))).toBe(LIMIT);
    expect(await read(new Response(chunks(11, LIMIT / 10).stream))).toBeNull();
  });

  test('that is short on the wire and long when it is unpacked is not read beyond the limit', async () => {
    const packed = Bun.gzipSync(new Uint8Array(100_000));
    expect(packed.length).toBeLessThan(LIMIT);
    expect(await read(new Response(packed, { headers: { 'content-encoding': 'gzip' } }))).toBeNull();
  });
});

describe('a promise within a signal', () => {
  test('gives what it gives, also its error', async () => {
    expect(await settledWithin(Promise.resolve(7), never)).toBe(7);
    await expect(settledWithin(Promise.reject(new Error('broken')), never)).rejects.toThrow('broken');
  });

  test('ends with the reason of the signal, whatever becomes of it later', async () => {
    const giveUp = new AbortController();
    const late = Promise.withResolvers<number>();
    const settled = settledWithin(late.promise, giveUp.signal);
    giveUp.abort(new Error('enough'));
    await expect(settled).rejects.toThrow('enough');
    late.reject(new Error('too late to matter'));
    await expect(settledWithin(Promise.resolve(7), giveUp.signal)).rejects.toThrow('enough');
  });
});
