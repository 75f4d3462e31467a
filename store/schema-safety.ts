// What a restart must not forget, one table for each thing: the last start, a fork of the chain, how far the audit log was
// verified, what funds the treasury's root, and what left the chain. What must hold of a row stands as triggers in
// migrations/0000_schema.sql.
import { sql } from 'drizzle-orm';
import { check, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { integer53, isHex, isOutpoint } from './columns.ts';

/** The time that the last start of this node bore: one row, which rises unless the clock was set back far. */
export const ownStart = sqliteTable('own_start', { id: integer53().primaryKey(), at: integer53().notNull() }, (t) => [
  check('own_start_one', sql`${t.id} = 1`),
]);

/** A fork of the chain that is not over: one row, or none. */
export const chainFork = sqliteTable(
  'chain_fork',
  {
    id: integer53().primaryKey(),
    /** When it was first seen. */
    at: integer53().notNull(),
    /** Where the chains part. */
    height: integer53().notNull(),
    /** The height from which on the nodes have agreed again; null while they do not. */
    agreedFrom: integer53('agreed_from'),
  },
  (t) => [check('chain_fork_one', sql`${t.id} = 1`)],
);

/** The last row of the audit log that was verified together with all before it: one row. */
export const auditVerified = sqliteTable(
  'audit_verified',
  { id: integer53().primaryKey(), seq: integer53().notNull(), hash: text().notNull() },
  (t) => [check('audit_verified_one', sql`${t.id} = 1`), check('audit_verified_hash', isHex(t.hash, 32))],
);

/** How high the chain was when a key ceremony began. */
export const ceremonyHeights = sqliteTable('ceremony_heights', {
  ceremonyId: text('ceremony_id').primaryKey(),
  height: integer53().notNull(),
});

/** The root whose funding is watched, and the transaction of a block that spends an input of it instead: one row. */
export const treasuryFunding = sqliteTable(
  'treasury_funding',
  {
    id: integer53().primaryKey(),
    rootTxid: text('root_txid').notNull(),
    rootVout: integer53('root_vout').notNull(),
    rivalTxid: text('rival_txid'),
    rivalHeight: integer53('rival_height'),
    rivalHash: text('rival_hash'),
  },
  (t) => [
    check('treasury_funding_one', sql`${t.id} = 1`),
    check('treasury_funding_root', isOutpoint(t.rootTxid, t.rootVout)),
    check(
      'treasury_funding_rival',
      sql`(${t.rivalTxid} is null) = (${t.rivalHeight} is null) and (${t.rivalTxid} is null) = (${t.rivalHash} is null)`,
    ),
  ],
);

/** What the transaction of that root spends. */
export const treasuryFundingInputs = sqliteTable(
  'treasury_funding_inputs',
  { txid: text().notNull(), vout: integer53().notNull() },
  (t) => [
    primaryKey({ columns: [t.txid, t.vout] }),
    check('treasury_funding_inputs_outpoint', isOutpoint(t.txid, t.vout)),
  ],
);

/** The operators' signatures under a root, gathered so far. */
export const rootSignatures = sqliteTable(
  'root_signatures',
  {
    txid: text().notNull(),
    vout: integer53().notNull(),
    index: integer53('node_index').notNull(),
    signature: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.txid, t.vout, t.index] }),
    check('root_signatures_outpoint', isOutpoint(t.txid, t.vout)),
    check('root_signatures_signature', isHex(t.signature, 64)),
  ],
);

/** Deposits that were attested or minted when their blocks left the chain. Each is an alarm until a block holds it again. */
export const takenBackDeposits = sqliteTable(
  'taken_back_deposits',
  { txid: text().notNull(), vout: integer53().notNull(), at: integer53().notNull() },
  (t) => [primaryKey({ columns: [t.txid, t.vout] }), check('taken_back_deposits_outpoint', isOutpoint(t.txid, t.vout))],
);
