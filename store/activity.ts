// What reports count that nothing else keeps: when this node ran, and what signers did, by day. All of it is bounded: spans and
// days make room for newer ones, and a day has a row for each operator and reason, however often they came.
import { desc, eq, lte, sql } from 'drizzle-orm';
import { type Queries, transact } from './database.ts';
import { refusalDays, runSpans, type SPAN_BEGINNINGS, signerDays } from './schema.ts';

const DAY_MS = 86_400_000;
/** Counts are kept for so many days: three years and some weeks. */
export const ACTIVITY_DAYS_MAX = 1_150;
/** Most spans that are kept; a server that starts again every minute has as many in two weeks. */
export const RUN_SPANS_MAX = 20_000;
/** Upper ends in ms of the times that are told apart; longer ones are the rest. */
export const TIME_BOUNDS_MS = [100, 300, 1_000, 3_000] as const;

export type SpanBeginning = (typeof SPAN_BEGINNINGS)[number];

/** What one signer did in a day; times in ms. `within`: how many took at most each of TIME_BOUNDS_MS. */
export interface SignerCounts {
  readonly answered: number;
  readonly slow: number;
  readonly silent: number;
  readonly refused: number;
  readonly lying: number;
  readonly timed: number;
  readonly msTotal: number;
  readonly msMax: number;
  readonly within: readonly number[];
}

/** Counts of one signer in one day (days since 1970, UTC), to be added to those that are kept. */
export interface SignerDay extends SignerCounts {
  readonly day: number;
  readonly peerIndex: number;
}

/** Refusals of one operator's node for one reason in one day, to be added. */
export interface RefusalDay {
  readonly day: number;
  readonly peerIndex: number;
  readonly reason: string;
  readonly count: number;
}

/** The UTC day of a time in ms, in days since 1970. */
export function dayOf(at: number): number {
  return Math.floor(at / DAY_MS);
}

/** Begins a span of running, and closes the one before where that goes on into this one; gives its id. */
export function beginRunSpan(db: Queries, begunBy: SpanBeginning, now: number): number {
  return transact(db, (tx): number => {
    const last = tx.select({ id: runSpans.id }).from(runSpans).orderBy(desc(runSpans.id)).limit(1).get();
    const id = (last?.id ?? 0) + 1;
    if (begunBy !== 'start' && last !== undefined) markRunSpan(tx, last.id, now, true);
    tx.insert(runSpans).values({ id, begunBy, startedAt: now, seenAt: now, isClosed: 0 }).run();
    tx.delete(runSpans)
      .where(lte(runSpans.id, id - RUN_SPANS_MAX))
      .run();
    return id;
  });
}

/** The span goes on until now, or (`isClosed`) ended now. A clock that was set back moves nothing. */
export function markRunSpan(db: Queries, id: number, now: number, isClosed: boolean): void {
  db.update(runSpans)
    .set({ seenAt: sql`max(${runSpans.seenAt}, ${now})`, ...(isClosed && { isClosed: 1 }) })
    .where(eq(runSpans.id, id))
    .run();
}

/** Adds counts to those that are kept, and drops the days that are too old. One commit. */
export function addActivity(
  db: Queries,
  signers: readonly SignerDay[],
  refusals: readonly RefusalDay[],
  now: number,
): void {
  transact(db, (tx) => {
    for (const one of signers) addSignerDay(tx, one);
    for (const { day, peerIndex, reason, count } of refusals) {
      tx.insert(refusalDays)
        .values({ day, peerIndex, reason, count })
        .onConflictDoUpdate({
          target: [refusalDays.day, refusalDays.peerIndex, refusalDays.reason],
          set: { count: sql`${refusalDays.count} + ${count}` },
        })
        .run();
    }
    const last = dayOf(now) - ACTIVITY_DAYS_MAX;
    tx.delete(signerDays).where(lte(signerDays.day, last)).run();
    tx.delete(refusalDays).where(lte(refusalDays.day, last)).run();
  });
}

function addSignerDay(tx: Queries, { within, ...counts }: SignerDay): void {
  const [within100 = 0, within300 = 0, within1000 = 0, within3000 = 0] = within;
  const { answered, slow, silent, refused, lying, timed, msTotal, msMax } = counts;
  const t = signerDays;
  tx.insert(t)
    .values({ ...counts, within100, within300, within1000, within3000 })
    .onConflictDoUpdate({
      target: [t.day, t.peerIndex],
      set: {
        answered: sql`${t.answered} + ${answered}`,
        slow: sql`${t.slow} + ${slow}`,
        silent: sql`${t.silent} + ${silent}`,
        refused: sql`${t.refused} + ${refused}`,
        lying: sql`${t.lying} + ${lying}`,
        timed: sql`${t.timed} + ${timed}`,
        msTotal: sql`${t.msTotal} + ${msTotal}`,
        msMax: sql`max(${t.msMax}, ${msMax})`,
        within100: sql`${t.within100} + ${within100}`,
        within300: sql`${t.within300} + ${within300}`,
        within1000: sql`${t.within1000} + ${within1000}`,
        within3000: sql`${t.within3000} + ${within3000}`,
      },
    })
    .run();
}
