// The tables of the treasury line: its roots, and every step (transaction of the line) that this node holds. What a row must
// agree with (its parent, its ancestors) stands as triggers in migrations/0000_schema.sql.
import { sql } from 'drizzle-orm';
import {
  type AnySQLiteColumn,
  check,
  foreignKey,
  index,
  primaryKey,
  sqliteTable,
  text,
  unique,
} from 'drizzle-orm/sqlite-core';
import { LINE_KINDS } from '../crypto/line-json.ts';
import { integer53, isHex, isOneOf, isOutpoint, isSats, json, sats } from './columns.ts';

export const NETWORKS = ['mainnet', 'testnet', 'testnet4', 'signet', 'regtest'] as const;

/** With which the line begins. At most one root of a key is not dead (triggers). */
export const treasuryRoots = sqliteTable(
  'treasury_roots',
  {
    txid: text().notNull(),
    vout: integer53().notNull(),
    network: text({ enum: NETWORKS }).notNull(),
    keyId: text('key_id').notNull(),
    amount: sats().notNull(),
    /** When this node was about to sign the root, or learned its certificate. */
    signedAt: integer53('signed_at').notNull(),
    /** The signatures of all n nodes; set once. */
    certificate: json(),
    /** When its funding was found double-spent for good; set once. */
    deadAt: integer53('dead_at'),
  },
  (t) => [
    primaryKey({ columns: [t.txid, t.vout] }),
    index('treasury_roots_by_key').on(t.keyId),
    check('treasury_roots_outpoint', isOutpoint(t.txid, t.vout)),
    check('treasury_roots_network', isOneOf(t.network, NETWORKS)),
    check('treasury_roots_amount', isSats(t.amount)),
  ],
);

/**
 * Steps. The row is written after its inputs and burns, and seals them. What is null at first is set once, but for the block,
 * which comes and goes.
 */
export const lineSteps = sqliteTable(
  'line_steps',
  {
    txid: text().primaryKey(),
    rootTxid: text('root_txid').notNull(),
    rootVout: integer53('root_vout').notNull(),
    /** The step whose output 0 this one spends; null: it spends the root. */
    parentTxid: text('parent_txid').references((): AnySQLiteColumn => lineSteps.txid),
    /** How many steps from the root: 1 for what spends it. */
    depth: integer53().notNull(),
    keyId: text('key_id').notNull(),
    unsignedTx: text('unsigned_tx').notNull(),
    /** What output 0 holds. */
    treasuryAmount: sats('treasury_amount').notNull(),
    surplus: sats().notNull(),
    vsize: integer53().notNull(),
    /** null while the list of burns is not known here. */
    kind: text({ enum: LINE_KINDS }),
    fee: sats(),
    /** The whole meaning, for peers that do not know it. */
    intent: json(),
    signedTx: text('signed_tx'),
    signedAt: integer53('signed_at'),
    height: integer53(),
    blockHash: text('block_hash'),
    /** The peer that asked for it or told it; null: this node itself, or the chain. */
    askedBy: integer53('asked_by'),
    /** When this node agreed to sign it; null: it never did. */
    decidedAt: integer53('decided_at'),
    createdAt: integer53('created_at').notNull(),
  },
  (t) => [
    index('line_steps_by_parent').on(t.parentTxid),
    index('line_steps_by_depth').on(t.depth, t.createdAt),
    index('line_steps_by_height').on(t.height),
    index('line_steps_unmined').on(t.createdAt).where(sql`height is null`),
    index('line_steps_unlisted').on(t.depth).where(sql`kind is null`),
    index('line_steps_unexplained').on(t.depth).where(sql`kind is not null and intent is null`),
    foreignKey({
      columns: [t.rootTxid, t.rootVout],
      foreignColumns: [treasuryRoots.txid, treasuryRoots.vout],
      name: 'line_steps_root',
    }),
    check('line_steps_txid', isHex(t.txid, 32)),
    check('line_steps_depth', sql`${t.depth} >= 1 and (${t.depth} = 1) = (${t.parentTxid} is null)`),
    check('line_steps_treasury', isSats(t.treasuryAmount)),
    check('line_steps_surplus', isSats(t.surplus)),
    check('line_steps_vsize', sql`${t.vsize} >= 1`),
    // `rotate` comes with key rotation: a check cannot be changed without making the table anew.
    check('line_steps_kind', isOneOf(t.kind, [...LINE_KINDS, 'rotate'])),
    check('line_steps_listed', sql`${t.kind} is not null or (${t.fee} is null and ${t.intent} is null)`),
    check('line_steps_fee', sql`${t.fee} is null or (${isSats(t.fee)})`),
    check('line_steps_signed', sql`(${t.signedTx} is null) = (${t.signedAt} is null)`),
    check('line_steps_mined', sql`(${t.height} is null) = (${t.blockHash} is null)`),
  ],
);

export const lineInputs = sqliteTable(
  'line_inputs',
  {
    txid: text().notNull(),
    inputIndex: integer53('input_index').notNull(),
    prevTxid: text('prev_txid').notNull(),
    prevVout: integer53('prev_vout').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.txid, t.inputIndex] }),
    unique('line_inputs_once').on(t.txid, t.prevTxid, t.prevVout),
    index('line_inputs_by_outpoint').on(t.prevTxid, t.prevVout),
    foreignKey({ columns: [t.txid], foreignColumns: [lineSteps.txid], name: 'line_inputs_txid' }),
    check('line_inputs_outpoint', isOutpoint(t.prevTxid, t.prevVout)),
  ],
);

/** Which step pays which burns. No reference to `burns`: this node's Wire nodes may be behind and not know a burn yet. */
export const lineBurns = sqliteTable(
  'line_burns',
  {
    txid: text().notNull(),
    burnTxid: text('burn_txid').notNull(),
    nullifier: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.txid, t.burnTxid] }),
    unique('line_burns_once').on(t.txid, t.nullifier),
    index('line_burns_by_burn').on(t.burnTxid),
    index('line_burns_by_nullifier').on(t.nullifier),
    foreignKey({ columns: [t.txid], foreignColumns: [lineSteps.txid], name: 'line_burns_txid' }),
    check('line_burns_burn_txid', isHex(t.burnTxid, 32)),
    check('line_burns_nullifier', isHex(t.nullifier, 32)),
  ],
);
