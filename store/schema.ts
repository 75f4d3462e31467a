// The tables of the security database: everything a node must not lose. The Never list's storage half stands partly
// here (keys, checks) and partly in migrations/0001_never_list.sql (triggers). Money columns are INTEGER sats, see
// columns.ts. Ids of transactions and burns are 64 lowercase hex characters in display order; times are ms since 1970.
import { sql } from 'drizzle-orm';
import {
  check,
  foreignKey,
  index,
  integer,
  primaryKey,
  real,
  sqliteTable,
  text,
  unique,
} from 'drizzle-orm/sqlite-core';
import { bytes, integer53, isHex, isOneOf, isOutpoint, isSats, json, sats, uint63 } from './columns.ts';

export * from './schema-anchors.ts';
export * from './schema-children.ts';
export * from './schema-node.ts';

export const DEPOSIT_STATUSES = ['seen', 'confirmed', 'attested', 'minted', 'gone'] as const;
export const PAYOUT_STATUSES = ['decided', 'signed', 'broadcast', 'confirmed', 'settled', 'replaced'] as const;
export const UTXO_STATUSES = ['unspent', 'spent', 'gone'] as const;
export const CEREMONY_STATUSES = ['running', 'done', 'failed', 'destroyed'] as const;
export const KEY_STATUSES = ['pending', 'live', 'retired', 'destroyed'] as const;

export const ceremonies = sqliteTable(
  'ceremonies',
  {
    ceremonyId: text('ceremony_id').primaryKey(),
    kind: text().notNull(),
    rehearsal: integer({ mode: 'boolean' }).notNull(),
    status: text({ enum: CEREMONY_STATUSES }).notNull(),
    outcome: json(),
    createdAt: integer53('created_at').notNull(),
    updatedAt: integer53('updated_at').notNull(),
  },
  (t) => [
    check('ceremonies_status', isOneOf(t.status, CEREMONY_STATUSES)),
    check('ceremonies_rehearsal', sql`${t.rehearsal} in (0, 1)`),
  ],
);

/** The events a ceremony replays from; `body` is sealed by the operator before it comes here. */
export const ceremonyEvents = sqliteTable(
  'ceremony_events',
  {
    ceremonyId: text('ceremony_id')
      .notNull()
      .references(() => ceremonies.ceremonyId),
    seq: integer53().notNull(),
    at: integer53().notNull(),
    body: bytes().notNull(),
  },
  (t) => [primaryKey({ columns: [t.ceremonyId, t.seq] })],
);

export const keys = sqliteTable(
  'keys',
  {
    keyId: text('key_id').primaryKey(),
    ceremonyId: text('ceremony_id').notNull(),
    status: text({ enum: KEY_STATUSES }).notNull(),
    groupKeys: json('group_keys').notNull(),
    transcript: json().notNull(),
    certificate: json().notNull(),
    createdAt: integer53('created_at').notNull(),
    updatedAt: integer53('updated_at').notNull(),
  },
  (t) => [check('keys_status', isOneOf(t.status, KEY_STATUSES))],
);

/** Deposit scripts and whom they mint for; after a rotation a recipient has one for each key. */
export const recipients = sqliteTable(
  'recipients',
  {
    script: text().primaryKey(),
    recipient: text().notNull(),
    keyId: text('key_id').notNull(),
    createdAt: integer53('created_at').notNull(),
    /** How far the scan was of the node that handed the script out: nothing can have been paid before. */
    height: integer53(),
    /** The index of the peer that told of it; null: handed out here. */
    toldBy: integer53('told_by'),
  },
  (t) => [unique('recipients_once').on(t.recipient, t.keyId), check('recipients_recipient', isHex(t.recipient, 32))],
);

