// The server's log on standard error. It must never block or stop the server: if it cannot be written (a full disk, a
// reader that has gone or hangs), lines are dropped and counted. The log continues later, with a line that says so.
import { write } from 'node:fs';
import { logLine } from '../operator/runtime/log.ts';
import { type Problem, problem } from '../operator/runtime/problems.ts';
import { count } from './format.ts';

/** What waits to be written while the reader is slow, in UTF-16 code units. */
export const LOG_WAITING_MAX = 1024 * 1024;
/** How long after a failure the log is tried again, in ms. */
export const LOG_RETRY_MS = 5_000;
// A pipe that does not block is full until its reader has read on.
const FULL_PIPE_RETRY_MS = 100;
// Whoever ends the server waits no longer than this for a reader that hangs.
const CLOSE_TIMEOUT_MS = 1_000;
const STANDARD_ERROR = 2;
const NEWLINE = 0x0a;

/** Where lines go, and the clocks. Tests give their own. */
export interface LogOutlet {
  /** Writes bytes and tells how many were taken, or the code of the fault (`ENOSPC`). */
  write(bytes: Uint8Array, done: (fault: string | null, written: number) => void): void;
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs something once, that many milliseconds later. Does not keep the process. */
  later(ms: number, run: () => void): void;
}

/** Standard error, written beside the event loop, so that a reader that hangs does not stop the server. */
export const standardError: LogOutlet = {
  write: (bytes, done) =>
    write(STANDARD_ERROR, bytes, 0, bytes.length, null, (error, written) =>
      done(error === null ? null : (error.code ?? 'unknown fault'), written ?? 0),
    ),
  now: () => Date.now(),
  later: (ms, run) => void setTimeout(run, ms).unref(),
};

interface Loss {
  readonly lines: number;
  /** When the first was dropped, ms since 1970. */
  readonly since: number;
  readonly reason: string;
}

/** Writes lines in order, one write at a time. */
export class LogWriter {
  readonly #outlet: LogOutlet;
  #waiting: string[] = [];
  #waitingLength = 0;
  #isWriting = false;
  /** Lines dropped since the last one that was written; while there are any, all others are dropped too. */
  #loss: Loss | null = null;
  /** The loss that a line under way tells of. */
  #reported: Loss | null = null;
  /** Whether the last byte written was not the end of a line. */
  #isTorn = false;
  readonly #onIdle: (() => void)[] = [];

  constructor(outlet: LogOutlet = standardError) {
    this.#outlet = outlet;
  }

  /** Takes one line, its line break included. Never throws, never waits. */
  readonly take = (line: string): void => {
    if (this.#loss !== null || this.#waitingLength + line.length > LOG_WAITING_MAX) {
      this.#lose(1, 'its reader has stopped reading');
      return;
    }
    this.#waiting.push(line);
    this.#waitingLength += line.length;
    this.#next();
  };

  /** The problem while lines are being dropped, else null. */
  problem(): Problem | null {
    const loss = this.#loss ?? this.#reported;
    if (loss === null) return null;
    const { lines, since, reason } = loss;
    return problem('log_not_written', {
      subject: 'log',
      since,
      cause: `it cannot be written (${reason}), ${count(lines, 'line')} dropped`,
      action: 'check where the standard error of the server goes; the log continues once it can be written',
    });
  }

  /** Resolves once everything taken is written or dropped, or after a second. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#isWriting) return resolve();
      this.#onIdle.push(resolve);
      this.#outlet.later(CLOSE_TIMEOUT_MS, resolve);
    });
  }

  #lose(lines: number, reason: string): void {
    const before = this.#loss;
    this.#loss =
      before === null ? { lines, since: this.#outlet.now(), reason } : { ...before, lines: before.lines + lines };
  }

  #next(): void {
    if (this.#isWriting) return;
    if (this.#waiting.length === 0) {
      for (const idle of this.#onIdle.splice(0)) idle();
      return;
    }
    const bytes = new TextEncoder().encode(this.#waiting.join(''));
    this.#waiting = [];
    this.#waitingLength = 0;
    this.#isWriting = true;
    this.#write(bytes);
  }

  #write(bytes: Uint8Array): void {
    this.#outlet.write(bytes, (fault, written) => {
      if (written > 0) this.#isTorn = bytes[written - 1] !== NEWLINE;
      const rest = bytes.subarray(written);
      if (fault === 'EAGAIN') this.#outlet.later(FULL_PIPE_RETRY_MS, () => this.#write(rest));
      else if (fault !== null) this.#failed(rest, fault);
      else if (rest.length > 0) this.#write(rest);
      else this.#written();
    });
  }

  #written(): void {
    this.#isWriting = false;
    this.#reported = null;
    if (this.#loss !== null && this.#waiting.length === 0) this.#resume();
    this.#next();
  }

  #failed(rest: Uint8Array, reason: string): void {
    this.#isWriting = false;
    const reported = this.#reported;
    // A line that tells of a loss is written alone, and is none of the log's own.
    const unwritten = reported === null ? rest.reduce((found, byte) => (byte === NEWLINE ? found + 1 : found), 0) : 0;
    const lines = unwritten + this.#waiting.length + (reported?.lines ?? 0) + (this.#loss?.lines ?? 0);
    this.#waiting = [];
    this.#waitingLength = 0;
    this.#reported = null;
    const since = reported?.since ?? this.#loss?.since ?? this.#outlet.now();
    this.#loss = { lines, since, reason };
    this.#next();
    this.#outlet.later(LOG_RETRY_MS, () => this.#resume());
  }

  // Takes the log up again with a line that tells what is missing; if that cannot be written, it fails as any other.
  #resume(): void {
    const loss = this.#loss;
    if (loss === null || this.#isWriting) return;
    this.#loss = null;
    this.#reported = loss;
    const { lines, reason } = loss;
    const since = new Date(loss.since).toISOString();
    const line = logLine(this.#outlet.now(), 'warn', 'log_lines_dropped', { lines, reason, since });
    this.#waiting.push(this.#isTorn ? `\n${line}` : line);
    this.#next();
  }
}
