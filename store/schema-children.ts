// The table of fee bump children: transactions that spend the change of a payout that waits, to pay for it. What a row
// must agree with (its parent, what is promised elsewhere) stands as triggers in migrations/0005_payout_children.sql.
import { sql } from 'drizzle-orm';
import { check, index, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { integer53, isHex, isOneOf, isOutpoint, isSats, sats } from './columns.ts';

export const CHILD_STATUSES = ['decided', 'signed', 'broadcast', 'confirmed', 'settled', 'void'] as const;

/** Children that this node agreed to sign. All of one parent spend its one change output, so that one at most is mined. */
export const payoutChildren = sqliteTable(
  'payout_children',
  {
    txid: text().primaryKey(),
    parentTxid: text('parent_txid').notNull(),
    parentVout: integer53('parent_vout').notNull(),
    /** What the spent change holds. */
    amount: sats().notNull(),
    fee: sats().notNull(),
    unsignedTx: text('unsigned_tx').notNull(),
    signedTx: text('signed_tx'),
    status: text({ enum: CHILD_STATUSES }).notNull(),
    height: integer53(),
    createdAt: integer53('created_at').notNull(),
    updatedAt: integer53('updated_at').notNull(),
  },
  (t) => [
    index('children_by_parent').on(t.parentTxid, t.parentVout),
    index('children_by_status').on(t.status, t.createdAt),
    check('children_txid', isHex(t.txid, 32)),
    check('children_outpoint', isOutpoint(t.parentTxid, t.parentVout)),
    check('children_amount', isSats(t.amount)),
    check('children_fee', sql`${isSats(t.fee)} and ${t.fee} between 1 and ${t.amount} - 1`),
    check('children_status', isOneOf(t.status, CHILD_STATUSES)),
    check('children_mined', sql`(${t.status} in ('confirmed', 'settled')) = (${t.height} is not null)`),
  ],
);
