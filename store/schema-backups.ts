// The table of backups that were made of this node, and of drills in which one was tried.
import { sql } from 'drizzle-orm';
import { check, index, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { integer53, isHex, isOneOf } from './columns.ts';

/** `made`: a backup was written; `drilled`: one was opened, and everything in it held. */
export const BACKUP_EVENTS = ['made', 'drilled'] as const;
export const BACKUP_KINDS = ['key_share', 'database'] as const;

/** What happened to backups; append-only by trigger. */
export const backupEvents = sqliteTable(
  'backup_events',
  {
    id: integer53().primaryKey(),
    at: integer53().notNull(),
    event: text({ enum: BACKUP_EVENTS }).notNull(),
    kind: text({ enum: BACKUP_KINDS }).notNull(),
    /** Of the sealed file. */
    sha256: text().notNull(),
    bytes: integer53().notNull(),
    path: text().notNull(),
    /** When the backup was made. */
    madeAt: integer53('made_at').notNull(),
    /** The newest key whose shares it holds; null for none, and for databases, which hold no shares. */
    keyId: text('key_id'),
  },
  (t) => [
    index('backup_events_by_kind').on(t.kind, t.event, t.madeAt),
    check('backup_events_event', isOneOf(t.event, BACKUP_EVENTS)),
    check('backup_events_kind', isOneOf(t.kind, BACKUP_KINDS)),
    check('backup_events_sha256', isHex(t.sha256, 32)),
    check('backup_events_bytes', sql`${t.bytes} > 0`),
    check('backup_events_key', isHex(t.keyId, 8)),
  ],
);
