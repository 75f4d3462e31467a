// The tables of what an operator decides by hand: requests that need an approval, and burns that are held back.
import { sql } from 'drizzle-orm';
import { check, index, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { integer53, isHex, isOneOf, isOutpoint } from './columns.ts';

export const REQUEST_KINDS = ['void'] as const;
export const REQUEST_DECISIONS = ['approved', 'refused'] as const;

/** What operators ask each other to approve. A request never changes; the decision on it is made once. */
export const requests = sqliteTable(
  'requests',
  {
    /** 16 random bytes in hex. */
    id: text().primaryKey(),
    kind: text({ enum: REQUEST_KINDS }).notNull(),
    /** The treasury output from which everything signed becomes worthless. */
    treasuryTxid: text('treasury_txid').notNull(),
    treasuryVout: integer53('treasury_vout').notNull(),
    reason: text().notNull(),
    /** The operator that asks, by index. */
    askedBy: integer53('asked_by').notNull(),
    createdAt: integer53('created_at').notNull(),
    expiresAt: integer53('expires_at').notNull(),
    decision: text({ enum: REQUEST_DECISIONS }),
    decisionReason: text('decision_reason'),
    decidedAt: integer53('decided_at'),
  },
  (t) => [
    index('requests_by_time').on(t.createdAt),
    check('requests_id', isHex(t.id, 16)),
    check('requests_kind', isOneOf(t.kind, REQUEST_KINDS)),
    check('requests_treasury', isOutpoint(t.treasuryTxid, t.treasuryVout)),
    check('requests_expiry', sql`${t.expiresAt} > ${t.createdAt}`),
    check('requests_decided', sql`(${t.decision} is null) = (${t.decidedAt} is null)`),
  ],
);

/** Burns for which this operator signs no payout until it lets them go. */
export const holds = sqliteTable(
  'holds',
  { burnTxid: text('burn_txid').primaryKey(), reason: text().notNull(), at: integer53().notNull() },
  (t) => [check('holds_burn_txid', isHex(t.burnTxid, 32))],
);
