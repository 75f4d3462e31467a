// What a step of the treasury line may pay to the miners (the design's rule 6): at most the fees of its burns and what
// may be taken from the surplus, at a rate near this node's own estimate, or at the rate that a replacement needs.
// Pure: every figure is this node's own view. Fees in sats, rates in sats per 1000 vbytes, sizes in vbytes.
import { larger, smaller } from './amount.ts';
import type { Refused } from './burn.ts';
import { feeAt, outputBytes, satVb } from './fee.ts';
import { type BuiltLine, lineSums, TREASURY_SATS_MIN } from './line.ts';
import type { LineKind } from './line-intent.ts';

/** So much of surplus and swept strays may be taken at once, in sats, however little that leaves. */
export const SURPLUS_FREE_SATS = 20_000n;
/** Above that it is this part of them. */
const SURPLUS_PART = 4n;
/** How far a rate may be from the estimate, upwards and downwards. */
const ESTIMATE_FACTOR = 2n;

/** What the own Bitcoin nodes relay: the least rate of a transaction, that of dust, and what a replacement adds. */
export interface RelayFloor {
  /** The larger of `mempoolminfee` and `minrelaytxfee`. */
  readonly feeRateMin: bigint;
  readonly dustRelayRate: bigint;
  readonly incrementalRate: bigint;
}

/** A sibling that waits in the own mempool. */
export interface Replaced {
  /** Of the sibling and all its descendants, which go with it. */
  readonly fees: bigint;
  /** Of the sibling and all its descendants. */
  readonly vsize: number;
  /** Of the sibling itself, rounded down. */
  readonly rate: bigint;
}

/** Everything on which the fee of a step depends. */
export interface FeeTerms {
  readonly kind: LineKind;
  readonly vsize: number;
  readonly burnFees: bigint;
  /** What the spent treasury output has of it. */
  readonly surplusBefore: bigint;
  readonly sweptStrays: bigint;
  /** A payout from this treasury output has waited `payout_bump_blocks` in the own mempool. */
  readonly payoutWaited: boolean;
  /** What a sweep that waits there might spend: `surplusBudget` of its surplus and strays. 0 where none waits. */
  readonly sweepFeeReplaced: bigint;
  /** The highest rate of a sweep while no burn needs one; null while one does, which may then pay what any step may. */
  readonly sweepRateMax: bigint | null;
  /** The own estimate; null where the own nodes have none. */
  readonly estimate: bigint | null;
  /** The highest rate that this operator signs. */
  readonly cap: bigint;
  readonly relay: RelayFloor;
  /** What the step replaces, null where nothing waits. */
  readonly replaced: Replaced | null;
  /** The step that makes the spent output, where it is not mined: both are mined together, at the rate of the two. */
  readonly parent: { readonly fee: bigint; readonly vsize: number } | null;
}

/** What a fee is held against besides the step itself: the treasury output that it spends, and this node's own view. */
export type FeeView = Omit<FeeTerms, 'kind' | 'vsize' | 'burnFees' | 'sweptStrays'>;

/** The terms of a step that was built. */
export function feeTerms(view: FeeView, { intent, vsize }: Pick<BuiltLine, 'intent' | 'vsize'>): FeeTerms {
  const { burnFees, strays } = lineSums(intent);
  return { ...view, kind: intent.step, vsize, burnFees, sweptStrays: strays };
}

/** The fees that this node would sign. */
export interface FeeRange {
  readonly ok: true;
  readonly min: bigint;
  readonly max: bigint;
}

/**
 * Why not. `fee_rate_min` and `fee_rate_max`: which rates of this step the node would sign, as decimal strings.
 * `missing`: the sats by which what may be spent falls short of the least fee, where that is the reason, else "0".
 */
export type FeeRefusal = Refused<'fee_too_high' | 'fee_rate_too_low'> & {
  readonly data: { readonly fee_rate_min: string; readonly fee_rate_max: string; readonly missing: string };
};

