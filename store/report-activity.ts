// What reports say of the node itself between two times: when it ran, what signers did, and what the audit log holds by kind.
import { and, asc, between, sql } from 'drizzle-orm';
import type { AuditHead } from './audit-log.ts';
import type { Queries } from './database.ts';
import { refusalDays, signerDays } from './schema.ts';

/** When the server ran in a span of time. Times in ms; `firstAt`: since when it is written down at all, null: never. */
export interface Running {
  readonly firstAt: number | null;
  readonly runningMs: number;
  readonly unsealedMs: number;
  readonly starts: number;
  /** Starts after a run whose end nobody wrote down: a crash, a kill or a power cut. */
  readonly uncleanEnds: number;
}

/** One signer's counts of one day. */
export type SignerDayRow = typeof signerDays.$inferSelect;

/**
 * When the server ran from `from` on and before `to`. `runsAt`: a time at which it runs, for the last mark is some minutes old; null
 * where it does not run. All in ms since 1970.
 */
export function runningBetween(db: Queries, from: number, to: number, runsAt: number | null): Running {
  const isLast = sql`s.id = (select max(id) from run_spans) and s.is_closed = 0`;
  const seen = sql`case when ${isLast} then max(seen_at, ${runsAt ?? 0}) else seen_at end`;
  const part = sql`max(0, min(${seen}, ${to}) - max(started_at, ${from}))`;
  const [row] = db.all<Readonly<Record<'running' | 'unsealed' | 'starts' | 'unclean', bigint>>>(
    sql`select coalesce(sum(${part}), 0) as running,
        coalesce(sum(case when begun_by = 'unseal' then ${part} end), 0) as unsealed,
        coalesce(sum(begun_by = 'start' and started_at >= ${from}), 0) as starts,
        coalesce(sum(begun_by = 'start' and started_at >= ${from} and exists (
          select 1 from run_spans p where p.id = s.id - 1 and p.is_closed = 0)), 0) as unclean
        from run_spans s where (seen_at >= ${from} or (${isLast})) and started_at < ${to}`,
  );
  const [first] = db.all<{ at: bigint }>(sql`select started_at as at from run_spans order by id limit 1`);
  return {
    firstAt: first === undefined ? null : Number(first.at),
    runningMs: Number(row?.running ?? 0n),
    unsealedMs: Number(row?.unsealed ?? 0n),
    starts: Number(row?.starts ?? 0n),
    uncleanEnds: Number(row?.unclean ?? 0n),
  };
}

/** Counts of signers of these UTC days (days since 1970, both included), by day and operator. */
export function signerDaysBetween(db: Queries, firstDay: number, lastDay: number): readonly SignerDayRow[] {
  return db
    .select()
    .from(signerDays)
    .where(between(signerDays.day, firstDay, lastDay))
    .orderBy(asc(signerDays.day), asc(signerDays.peerIndex))
    .all();
}

/** How often each operator's node refused in these UTC days, by reason; the most frequent first. */
export function refusalsBetween(
  db: Queries,
  firstDay: number,
  lastDay: number,
): readonly { readonly peerIndex: number; readonly reason: string; readonly count: number }[] {
  const count = sql<number>`sum(${refusalDays.count})`.mapWith(Number);
  return db
    .select({ peerIndex: refusalDays.peerIndex, reason: refusalDays.reason, count })
    .from(refusalDays)
    .where(and(between(refusalDays.day, firstDay, lastDay)))
    .groupBy(refusalDays.peerIndex, refusalDays.reason)
    .orderBy(asc(refusalDays.peerIndex), sql`sum(${refusalDays.count}) desc`, asc(refusalDays.reason))
    .all();
}

// From one kind to the next by the index: the log has millions of entries of a few dozen kinds.
const KINDS = sql`with recursive kinds(kind) as (
  select min(kind) from audit_log
  union all select (select min(kind) from audit_log where kind > kinds.kind) from kinds where kinds.kind is not null)`;

/** How many entries of each kind the audit log has of this time; kinds without one are left out. */
export function auditKinds(db: Queries, from: number, to: number): readonly { kind: string; count: number }[] {
  const rows = db.all<{ kind: string; count: bigint }>(
    sql`${KINDS} select kind, (select count(*) from audit_log a
          where a.kind = kinds.kind and a.at >= ${from} and a.at < ${to}) as count
        from kinds where kind is not null order by kind`,
  );
  return rows.map(({ kind, count }) => ({ kind, count: Number(count) })).filter(({ count }) => count > 0);
}

/** The last entry of the audit log of before a time, or null. */
export function auditHeadAt(db: Queries, before: number): AuditHead | null {
  const [row] = db.all<{ seq: bigint; hash: string }>(
    sql`${KINDS} select seq, hash from audit_log where seq = (
          select max((select a.seq from audit_log a where a.kind = kinds.kind and a.at < ${before}
            order by a.at desc, a.seq desc limit 1)) from kinds)`,
  );
  return row === undefined ? null : { seq: Number(row.seq), hash: row.hash };
}
