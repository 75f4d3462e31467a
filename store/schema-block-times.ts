// The table of when blocks with steps of the treasury line were mined, as their headers say; so that figures can be told by day.
import { sql } from 'drizzle-orm';
import { check, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { integer53, isHex } from './columns.ts';

export const blockTimes = sqliteTable(
  'block_times',
  {
    blockHash: text('block_hash').primaryKey(),
    /** Unix seconds, of the header. */
    time: integer53().notNull(),
  },
  (t) => [
    check('block_times_hash', isHex(t.blockHash, 32)),
    check('block_times_time', sql`${t.time} between 0 and 4294967295`),
  ],
);