/**
 * B: what may be taken from surplus and swept strays at once. All of it up to 20,000 sats, else that or a quarter, whichever
 * is more, so that a top-up never makes it less.
 */
export function surplusBudget(surplus: bigint, sweptStrays: bigint): bigint {
  const all = surplus + sweptStrays;
  return larger(smaller(all, SURPLUS_FREE_SATS), all / SURPLUS_PART);
}

/** Whether a treasury output of so many sats cannot pay a burn, so that deposits have to be swept for it. */
export function isBeyond(burnAmount: bigint, treasury: bigint): boolean {
  return burnAmount > treasury - TREASURY_SATS_MIN;
}

/** The least top-up, in sats, with which B reaches an amount. */
export function topUpFor(budget: bigint, surplus: bigint, sweptStrays: bigint): bigint {
  const needed = budget <= SURPLUS_FREE_SATS ? budget : budget * SURPLUS_PART;
  return larger(needed - surplus - sweptStrays, 0n);
}

/** Whether the fee of a burn bears the bytes of its own output at a rate: what it takes to enter a payout, and to stay. */
export function bearsShare(burnFee: bigint, scriptBytes: number, rate: bigint): boolean {
  return burnFee >= feeAt(outputBytes(scriptBytes), rate);
}

/** The most that a step may spend on its fee, whatever the rate. */
export function feeBudget(
  terms: Pick<FeeTerms, 'kind' | 'burnFees' | 'surplusBefore' | 'sweptStrays' | 'payoutWaited' | 'sweepFeeReplaced'>,
): bigint {
  const { surplusBefore, sweptStrays } = terms;
  if (terms.kind === 'void') return surplusBefore + sweptStrays;
  const fromSurplus = surplusBudget(surplusBefore, sweptStrays);
  if (terms.kind !== 'payout') return fromSurplus;
  return terms.burnFees + larger(terms.payoutWaited ? fromSurplus : 0n, terms.sweepFeeReplaced);
}

/** The least fee at which a step replaces a waiting sibling (BIP 125, rules 3, 4 and 6). */
export function replacementFee({ fees, rate }: Replaced, vsize: number, incrementalRate: bigint): bigint {
  return larger(fees + feeAt(vsize, incrementalRate), feeAt(vsize, rate + 1n));
}

/** The fees that this node signs for a step, or the rate that it needs where what may be spent does not reach it. */
export function feeRange(terms: FeeTerms): FeeRange | FeeRefusal {
  const min = leastFee(terms);
  const capped = larger(packageFee(terms, terms.cap), 0n);
  const budget = feeBudget(terms);
  const highest = highestFee(terms, min);
  const max = smaller(smaller(highest, capped), budget);
  if (min <= max) return { ok: true, min, max };
  if (min > capped) {
    const detail = `the least fee is ${min} sats; at the highest rate that this operator signs it is ${capped}`;
    return refuse('fee_too_high', detail, { min, max }, terms.vsize);
  }
  if (min > highest) {
    const what = terms.kind === 'sweep' ? 'a sweep that no burn needs' : 'a consolidation';
    const detail = `the least fee is ${min} sats; ${what} pays ${highest} at most`;
    return refuse('fee_too_high', detail, { min, max }, terms.vsize);
  }
  const detail = `the least fee is ${min} sats; the step may spend ${budget}, which is ${min - budget} too little`;
  return refuse('fee_too_high', detail, { min, max }, terms.vsize, min - budget);
}

/** Whether this node signs this fee. */
export function validateFee(terms: FeeTerms, fee: bigint): { readonly ok: true } | FeeRefusal {
  const range = feeRange(terms);
  if (!range.ok) return range;
  if (fee < range.min) {
    return refuse('fee_rate_too_low', `the fee is ${fee} sats, the least is ${range.min}`, range, terms.vsize);
  }
  if (fee > range.max) {
    return refuse('fee_too_high', `the fee is ${fee} sats, the highest is ${range.max}`, range, terms.vsize);
  }
  return { ok: true };
}

