import { describe, expect, test } from 'bun:test';
import type { Part } from '../../../routes/admin/page.ts';
import { STREAMS_OF_SESSION_MAX, type StreamInput, Streams } from '../../../routes/admin/stream.ts';

/** A page that a test changes, and the stream of it. */
class Watched {
  parts: readonly Part[] = [
    { id: 'one', view: 'first' },
    { id: 'two', view: 'second' },
    { id: 'form', view: 'typed here', isStill: true },
  ];
  ends: number | null = 1_000;
  readonly faults: unknown[] = [];
  readonly wakers = new Set<() => void>();
  readonly input: StreamInput = {
    session: 'a session',
    page: async () => ({ parts: this.parts, frame: { nav: 'entries' } }),
    sessionEnds: async () => this.ends,
    now: () => 500,
    onChange: (listener) => {
      this.wakers.add(listener);
      return () => this.wakers.delete(listener);
    },
    onFault: (error) => this.faults.push(error),
  };

  wake(): void {
    for (const waker of this.wakers) waker();
  }
}

/** Reads a stream message by message. */
class Reader {
  readonly #reader: { read(): Promise<{ value?: Uint8Array; done: boolean }>; cancel(): Promise<void> };
  #text = '';

  constructor(answer: Response | null) {
    if (answer?.body == null) throw new Error('there is no stream');
    this.#reader = answer.body.getReader();
  }

  /** The next message; null where the stream has ended. */
  async next(): Promise<string | null> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end >= 0) {
        const message = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return message;
      }
      const { value, done } = await this.#reader.read();
      if (done) return null;
      this.#text += new TextDecoder().decode(value);
    }
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

const never = new AbortController().signal;

describe('the stream of a page', () => {
  test('sends all parts at first, so that nothing is missed since the page was made, but no form', async () => {
    const reader = new Reader(new Streams().open(new Watched().input, never));
    const first = (await reader.next()) ?? '';
    expect(first).toMatch(/^id: 1\n/);
    for (const text of ['#nav', 'entries', '#part-one', 'first', '#part-two', 'second']) expect(first).toContain(text);
    expect(first).not.toContain('typed here');
    expect(await reader.next()).toBe(`event: beat\ndata: ${JSON.stringify({ ends: 1_000, now: 500 })}`);
    await reader.cancel();
  });

  test('then sends what has changed alone, and at once where it is told so', async () => {
    const watched = new Watched();
    const reader = new Reader(new Streams().open(watched.input, never));
    await reader.next();
    await reader.next();
    watched.parts = [
      { id: 'one', view: 'first' },
      { id: 'two', view: 'changed\nover two lines' },
    ];
    watched.wake();
    const message = (await reader.next()) ?? '';
    expect(message).toContain('#part-two');
    expect(message).toContain('data: over two lines');
    expect(message).not.toContain('#part-one');
    await reader.cancel();
  });

  test('ends once the session has ended, and says so', async () => {
    const watched = new Watched();
    const streams = new Streams();
    const reader = new Reader(streams.open(watched.input, never));
    await reader.next();
    await reader.next();
    watched.ends = null;
    watched.wake();
    expect(await reader.next()).toBe('event: over\ndata: {}');
    expect([await reader.next(), streams.size, watched.wakers.size]).toEqual([null, 0, 0]);
  });

  test('is refused to a session that has as many as it may, until one of them ends', async () => {
    const streams = new Streams();
    const { input } = new Watched();
    const open = Array.from({ length: STREAMS_OF_SESSION_MAX }, () => new Reader(streams.open(input, never)));
    expect(streams.open(input, never)).toBeNull();
    expect(streams.open({ ...input, session: 'another' }, never)).not.toBeNull();
    const [first] = open;
    await first?.cancel();
    while (streams.size > STREAMS_OF_SESSION_MAX) await Bun.sleep(1);
    expect(streams.open(input, never)).not.toBeNull();
    streams.close();
  });

  test('tells a fault of the program to the log, and ends', async () => {
    const watched = new Watched();
    const fault = new Error('a bug');
    const reader = new Reader(new Streams().open({ ...watched.input, page: () => Promise.reject(fault) }, never));
    expect([await reader.next(), watched.faults]).toEqual([null, [fault]]);
  });
});
