// Child pays for parent: a transaction that spends the change of a payout that waits, back to the change script, with a
// fee that makes both together worth mining. Plan and check are one set of rules. Miners look at a transaction together
// with its unconfirmed ancestors (Bitcoin Core's ancestor fee rate); the recipients' descendants do not weigh upon it.
import { Transaction } from '@scure/btc-signer';
import { equal } from '../crypto/bytes.ts';
import { larger } from './amount.ts';
import type { Refused } from './burn.ts';
import { dustThreshold, FEE_RATE_SATS_PER_KVB_MIN, feeAt, payoutWeight, virtualSize } from './fee.ts';
import { changeScript, type PayoutRules } from './payout.ts';
import { buildChild, type ChildIntent } from './payout-child-intent.ts';
import type { BuiltPayout } from './transaction.ts';

/** Virtual bytes of every child: one key-path input, one Taproot output. */
export const CHILD_VSIZE = virtualSize(payoutWeight(1, [34]));
/** Most transactions that a replacement may throw out of a mempool, the replaced one included (BIP 125, rule 5). */
export const REPLACED_TRANSACTIONS_MAX = 100;

/** The payout that is helped, as this node knows it. Amounts in sats. */
export interface ChildParent {
  readonly txid: string;
  readonly vsize: number;
  readonly fee: bigint;
  /** What its burns have paid for fees. */
  readonly feesCollected: bigint;
  readonly change: { readonly vout: number; readonly amount: bigint };
}

/** Sums over transactions in a mempool: virtual bytes and sats. */
export interface FeeLoad {
  readonly vsize: number;
  readonly fees: bigint;
}

export type ChildRefusal = Refused<
  'parent_unknown' | 'output_mismatch' | 'below_dust' | 'fee_too_high' | 'fee_rate_too_low'
> & {
  /** The least fee in sats, where that is what is wrong. */
  readonly least?: bigint;
};

export type ChildVerdict =
  | { readonly ok: true; readonly intent: ChildIntent; readonly child: BuiltPayout }
  | ChildRefusal;

/** What to plan. */
export interface ChildRequest {
  readonly parent: ChildParent;
  /** The parent with its unconfirmed ancestors, as the mempool counts them. */
  readonly ancestors: FeeLoad;
  /** The least fee in view of earlier children of the same parent. */
  readonly least: bigint;
  /** What parent and child are to reach together, in sats per 1000 vbytes. */
  readonly rate: bigint;
}

/**
 * Size and change of a stored payout, from its bytes without witnesses; null where that output is not this amount under
 * the change script of the group key (33 bytes).
 */
export function readParent(
  unsigned: Uint8Array,
  change: ChildParent['change'],
  groupKey: Uint8Array,
): { readonly vsize: number } | null {
  const transaction = Transaction.fromRaw(unsigned, { allowUnknownOutputs: true });
  const outputs = Array.from({ length: transaction.outputsLength }, (_, vout) => transaction.getOutput(vout));
  const { script, amount } = outputs[change.vout] ?? {};
  if (script === undefined || amount !== change.amount || !equal(script, changeScript(groupKey))) return null;
  const scripts = outputs.map((output) => output.script?.length ?? 0);
  return { vsize: virtualSize(payoutWeight(transaction.inputsLength, scripts)) };
}

/** The least fee of a child that takes the place of one that paid `earlierFee` (BIP 125, rules 3 and 4). */
export function leastChildFee({ feeRateMin }: PayoutRules, earlierFee: bigint): bigint {
  const relayed = feeAt(CHILD_VSIZE, larger(feeRateMin, FEE_RATE_SATS_PER_KVB_MIN));
  return earlierFee === 0n ? relayed : earlierFee + relayed;
}

/** The most that a child may pay: what the burns' fees leave, within the highest rate of both together. */
function mostChildFee({ feeRateMax }: PayoutRules, { fee, vsize, feesCollected }: ChildParent): bigint {
  const byRate = feeAt(vsize + CHILD_VSIZE, feeRateMax) - fee;
  const byFees = feesCollected - fee;
  return byRate < byFees ? byRate : byFees;
}

