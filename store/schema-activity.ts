// The tables that reports are made from, where nothing else keeps the figures: when this node ran, what signers did by day,
// and when blocks were made. Counts, not events: a day has at most one row for each operator and reason.
import { sql } from 'drizzle-orm';
import { check, index, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { integer53, isOneOf } from './columns.ts';

/** How a span of running began: the server started (sealed), its key file was opened, or it was sealed again. */
export const SPAN_BEGINNINGS = ['start', 'unseal', 'seal'] as const;

/** The time in the header of each block that brought or spent an output of custody, in ms since 1970. */
export const blockTimes = sqliteTable(
  'block_times',
  { height: integer53().primaryKey(), at: integer53().notNull() },
  (t) => [index('block_times_by_time').on(t.at), check('block_times_at', sql`${t.at} >= 0`)],
);

/** A span in which the server ran, sealed or not all the time. */
export const runSpans = sqliteTable(
  'run_spans',
  {
    id: integer53().primaryKey(),
    begunBy: text('begun_by', { enum: SPAN_BEGINNINGS }).notNull(),
    startedAt: integer53('started_at').notNull(),
    /** When it was last known to run. */
    seenAt: integer53('seen_at').notNull(),
    /** 1: it ended by a seal, an unseal or a stop; 0: it goes on, or nobody wrote down its end. */
    isClosed: integer53('is_closed').notNull(),
  },
  (t) => [
    index('run_spans_by_time').on(t.seenAt),
    check('run_spans_begun_by', isOneOf(t.begunBy, SPAN_BEGINNINGS)),
    check('run_spans_seen', sql`${t.seenAt} >= ${t.startedAt}`),
    check('run_spans_closed', sql`${t.isClosed} in (0, 1)`),
  ],
);

/** What one signer did in a day for signatures that this node coordinated; `day`: days since 1970, UTC. */
export const signerDays = sqliteTable(
  'signer_days',
  {
    day: integer53().notNull(),
    peerIndex: integer53('peer_index').notNull(),
    answered: integer53().notNull(),
    slow: integer53().notNull(),
    silent: integer53().notNull(),
    refused: integer53().notNull(),
    lying: integer53().notNull(),
    /** Answers whose time was taken, and how long they took. */
    timed: integer53().notNull(),
    msTotal: integer53('ms_total').notNull(),
    msMax: integer53('ms_max').notNull(),
    /** How many of them took at most so many ms; each counts those before it too. */
    within100: integer53('within_100').notNull(),
    within300: integer53('within_300').notNull(),
    within1000: integer53('within_1000').notNull(),
    within3000: integer53('within_3000').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.day, t.peerIndex] }),
    check('signer_days_peer', sql`${t.peerIndex} between 0 and 63`),
  ],
);

/** How often an operator's node refused in a day, by reason; this node's own refusals too. */
export const refusalDays = sqliteTable(
  'refusal_days',
  {
    day: integer53().notNull(),
    peerIndex: integer53('peer_index').notNull(),
    reason: text().notNull(),
    count: integer53().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.day, t.peerIndex, t.reason] }),
    check('refusal_days_peer', sql`${t.peerIndex} between 0 and 63`),
    check('refusal_days_reason', sql`length(${t.reason}) between 1 and 64`),
  ],
);
