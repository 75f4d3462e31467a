// One attempt at a step: given a rate and a limit for the fee, which burns and coins it takes, what it pays to the miners,
// and whether that is possible. The planner tries several of these and takes the first that is.
import { larger, smaller } from './amount.ts';
import { feeAt, inputCost, outputBytes, spendWeight, virtualSize } from './fee.ts';
import { buildLine, compareBurns, surplusAfter, TREASURY_SATS_MIN } from './line.ts';
import { type FeeTerms, feeBudget, feeRange, leastFee, packageFee } from './line-fee.ts';
import { LINE_BURNS_MAX, LINE_INPUTS_MAX, type LineIntent, type LineKind, type SweptOutput } from './line-intent.ts';
import { type Candidate, leave, tooSmall } from './line-plan-burns.ts';
import type { Plan, PlanInput, Position, WaitReason } from './line-plan-input.ts';
import { OUTPUT_SCRIPT_BYTES_MAX } from './network.ts';
import { compareOutpoints, outpointName } from './outpoint.ts';

/** Most deposits, and most strays, that a payout sweeps along. */
export const SWEPT_ALONG_MAX = 20;
// Lengths of the treasury output (script of 34 bytes) and of the note (42).
const OWN_OUTPUTS = 2;
const OWN_OUTPUT_BYTES = 9 + 34 + 9 + 42;

/** What an attempt aims at. */
export interface Aim {
  /** Sats per 1000 vbytes, of the step together with an unmined parent. */
  readonly rate: bigint;
  /** The rate is reached or the attempt fails; else as much of it as the limit allows. */
  readonly exact: boolean;
  /**
   * What the fee may be: all that the rule allows (`budget`), of burns' fees but half, so that a first version can be
   * replaced (`half`), or a quarter of the surplus, for what nobody waits for (`quarter`).
   */
  readonly limit: 'budget' | 'half' | 'quarter';
}

/** How a payout is composed. */
export interface Recipe extends Aim {
  /** Most deposits that it sweeps to fund its burns. */
  readonly deposits: number;
  readonly strays: boolean;
  /** Keeps what the sibling sweeps. */
  readonly keep: boolean;
  /** Drops burns of the sibling that cannot bear their share at this rate. */
  readonly drops: boolean;
  /** Sweeps further deposits along, as far as the limit bears. */
  readonly fills: boolean;
}

/** A step before its fee. */
export interface Draft {
  readonly kind: LineKind;
  readonly burns: readonly Candidate[];
  readonly swept: readonly SweptOutput[];
  readonly destination: LineIntent['destination'];
}

/** Sweepable outputs by their use: what the sibling sweeps, strays, deposits; each the largest first. */
export interface Coins {
  readonly kept: readonly SweptOutput[];
  readonly strays: readonly SweptOutput[];
  readonly deposits: readonly SweptOutput[];
}

/** The coins for a position: none that its unmined parent spends. */
export function coinsFor({ sweepable, depositMin }: PlanInput, { sibling, spent, place }: Position): Coins {
  const siblings = new Set(sibling?.inputs.map(outpointName));
  const open = sweepable
    .filter((coin) => !spent.has(outpointName(coin)) && compareOutpoints(coin, place) !== 0)
    .sort((a, b) => (a.amount === b.amount ? compareOutpoints(a, b) : a.amount > b.amount ? -1 : 1));
  const others = open.filter((coin) => !siblings.has(outpointName(coin)));
  return {
    kept: open.filter((coin) => siblings.has(outpointName(coin))),
    strays: others.filter(({ leaf }) => leaf.kind === 'treasury'),
    deposits: others.filter(({ leaf, amount }) => leaf.kind === 'deposit' && amount >= depositMin),
  };
}

/** Whether an output is worth its input: a deposit more than it costs, a stray twice that. */
export function isWorth({ leaf, amount }: SweptOutput, rate: bigint): boolean {
  return leaf.kind === 'treasury' ? amount >= 2n * inputCost(rate) : amount > inputCost(rate);
}

interface Tally {
  readonly burns: number;
  readonly bytes: number;
  readonly pays: bigint;
  readonly fees: bigint;
}

/** What a recipe gives. `unfunded`: burns that the treasury cannot pay, not even with the deposits that may be swept. */
export interface Composition {
  readonly draft: Draft;
  readonly unfunded: readonly Candidate[];
  readonly left: readonly WaitReason[];
}

/**
 * Chooses burns and coins: burns of the sibling first, then those that bear more than their share in their order, then, as
 * long as the others carry them, the rest.
 */