/** Plans a child that brings both to the wanted rate, or as near as its bounds allow. Deterministic. */
export function planChild(rules: PayoutRules, request: ChildRequest): ChildVerdict {
  const { parent, ancestors, least, rate } = request;
  const script = changeScript(rules.groupKey);
  const wanted = feeAt(ancestors.vsize + CHILD_VSIZE, rate) - ancestors.fees;
  const spare = parent.change.amount - dustThreshold(script);
  const most = mostChildFee(rules, parent);
  let fee = larger(wanted, least);
  if (fee > most) fee = larger(most, least);
  if (fee > spare) fee = larger(spare, least);
  const { vout, amount } = parent.change;
  const output = { script, amount: amount - fee };
  return checkChild(rules, parent, { kind: 'payout_child', parentTxid: parent.txid, vout, amount, output, fee }, least);
}

/**
 * Whether a child may be signed. Everything follows from the parent as this node knows it; `least` is the least fee in
 * view of earlier children.
 */
export function checkChild(rules: PayoutRules, parent: ChildParent, intent: ChildIntent, least: bigint): ChildVerdict {
  const { fee, amount, output } = intent;
  const { change } = parent;
  if (intent.parentTxid !== parent.txid || intent.vout !== change.vout || amount !== change.amount) {
    return refuse('parent_unknown', `it spends another output than the change of payout ${parent.txid}`);
  }
  const script = changeScript(rules.groupKey);
  if (!equal(output.script, script) || output.amount !== amount - fee) {
    return refuse('output_mismatch', 'its one output is not the change less the fee, under the change script');
  }
  const dust = dustThreshold(script);
  if (output.amount < dust) return refuse('below_dust', `it leaves ${output.amount} sats, the least is ${dust}`);
  const most = mostChildFee(rules, parent);
  if (fee > most) {
    return refuse(
      'fee_too_high',
      `the fee of ${fee} sats is above the bound of ${most} sats beside that of its parent`,
    );
  }
  if (fee < least) {
    return { ...refuse('fee_rate_too_low', `the fee is ${fee} sats, the least is ${least} sats`), least };
  }
  // One that pays no more by the byte than its parent makes neither more attractive.
  if (fee * BigInt(parent.vsize) <= parent.fee * BigInt(CHILD_VSIZE)) {
    const enough = (parent.fee * BigInt(CHILD_VSIZE)) / BigInt(parent.vsize) + 1n;
    return { ...refuse('fee_rate_too_low', `a fee of ${fee} sats does not lift that of its parent`), least: enough };
  }
  return { ok: true, intent, child: buildChild(intent, rules.groupKey) };
}

/** The fee rate of parent and child together, in sats per 1000 vbytes, rounded up. */
export function packageRate({ vsize, fees }: FeeLoad, childFee: bigint): bigint {
  const size = BigInt(vsize + CHILD_VSIZE);
  return ((fees + childFee) * 1000n + size - 1n) / size;
}

/**
 * The least rate, in sats per 1000 vbytes, at which a replacement of a payout is relayed (BIP 125, rules 3 to 5), given
 * the payout with all that spends from it in the mempool; null where none can, or none within the burns' fees and the
 * highest rate.
 */
export function replacementRate(
  { feeRateMax }: PayoutRules,
  { vsize, feesCollected }: Pick<ChildParent, 'vsize' | 'feesCollected'>,
  descendants: { readonly count: number; readonly fees: bigint },
): bigint | null {
  if (descendants.count > REPLACED_TRANSACTIONS_MAX) return null;
  const fee = descendants.fees + feeAt(vsize, FEE_RATE_SATS_PER_KVB_MIN);
  if (fee > feesCollected || fee > feeAt(vsize, feeRateMax)) return null;
  return (fee * 1000n + BigInt(vsize) - 1n) / BigInt(vsize);
}

function refuse<Reason extends ChildRefusal['reason']>(reason: Reason, detail: string): Refused<Reason> {
  return { ok: false, reason, detail };
}
