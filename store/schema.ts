// The tables of the security database: everything a node must not lose. The Never list's storage half stands partly
// here (keys, checks) and partly in migrations/0000_schema.sql (triggers). Money columns are INTEGER sats, see
// columns.ts. Ids of transactions and burns are 64 lowercase hex characters in display order; times are ms since 1970.
import { sql } from 'drizzle-orm';
import { check, index, integer, primaryKey, sqliteTable, text, unique } from 'drizzle-orm/sqlite-core';
import { bytes, integer53, isHex, isOneOf, isOutpoint, isSats, json, sats, uint63 } from './columns.ts';

export * from './schema-activity.ts';
export * from './schema-backups.ts';
export * from './schema-checklist.ts';
export * from './schema-emergency.ts';
export * from './schema-line.ts';
export * from './schema-node.ts';
export * from './schema-requests.ts';
export * from './schema-safety.ts';
export * from './schema-service.ts';
export * from './schema-timeline.ts';

export const DEPOSIT_STATUSES = ['seen', 'confirmed', 'attested', 'minted', 'gone'] as const;
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
    index('deposits_by_height').on(t.height, t.amount).where(sql`height is not null`),
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

/** A burn on the Wire ledger. */
export const burns = sqliteTable(
  'burns',
  {
    burnTxid: text('burn_txid').primaryKey(),
    nullifier: text().notNull(),
    address: text().notNull(),
    amount: sats().notNull(),
    fee: sats().notNull(),
    wireSeq: uint63('wire_seq').notNull(),
    wireHeight: integer53('wire_height').notNull(),
    seenAt: integer53('seen_at').notNull(),
  },
  (t) => [
    index('burns_by_time').on(t.seenAt),
    check('burns_burn_txid', isHex(t.burnTxid, 32)),
    check('burns_amount', isSats(t.amount)),
    check('burns_fee', isSats(t.fee)),
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
    index('utxos_by_height').on(t.height, t.amount).where(sql`height is not null`),
    index('utxos_by_spent_height').on(t.spentHeight, t.amount).where(sql`spent_height is not null`),
    index('utxos_of_treasury').on(t.height).where(sql`leaf = '{"kind":"treasury"}'`),
    check('utxos_outpoint', isOutpoint(t.txid, t.vout)),
    check('utxos_amount', isSats(t.amount)),
    check('utxos_status', isOneOf(t.status, UTXO_STATUSES)),
    check('utxos_spent', sql`(${t.status} = 'spent') = (${t.spentBy} is not null)`),
  ],
);