export function compose(
  position: Position,
  candidates: readonly Candidate[],
  coins: Coins,
  recipe: Recipe,
): Composition {
  const { rate, limit, drops } = recipe;
  const relayed = position.view.relay.feeRateMin;
  const share = limit === 'half' ? 2n : 1n;
  const bears = ({ bytes, burn }: Candidate, times: bigint) => burn.fee * 1000n >= BigInt(bytes) * rate * times;
  const { base, reserve } = takeCoins(coins, recipe);
  const burns: Candidate[] = [];
  const unfunded: Candidate[] = [];
  const left: WaitReason[] = [];
  const fits = (tally: Tally, swept: readonly SweptOutput[]) => isFunded(position, recipe, tally, swept);
  let tally: Tally = { burns: 0, bytes: 0, pays: 0n, fees: 0n };
  const { day } = position;
  let counted = 0n;
  const isWeak = (one: Candidate) => !one.bound && !bears(one, share);
  const strongFirst = [...candidates.filter((one) => !isWeak(one)), ...candidates.filter(isWeak)];
  for (const one of strongFirst) {
    const next = withBurn(tally, one);
    const mayDrop = !one.bound || drops;
    const counts = day === undefined || day.counted.has(one.burn.burnTxid) ? 0n : one.pays;
    if (day !== undefined && counted + counts > day.left) {
      left.push(leave(one.burn.burnTxid, 'day_cap_reached', day.remedy, counted + counts - day.left));
    } else if (mayDrop && !bears(one, 1n)) left.push(tooSmall(one, rate, 1n, relayed));
    else if (next.burns > LINE_BURNS_MAX) {
      const remedy = 'the next step pays it: this one is full';
      left.push({ burnTxid: one.burn.burnTxid, reason: 'batch', missing: 0n, rate: null, remedy });
    } else if (!one.bound && !fits(next, [...base, ...reserve])) unfunded.push(one);
    else if (isWeak(one) && !isBorne(position, recipe, next, base)) left.push(tooSmall(one, rate, share, relayed));
    else {
      burns.push(one);
      tally = next;
      counted += counts;
    }
  }
  const funding = [0, ...reserve.keys()].find((count) => fits(tally, [...base, ...reserve.slice(0, count)]));
  const swept = [...base, ...reserve.slice(0, funding ?? reserve.length)];
  if (recipe.fills || unfunded.length > 0) fill(position, recipe, tally, swept, coins);
  return { draft: { kind: 'payout', burns, swept, destination: null }, unfunded, left };
}

function takeCoins(coins: Coins, { rate, keep, strays, deposits }: Recipe) {
  const worth = (list: readonly SweptOutput[]) => list.filter((coin) => isWorth(coin, rate));
  const kept = (keep ? worth(coins.kept) : []).slice(0, LINE_INPUTS_MAX - 1);
  const free = LINE_INPUTS_MAX - 1 - kept.length;
  const base = [...kept, ...(strays ? worth(coins.strays).slice(0, Math.min(free, SWEPT_ALONG_MAX)) : [])];
  const reserve = worth(coins.deposits).slice(0, Math.min(LINE_INPUTS_MAX - 1 - base.length, deposits));
  return { base, reserve };
}

/** Adds deposits while the limit bears them. */
function fill(position: Position, aim: Aim, tally: Tally, swept: SweptOutput[], coins: Coins) {
  const taken = new Set(swept.map(outpointName));
  const along = coins.deposits.filter((coin) => taken.has(outpointName(coin))).length;
  const further = coins.deposits.filter((coin) => !taken.has(outpointName(coin)) && isWorth(coin, aim.rate));
  for (const coin of further.slice(0, SWEPT_ALONG_MAX - along)) {
    const isFull = swept.length >= LINE_INPUTS_MAX - 1;
    if (isFull || !isBorne(position, aim, tally, [...swept, coin])) return;
    swept.push(coin);
  }
}

function withBurn(tally: Tally, { burn, bytes, pays }: Candidate): Tally {
  return {
    burns: tally.burns + 1,
    bytes: tally.bytes + bytes,
    pays: tally.pays + pays,
    fees: tally.fees + burn.fee,
  };
}

function isFunded(position: Position, { rate }: Aim, tally: Tally, swept: readonly SweptOutput[]): boolean {
  const fee = costOf(termsOf(position, 'payout', tally, swept), rate);
  return position.place.amount + total(swept) - tally.pays - fee >= TREASURY_SATS_MIN;
}

function isBorne(position: Position, { rate, limit }: Aim, tally: Tally, swept: readonly SweptOutput[]): boolean {
  const terms = termsOf(position, 'payout', tally, swept);
  return costOf(terms, rate) <= limitOf(terms, limit);
}

/** The fee at a rate, or what the rule asks at least. */
export function costOf(terms: FeeTerms, rate: bigint): bigint {
  return larger(packageFee(terms, rate), leastFee(terms));
}

function termsOf(
  { view }: Position,
  kind: LineKind,
  { burns, bytes, fees }: Pick<Tally, 'burns' | 'bytes' | 'fees'>,
  swept: readonly SweptOutput[],
): FeeTerms {
  const weight = spendWeight(1 + swept.length, OWN_OUTPUTS + burns, OWN_OUTPUT_BYTES + bytes);
  const strays = total(swept.filter(({ leaf }) => leaf.kind === 'treasury'));
  return { ...view, kind, vsize: virtualSize(weight), burnFees: fees, sweptStrays: strays };
}

