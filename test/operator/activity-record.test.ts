// What is counted for reports: written now and then, added up by UTC day, bounded, and lost only since the last write.
import { expect, test } from 'bun:test';
import { ACTIVITY_WRITE_MS, ActivityRecord } from '../../operator/runtime/activity-record.ts';
import { SignerRecords } from '../../operator/signing/signer-records.ts';
import { ACTIVITY_DAYS_MAX, addActivity, beginRunSpan, dayOf, RUN_SPANS_MAX } from '../../store/activity.ts';
import { refusalDays, runSpans, signerDays } from '../../store/schema.ts';
import { NOW, raw, withStore } from '../store/fixture.ts';

const DAY_MS = 86_400_000;

function clocked(db: Parameters<typeof beginRunSpan>[0]) {
  const clock = { now: NOW, runs: [] as (() => void)[], ms: 0, stopped: false };
  const told: string[] = [];
  const record = new ActivityRecord({
    db,
    effects: {
      now: () => clock.now,
      every: (ms, run) => {
        clock.ms = ms;
        clock.runs.push(run);
        return () => {
          clock.stopped = true;
        };
      },
    },
    log: (_, event) => void told.push(event),
  });
  return { clock, record, told };
}

test('what signers did is added up by day and operator once it is written, with how long answers took', () => {
  withStore(({ db }) => {
    const { clock, record } = clocked(db);
    for (const ms of [40, 250, 250, 5_000]) record.took(1, ms);
    record.signer(1, 'answered');
    expect(db.select().from(signerDays).all()).toEqual([]);
    record.write();
    record.signer(1, 'answered');
    record.signer(2, 'lying');
    record.took(1, 900);
    clock.now += DAY_MS;
    record.signer(1, 'silent');
    record.write();
    const rows = db.select().from(signerDays).all();
    const day = dayOf(NOW);
    expect(rows.map((row) => [row.day, row.peerIndex, row.answered, row.silent, row.lying])).toEqual([
      [day, 1, 2, 0, 0],
      [day, 2, 0, 0, 1],
      [day + 1, 1, 0, 1, 0],
    ]);
    expect(rows[0]).toMatchObject({ timed: 5, msTotal: 6_440, msMax: 5_000 });
    expect(rows[0]).toMatchObject({ within100: 1, within300: 3, within1000: 4, within3000: 4 });
  });
});

test('refusals are counted by operator and reason, and every fault of a signer reaches the counts', () => {
  withStore(({ db }) => {
    const { clock, record } = clocked(db);
    const records = new SignerRecords({ now: () => clock.now, monotonic: () => 0 }, null, record);
    records.answered(1);
    records.excluded({ index: 1, reason: 'policy', detail: '' }, {});
    records.excluded({ index: 2, reason: 'bad_share', detail: '' }, {});
    records.failed(2, 'slow', 'slow', '');
    for (let at = 0; at < 3; at++) record.refusal(1, 'policy');
    record.write();
    record.refusal(1, 'policy');
    record.refusal(0, 'overloaded');
    record.write();
    const counts = db.select().from(signerDays).all();
    expect(counts.map((row) => [row.peerIndex, row.answered, row.lying, row.slow])).toEqual([
      [1, 2, 0, 0],
      [2, 0, 1, 1],
    ]);
    const refusals = db.select().from(refusalDays).all();
    expect(refusals.map(({ peerIndex, reason, count }) => [peerIndex, reason, count])).toEqual([
      [1, 'policy', 4],
      [0, 'overloaded', 1],
    ]);
  });
});

test('the time of running is marked every few minutes, and a stop closes the span that a crash leaves open', () => {
  withStore(({ db }) => {
    const first = clocked(db);
    expect(first.clock.ms).toBe(ACTIVITY_WRITE_MS);
    first.record.began('start');
    first.clock.now += ACTIVITY_WRITE_MS;
    for (const run of first.clock.runs) run();
    // It crashes here; the next start begins a span of its own.
    const next = clocked(db);
    next.clock.now = NOW + 60 * 60_000;
    next.record.began('start');
    next.clock.now += 1_000;
    next.record.began('unseal');
    next.clock.now += 5_000;
    next.record.close();
    expect(next.clock.stopped).toBe(true);
    const spans = db.select().from(runSpans).all();
    expect(spans.map(({ begunBy, startedAt, seenAt, isClosed }) => [begunBy, seenAt - startedAt, isClosed])).toEqual([
      ['start', ACTIVITY_WRITE_MS, 0],
      ['start', 1_000, 1],
      ['unseal', 5_000, 1],
    ]);
  });
});

test('a database that cannot be written costs a line in the log and nothing else', () => {
  withStore((store) => {
    const { record, told } = clocked(store.db);
    record.began('start');
    raw(store, (database) => database.run('DROP TABLE run_spans'));
    record.signer(1, 'answered');
    record.write();
    record.close();
    expect(told).toContain('activity_not_written');
  });
});

test('old days and the oldest of very many spans make room', () => {
  withStore((store) => {
    const { db } = store;
    const row = { peerIndex: 1, reason: 'policy', count: 1 };
    addActivity(db, [], [{ ...row, day: dayOf(NOW) - ACTIVITY_DAYS_MAX }], NOW);
    addActivity(db, [], [{ ...row, day: dayOf(NOW) }], NOW);
    expect(db.select().from(refusalDays).all()).toHaveLength(1);
    raw(store, (database) =>
      database.run(
        `INSERT INTO run_spans WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${RUN_SPANS_MAX})
         SELECT i, 'start', i, i, 0 FROM n`,
      ),
    );
    expect(beginRunSpan(db, 'start', NOW)).toBe(RUN_SPANS_MAX + 1);
    expect(db.select().from(runSpans).all()).toHaveLength(RUN_SPANS_MAX);
  });
});

test('how a span began is never changed, and its end never moves back', () => {
  withStore((store) => {
    const { db } = store;
    const id = beginRunSpan(db, 'start', NOW);
    for (const change of ["begun_by = 'seal'", 'started_at = started_at - 1', 'seen_at = seen_at - 1', 'id = 9']) {
      const tried = () => raw(store, (database) => database.run(`UPDATE run_spans SET ${change} WHERE id = ${id}`));
      expect(tried).toThrow(/run_spans/);
    }
  });
});
