// Judges a request to sign a fee bump child: its parent is a payout that this node knows and sees waiting in the mempool of
// its own Bitcoin nodes, what it spends is that payout's change, and what it pays follows from both.

import type { BitcoinView } from '../../chain/bitcoin-view.ts';
import { asUnavailable } from '../../chain/bitcoin-view.ts';
import type { PayoutRules } from '../../chain/payout.ts';
import { type ChildParent, checkChild, leastChildFee, readParent } from '../../chain/payout-child.ts';
import type { ChildIntent } from '../../chain/payout-child-intent.ts';
import type { BuiltPayout } from '../../chain/transaction.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { getBurn } from '../../store/burns.ts';
import type { Queries } from '../../store/database.ts';
import { decideChild, getChild, listChildrenOf } from '../../store/payout-children.ts';
import { getPayout, type Payout } from '../../store/payout-listing.ts';
import { type Approval, type Judgement, type Refusal, refuse } from './judgement.ts';

/** What children are judged with. `now` in ms since 1970. */
export interface ChildBench {
  readonly bitcoin: BitcoinView;
  readonly db: Queries;
  readonly rules: PayoutRules;
  readonly now: () => number;
}

/** Judges a child; `child` is the transaction as this node builds it. */
export async function judgeChild(
  bench: ChildBench,
  intent: ChildIntent,
): Promise<(Approval & { readonly child: BuiltPayout }) | Refusal> {
  const { db, rules } = bench;
  const payout = getPayout(db, intent.parentTxid);
  const parent = payout === null ? null : childParent(db, payout, rules.groupKey);
  if (payout === null || parent === null) {
    return refuse('parent_unknown', `this node knows no payout ${intent.parentTxid} with change`);
  }
  const checked = checkChild(rules, parent, intent, leastChildFee(rules, 0n));
  if (!checked.ok) return refusalOf(checked);
  const { child } = checked;
  const away = payout.status === 'replaced' || payout.height !== null;
  const state = away ? 'elsewhere' : await stateOf(bench, payout);
  if (typeof state !== 'string') return state;
  if (state !== 'mempool') {
    return refuse(
      'parent_not_waiting',
      `payout ${parent.txid} does not wait in the mempool of this node's Bitcoin nodes`,
    );
  }
  // The very same child may be signed again, by others.
  if (getChild(db, child.txid) === null) {
    const least = leastChildFee(rules, earlierChildFee(db, parent.txid));
    if (intent.fee < least) {
      return refusalOf({
        ...refuse('fee_rate_too_low', `an earlier child pays more: the least is ${least} sats`),
        least,
      });
    }
  }
  return {
    ok: true,
    child,
    messages: child.messages.map(({ message, tweaks }) => ({ message, tweaks })),
    decide: () => decide(bench, intent, child),
  };
}

/** A stored payout as what a child can help; null where it has no change under this key (33 bytes). */
export function childParent(db: Queries, payout: Payout, groupKey: Uint8Array): ChildParent | null {
  const { txid, fee, change } = payout;
  if (change === null) return null;
  const read = readParent(fromHex(payout.unsignedTx), change, groupKey);
  if (read === null) return null;
  const feesCollected = payout.burns.reduce((sum, { burnTxid }) => sum + (getBurn(db, burnTxid)?.fee ?? 0n), 0n);
  return { txid, vsize: read.vsize, fee, feesCollected, change };
}

/** The highest fee of the children of a payout that this node decided; 0 where there is none. */
export function earlierChildFee(db: Queries, parentTxid: string): bigint {
  return listChildrenOf(db, parentTxid).reduce((most, { fee }) => (fee > most ? fee : most), 0n);
}

async function stateOf({ bitcoin }: ChildBench, { txid, burns }: Payout): Promise<string | Refusal> {
  try {
    return (await bitcoin.transaction(txid, burns.length + 1)).state;
  } catch (error) {
    const { reason, detail } = asUnavailable(error);
    return refuse(reason, detail);
  }
}

function decide({ db, now }: ChildBench, intent: ChildIntent, child: BuiltPayout): { readonly ok: true } | Refusal {
  const { parentTxid, vout: parentVout, amount, fee } = intent;
  const decision = { txid: child.txid, unsignedTx: toHex(child.unsigned), parentTxid, parentVout, amount, fee };
  const verdict = decideChild(db, decision, now());
  if (verdict.ok) return { ok: true };
  const { reason } = verdict;
  if (reason !== 'input_reserved') return refuse(reason, SENTENCES[reason]);
  const data = { input: { txid: parentTxid, vout: parentVout }, burns: [] };
  return { ok: false, reason, detail: SENTENCES[reason], data };
}

// The least fee is what a coordinator can learn from.
function refusalOf({
  reason,
  detail,
  least,
}: Pick<Extract<Judgement, { ok: false }>, 'reason' | 'detail'> & { readonly least?: bigint }): Refusal {
  return least === undefined ? refuse(reason, detail) : { ok: false, reason, detail, data: { least: `${least}` } };
}

const SENTENCES = {
  parent_unknown: 'this output is not the change of a payout that is recorded here',
  parent_not_waiting: 'the payout is mined or replaced',
  fee_too_high: 'both fees together are more than the burns paid',
  input_reserved: 'the change is promised to another payout',
  input_spent: 'another child is in the chain, or this one was given up',
} as const;
