// What the planner of the treasury line is given and what it answers. Amounts in sats, rates in sats per 1000 vbytes.

import { smaller } from './amount.ts';
import type { BuiltLine, LineTerms, ListedBurn } from './line.ts';
import { type FeeView, isBeyond, type RelayFloor, type Replaced, surplusBudget } from './line-fee.ts';
import type { LineBurn, LineIntent, LineKind, SweptOutput } from './line-intent.ts';
import type { LinePlace } from './line-rule.ts';
import { type Outpoint, outpointName } from './outpoint.ts';

/** A step in the own mempool. */
export interface PlanSibling {
  /** Null while its list is not known. */
  readonly kind: LineKind | null;
  readonly burns: readonly ListedBurn[] | null;
  /** What it pays (`outputName`), while its list is not known; else empty. */
  readonly payments: readonly string[];
  /** All of them, the treasury output among them. */
  readonly inputs: readonly Outpoint[];
  /** Its output 0. */
  readonly place: LinePlace;
  /** Its own fee and size. */
  readonly fee: bigint;
  readonly vsize: number;
  /** What a replacement evicts. */
  readonly replaced: Replaced;
  /** It has been in the own mempool for `payout_bump_blocks`. */
  readonly waited: boolean;
}

/**
 * What is wanted. `auto`: whatever is due. `rate` null: the next one, or that of the estimate. A consolidation takes what the
 * surplus holds above the reserve.
 */
export type PlanWish =
  | { readonly kind: 'auto' }
  | { readonly kind: 'bump'; readonly rate: bigint | null }
  | { readonly kind: 'void' }
  | ConsolidateWish;

/** The step pays the surplus above `reserve`, in sats, to `script`. */
export interface ConsolidateWish {
  readonly kind: 'consolidate';
  readonly script: Uint8Array;
  readonly reserve: bigint;
  readonly rate: bigint | null;
}

/** Everything on which the next step depends. */
export interface PlanInput {
  readonly terms: LineTerms;
  /** The group keys of the line, whose treasury scripts no burn may name. */
  readonly treasuryKeys: readonly Uint8Array[];
  /** The end of the mined line. */
  readonly tip: LinePlace;
  /** The step that spends the tip in the own mempool. */
  readonly waiting: PlanSibling | null;
  /** The step that spends output 0 of `waiting`. */
  readonly child: PlanSibling | null;
  /** The own node refused a child of `waiting`, as where too much hangs on it. */
  readonly childRefused: boolean;
  /** Final on Wire and in no mined step, oldest first; those of `waiting` and `child` among them. */
  readonly burns: readonly LineBurn[];
  /** What mined steps whose list is not known pay (`outputName`): a burn that looks the same may be paid. */
  readonly maybePaid: readonly string[];
  /** Burns that this operator holds, and burns that signers refused, by txid. */
  readonly held: ReadonlySet<string>;
  readonly refused: ReadonlySet<string>;
  /** How many sats this operator may still sign within the day, and the burns that count already; absent: any number. */
  readonly day?: DayLimit;
  /** Deposits and strays that may be swept, unspent on the mined line; those that `waiting` sweeps among them. */
  readonly sweepable: readonly SweptOutput[];
  /** The least deposit that is swept. */
  readonly depositMin: bigint;
  /** The batch policy says that burns are paid now. */
  readonly due: boolean;
  /** The own estimate, null where there is none. */
  readonly estimate: bigint | null;
  /** The highest rate that is signed. */
  readonly cap: bigint;
  readonly relay: RelayFloor;
  /** The highest `fee_rate_min` that signers named in their refusals of this step; 0 at first. */
  readonly rateNeeded: bigint;
  /** The highest rate of a sweep that enough signers sign, as their refusals of this step say; null at first. */
  readonly sweepRateMost: bigint | null;
  /** Up to this rate sweeps are made that nobody waits for. */
  readonly cheapRate: bigint;
  /** Whether such sweeps are wanted now: whoever orders a payout does not want one in its place. */
  readonly tidies: boolean;
  /** Least growth of the rate from one version to the next, in percent. */
  readonly bumpPercent: bigint;
  readonly wish: PlanWish;
}

/** A limit of what is paid within a day; `remedy`: what would let go on what exceeds it. */
export interface DayLimit {
  readonly left: bigint;
  readonly counted: ReadonlySet<string>;
  readonly remedy: string;
}

/** Why something waits. */
export type WaitCause =
  | 'held'
  | 'payout_too_large'
  | 'payout_on_hold'
  | 'payout_vetoed'
  | 'approval_needed'
  | 'day_cap_reached'
  | 'burn_unknown'
  | 'burn_mismatch'
  | 'burn_unconfirmed'
  | 'burn_proof_invalid'
  | 'wire_unavailable'
  | 'refused'
  | 'names_treasury'
  | 'address_invalid'
  | 'fee_above_amount'
  | 'below_dust'
  | 'nullifier_twice'
  | 'fee_too_small'
  | 'no_funds'
  | 'batch'
  | 'not_due'
  | 'pinned'
  | 'unlisted'
  | 'other_step_waits'
  | 'nothing_waits'
  | 'fee_too_high'
  | 'fee_rate_too_low';

