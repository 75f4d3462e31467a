// The table of released anchors, and the view that says which anchors are lost: spent in the chain by a transaction that
// does not pay the burn. Both are defined, with the triggers that hold them, in migrations/0004_anchor_releases.sql.
import { sql } from 'drizzle-orm';
import { check, index, primaryKey, sqliteTable, sqliteView, text } from 'drizzle-orm/sqlite-core';
import { integer53, isHex, isOutpoint } from './columns.ts';

/**
 * Anchors from which burns were released, being spent so deep in the chain by a transaction that does not pay the burn that
 * nothing signed for it before can be mined. Rows never change and never go.
 */
export const anchorReleases = sqliteTable(
  'anchor_releases',
  {
    burnTxid: text('burn_txid').notNull(),
    anchorTxid: text('anchor_txid').notNull(),
    anchorVout: integer53('anchor_vout').notNull(),
    spentBy: text('spent_by').notNull(),
    spentHeight: integer53('spent_height').notNull(),
    /** The block in which the node itself found the spending transaction. */
    blockHash: text('block_hash').notNull(),
    /** The tip at that moment, and how many confirmations were asked for. */
    tipHeight: integer53('tip_height').notNull(),
    depth: integer53().notNull(),
    releasedAt: integer53('released_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.burnTxid, t.anchorTxid, t.anchorVout] }),
    index('anchor_releases_by_height').on(t.spentHeight),
    check('anchor_releases_burn', isHex(t.burnTxid, 32)),
    check('anchor_releases_anchor', isOutpoint(t.anchorTxid, t.anchorVout)),
    check('anchor_releases_block', sql`${isHex(t.spentBy, 32)} and ${isHex(t.blockHash, 32)}`),
    check('anchor_releases_deep', sql`${t.depth} >= 1 and ${t.tipHeight} - ${t.spentHeight} + 1 >= ${t.depth}`),
  ],
);

/** Every outpoint that is spent at a height by a transaction that does not pay the burn, for every burn. */
export const lostAnchors = sqliteView('lost_anchors', {
  burnTxid: text('burn_txid').notNull(),
  anchorTxid: text('anchor_txid').notNull(),
  anchorVout: integer53('anchor_vout').notNull(),
  spentBy: text('spent_by').notNull(),
  spentHeight: integer53('spent_height').notNull(),
}).existing();
