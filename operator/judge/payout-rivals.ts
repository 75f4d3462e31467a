// A payout beside others that this node has decided and that may be mined instead (BIP 125): it is signed where it can take
// their place, so that no signature is given for a transaction that would only bind burns to an input which another takes.

import { FEE_RATE_SATS_PER_KVB_MIN, feeAt } from '../../chain/fee.ts';
import type { BuiltPayout } from '../../chain/transaction.ts';
import { getBurn } from '../../store/burns.ts';
import type { Queries } from '../../store/database.ts';
import { isLapsed } from '../../store/lapsed-bindings.ts';
import { getPayout, listPayoutsOfBurn, listSpenders, type Payout } from '../../store/payout-listing.ts';
import type { Refusal } from './judgement.ts';

/**
 * So long the signatures of a payout that was decided may be on their way, in ms: one that did not come about by then must
 * not keep others from its coins, or bid up their fees.
 */
export const PAYOUT_FRESH_MS = 15_000;

/** Refuses what pays no more than an earlier, complete version by its own relay cost, and so is not relayed. */
export function refuseCheap(db: Queries, payout: BuiltPayout): Refusal | null {
  if (payout.intent.test) return null;
  for (const { burnTxid } of payout.intent.burns) {
    for (const earlier of listPayoutsOfBurn(db, burnTxid, ['signed', 'broadcast'])) {
      const cheap = earlier.txid !== payout.txid ? refuseBelow(payout, earlier) : null;
      if (cheap !== null) return cheap;
    }
  }
  return null;
}

/**
 * Refuses what would not take the place of payouts that were decided a moment ago: they may be complete before this one, at
 * a coordinator that has not told of it yet. One of other burns must not lose its coin to this one, nor take this one's;
 * where its burns are paid here too, this one has to replace it, if the fees of its burns reach that far. `now` in ms.
 */
export function refuseBesideFresh(db: Queries, payout: BuiltPayout, now: number): Refusal | null {
  if (payout.intent.test) return null;
  // Another share of what this node has agreed to binds no burn anew.
  if (getPayout(db, payout.txid) !== null) return null;
  const { inputs, burns } = payout.intent;
  const paid = new Set(burns.map(({ burnTxid }) => burnTxid));
  const collected = burns.reduce((sum, { fee }) => sum + fee, 0n);
  for (const { txid, vout } of inputs) {
    for (const rival of listSpenders(db, { txid, vout })) {
      const isUnderWay = rival.status === 'decided' || rival.status === 'signed' || rival.status === 'broadcast';
      if (!isUnderWay || rival.txid === payout.txid || now - rival.createdAt >= PAYOUT_FRESH_MS) continue;
      const others = rival.burns.map(({ burnTxid }) => burnTxid);
      const isPaidTogether = others.some((burnTxid) => paid.has(burnTxid));
      // Or another version of what never gets signed, decided now and then, would keep its burns from being paid otherwise.
      const isLeft = (burnTxid: string): boolean => isPaidTogether && hasLapsed(db, burnTxid, now);
      if (others.some((burnTxid) => !paid.has(burnTxid) && !isLeft(burnTxid))) {
        const detail = `${txid}:${vout} is spent by ${rival.txid}, which was decided a moment ago and pays other burns`;
        return {
          ok: false,
          reason: 'input_reserved',
          detail,
          data: { input: { txid, vout }, burns: [...others].sort() },
        };
      }
      const isWithin = leastOver(payout, rival) <= collected;
      const cheap = others.length < paid.size && isWithin ? refuseBelow(payout, rival) : null;
      if (cheap !== null) return cheap;
    }
  }
  return null;
}

function hasLapsed(db: Queries, burnTxid: string, now: number): boolean {
  const anchor = getBurn(db, burnTxid)?.anchor ?? null;
  return anchor !== null && isLapsed(db, burnTxid, anchor, now);
}

function leastOver({ vsize }: BuiltPayout, { fee }: Payout): bigint {
  return fee + feeAt(vsize, FEE_RATE_SATS_PER_KVB_MIN);
}

// The least fee is told where this one pays other burns besides: a version of the very same is no use beside the earlier.
function refuseBelow(payout: BuiltPayout, earlier: Payout): Refusal | null {
  const { fee, burns } = payout.intent;
  const least = leastOver(payout, earlier);
  if (fee >= least) return null;
  const told = `the fee of ${fee} sats does not replace ${earlier.txid}, which pays ${earlier.fee}`;
  const refusal: Refusal = { ok: false, reason: 'fee_rate_too_low', detail: `${told}: the least is ${least} sats` };
  return earlier.burns.length < burns.length ? { ...refusal, data: { least: `${least}` } } : refusal;
}
