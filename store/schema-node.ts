// The tables of the security database that are about the node itself and its peers; those of the bridge are in schema.ts.
import { sql } from 'drizzle-orm';
import { check, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { integer53, isHex, isOneOf, isOutpoint, json } from './columns.ts';

/** Hash-chained record of every decision; append-only by trigger. */
export const auditLog = sqliteTable('audit_log', {
  seq: integer53().primaryKey(),
  at: integer53().notNull(),
  kind: text().notNull(),
  body: text().notNull(),
  prevHash: text('prev_hash').notNull(),
  hash: text().notNull().unique(),
});

/** What the node knows of its own state: one row. */
export const nodeState = sqliteTable(
  'node_state',
  {
    id: integer53().primaryKey(),
    /** How often the node was brought back from an older state. */
    epoch: integer53().notNull(),
    /** When its peers last agreed that the state is whole. */
    wholeAt: integer53('whole_at'),
  },
  (t) => [check('node_state_one', sql`${t.id} = 1`)],
);

/** The operator cards of the federation, and the highest audit head each peer has shown. */
export const peers = sqliteTable(
  'peers',
  {
    index: integer53('peer_index').primaryKey(),
    identityKey: text('identity_key').notNull().unique(),
    card: json().notNull(),
    headSeq: integer53('head_seq').notNull().default(0),
    headHash: text('head_hash'),
    headAt: integer53('head_at'),
    addedAt: integer53('added_at').notNull(),
    updatedAt: integer53('updated_at').notNull(),
    headEpoch: integer53('head_epoch').notNull().default(0),
    /** The peer's own signature under that head, kept as evidence. */
    headStatement: json('head_statement'),
  },
  (t) => [
    check('peers_index', sql`${t.index} between 0 and 63`),
    check('peers_identity_key', isHex(t.identityKey, 32)),
  ],
);

/** How far each scan has come. */
export const cursors = sqliteTable('cursors', {
  name: text().primaryKey(),
  position: json().notNull(),
  updatedAt: integer53('updated_at').notNull(),
});

/** Why a claim needs no reckoning with any more: another transaction spends its coin, or an operator saw to it. */
export const RELEASE_CAUSES = ['spent', 'operator'] as const;

/** What the payouts would spend that a node, brought back, may have signed for a contested burn; rows never change. */
export const contestedClaims = sqliteTable(
  'contested_claims',
  {
    burnTxid: text('burn_txid').notNull(),
    txid: text().notNull(),
    prevTxid: text('prev_txid').notNull(),
    prevVout: integer53('prev_vout').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.burnTxid, t.txid, t.prevTxid, t.prevVout] }),
    check('contested_claims_ids', sql`${isHex(t.burnTxid, 32)} and ${isHex(t.txid, 32)}`),
    check('contested_claims_outpoint', isOutpoint(t.prevTxid, t.prevVout)),
  ],
);

/** Claims that can never be mined; rows never change. A burn is contested until each of its claims stands here. */
export const contestedReleases = sqliteTable(
  'contested_releases',
  {
    burnTxid: text('burn_txid').notNull(),
    txid: text().notNull(),
    cause: text({ enum: RELEASE_CAUSES }).notNull(),
    at: integer53().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.burnTxid, t.txid] }),
    check('contested_releases_ids', sql`${isHex(t.burnTxid, 32)} and ${isHex(t.txid, 32)}`),
    check('contested_releases_cause', isOneOf(t.cause, RELEASE_CAUSES)),
  ],
);

/**
 * A coin of a claim that this node and all its Bitcoin nodes know nothing of, since an operator asked for the claim's
 * release: the best block then. A row goes where the absence ends; that of a released claim stays.
 */
export const claimAbsences = sqliteTable(
  'claim_absences',
  {
    burnTxid: text('burn_txid').notNull(),
    txid: text().notNull(),
    prevTxid: text('prev_txid').notNull(),
    prevVout: integer53('prev_vout').notNull(),
    height: integer53().notNull(),
    blockHash: text('block_hash').notNull(),
    at: integer53().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.burnTxid, t.txid] }),
    check('claim_absences_ids', sql`${isHex(t.burnTxid, 32)} and ${isHex(t.txid, 32)} and ${isHex(t.blockHash, 32)}`),
    check('claim_absences_outpoint', isOutpoint(t.prevTxid, t.prevVout)),
    check('claim_absences_height', sql`${t.height} >= 0`),
  ],
);

/** From which height on a payout is counted as waiting; a row goes when it waits no more. */
export const payoutWaits = sqliteTable(
  'payout_waits',
  { txid: text().primaryKey(), height: integer53().notNull() },
  (t) => [check('payout_waits_txid', isHex(t.txid, 32)), check('payout_waits_height', sql`${t.height} >= 0`)],
);
