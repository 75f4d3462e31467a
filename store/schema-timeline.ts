// The tables of what operators tell each other and keep: incidents with their steps, dates of the key ceremony with the answers
// to them, and what this node's people were notified of.
import { sql } from 'drizzle-orm';
import { check, index, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { integer53, isHex, isOneOf } from './columns.ts';

/** What an entry says of an incident, in the order of the launch instructions. */
export const INCIDENT_KINDS = ['opened', 'acknowledged', 'responded', 'planned', 'closed'] as const;
/** What an entry says of a date of the key ceremony. */
export const DATE_KINDS = ['scheduled', 'accepted', 'refused'] as const;
export const TIMELINE_KINDS = [...INCIDENT_KINDS, ...DATE_KINDS] as const;
/** Longest text of an entry, in characters. */
export const TIMELINE_TEXT_CHARACTERS_MAX = 1_000;

/** Entries, kept for good; append-only by trigger. Each belongs to its author, whatever others send. */
export const timeline = sqliteTable(
  'timeline',
  {
    /** The operator that says it, by index. */
    author: integer53().notNull(),
    /** 16 random bytes in hex, unique for the author. */
    id: text().notNull(),
    /** What it is about: the index of the operator that began it, a dash, and 4 random bytes in hex. */
    thread: text().notNull(),
    kind: text({ enum: TIMELINE_KINDS }).notNull(),
    text: text().notNull(),
    /** Of `opened`: the level of escalation. */
    level: integer53(),
    /** Of `scheduled`: which ceremony, null where it has no name yet; the date, and the date if that fails. */
    ceremonyId: text('ceremony_id'),
    firstAt: integer53('first_at'),
    backupAt: integer53('backup_at'),
    /** By the clock of its author. */
    at: integer53().notNull(),
    receivedAt: integer53('received_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.author, t.id] }),
    index('timeline_by_thread').on(t.thread, t.at),
    index('timeline_by_author').on(t.author, t.receivedAt),
    index('timeline_by_kind').on(t.kind, t.at),
    check('timeline_author', sql`${t.author} between 0 and 63`),
    check('timeline_id', isHex(t.id, 16)),
    check('timeline_thread', sql`length(${t.thread}) between 10 and 11 and ${t.thread} not glob '*[^0-9a-f-]*'`),
    check('timeline_kind', isOneOf(t.kind, TIMELINE_KINDS)),
    check('timeline_text', sql`length(${t.text}) <= ${sql.raw(String(TIMELINE_TEXT_CHARACTERS_MAX))}`),
    check(
      'timeline_level',
      sql`(${t.kind} = 'opened') = (${t.level} is not null) and coalesce(${t.level}, 1) in (1, 2, 3)`,
    ),
    check(
      'timeline_dates',
      sql`(${t.kind} = 'scheduled') = (${t.firstAt} is not null) and (${t.firstAt} is null) = (${t.backupAt} is null) and coalesce(${t.backupAt} > ${t.firstAt}, 1)`,
    ),
  ],
);

/** Of what people were notified by `notify_command`, so that a restart does not call them again. */
export const notified = sqliteTable('notified', { subject: text().primaryKey(), at: integer53().notNull() });
