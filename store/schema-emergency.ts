// The tables of emergencies and of the operator's policy: pauses of this node, its own and those that peers asked for; what is
// known of payouts that the policy looks at. Safety does not rest on any of them: they only keep a node from signing.
import { sql } from 'drizzle-orm';
import { check, index, primaryKey, sqliteTable, text, unique, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { integer53, isHex, isOneOf, isSats, sats } from './columns.ts';
import { REQUEST_DECISIONS } from './schema-requests.ts';

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

/** Since when a large burn has been final on this node's own Wire nodes. */
export const burnFinality = sqliteTable(
  'burn_finality',
  { burnTxid: text('burn_txid').primaryKey(), at: integer53().notNull() },
  (t) => [check('burn_finality_burn_txid', isHex(t.burnTxid, 32))],
);

/** What this node has signed to be paid, by burn, and when it did so first: a replacement pays nothing more. */
export const payoutsSigned = sqliteTable(
  'payouts_signed',
  { burnTxid: text('burn_txid').primaryKey(), sats: sats().notNull(), at: integer53().notNull() },
  (t) => [
    index('payouts_signed_by_time').on(t.at),
    check('payouts_signed_burn_txid', isHex(t.burnTxid, 32)),
    check('payouts_signed_sats', isSats(t.sats)),
  ],
);

/** Payouts that this node's operator approves or refuses. One that has expired is opened anew in the same row. */
export const payoutRequests = sqliteTable(
  'payout_requests',
  {
    burnTxid: text('burn_txid').primaryKey(),
    /** 16 bytes in hex, others at each opening. */
    id: text().notNull().unique(),
    createdAt: integer53('created_at').notNull(),
    expiresAt: integer53('expires_at').notNull(),
    decision: text({ enum: REQUEST_DECISIONS }),
    decisionReason: text('decision_reason'),
    decidedAt: integer53('decided_at'),
    /** The policy under which it was approved, as a hash: under another the approval is void. */
    policy: text(),
  },
  (t) => [
    index('payout_requests_by_time').on(t.createdAt),
    check('payout_requests_burn_txid', isHex(t.burnTxid, 32)),
    check('payout_requests_id', isHex(t.id, 16)),
    check('payout_requests_policy', isHex(t.policy, 32)),
    check('payout_requests_decided', sql`(${t.decision} is null) = (${t.decidedAt} is null)`),
  ],
);

/** Vetoes: one of each burn and operator, ever. */
export const vetoes = sqliteTable(
  'vetoes',
  {
    id: text().primaryKey(),
    burnTxid: text('burn_txid').notNull(),
    /** By index. */
    vetoedBy: integer53('vetoed_by').notNull(),
    reason: text().notNull(),
    at: integer53().notNull(),
    expiresAt: integer53('expires_at').notNull(),
  },
  (t) => [
    unique('vetoes_once').on(t.burnTxid, t.vetoedBy),
    index('vetoes_by_end').on(t.expiresAt),
    check('vetoes_id', isHex(t.id, 16)),
    check('vetoes_burn_txid', isHex(t.burnTxid, 32)),
  ],
);

/** Operators that let a vetoed payout go all the same. */
export const vetoApprovals = sqliteTable(
  'veto_approvals',
  {
    id: text()
      .notNull()
      .references(() => vetoes.id),
    approvedBy: integer53('approved_by').notNull(),
    at: integer53().notNull(),
  },
  (t) => [primaryKey({ columns: [t.id, t.approvedBy] })],
);
