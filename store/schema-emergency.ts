// The tables of emergencies: pauses of this node, its own and those that peers asked for.
import { sql } from 'drizzle-orm';
import { check, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { integer53, isHex, isOneOf } from './columns.ts';

/** `node`: of this node alone; `federation`: one that its operator tells all others. */
export const PAUSE_SCOPES = ['node', 'federation'] as const;

/** Pauses, open while `ended_at` is null; at most one of each operator and scope is open. */
export const pauses = sqliteTable(
  'pauses',
  {
    /** 16 random bytes in hex, chosen by whoever asked. */
    id: text().notNull(),
    /** The operator that asked, by index. */
    askedBy: integer53('asked_by').notNull(),
    scope: text({ enum: PAUSE_SCOPES }).notNull(),
    reason: text().notNull(),
    at: integer53().notNull(),
    endedAt: integer53('ended_at'),
  },
  (t) => [
    primaryKey({ columns: [t.askedBy, t.id] }),
    uniqueIndex('pauses_open').on(t.askedBy, t.scope).where(sql`${t.endedAt} is null`),
    check('pauses_id', isHex(t.id, 16)),
    check('pauses_scope', isOneOf(t.scope, PAUSE_SCOPES)),
  ],
);