export const deposits = sqliteTable(
  'deposits',
  {
    txid: text().notNull(),
    vout: integer53().notNull(),
    recipient: text().notNull(),
    amount: sats().notNull(),
    height: integer53(),
    blockHash: text('block_hash'),
    status: text({ enum: DEPOSIT_STATUSES }).notNull(),
    seenAt: integer53('seen_at').notNull(),
    updatedAt: integer53('updated_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.txid, t.vout] }),
    index('deposits_by_status').on(t.status, t.seenAt),
    check('deposits_outpoint', isOutpoint(t.txid, t.vout)),
    check('deposits_recipient', isHex(t.recipient, 32)),
    check('deposits_amount', isSats(t.amount)),
    check('deposits_status', isOneOf(t.status, DEPOSIT_STATUSES)),
  ],
);

/** One row per outpoint: recipient, amount and nonce never change, and no row ever goes (triggers). */
export const attestations = sqliteTable(
  'attestations',
  {
    txid: text().notNull(),
    vout: integer53().notNull(),
    recipient: text().notNull(),
    amount: sats().notNull(),
    nonce: uint63().notNull(),
    /** The expiry decided last, in seconds since 1970. */
    expiry: uint63().notNull(),
    /** The group's signature, and the expiry which it covers. */
    signature: text(),
    signatureExpiry: uint63('signature_expiry'),
    decidedAt: integer53('decided_at').notNull(),
    updatedAt: integer53('updated_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.txid, t.vout] }),
    index('attestations_by_time').on(t.decidedAt),
    check('attestations_outpoint', isOutpoint(t.txid, t.vout)),
    check('attestations_recipient', isHex(t.recipient, 32)),
    check('attestations_amount', isSats(t.amount)),
    check('attestations_nonce', sql`typeof(${t.nonce}) = 'integer' and ${t.nonce} >= 0`),
    check('attestations_signature', isHex(t.signature, 64)),
    check('attestations_signed', sql`(${t.signature} is null) = (${t.signatureExpiry} is null)`),
  ],
);

/** A burn on the Wire ledger. The anchor is the outpoint that every payout transaction of this burn spends. */
export const burns = sqliteTable(
  'burns',
  {
    burnTxid: text('burn_txid').primaryKey(),
    nullifier: text().notNull().unique(),
    address: text().notNull(),
    amount: sats().notNull(),
    fee: sats().notNull(),
    wireSeq: uint63('wire_seq').notNull(),
    wireHeight: integer53('wire_height').notNull(),
    anchorTxid: text('anchor_txid'),
    anchorVout: integer53('anchor_vout'),
    seenAt: integer53('seen_at').notNull(),
  },
  (t) => [
    index('burns_by_anchor').on(t.anchorTxid, t.anchorVout),
    index('burns_by_time').on(t.seenAt),
    check('burns_burn_txid', isHex(t.burnTxid, 32)),
    check('burns_amount', isSats(t.amount)),
    check('burns_fee', sql`${isSats(t.fee)} and ${t.fee} <= ${t.amount}`),
    check('burns_anchor', sql`(${t.anchorTxid} is null) = (${t.anchorVout} is null)`),
  ],
);

/** Transactions that this node agreed to sign. The row is written after its inputs and burns, and seals them. */
export const payoutTransactions = sqliteTable(
  'payout_transactions',
  {
    txid: text().primaryKey(),
    unsignedTx: text('unsigned_tx').notNull(),
    signedTx: text('signed_tx'),
    fee: sats().notNull(),
    /** Sats per virtual byte, for display: what binds is `fee`. */
    feeRate: real('fee_rate').notNull(),
    changeVout: integer53('change_vout'),
    changeAmount: sats('change_amount'),
    status: text({ enum: PAYOUT_STATUSES }).notNull(),
    height: integer53(),
    blockHash: text('block_hash'),
    createdAt: integer53('created_at').notNull(),
    signedAt: integer53('signed_at'),
    broadcastAt: integer53('broadcast_at'),
    confirmedAt: integer53('confirmed_at'),
    settledAt: integer53('settled_at'),
    /** The whole meaning that was judged, so that a peer that lost it can judge it again. */
    intent: json(),
  },
  (t) => [
    index('payouts_by_status').on(t.status, t.createdAt),
    check('payouts_txid', isHex(t.txid, 32)),
    check('payouts_fee', isSats(t.fee)),
    check('payouts_change', sql`(${t.changeVout} is null) = (${t.changeAmount} is null)`),
    check('payouts_status', isOneOf(t.status, PAYOUT_STATUSES)),
    check('payouts_mined', sql`(${t.status} in ('confirmed', 'settled')) = (${t.height} is not null)`),
  ],
);

export const payoutTransactionInputs = sqliteTable(
  'payout_transaction_inputs',
  {
    txid: text().notNull(),
    inputIndex: integer53('input_index').notNull(),
    prevTxid: text('prev_txid').notNull(),
    prevVout: integer53('prev_vout').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.txid, t.inputIndex] }),
    unique('payout_inputs_once').on(t.txid, t.prevTxid, t.prevVout),
    index('payout_inputs_by_outpoint').on(t.prevTxid, t.prevVout),
    foreignKey({ columns: [t.txid], foreignColumns: [payoutTransactions.txid], name: 'payout_inputs_txid' }),
    check('payout_inputs_outpoint', isOutpoint(t.prevTxid, t.prevVout)),
  ],
);

