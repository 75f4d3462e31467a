// The stream of a page: its parts, sent again when they have changed, and a beat that tells the page that it is live. A stream never
// makes a session last longer, and ends soon after its session does.
import type { Child } from 'hono/jsx';
import type { Part } from './page.ts';

/** How often it is looked whether something has changed, in ms. */
const LOOK_MS = 2_000;
/** A beat comes every so many looks. */
const BEAT_LOOKS = 2;
/** Open streams of one session, and of all: a browser shares six connections among its tabs. */
export const STREAMS_OF_SESSION_MAX = 4;
export const STREAMS_MAX = 64;

/** What a stream sends: parts, and what the header shows. */
export interface StreamedPage {
  readonly parts: readonly Part[];
  /** Elements outside the parts, by id. */
  readonly frame: Readonly<Record<string, Child>>;
}

/** What a stream is made of. */
export interface StreamInput {
  readonly session: string;
  /** The page as it is now; null where it is gone. */
  readonly page: () => Promise<StreamedPage | null>;
  /** When the session ends, in ms since 1970; null where it has. */
  readonly sessionEnds: () => Promise<number | null>;
  readonly now: () => number;
  /** Calls back when something has changed at once, until the function it returns is called. */
  readonly onChange: (listener: () => void) => () => void;
  readonly onFault: (error: unknown) => void;
}

/** The open streams. */
export class Streams {
  readonly #open = new Map<string, number>();
  readonly #stops = new Set<() => void>();
  #id = 0;

  /** How many are open. */
  get size(): number {
    return this.#stops.size;
  }

  /** Ends all of them. */
  close(): void {
    for (const stop of this.#stops) stop();
  }

  /** Opens one as the answer to a request; null where there are too many. */
  open(input: StreamInput, hangUp: AbortSignal): Response | null {
    const { session } = input;
    const own = this.#open.get(session) ?? 0;
    if (own >= STREAMS_OF_SESSION_MAX || this.#stops.size >= STREAMS_MAX) return null;
    this.#open.set(session, own + 1);
    const stop = Promise.withResolvers<void>();
    const end = (): void => stop.resolve();
    this.#stops.add(end);
    hangUp.addEventListener('abort', end, { once: true });
    const closed = (): void => {
      this.#stops.delete(end);
      const left = (this.#open.get(session) ?? 1) - 1;
      if (left > 0) this.#open.set(session, left);
      else this.#open.delete(session);
    };
    const body = this.#body(input, stop.promise, end, closed);
    return new Response(body, {
      headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
    });
  }

  #body(input: StreamInput, stopped: Promise<void>, end: () => void, closed: () => void): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    const nextId = (): number => {
      this.#id += 1;
      return this.#id;
    };
    return new ReadableStream({
      async start(controller) {
        let isOver = false;
        void stopped.then(() => {
          isOver = true;
        });
        const write = (text: string): void => {
          if (!isOver) controller.enqueue(encoder.encode(text));
        };
        try {
          await run(input, stopped, () => isOver, write, nextId);
        } catch (error) {
          input.onFault(error);
        } finally {
          closed();
          try {
            controller.close();
          } catch {
            // The reader has gone already.
          }
        }
      },
      cancel: end,
    });
  }
}

async function run(
  input: StreamInput,
  stopped: Promise<void>,
  isOver: () => boolean,
  write: (text: string) => void,
  nextId: () => number,
): Promise<void> {
  const sent = new Map<string, string>();
  let changed = Promise.withResolvers<void>();
  const forget = input.onChange(() => changed.resolve());
  try {
    for (let look = 0; !isOver(); look++) {
      const ends = await input.sessionEnds();
      if (ends === null) return write('event: over\ndata: {}\n\n');
      const page = await input.page();
      // What a person opened may be gone by now; the page itself then says so when it is loaded again.
      if (page === null) return write('event: over\ndata: {}\n\n');
      const fresh = changes(page, sent);
      if (fresh !== '') write(message(nextId(), fresh));
      if (look % BEAT_LOOKS === 0) {
        write(`event: beat\ndata: ${JSON.stringify({ ends, now: input.now() })}\n\n`);
      }
      await Promise.race([stopped, changed.promise, new Promise((resolve) => setTimeout(resolve, LOOK_MS))]);
      changed = Promise.withResolvers<void>();
    }
  } finally {
    forget();
  }
}

// What differs from what this stream sent last, as htmx takes it. The first look sends all: what changed between the page's own
// rendering and now is not missed.
function changes({ parts, frame }: StreamedPage, sent: Map<string, string>): string {
  const all = [
    ...Object.entries(frame).map(([id, view]) => [id, view] as const),
    ...parts.filter(({ isStill }) => isStill !== true).map(({ id, view }) => [`part-${id}`, view] as const),
  ];
  let text = '';
  for (const [id, view] of all) {
    const html = view === null ? '' : String(view);
    if (sent.get(id) === html) continue;
    sent.set(id, html);
    text += `<hx-partial hx-target="#${id}" hx-swap="innerMorph">${html}</hx-partial>`;
  }
  return text;
}

function message(id: number, text: string): string {
  return `id: ${id}\n${text
    .split('\n')
    .map((line) => `data: ${line}\n`)
    .join('')}\n`;
}
