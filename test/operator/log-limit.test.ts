// The bound on what the log takes: the same line once a minute, so many of an event, and a count of what was left out.
import { beforeEach, describe, expect, test } from 'bun:test';
import { errorText, type LogFields, type LogLevel } from '../../operator/runtime/log.ts';
import {
  INFORMATION_LINES,
  LogLimiter,
  PEER_LINES,
  SAME_LINE_MS,
  TEXT_CHARACTERS_MAX,
  TROUBLE_LINES,
} from '../../operator/runtime/log-limit.ts';

const STARTED = Date.parse('2026-01-01T00:00:00Z');
const DAY_MS = 86_400_000;

let now: number;
let lines: { readonly level: LogLevel; readonly event: string; readonly fields: LogFields }[];
let limiter: LogLimiter;
beforeEach(() => {
  now = 0;
  lines = [];
  const clocks = { now: () => STARTED + now, monotonic: () => now };
  limiter = new LogLimiter((level, event, fields = {}) => void lines.push({ level, event, fields }), clocks);
});

describe('a line', () => {
  test('that comes again with the very same fields is written once a minute, and then says how many were left out', () => {
    for (let i = 0; i < 50; i++) {
      limiter.log('warn', 'work_failed', { name: 'pay', detail: 'down' });
      now += 1_000;
    }
    now = SAME_LINE_MS;
    limiter.log('warn', 'work_failed', { name: 'pay', detail: 'down' });
    expect(lines.map(({ fields }) => fields)).toEqual([
      { name: 'pay', detail: 'down' },
      { name: 'pay', detail: 'down', left_out: 49, left_out_since: '2026-01-01T00:00:01.000Z' },
    ]);
  });

  test('of the node’s own progress is never left out for being the same', () => {
    for (let i = 0; i < 10; i++) limiter.log('info', 'catching_up', { left: 1 });
    expect(lines).toHaveLength(10);
  });

  test('with a text beyond all measure is shortened', () => {
    limiter.log('warn', 'work_failed', { detail: 'x'.repeat(1_000_000), height: 7 });
    expect(lines[0]?.fields).toEqual({ detail: `${'x'.repeat(TEXT_CHARACTERS_MAX)}…`, height: 7 });
  });
});

test('the text of an error is its sentence alone, for a stack shows where secrets are handled', () => {
  expect(errorText(new Error('it broke'))).toBe('it broke');
  expect(errorText('thrown text')).toBe('thrown text');
});

describe('an event', () => {
  test('that one peer causes without end takes a few lines an hour, and leaves the lines of other peers alone', () => {
    for (let i = 0; i < 100_000; i++) limiter.log('warn', 'sign_refused', { session: `${i}`, from: 1 });
    expect(lines).toHaveLength(PEER_LINES.burst);
    limiter.log('warn', 'sign_refused', { session: 'x', from: 2 });
    expect(lines.at(-1)?.fields).toEqual({ session: 'x', from: 2 });
    now += PEER_LINES.refillMs;
    limiter.log('warn', 'sign_refused', { session: 'y', from: 1 });
    expect(lines.at(-1)?.fields['left_out']).toBe(100_000 - PEER_LINES.burst);
    limiter.log('warn', 'sign_refused', { session: 'z', from: 1 });
    expect(lines).toHaveLength(PEER_LINES.burst + 2);
  });

  test('of each kind has a bound for a day on end, whatever its fields', () => {
    const kinds = [
      ['warn', { peer: 3 }, PEER_LINES],
      ['error', {}, TROUBLE_LINES],
      ['info', {}, INFORMATION_LINES],
    ] as const;
    for (const [level, fields, { burst, refillMs }] of kinds) {
      lines = [];
      const step = refillMs / 4;
      const until = now + Math.min(DAY_MS, 10_000 * refillMs);
      const most = burst + (until - now) / refillMs + 1;
      for (; now < until; now += step) limiter.log(level, 'event', { ...fields, at: now });
      expect(lines.length).toBeGreaterThan(burst);
      expect(lines.length).toBeLessThanOrEqual(most);
    }
  });

  test('is logged for each of many items of the node’s own at once', () => {
    for (let i = 0; i < TROUBLE_LINES.burst; i++) limiter.log('error', 'attested_deposit_taken_back', { txid: `${i}` });
    expect(lines).toHaveLength(TROUBLE_LINES.burst);
  });
});

describe('the report', () => {
  test('says once for each event how many lines were left out and since when, and nothing if none were', () => {
    limiter.log('warn', 'quiet', {});
    for (let i = 0; i < 30; i++) limiter.log('warn', 'sign_refused', { session: `${i}`, from: 1 });
    lines = [];
    limiter.report();
    const told = { of: 'sign_refused', peer: 1, left_out: 20, left_out_since: '2026-01-01T00:00:00.000Z' };
    expect(lines).toEqual([{ level: 'warn', event: 'lines_left_out', fields: told }]);
    limiter.report();
    expect(lines).toHaveLength(1);
  });
});