/** Which output of a transaction pays which burn; no output pays two. */
export const payoutTransactionBurns = sqliteTable(
  'payout_transaction_burns',
  {
    txid: text().notNull(),
    burnTxid: text('burn_txid').notNull(),
    outputIndex: integer53('output_index').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.txid, t.burnTxid] }),
    unique('payout_burns_output').on(t.txid, t.outputIndex),
    index('payout_burns_by_burn').on(t.burnTxid),
    foreignKey({ columns: [t.txid], foreignColumns: [payoutTransactions.txid], name: 'payout_burns_txid' }),
    foreignKey({ columns: [t.burnTxid], foreignColumns: [burns.burnTxid], name: 'payout_burns_burn' }),
  ],
);

/**
 * What transactions in the chain pay from the bitcoin key's coins that this node never agreed to sign, having been away;
 * `burnTxid`: the burn that such an output pays, once it is recognised.
 */
export const foreignPayments = sqliteTable(
  'foreign_payments',
  {
    txid: text().notNull(),
    outputIndex: integer53('output_index').notNull(),
    script: text().notNull(),
    amount: sats().notNull(),
    burnTxid: text('burn_txid').unique(),
    /** null once the block has left the chain. */
    height: integer53(),
    seenAt: integer53('seen_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.txid, t.outputIndex] }),
    index('foreign_payments_by_height').on(t.height),
    check('foreign_payments_outpoint', isOutpoint(t.txid, t.outputIndex)),
    check('foreign_payments_amount', isSats(t.amount)),
    check('foreign_payments_known', sql`${t.burnTxid} is null or ${t.height} is not null`),
  ],
);

/** Outputs that the bitcoin key can spend. */
export const utxos = sqliteTable(
  'utxos',
  {
    txid: text().notNull(),
    vout: integer53().notNull(),
    amount: sats().notNull(),
    /** Which leaf the output's address commits to (crypto/taproot.ts). */
    leaf: json().notNull(),
    /** null while unconfirmed. */
    height: integer53(),
    status: text({ enum: UTXO_STATUSES }).notNull(),
    spentBy: text('spent_by'),
    spentHeight: integer53('spent_height'),
    updatedAt: integer53('updated_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.txid, t.vout] }),
    index('utxos_by_status').on(t.status, t.amount),
    check('utxos_outpoint', isOutpoint(t.txid, t.vout)),
    check('utxos_amount', isSats(t.amount)),
    check('utxos_status', isOneOf(t.status, UTXO_STATUSES)),
    check('utxos_spent', sql`(${t.status} = 'spent') = (${t.spentBy} is not null)`),
  ],
);

/**
 * Burns of which this node may have signed a payout that it cannot find out any more, having been restored from an older
 * state: it decides none for them.
 */
export const contestedBurns = sqliteTable(
  'contested_burns',
  {
    /** No reference: this node's Wire nodes may be behind and not know the burn yet. */
    burnTxid: text('burn_txid').primaryKey(),
    at: integer53().notNull(),
  },
  (t) => [check('contested_burns_burn_txid', isHex(t.burnTxid, 32))],
);
