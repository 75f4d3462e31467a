// Release of anchors. A burn is bound to its anchor so that no two of its payouts can both be mined. Once the anchor is
// spent by a transaction that does not pay the burn, so deep that it counts, nothing signed upon it can be mined any more:
// the burn's payouts are given up, and it waits again, to be bound anew. migrations/0004_anchor_releases.sql holds the rule.
import { and, asc, eq, isNull, type SQL, sql } from 'drizzle-orm';
import { appendAudit } from './audit-log.ts';
import { type Outpoint, PAGE_ROWS_MAX, type Queries, transact } from './database.ts';
import { foreignPaymentOf } from './foreign-payments.ts';
import { listPayoutsOfBurn } from './payout-listing.ts';
import { recordPayoutReplaced } from './payout-progress.ts';
import { given, prepared } from './prepared.ts';
import { anchorReleases, burns, lostAnchors } from './schema.ts';

/** A burn's anchor, the transaction that spends it without paying the burn, and the height of that one's block. */
export interface LostAnchor {
  readonly burnTxid: string;
  readonly anchor: Outpoint;
  readonly spentBy: string;
  readonly spentHeight: number;
}

/** The block in which the node itself found the spending transaction, the tip then, and the confirmations asked for. */
export interface ReleaseGround {
  readonly blockHash: string;
  readonly tipHeight: number;
  readonly depth: number;
}

/** Anchors of unpaid burns that are lost at this height or below, deepest first, at most a page of them. */
export function listLostAnchors(db: Queries, height: number): readonly LostAnchor[] {
  return unpaid(db, lostUpTo(db).all({ height })).slice(0, PAGE_ROWS_MAX);
}

/**
 * Gives up the payouts of a burn and unbinds it, in one commit. False where the burn is paid after all, or its anchor is
 * another by now. Throws where the ground is not deep enough or the store knows otherwise: a bug.
 */
export function releaseAnchor(db: Queries, told: LostAnchor, ground: ReleaseGround, now: number): boolean {
  const { burnTxid, anchor, spentBy, spentHeight } = told;
  return transact(db, (tx): boolean => {
    const [known] = unpaid(tx, lostOf(tx).all({ burnTxid }));
    if (known === undefined || known.spentBy !== spentBy || known.spentHeight !== spentHeight) return false;
    if (known.anchor.txid !== anchor.txid || known.anchor.vout !== anchor.vout) return false;
    for (const { txid, status } of listPayoutsOfBurn(tx, burnTxid)) {
      if (status !== 'replaced' && !recordPayoutReplaced(tx, txid, spentBy, now).ok) {
        throw new Error('a payout of an unpaid burn can be given up');
      }
    }
    tx.insert(anchorReleases)
      .values({
        ...{ burnTxid, anchorTxid: anchor.txid, anchorVout: anchor.vout, spentBy, spentHeight, releasedAt: now },
        ...ground,
      })
      .run();
    tx.update(burns).set({ anchorTxid: null, anchorVout: null }).where(eq(burns.burnTxid, burnTxid)).run();
    const { blockHash: block_hash, tipHeight: tip_height, depth } = ground;
    const where = { spent_by: spentBy, height: spentHeight, block_hash, tip_height, depth };
    appendAudit(tx, now, 'anchor_released', { burn_txid: burnTxid, anchor: { ...anchor }, ...where });
    return true;
  });
}

const releasedFrom = prepared((db) => {
  const { burnTxid, anchorTxid: txid, anchorVout: vout, spentBy } = anchorReleases;
  const where = eq(burnTxid, given(burnTxid, 'burnTxid'));
  return db.select({ txid, vout, spentBy }).from(anchorReleases).where(where).prepare();
});
const allReturned = prepared((db) => returned(db).prepare());
const returnedOf = prepared((db) =>
  returned(db, eq(anchorReleases.burnTxid, given(anchorReleases.burnTxid, 'burnTxid'))).prepare(),
);
const lostUpTo = prepared((db) => {
  const { spentHeight } = lostAnchors;
  return lost(db, sql`${spentHeight} <= ${given(spentHeight, 'height')}`).prepare();
});
const lostOf = prepared((db) => lost(db, eq(burns.burnTxid, given(burns.burnTxid, 'burnTxid'))).prepare());

/** The anchors that a burn was released from, and what spent them. */
export function releasedAnchors(db: Queries, burnTxid: string): readonly (Outpoint & { readonly spentBy: string })[] {
  return releasedFrom(db).all({ burnTxid });
}

/**
 * Those among them that a reorganisation deeper than was asked for has brought back, for one burn or (default) all: what
 * was signed upon them may be mined again, so further payouts of the burn must spend them.
 */
export function returnedAnchors(db: Queries, burnTxid?: string): readonly (Outpoint & { readonly burnTxid: string })[] {
  return burnTxid === undefined ? allReturned(db).all() : returnedOf(db).all({ burnTxid });
}

function returned(db: Queries, where?: SQL) {
  const isLost = and(
    eq(lostAnchors.burnTxid, anchorReleases.burnTxid),
    eq(lostAnchors.anchorTxid, anchorReleases.anchorTxid),
    eq(lostAnchors.anchorVout, anchorReleases.anchorVout),
  );
  const { burnTxid, anchorTxid: txid, anchorVout: vout } = anchorReleases;
  return db
    .select({ burnTxid, txid, vout })
    .from(anchorReleases)
    .leftJoin(lostAnchors, isLost)
    .where(and(isNull(lostAnchors.spentBy), where));
}

function lost(db: Queries, where: SQL) {
  const isAnchor = and(
    eq(lostAnchors.burnTxid, burns.burnTxid),
    eq(lostAnchors.anchorTxid, burns.anchorTxid),
    eq(lostAnchors.anchorVout, burns.anchorVout),
  );
  return db
    .select({
      burnTxid: burns.burnTxid,
      txid: lostAnchors.anchorTxid,
      vout: lostAnchors.anchorVout,
      spentBy: lostAnchors.spentBy,
      spentHeight: lostAnchors.spentHeight,
    })
    .from(burns)
    .innerJoin(lostAnchors, isAnchor)
    .where(where)
    .orderBy(asc(lostAnchors.spentHeight), asc(burns.burnTxid));
}

type LostRow = Omit<LostAnchor, 'anchor'> & Outpoint;

function unpaid(db: Queries, rows: readonly LostRow[]): readonly LostAnchor[] {
  return rows
    .filter(({ burnTxid }) => !isPaid(db, burnTxid))
    .map(({ burnTxid, txid, vout, spentBy, spentHeight }) => ({
      burnTxid,
      anchor: { txid, vout },
      spentBy,
      spentHeight,
    }));
}

function isPaid(db: Queries, burnTxid: string): boolean {
  if (foreignPaymentOf(db, burnTxid) !== null) return true;
  return listPayoutsOfBurn(db, burnTxid, ['confirmed', 'settled']).length > 0;
}