/** The least fee: what the own node relays and a replacement takes; for all but sweeps, which have time, half the estimate. */
export function leastFee(terms: FeeTerms): bigint {
  const { kind, estimate } = terms;
  const half = kind === 'sweep' || estimate === null ? 0n : packageFee(terms, estimate / ESTIMATE_FACTOR);
  return larger(half, forcedFee(terms));
}

/** Below this the own node takes the step neither alone nor in place of what waits. */
function forcedFee({ vsize, relay, replaced }: FeeTerms): bigint {
  const relayed = feeAt(vsize, relay.feeRateMin);
  return replaced === null ? relayed : larger(relayed, replacementFee(replaced, vsize, relay.incrementalRate));
}

/**
 * Twice the estimate, but of a sweep that no burn needs the cheap rate, or what relaying takes: it replaces nothing. Where a
 * replacement takes more than that, a quarter above what it takes: mempools differ, and what hangs on the sibling may weigh more
 * in those of the others. Not so of a step that nobody waits for: version by version it would cost all that B gives.
 */
function highestFee(terms: FeeTerms, min: bigint): bigint {
  const { vsize, relay } = terms;
  const most = unhurriedRate(terms);
  if (most !== null) return larger(feeAt(vsize, relay.feeRateMin), packageFee(terms, most));
  if (terms.estimate === null) return packageFee(terms, terms.cap);
  const forced = forcedFee(terms);
  const room = terms.replaced === null ? forced : forced + forced / 4n;
  return larger(min, larger(room, packageFee(terms, terms.estimate * ESTIMATE_FACTOR)));
}

/** The highest rate of a step that no burn needs, whatever a replacement takes; null for the others. */
function unhurriedRate({ kind, sweepRateMax, estimate }: FeeTerms): bigint | null {
  if (kind === 'sweep') return sweepRateMax;
  return kind === 'consolidate' && estimate !== null ? estimate * ESTIMATE_FACTOR : null;
}

/** The fee at which the step, together with an unmined parent, has this rate; may be negative. */
export function packageFee({ vsize, parent }: Pick<FeeTerms, 'vsize' | 'parent'>, rate: bigint): bigint {
  return parent === null ? feeAt(vsize, rate) : feeAt(parent.vsize + vsize, rate) - parent.fee;
}

/**
 * What a signer would sign, as operators read it. The rates of a refusal are of the step alone; those that operators give and
 * read are of the step together with an unmined parent.
 */
export function ratesText(
  { fee_rate_min, fee_rate_max }: Pick<FeeRefusal['data'], 'fee_rate_min' | 'fee_rate_max'>,
  { vsize, parent }: Pick<FeeTerms, 'vsize' | 'parent'>,
): string {
  const size = BigInt(vsize);
  const all = size + BigInt(parent?.vsize ?? 0);
  const feeOf = (rate: string) => (BigInt(rate) * size) / 1000n + (parent?.fee ?? 0n);
  const least = parent === null ? BigInt(fee_rate_min) : (feeOf(fee_rate_min) * 1000n + all - 1n) / all;
  const highest = parent === null ? BigInt(fee_rate_max) : (feeOf(fee_rate_max) * 1000n) / all;
  if (least <= highest) return `signs from ${satVb(least, 'up')} to ${satVb(highest)} sat/vB`;
  return `signs no rate: the step needs ${satVb(least, 'up')} sat/vB, and may pay ${satVb(larger(highest, 0n))} sat/vB`;
}

function refuse(
  reason: FeeRefusal['reason'],
  detail: string,
  { min, max }: { readonly min: bigint; readonly max: bigint },
  vsize: number,
  missing = 0n,
): FeeRefusal {
  const size = BigInt(vsize);
  // Rounded inwards, so that a fee at either rate is one that is signed.
  const least = (min * 1000n + size - 1n) / size;
  const highest = (max * 1000n) / size;
  return {
    ok: false,
    reason,
    detail,
    data: { fee_rate_min: `${least}`, fee_rate_max: `${highest}`, missing: `${missing}` },
  };
}