/** What a burn bears, in sats, half of which pays for a step of its own at a rate: as a first version may spend. */
export function burnFeeAlone(rate: bigint): bigint {
  const weight = spendWeight(1, OWN_OUTPUTS + 1, OWN_OUTPUT_BYTES + outputBytes(OUTPUT_SCRIPT_BYTES_MAX));
  return 2n * feeAt(virtualSize(weight), rate);
}

/** What the fee of a draft is held against. */
export function draftTerms(position: Position, { kind, burns, swept, destination }: Draft): FeeTerms {
  const paid = burns.reduce(withBurn, { burns: 0, bytes: 0, pays: 0n, fees: 0n });
  const more = destination === null ? 0 : 1;
  const bytes = paid.bytes + (destination === null ? 0 : 9 + destination.script.length);
  return termsOf(position, kind, { burns: paid.burns + more, bytes, fees: paid.fees }, swept);
}

/** The most that a limit allows, in sats. */
export function limitOf(terms: FeeTerms, limit: Aim['limit']): bigint {
  if (limit === 'half') return terms.burnFees / 2n + terms.sweepFeeReplaced;
  if (limit === 'quarter') return (terms.surplusBefore + terms.sweptStrays) / 4n;
  return feeBudget(terms);
}

/** A draft and its fee; where the limit does not reach it, the fee that is needed and the sats that are missing. */
export type Settled = { readonly draft: Draft; readonly terms: FeeTerms; readonly fee: bigint } & (
  | { readonly ok: true }
  | { readonly ok: false; readonly missing: bigint }
);

/**
 * The fee of a draft. Strays that are not worth their input at the rate that follows, as where a replacement takes much, are
 * left out.
 */
export function settle(position: Position, draft: Draft, aim: Aim): Settled {
  let settled = settleOnce(position, draft, aim);
  for (let left = draft.swept.length; left > 0; left--) {
    const { swept } = settled.draft;
    const rate = (settled.fee * 1000n) / BigInt(settled.terms.vsize);
    const worth = swept.filter((coin) => coin.leaf.kind === 'deposit' || isWorth(coin, rate));
    if (worth.length === swept.length) break;
    settled = settleOnce(position, { ...draft, swept: worth }, aim);
  }
  return settled;
}

function settleOnce(position: Position, draft: Draft, aim: Aim): Settled {
  const terms = draftTerms(position, draft);
  const least = leastFee(terms);
  const wanted = larger(packageFee(terms, aim.rate), least);
  const range = feeRange(terms);
  const most = smaller(limitOf(terms, aim.limit), range.ok ? range.max : least);
  const fee = aim.exact ? wanted : smaller(wanted, larger(most, least));
  if (range.ok && fee <= most) return { ok: true, draft, terms, fee };
  const needed = aim.exact ? wanted : least;
  return { ok: false, draft, terms, fee: needed, missing: larger(needed - limitOf(terms, aim.limit), 0n) };
}

/** The sats by which the next treasury output would fall short of the floor. */
export function treasuryShort({ place }: Position, { burns, swept, destination }: Draft, fee: bigint): bigint {
  const paid = burns.reduce((sum, { pays }) => sum + pays, destination?.amount ?? 0n);
  return larger(TREASURY_SATS_MIN + paid + fee - place.amount - total(swept), 0n);
}

/**
 * The least top-up of a step that is too dear: what it is short of with the cost of one more input added, and enough for the
 * new stray to be worth that input.
 */
export function topUp(
  { rate }: Position,
  { terms, fee }: Pick<Settled, 'terms' | 'fee'>,
  aimed: bigint,
  shortWith: (added: bigint) => bigint,
): bigint {
  const added = inputCost(larger(aimed, rate + 1n)) + 1n;
  const paid = ((fee + added) * 1000n) / BigInt(terms.vsize);
  return larger(shortWith(added), 2n * inputCost(larger(aimed, paid)));
}

/** The step of a draft and its fee, or null where it would take more from treasury or surplus than there is. */
export function finish(
  input: PlanInput,
  { place }: Position,
  { kind, burns, swept, destination }: Draft,
  fee: bigint,
): Extract<Plan, { kind: 'step' }> | null {
  const draft: LineIntent = {
    step: kind,
    test: false,
    treasury: { txid: place.txid, vout: place.vout, amount: place.amount },
    swept: [...swept].sort(compareOutpoints),
    burns: burns.map(({ burn }) => burn).sort(compareBurns),
    destination,
    fee,
    surplus: 0n,
  };
  const intent = { ...draft, surplus: surplusAfter(place.surplus, draft) };
  const verdict = buildLine(input.terms, intent);
  return verdict.ok ? { kind: 'step', intent, built: verdict.built, left: [] } : null;
}

/** The sum of amounts, in sats. */
export function total(coins: readonly { readonly amount: bigint }[]): bigint {
  return coins.reduce((sum, { amount }) => sum + amount, 0n);
}
