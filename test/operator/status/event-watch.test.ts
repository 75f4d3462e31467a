// Faults that only the log tells become problems: every warning and error of the log has a meaning, and each problem an end.
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Glob } from 'bun';
import { EVENTS, EventWatch } from '../../../operator/runtime/event-watch.ts';
import { silentLog } from '../../../operator/runtime/log.ts';
import { PROBLEM_SEVERITIES } from '../../../operator/runtime/problems.ts';
import { DISK_FULL_BYTES, DISK_LOW_BYTES, diskProblem } from '../../../operator/status/disk-space.ts';

const MINUTE = 60_000;
const root = fileURLToPath(new URL('../../../', import.meta.url));
/** Made of parts in the source. */
const COMPOSED = [
  'autopilot_failed',
  'round_failed',
  'guard_starting',
  'guard_halted',
  'deposit_contested',
  'deposit_replaced',
];

/** The names of all warnings and errors that the program can write. */
function eventsInSource(): ReadonlySet<string> {
  const names = new Set(COMPOSED);
  for (const path of new Glob('{operator,cli}/**/*.ts').scanSync(root)) {
    const text = readFileSync(`${root}${path}`, 'utf8');
    for (const [, name = ''] of text.matchAll(/\blog(?:Line)?\([^'"`]*'(?:warn|error)',\s*'([a-z_]+)'/gi))
      names.add(name);
  }
  return names;
}

function watched() {
  const clock = { at: 5_000_000, now: () => clock.at + 1_900_000_000_000, monotonic: () => clock.at };
  const watch = new EventWatch(clock);
  return { clock, watch, log: watch.over(silentLog), codes: () => watch.problems().map(({ code }) => code) };
}

test('every warning and error of the log is a problem of status, or says where else it is shown', () => {
  const found = eventsInSource();
  expect(found.size).toBeGreaterThan(50);
  expect([...found].filter((name) => EVENTS[name] === undefined)).toEqual([]);
  expect(Object.keys(EVENTS).filter((name) => !found.has(name))).toEqual([]);
});

test('an event that another problem shows names a problem that exists', () => {
  const codes = Object.values(EVENTS).flatMap((meaning) =>
    typeof meaning === 'string' && /^[a-z]+_[a-z_]+$/.test(meaning) ? [meaning] : [],
  );
  expect(codes.length).toBeGreaterThan(10);
  expect(codes.filter((code) => !Object.hasOwn(PROBLEM_SEVERITIES, code))).toEqual([]);
});

describe('work that fails', () => {
  test('is a problem once it has for a minute, with its last reason and since when, and ends when it succeeds', () => {
    const { clock, watch, log, codes } = watched();
    const since = new Date(clock.now()).toISOString();
    log('warn', 'autopilot_failed', { what: 'scan', detail: 'no node gives block 5' });
    expect(codes()).toEqual([]);
    clock.at += MINUTE;
    log('warn', 'autopilot_failed', { what: 'scan', detail: 'no node gives block 6' });
    expect(watch.problems()).toMatchObject([
      {
        code: 'work_fails',
        subject: 'Bitcoin blocks',
        since,
        cause: 'it fails again and again: no node gives block 6',
      },
    ]);
    log('info', 'autopilot_recovered', { what: 'mempool' });
    expect(codes()).toEqual(['work_fails']);
    log('info', 'autopilot_recovered', { what: 'scan' });
    expect(codes()).toEqual([]);
  });

  test('is over when no more failures come, and begins again after that', () => {
    const { clock, log, codes, watch } = watched();
    for (let times = 0; times < 3; times++) {
      log('warn', 'round_failed', { what: 'mints', detail: 'x' });
      clock.at += MINUTE;
    }
    expect(codes()).toEqual(['work_fails']);
    clock.at += 3 * MINUTE;
    log('warn', 'round_failed', { what: 'mints', detail: 'x' });
    expect(codes()).toEqual([]);
    clock.at += MINUTE;
    log('warn', 'round_failed', { what: 'mints', detail: 'x' });
    expect(watch.problems()).toMatchObject([{ since: new Date(clock.now() - MINUTE).toISOString() }]);
  });

  test('for want of room on the disk is named so at once, and by a pruned block as well', () => {
    const { log, watch } = watched();
    log('warn', 'autopilot_failed', { what: 'burns', detail: 'database or disk is full' });
    log('warn', 'autopilot_failed', { what: 'scan', detail: 'a:8332: getblock: Block not available (pruned data)' });
    expect(watch.problems()).toMatchObject([
      { code: 'disk_full', severity: 'critical', subject: 'disk' },
      { code: 'blocks_pruned', severity: 'critical', subject: 'Bitcoin blocks' },
    ]);
  });
});

test('a contradiction is shown for a day, each by itself', () => {
  const { clock, log, watch, codes } = watched();
  log('error', 'minted_otherwise', { txid: 'aa', vout: 0 });
  log('error', 'minted_otherwise', { txid: 'bb', vout: 0 });
  expect(watch.problems().map(({ subject }) => subject)).toEqual(['deposit aa:0', 'deposit bb:0']);
  clock.at += 24 * 60 * MINUTE;
  expect(codes()).toHaveLength(2);
  clock.at += 1;
  expect(codes()).toEqual([]);
});

test('what is watched is written as before', () => {
  const lines: unknown[] = [];
  const clock = { now: () => 0, monotonic: () => 0 };
  const log = new EventWatch(clock).over((...line) => void lines.push(line));
  log('warn', 'work_failed', { name: 'x', detail: 'y' });
  log('info', 'unsealed');
  expect(lines).toEqual([
    ['warn', 'work_failed', { name: 'x', detail: 'y' }],
    ['info', 'unsealed', {}],
  ]);
});

describe('the disk of the database', () => {
  const room = (bytes: number) => () => Promise.resolve(bytes);

  test('is a problem before it is full, and a worse one when it is', async () => {
    expect(await diskProblem('/data/security.db', room(DISK_LOW_BYTES))).toBeNull();
    const low = await diskProblem('/data/security.db', room(DISK_LOW_BYTES - 1));
    expect(low).toMatchObject({ code: 'disk_low' });
    expect(low?.cause).toContain('255 MiB are left for /data');
    const full = await diskProblem('/data/security.db', room(DISK_FULL_BYTES - 1));
    expect(full).toMatchObject({ code: 'disk_full' });
  });

  test('is measured by the file system itself, and nothing is said if that gives no answer', async () => {
    expect(await diskProblem('/proc/self/status')).toMatchObject({ code: 'disk_full' });
    expect(await diskProblem('/no/such/folder/security.db')).toBeNull();
  });
});
