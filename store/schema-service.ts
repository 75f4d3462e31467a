// The table of whether this node does its work for the public: one row from the first `enable-service` on.
import { sql } from 'drizzle-orm';
import { check, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { integer53, isOneOf } from './columns.ts';

/** What a row can say; without a row the service was never enabled. */
export const SERVICE_SWITCHES = ['enabled', 'disabled'] as const;

/** One row, which never goes: what was enabled once may be disabled, but is never again as if it had not begun. */
export const serviceState = sqliteTable(
  'service_state',
  {
    id: integer53().primaryKey(),
    state: text({ enum: SERVICE_SWITCHES }).notNull(),
    changedAt: integer53('changed_at').notNull(),
    firstEnabledAt: integer53('first_enabled_at').notNull(),
  },
  (t) => [
    check('service_state_one', sql`${t.id} = 1`),
    check('service_state_state', isOneOf(t.state, SERVICE_SWITCHES)),
  ],
);
