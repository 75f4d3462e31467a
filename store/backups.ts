// Which backups were made of this node, and which of them were tried. The node itself never needs this: its operator does.
import { and, desc, eq, gte, lt, lte, sql } from 'drizzle-orm';
import { appendAudit } from './audit-log.ts';
import { countRows, type Listing, PAGE_ROWS_MAX, type Page, pageBounds, type Queries, transact } from './database.ts';
import { type BACKUP_EVENTS, type BACKUP_KINDS, backupEvents } from './schema.ts';

export type BackupEvent = (typeof BACKUP_EVENTS)[number];
export type BackupKind = (typeof BACKUP_KINDS)[number];

/** What happened to a backup. `sha256` and `bytes` of the sealed file; `madeAt` in ms since 1970. */
export interface BackupRecord {
  readonly event: BackupEvent;
  readonly kind: BackupKind;
  readonly sha256: string;
  readonly bytes: number;
  readonly path: string;
  readonly madeAt: number;
  /** The newest key whose shares it holds, or null. */
  readonly keyId: string | null;
}

/** The same as it is stored; `at` in ms since 1970. */
export interface StoredBackupEvent extends BackupRecord {
  readonly id: number;
  readonly at: number;
}

/** Writes down that a backup was made, or held in a drill, with an entry in the audit log. */
export function recordBackup(db: Queries, record: BackupRecord, now: number): void {
  transact(db, (tx) => {
    const [last] = listBackups(tx, { limit: 1 }).rows;
    const id = (last?.id ?? 0) + 1;
    tx.insert(backupEvents)
      .values({ id, ...record, at: now })
      .run();
    const { event, kind, sha256, bytes, path, madeAt, keyId } = record;
    const made_at = new Date(madeAt).toISOString();
    appendAudit(tx, now, `backup_${event}`, { kind, sha256, bytes, path, made_at, key_id: keyId });
  });
}

/** How far ahead of the clock the time of a backup may be, in ms. What is farther is of a clock that was ahead, or a lie. */
const AHEAD_MS_MAX = 600_000;

/**
 * The newest backup of a kind that was made, or drilled, up to `now` (ms since 1970); null where none was. `keyId`: only those
 * whose newest key it is. One of the future says nothing: it would pass for new until then.
 */
export function newestBackup(
  db: Queries,
  kind: BackupKind,
  event: BackupEvent,
  { now, keyId }: { readonly now: number; readonly keyId?: string },
): StoredBackupEvent | null {
  const latest = now + AHEAD_MS_MAX;
  const isOfKey = keyId === undefined ? undefined : eq(backupEvents.keyId, keyId);
  const isPast = and(lte(backupEvents.madeAt, latest), lte(backupEvents.at, latest));
  const row = db
    .select()
    .from(backupEvents)
    .where(and(eq(backupEvents.kind, kind), eq(backupEvents.event, event), isPast, isOfKey))
    .orderBy(event === 'made' ? desc(backupEvents.madeAt) : desc(backupEvents.at), desc(backupEvents.id))
    .limit(1)
    .get();
  return row ?? null;
}

/** How many backups of a kind were made from `from` on and before `to` (ms since 1970). A restore records its own again. */
export function countMade(db: Queries, kind: BackupKind, from: number, to: number): number {
  const isOfKind = and(eq(backupEvents.kind, kind), eq(backupEvents.event, 'made'));
  const row = db
    .select({ count: sql<bigint>`count(distinct ${backupEvents.sha256})` })
    .from(backupEvents)
    .where(and(isOfKind, gte(backupEvents.madeAt, from), lt(backupEvents.madeAt, to)))
    .get();
  return Number(row?.count ?? 0n);
}

/** Where the newest backups of a kind were put, each place once. */
export function backupPlaces(db: Queries, kind: BackupKind): readonly string[] {
  const rows = db
    .select({ path: backupEvents.path })
    .from(backupEvents)
    .where(and(eq(backupEvents.kind, kind), eq(backupEvents.event, 'made')))
    .orderBy(desc(backupEvents.id))
    .limit(PAGE_ROWS_MAX)
    .all();
  return [...new Set(rows.map(({ path }) => path))];
}

/** All that happened to backups, newest first. */
export function listBackups(db: Queries, page: Page = {}): Listing<StoredBackupEvent> {
  const { limit, offset } = pageBounds(page);
  const rows = db.select().from(backupEvents).orderBy(desc(backupEvents.id)).limit(limit).offset(offset).all();
  return { rows, total: countRows(db, backupEvents) };
}
