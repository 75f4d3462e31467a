// Questions to the person at the terminal. They go to stderr, so that stdout stays data. A secret is read as bytes in
// raw mode: it is neither shown nor ever a string, and its buffers are zeroed.
import type { SecretPrompt } from '../operator/config/secrets-input.ts';
import { printable } from '../operator/runtime/shown-text.ts';
import type { TextStream } from './output.ts';

/** The terminal's input: process.stdin is such. */
export interface TerminalInput {
  readonly isTTY?: boolean | undefined;
  setRawMode?(mode: boolean): unknown;
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  off(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  off(event: 'end', listener: () => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

const SECRET_BYTES_MAX = 1024;
const ANSWER_CHARACTERS_MAX = 100;
const CTRL_C = 0x03;
const CTRL_D = 0x04;
const BACKSPACE = 0x08;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const CTRL_U = 0x15;
const ESCAPE = 0x1b;
const DELETE = 0x7f;

/**
 * A prompt for secrets, or null where nobody can be asked because input or stderr is no terminal. When the signal aborts, the
 * question ends as if the person had given up.
 */
export function secretPrompt(input: TerminalInput, stderr: TextStream, signal?: AbortSignal): SecretPrompt | null {
  if (input.isTTY !== true || stderr.isTTY !== true || input.setRawMode === undefined) return null;
  return (question) => askLine(input, stderr, question, signal, true);
}

/**
 * Asks for the word `yes`, shown as it is typed; anything else, or the end of the input, is a no. Null where nobody can be asked
 * because input or stderr is no terminal.
 */
export function confirmPrompt(
  input: TerminalInput,
  stderr: TextStream,
  signal?: AbortSignal,
): ((question: string) => Promise<boolean>) | null {
  if (input.isTTY !== true || stderr.isTTY !== true) return null;
  return (question) => askYes(input, stderr, question, signal);
}

function askYes(
  input: TerminalInput,
  stderr: TextStream,
  question: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (signal?.aborted === true) return Promise.resolve(false);
  stderr.write(`${printable(question)} Type yes to go on: `);
  let typed = '';
  return new Promise((resolve) => {
    const finish = () => {
      input.off('data', onData);
      input.off('end', finish);
      signal?.removeEventListener('abort', onAbort);
      input.pause();
      resolve(/^\s*yes\s*$/i.test(typed));
    };
    const onAbort = () => {
      typed = '';
      finish();
    };
    // The terminal edits the line; it comes whole.
    const onData = (chunk: Uint8Array) => {
      typed = `${typed}${new TextDecoder().decode(chunk)}`.slice(0, ANSWER_CHARACTERS_MAX);
      if (/[\r\n]/.test(typed) || typed.length === ANSWER_CHARACTERS_MAX) finish();
    };
    input.on('data', onData);
    input.on('end', finish);
    signal?.addEventListener('abort', onAbort, { once: true });
    input.resume();
  });
}

/** As `secretPrompt`, for what may be seen while it is typed, and is text. */
export function textPrompt(
  input: TerminalInput,
  stderr: TextStream,
  signal?: AbortSignal,
): ((question: string) => Promise<string | null>) | null {
  if (input.isTTY !== true || stderr.isTTY !== true || input.setRawMode === undefined) return null;
  return async (question) => {
    const line = await askLine(input, stderr, question, signal, false);
    return line === null ? null : new TextDecoder().decode(line).trim();
  };
}

// Hidden: in raw mode, in which the terminal shows nothing.
function askLine(
  input: TerminalInput,
  stderr: TextStream,
  question: string,
  signal: AbortSignal | undefined,
  hidden: boolean,
): Promise<Uint8Array | null> {
  if (signal?.aborted === true) return Promise.resolve(null);
  const line = new SecretLine();
  // Before the question: whoever types as soon as it stands there would be shown.
  if (hidden) input.setRawMode?.(true);
  stderr.write(`${printable(question)}: `);
  return new Promise((resolve) => {
    const finish = (secret: Uint8Array | null) => {
      input.off('data', onData);
      input.off('end', onEnd);
      signal?.removeEventListener('abort', onEnd);
      if (hidden) input.setRawMode?.(false);
      input.pause();
      line.erase();
      if (hidden) stderr.write('\n');
      resolve(secret);
    };
    const onEnd = () => finish(null);
    const onData = (chunk: Uint8Array) => {
      const outcome = line.type(chunk);
      chunk.fill(0);
      if (outcome === 'entered') finish(line.secret());
      else if (outcome === 'cancelled') finish(null);
    };
    input.on('data', onData);
    input.on('end', onEnd);
    signal?.addEventListener('abort', onEnd, { once: true });
    input.resume();
  });
}

/** A line being typed, with the editing keys of a terminal. Bytes beyond the limit are counted, so it is refused later. */
export class SecretLine {
  readonly #bytes = new Uint8Array(SECRET_BYTES_MAX + 1);
  #length = 0;

  /** Takes what was typed; what follows the line's end in the same chunk is dropped. */
  type(chunk: Uint8Array): 'more' | 'entered' | 'cancelled' {
    // Cursor keys and the like come as one chunk that begins with ESC; they edit nothing here.
    if (chunk[0] === ESCAPE) return 'more';
    for (const byte of chunk) {
      if (byte === CARRIAGE_RETURN || byte === LINE_FEED) return 'entered';
      if (byte === CTRL_C || (byte === CTRL_D && this.#length === 0)) return 'cancelled';
      if (byte === CTRL_D) return 'entered';
      if (byte === CTRL_U) this.erase();
      else if (byte === BACKSPACE || byte === DELETE) this.#dropCharacter();
      else if (this.#length < this.#bytes.length) this.#bytes[this.#length++] = byte;
    }
    return 'more';
  }

  /** A copy of what was typed, for the caller to zero. */
  secret(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  erase(): void {
    this.#bytes.fill(0);
    this.#length = 0;
  }

  // A character of UTF-8 is a leading byte and its continuation bytes (RFC 3629).
  #dropCharacter(): void {
    while (this.#length > 0) {
      const byte = this.#bytes[--this.#length] ?? 0;
      this.#bytes[this.#length] = 0;
      if ((byte & 0xc0) !== 0x80) return;
    }
  }
}
