// The tables of the security database that are about the node itself and its peers; those of the bridge are in schema.ts.
import { sql } from 'drizzle-orm';
import { check, index, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { integer53, isHex, json } from './columns.ts';

/** Hash-chained record of every decision; append-only by trigger. */
export const auditLog = sqliteTable(
  'audit_log',
  {
    seq: integer53().primaryKey(),
    at: integer53().notNull(),
    kind: text().notNull(),
    body: text().notNull(),
    prevHash: text('prev_hash').notNull(),
    hash: text().notNull().unique(),
  },
  (t) => [index('audit_log_by_kind').on(t.kind, t.at)],
);

/** What the node knows of its own state: one row. */
export const nodeState = sqliteTable(
  'node_state',
  {
    id: integer53().primaryKey(),
    /** How often the node was brought back from an older state. */
    epoch: integer53().notNull(),
  },
  (t) => [check('node_state_one', sql`${t.id} = 1`)],
);

/** Whose database this is: one row, which never changes (triggers). */
export const owner = sqliteTable(
  'owner',
  {
    id: integer53().primaryKey(),
    network: text().notNull(),
    index: integer53('node_index').notNull(),
    identityKey: text('identity_key').notNull(),
  },
  (t) => [check('owner_one', sql`${t.id} = 1`), check('owner_identity_key', isHex(t.identityKey, 32))],
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