/** A burn that is left out, or (`burnTxid` null) why there is no step. */
export interface WaitReason {
  readonly burnTxid: string | null;
  readonly reason: WaitCause;
  /** The sats that are missing; 0 where it is not about sats. For `pinned` the least top-up. */
  readonly missing: bigint;
  /** The rate at which it would go, null where it is not about the rate. */
  readonly rate: bigint | null;
  /** What would let it go on. */
  readonly remedy: string;
}

/** The next step, or none; `left`: what it leaves out and why. */
export type Plan =
  | {
      readonly kind: 'step';
      readonly intent: LineIntent;
      readonly built: BuiltLine;
      readonly left: readonly WaitReason[];
    }
  | { readonly kind: 'wait'; readonly left: readonly WaitReason[] };

/** The treasury output that a plan spends, and what its fee is held against. */
export interface Position {
  readonly place: LinePlace;
  /** What it replaces. */
  readonly sibling: PlanSibling | null;
  /** The rate of the sibling, together with an unmined parent; 0 where nothing waits. */
  readonly rate: bigint;
  readonly view: FeeView;
  /** Burns that the unmined parent pays. */
  readonly paid: readonly ListedBurn[];
  /** What ancestors whose list is not known pay (`outputName`). */
  readonly maybePaid: ReadonlySet<string>;
  /** Outpoints that the unmined parent spends. */
  readonly spent: ReadonlySet<string>;
  readonly day?: DayLimit;
}

/** The position on the tip, or on output 0 of the step that waits. */
export function positionOn(input: PlanInput, parent: PlanSibling | null): Position {
  const place = parent?.place ?? input.tip;
  const sibling = parent === null ? input.waiting : input.child;
  const { estimate, cap, relay } = input;
  const paid = new Set(parent?.burns?.map(({ burnTxid }) => burnTxid));
  const needsSweep = input.burns.some(
    ({ burnTxid, amount }) =>
      isBeyond(amount, place.amount) &&
      !paid.has(burnTxid) &&
      !input.held.has(burnTxid) &&
      !input.refused.has(burnTxid),
  );
  return {
    place,
    sibling,
    rate: parent === null ? (sibling?.replaced.rate ?? 0n) : packageRate(sibling, parent),
    view: {
      surplusBefore: place.surplus,
      payoutWaited: sibling?.kind === 'payout' && sibling.waited,
      sweepFeeReplaced: sibling?.kind === 'sweep' ? surplusBudget(place.surplus, straysOf(input, sibling)) : 0n,
      sweepRateMax: needsSweep ? null : smaller(input.cheapRate, input.sweepRateMost ?? input.cheapRate),
      estimate,
      cap,
      relay,
      replaced: sibling?.replaced ?? null,
      parent: parent === null ? null : { fee: parent.fee, vsize: parent.vsize },
    },
    paid: parent?.burns ?? [],
    maybePaid: new Set([...input.maybePaid, ...(parent?.payments ?? [])]),
    spent: new Set(parent?.inputs.map(outpointName)),
    ...(input.day === undefined ? {} : { day: input.day }),
  };
}

/** The rate that a plan aims at: the estimate, or more where nodes do not relay it or signers ask for more. */
export function targetRate({ estimate, relay, rateNeeded, cap }: PlanInput): bigint {
  const wanted = [estimate ?? 0n, relay.feeRateMin, rateNeeded].reduce((most, rate) => (rate > most ? rate : most));
  return wanted < cap ? wanted : cap;
}

/** The rate of the next version: the target, at least one step up, at most the cap. */
export function nextRate(input: PlanInput, { rate }: Position): bigint {
  const step = (rate * (100n + input.bumpPercent) + 99n) / 100n;
  const target = targetRate(input);
  const wanted = step > target ? step : target;
  return wanted < input.cap ? wanted : input.cap;
}

/** Whether a step has waited long enough at a rate that is too low: without an estimate, that it waited is what tells so. */
export function isBumpDue(input: PlanInput, { sibling, rate }: Position): boolean {
  const isLow = rate < (input.estimate === null ? input.cap : targetRate(input));
  return sibling?.waited === true && isLow;
}

function packageRate(child: PlanSibling | null, parent: PlanSibling): bigint {
  return child === null ? 0n : ((parent.fee + child.fee) * 1000n) / BigInt(parent.vsize + child.vsize);
}

function straysOf({ sweepable }: PlanInput, { inputs }: PlanSibling): bigint {
  const spent = new Set(inputs.map(outpointName));
  return sweepable
    .filter((coin) => coin.leaf.kind === 'treasury' && spent.has(outpointName(coin)))
    .reduce((sum, { amount }) => sum + amount, 0n);
}
