// Bindings that lapse. That an input which burns are bound to serves no transaction that leaves one of them out keeps them
// from waiting for a release, no more. What nobody completed long after it was first agreed to must not keep coins, and the
// burns bound to them elsewhere, for ever: its input may then serve others. migrations/0009_lapsed_bindings.sql holds the
// same rule.
//
// Why no burn is paid twice by it: it lets an input go, never a burn. The burn stays bound, and whatever is signed for it,
// before or after, spends its anchor; the transaction that takes the anchor instead conflicts with all of it and does not
// pay the burn. The burn is bound anew only once it is released, that is, once that transaction is so deep in the chain
// that nothing signed upon the anchor can be mined any more (anchor-releases.ts). So it does no harm either that a payout
// may be signed of which this node has not heard: one of the two is mined, and what is left out waits for the release.
import { and, eq, inArray, notInArray, sql } from 'drizzle-orm';
import { getBurn } from './burns.ts';
import type { Outpoint, Queries } from './database.ts';
import type { PayoutStatus } from './payout-listing.ts';
import { given, prepared } from './prepared.ts';
import { burns, payoutTransactionBurns, payoutTransactionInputs, payoutTransactions } from './schema.ts';

const UNSIGNED: PayoutStatus[] = ['decided', 'replaced'];

/**
 * How long what was decided for the burns of an input may take to be signed, in ms. Counted from the first decision upon the
 * input, so that nobody keeps it for ever by asking for another version now and then, or for one with another burn.
 */
export const STALE_DECISION_MS = 3_600_000;

const signedOf = prepared((db) => {
  const { txid, prevTxid, prevVout } = payoutTransactionInputs;
  return db
    .select({ one: sql`1` })
    .from(payoutTransactionBurns)
    .innerJoin(payoutTransactions, eq(payoutTransactions.txid, payoutTransactionBurns.txid))
    .innerJoin(payoutTransactionInputs, eq(txid, payoutTransactionBurns.txid))
    .where(
      and(
        eq(payoutTransactionBurns.burnTxid, given(payoutTransactionBurns.burnTxid, 'burnTxid')),
        eq(prevTxid, given(prevTxid, 'txid')),
        eq(prevVout, given(prevVout, 'vout')),
        notInArray(payoutTransactions.status, UNSIGNED),
      ),
    )
    .limit(1)
    .prepare();
});
const staleAt = prepared((db) => {
  const { txid, prevTxid, prevVout } = payoutTransactionInputs;
  const { status, createdAt } = payoutTransactions;
  const isBound = and(eq(burns.anchorTxid, prevTxid), eq(burns.anchorVout, prevVout));
  return db
    .select({ one: sql`1` })
    .from(payoutTransactionInputs)
    .innerJoin(payoutTransactions, eq(payoutTransactions.txid, txid))
    .innerJoin(payoutTransactionBurns, eq(payoutTransactionBurns.txid, txid))
    .innerJoin(burns, and(eq(burns.burnTxid, payoutTransactionBurns.burnTxid), isBound))
    .where(
      and(
        eq(prevTxid, given(prevTxid, 'txid')),
        eq(prevVout, given(prevVout, 'vout')),
        inArray(status, UNSIGNED),
        sql`${createdAt} <= ${given(createdAt, 'before')}`,
      ),
    )
    .limit(1)
    .prepare();
});

/**
 * Whether an anchor may serve others than the burn that is bound to it: none of the burn's payouts that spend it was signed,
 * as far as this node knows, and the first unsigned one of any burn that is bound to it was decided at least
 * `STALE_DECISION_MS` before `now` (ms since 1970).
 */
export function isLapsed(db: Queries, burnTxid: string, { txid, vout }: Outpoint, now: number): boolean {
  const anchor = getBurn(db, burnTxid)?.anchor ?? null;
  if (anchor?.txid !== txid || anchor.vout !== vout) return false;
  if (signedOf(db).get({ burnTxid, txid, vout }) !== undefined) return false;
  return staleAt(db).get({ txid, vout, before: now - STALE_DECISION_MS }) !== undefined;
}
