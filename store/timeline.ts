// What operators tell each other and keep: incidents, and dates of the key ceremony. An entry never changes; the state of an
// incident follows from its entries, in whatever order they came. How much one operator can make others keep is bounded.
import { and, asc, desc, eq, exists, gt, gte, inArray, lt, min, notExists, type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import { appendAudit } from './audit-log.ts';
import { countRows, type Listing, type Page, pageBounds, type Queries, transact } from './database.ts';
import { INCIDENT_KINDS, notified, type TIMELINE_KINDS, timeline } from './schema.ts';

/** Most entries of one operator that are kept within a day, and of these how many may begin something new. */
export const ENTRIES_PER_DAY_MAX = 100;
export const BEGUN_PER_DAY_MAX = 10;
/** Most entries of one operator about one thing. Beyond them it can still close an incident, once. */
export const ENTRIES_PER_THREAD_MAX = 50;
/** Most entries of one operator that are kept at all. */
export const ENTRIES_PER_AUTHOR_MAX = 20_000;
/** How far ahead of this node's clock the time of an entry may be, in ms. */
export const ENTRY_AHEAD_MS_MAX = 60_000;
const DAY_MS = 86_400_000;
/** How far ahead a date of the key ceremony may be, in ms: one that is never over would be shown for ever. */
export const DATE_AHEAD_MS_MAX = 366 * DAY_MS;

export type TimelineKind = (typeof TIMELINE_KINDS)[number];

/** An entry as its author wrote it; `level` of `opened` alone, dates of `scheduled` alone. Times in ms since 1970. */
export interface TimelineEntry {
  readonly author: number;
  readonly id: string;
  readonly thread: string;
  readonly kind: TimelineKind;
  readonly text: string;
  readonly level: number | null;
  readonly ceremonyId: string | null;
  readonly firstAt: number | null;
  readonly backupAt: number | null;
  readonly at: number;
}

/** The same as it is stored. */
export interface StoredEntry extends TimelineEntry {
  readonly receivedAt: number;
}

/** Why an entry is not kept (docs/PROTOCOL.md). */
export const TIMELINE_REFUSALS = ['timeline_limit', 'timeline_differs', 'timeline_thread', 'timeline_time'] as const;
export type TimelineRefusal = (typeof TIMELINE_REFUSALS)[number];
/** The verdict on an entry: `known`: it was here already. */
export type EntryVerdict = 'kept' | 'known' | TimelineRefusal;

const BEGINNINGS: readonly TimelineKind[] = ['opened', 'scheduled'];

/** Whether an entry begins an incident or proposes a date. */
export function begins(kind: TimelineKind): boolean {
  return BEGINNINGS.includes(kind);
}

/** Keeps an entry, with a row in the audit log. On disk when this returns. */
export function recordEntry(db: Queries, entry: TimelineEntry, now: number): EntryVerdict {
  return transact(db, (tx): EntryVerdict => {
    const { author, id, thread, kind } = entry;
    const known = findEntry(tx, author, id);
    if (known !== null) return isSame(known, entry) ? 'known' : 'timeline_differs';
    // Only whoever began it says what it is.
    if (begins(kind) && (!thread.startsWith(`${author}-`) || hasBegun(tx, thread))) return 'timeline_thread';
    const latest = now + ENTRY_AHEAD_MS_MAX;
    if (entry.at > latest || (entry.backupAt ?? 0) > latest + DATE_AHEAD_MS_MAX) return 'timeline_time';
    if (isFull(tx, entry, now)) return 'timeline_limit';
    tx.insert(timeline)
      .values({ ...entry, receivedAt: now })
      .run();
    const { text, level, at } = entry;
    appendAudit(tx, now, 'timeline_entry', { author, id, thread, kind, text, level, at });
    return 'kept';
  });
}

/** Whether so many entries of an operator came of late, or are here, that this one is not kept. */
export function isFull(
  db: Queries,
  { author, thread, kind }: Pick<TimelineEntry, 'author' | 'thread' | 'kind'>,
  now: number,
): boolean {
  const ofAuthor = eq(timeline.author, author);
  const inThread = countRows(db, timeline, and(ofAuthor, eq(timeline.thread, thread)));
  if (inThread >= ENTRIES_PER_THREAD_MAX + (kind === 'closed' ? 1 : 0)) return true;
  const today = and(ofAuthor, gt(timeline.receivedAt, now - DAY_MS));
  if (countRows(db, timeline, today) >= ENTRIES_PER_DAY_MAX) return true;
  if (countRows(db, timeline, ofAuthor) >= ENTRIES_PER_AUTHOR_MAX) return true;
  const begun = and(today, inArray(timeline.kind, [...BEGINNINGS]));
  return begins(kind) && countRows(db, timeline, begun) >= BEGUN_PER_DAY_MAX;
}

/** The newest entries of an operator, oldest first. */
export function newestEntriesOf(db: Queries, author: number, rowsMax: number): readonly StoredEntry[] {
  const rows = db
    .select()
    .from(timeline)
    .where(eq(timeline.author, author))
    .orderBy(desc(timeline.at), desc(timeline.id))
    .limit(rowsMax)
    .all();
  return rows.reverse();
}

/** All that was said of one thing, in the order in which it was said. */
export function entriesOfThread(db: Queries, thread: string): readonly StoredEntry[] {
  const { at, author, id } = timeline;
  return db.select().from(timeline).where(eq(timeline.thread, thread)).orderBy(asc(at), asc(author), asc(id)).all();
}

/** The incidents, newest first, by their ids. */
export function listIncidents(db: Queries, page: Page = {}): Listing<string> {
  const { limit, offset } = pageBounds(page);
  const where = inArray(timeline.kind, [...INCIDENT_KINDS]);
  const begun = min(timeline.at);
  const rows = db
    .select({ thread: timeline.thread, begun })
    .from(timeline)
    .where(where)
    .groupBy(timeline.thread)
    .orderBy(desc(begun), desc(timeline.thread))
    .limit(limit)
    .offset(offset)
    .all();
  const count = db
    .select({ count: sql<bigint>`count(distinct ${timeline.thread})` })
    .from(timeline)
    .where(where)
    .get();
  return { rows: rows.map(({ thread }) => thread), total: Number(count?.count ?? 0n) };
}

/** The incidents that were opened from one time to before another (ms since 1970), the newest first, at most so many. */
export function incidentsOpenedBetween(db: Queries, from: number, to: number, rowsMax: number): Listing<string> {
  const where = and(eq(timeline.kind, 'opened'), gte(timeline.at, from), lt(timeline.at, to));
  const rows = db
    .select({ thread: timeline.thread })
    .from(timeline)
    .where(where)
    .orderBy(desc(timeline.at), desc(timeline.thread))
    .limit(rowsMax)
    .all();
  return { rows: rows.map(({ thread }) => thread), total: countRows(db, timeline, where) };
}

/** The incidents that nobody has closed, the gravest and newest first, at most so many: of each operator as many as of others. */
export function openIncidents(db: Queries, rowsMax: number): readonly string[] {
  const closing = alias(timeline, 'closing');
  const isClosed = db
    .select({ one: sql`1` })
    .from(closing)
    .where(and(eq(closing.thread, timeline.thread), eq(closing.kind, 'closed')));
  const rows = db
    .select()
    .from(timeline)
    .where(and(eq(timeline.kind, 'opened'), notExists(isClosed)))
    .orderBy(inTurn(desc(timeline.level)), desc(timeline.level), desc(timeline.at))
    .limit(rowsMax)
    .all();
  const byGravity = (a: StoredEntry, b: StoredEntry): number => (b.level ?? 0) - (a.level ?? 0) || b.at - a.at;
  return rows.sort(byGravity).map(({ thread }) => thread);
}

// The first of each operator, then the second of each, and so on: how many one begins keeps those of no other from being seen.
function inTurn(first: SQL | null = null): SQL {
  const order = first === null ? desc(timeline.at) : sql`${first}, ${desc(timeline.at)}`;
  return sql`row_number() over (partition by ${timeline.author} order by ${order})`;
}

/** The incidents, of which the opening is here, that were closed since, as this node heard it (ms since 1970), at most so many. */
export function incidentsClosedSince(db: Queries, since: number, rowsMax: number): readonly string[] {
  const opening = alias(timeline, 'opening');
  const isOpening = and(eq(opening.thread, timeline.thread), eq(opening.kind, 'opened'));
  const isBegun = exists(db.select({ one: sql`1` }).from(opening).where(isOpening));
  const where = and(eq(timeline.kind, 'closed'), gt(timeline.receivedAt, since), isBegun);
  const rows = db.selectDistinct({ thread: timeline.thread }).from(timeline).where(where).limit(rowsMax).all();
  return rows.map(({ thread }) => thread);
}

/** The proposed dates of the key ceremony whose second date is later than this, the newest first, at most so many, as above. */
export function proposedDates(db: Queries, after: number, rowsMax: number): readonly StoredEntry[] {
  const where = and(eq(timeline.kind, 'scheduled'), gt(timeline.backupAt, after));
  const rows = db.select().from(timeline).where(where).orderBy(inTurn(), desc(timeline.at)).limit(rowsMax).all();
  return rows.sort((a, b) => b.at - a.at);
}

/** Whether people were notified of this. */
export function wasNotified(db: Queries, subject: string): boolean {
  return db.select().from(notified).where(eq(notified.subject, subject)).get() !== undefined;
}

/** Writes down that they were. */
export function recordNotified(db: Queries, subject: string, now: number): void {
  transact(db, (tx) => {
    if (!wasNotified(tx, subject)) tx.insert(notified).values({ subject, at: now }).run();
  });
}

function findEntry(db: Queries, author: number, id: string): StoredEntry | null {
  const where = and(eq(timeline.author, author), eq(timeline.id, id));
  return db.select().from(timeline).where(where).get() ?? null;
}

function hasBegun(db: Queries, thread: string): boolean {
  return countRows(db, timeline, and(eq(timeline.thread, thread), inArray(timeline.kind, [...BEGINNINGS]))) > 0;
}

function isSame({ receivedAt: _, ...known }: StoredEntry, entry: TimelineEntry): boolean {
  return Bun.deepEquals(known, { ...entry });
}
