// What a node says of its own clock: how far it is from those of its peers, and that it was set.

import { beforeEach, describe, expect, test } from 'bun:test';
import {
  CLOCK_OFFSET_MS_MAX,
  CLOCK_STEP_MS_MIN,
  ClockWatch,
  clockReport,
  STEP_SHOWN_MS,
} from '../../operator/runtime/clock-watch.ts';
import { problemText } from '../../operator/runtime/problems.ts';

describe('the clock of a node', () => {
  let wall: number;
  let elapsed: number;
  let logged: string[];
  let watch: ClockWatch;
  const pass = (ms: number): void => {
    wall += ms;
    elapsed += ms;
  };
  beforeEach(() => {
    [wall, elapsed, logged] = [1_900_000_000_000, 7, []];
    const log = (_: string, event: string, fields = {}) => void logged.push(`${event} ${JSON.stringify(fields)}`);
    watch = new ClockWatch({ now: () => wall, monotonic: () => elapsed }, log);
  });

  test('that runs as the monotonic clock does, or is corrected slowly, was not set', () => {
    for (let i = 0; i < 100; i++) {
      pass(250);
      wall += CLOCK_STEP_MS_MIN - 1;
      watch.look();
    }
    expect(watch.state()).toEqual({ offsets: [], step: null });
    expect(watch.problems()).toEqual([]);
    expect(logged).toEqual([]);
  });

  test('that was set is reported with when and by how much, once in the log and for an hour as a problem', () => {
    wall -= 3_600_000;
    watch.look();
    watch.look();
    expect(logged).toEqual(['clock_set {"by_ms":-3600000}']);
    expect(watch.state().step).toEqual({ byMs: -3_600_000, at: wall });
    const at = new Date(wall).toISOString();
    expect(clockReport(watch, wall)).toEqual({ now: at, peers: [], set: { by_ms: -3_600_000, at } });
    expect(watch.problems().map(problemText).join()).toContain('was set back by 3600.0 s');
    pass(STEP_SHOWN_MS);
    expect(watch.problems()).toEqual([]);
    wall += CLOCK_STEP_MS_MIN;
    expect(watch.problems().map(problemText).join()).toContain('was set forward, or the machine slept, by 1.0 s');
  });

  test('that differs from those of peers is reported with the difference, less half a round trip', () => {
    watch.heard(2, wall + CLOCK_OFFSET_MS_MAX - 50, 100);
    watch.heard(1, wall - 45_000, 0);
    expect(watch.state().offsets).toEqual([
      { index: 1, offsetMs: -45_000 },
      { index: 2, offsetMs: CLOCK_OFFSET_MS_MAX },
    ]);
    expect(watch.problems()).toEqual([
      {
        code: 'clock_off',
        severity: 'error',
        subject: 'clock',
        since: new Date(wall).toISOString(),
        cause:
          'that of this node is ahead of the clock of operator 1 (45.0 s); messages between clocks more than 30 s apart are refused',
        action: 'correct the one that is wrong',
      },
    ]);
    watch.heard(2, wall + CLOCK_OFFSET_MS_MAX + 1, 0);
    expect(watch.problems().map(problemText).join()).toContain('is behind the clock of operator 2 (5.0 s)');
  });

  test('is not compared by what was said before it was set, nor by what a silent peer said long ago', () => {
    watch.heard(1, wall - 45_000, 0);
    pass(6 * 60_000);
    expect(watch.state().offsets).toEqual([]);
    watch.heard(1, wall - 45_000, 0);
    wall -= 45_000;
    expect(watch.state().offsets).toEqual([]);
  });
});
