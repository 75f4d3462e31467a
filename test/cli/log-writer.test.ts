import { describe, expect, test } from 'bun:test';
import { LOG_RETRY_MS, LOG_WAITING_MAX, type LogOutlet, LogWriter } from '../../cli/log-writer.ts';
import { problemText } from '../../operator/runtime/problems.ts';

/** What `status` says of it. */
function told(writer: LogWriter): string {
  const found = writer.problem();
  return found === null ? '' : problemText(found);
}

/** An outlet under the test's control. A write is done at once, unless `hangs`. */
class Outlet implements LogOutlet {
  text = '';
  fault: string | null = null;
  /** How many bytes a write takes before it fails or is short. */
  room = Number.MAX_SAFE_INTEGER;
  hangs = false;
  time = Date.UTC(2026, 2, 1);
  #held: (() => void)[] = [];
  #timers: { readonly at: number; readonly run: () => void }[] = [];

  write(bytes: Uint8Array, done: (fault: string | null, written: number) => void): void {
    const act = (): void => {
      const taken = bytes.subarray(0, this.fault === null ? bytes.length : Math.min(this.room, bytes.length));
      this.text += new TextDecoder().decode(taken);
      done(this.fault, taken.length);
    };
    if (this.hangs) this.#held.push(act);
    else act();
  }
  now(): number {
    return this.time;
  }
  later(ms: number, run: () => void): void {
    this.#timers.push({ at: this.time + ms, run });
  }
  readOn(): void {
    this.hangs = false;
    for (const act of this.#held.splice(0)) act();
  }
  pass(ms: number): void {
    this.time += ms;
    const due = this.#timers.filter(({ at }) => at <= this.time);
    this.#timers = this.#timers.filter(({ at }) => at > this.time);
    for (const { run } of due) run();
  }
  lines(): readonly string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

const dropped = (lines: number, reason: string) =>
  expect.stringMatching(new RegExp(`^{"at":"2026.*"event":"log_lines_dropped","lines":${lines},"reason":"${reason}"`));

describe('a log that cannot be written', () => {
  test('is dropped and counted, is a problem meanwhile, and continues later with the count', () => {
    const outlet = new Outlet();
    const writer = new LogWriter(outlet);
    writer.take('one\n');
    expect(writer.problem()).toBeNull();
    [outlet.fault, outlet.room] = ['ENOSPC', 0];
    for (const line of ['two\n', 'three\n']) writer.take(line);
    outlet.pass(LOG_RETRY_MS);
    writer.take('four\n');
    const said =
      /^log: it cannot be written \(ENOSPC\), 3 lines dropped \(since 2026-03-01T00:00:00.000Z\)\. .*standard error/;
    expect(told(writer)).toMatch(said);
    outlet.fault = null;
    outlet.pass(LOG_RETRY_MS);
    writer.take('five\n');
    expect(outlet.lines()).toEqual(['one', dropped(3, 'ENOSPC'), 'five']);
    expect(writer.problem()).toBeNull();
  });

  test('in the middle of a line goes on with a line of its own', () => {
    const outlet = new Outlet();
    const writer = new LogWriter(outlet);
    [outlet.fault, outlet.room] = ['ENOSPC', 2];
    writer.take('broken\n');
    for (const room of [0, 1, 5]) {
      outlet.room = room;
      outlet.pass(LOG_RETRY_MS);
    }
    expect(told(writer)).toContain('1 line dropped');
    outlet.text = outlet.text.slice(0, 2);
    outlet.fault = null;
    outlet.pass(LOG_RETRY_MS);
    expect(outlet.lines()).toEqual(['br', dropped(1, 'ENOSPC')]);
  });

  test('because its reader hangs keeps a bounded part, in order, and reports how much is missing', () => {
    const outlet = new Outlet();
    const writer = new LogWriter(outlet);
    outlet.hangs = true;
    const line = `${'x'.repeat(1023)}\n`;
    for (let taken = 0; taken < LOG_WAITING_MAX / line.length + 11; taken++) writer.take(line);
    expect(told(writer)).toContain('10 lines dropped');
    outlet.readOn();
    expect(outlet.lines()).toHaveLength(LOG_WAITING_MAX / line.length + 2);
    expect(outlet.lines().at(-1)).toEqual(dropped(10, 'its reader has stopped reading'));
    expect(writer.problem()).toBeNull();
  });

  test('for the moment, because a pipe is full, loses nothing', () => {
    const outlet = new Outlet();
    const writer = new LogWriter(outlet);
    [outlet.fault, outlet.room] = ['EAGAIN', 3];
    writer.take('one\n');
    writer.take('two\n');
    outlet.fault = null;
    outlet.pass(1_000);
    expect(outlet.lines()).toEqual(['one', 'two']);
  });
});

test('whoever waits for the log to be written waits a second for a reader that hangs', async () => {
  const outlet = new Outlet();
  const writer = new LogWriter(outlet);
  await writer.settled();
  outlet.hangs = true;
  writer.take('one\n');
  const settled = writer.settled();
  outlet.pass(1_000);
  await settled;
  const again = writer.settled();
  outlet.readOn();
  await again;
  expect(outlet.lines()).toEqual(['one']);
});
