// What a coordinator learns from refusals of a step: burns and outputs to leave out, and the rate that signers need. A
// liar can only make it try again later with less, because every signer validates the new plan again.
import { z } from 'zod';
import { larger } from '../../chain/amount.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { hexOf, voutField } from '../../crypto/json-fields.ts';
import type { Learnt } from './line-inputs.ts';

/** A refusal as a signer gave it. */
export interface RefusalHeard {
  readonly reason: string;
  readonly data?: unknown;
}

/** How many signers there are, how many a signature takes, and what they refused. */
export interface Asked {
  readonly participants: number;
  readonly threshold: number;
  /** This node itself refused. */
  readonly alone: boolean;
  /** The step spends the treasury output of one that waits. */
  readonly isChild: boolean;
  /** The step is a sweep, which can be made at a lower rate. */
  readonly isSweep?: boolean;
}

const burnData = z.object({ burn_txid: hexOf(32) });
const outpointData = z.object({ txid: hexOf(32), vout: voutField });
const rateData = z.object({ fee_rate_min: z.string().regex(/^[0-9]{1,12}$/) });

const rateRange = z.object({
  fee_rate_min: z.string().regex(/^[0-9]{1,12}$/),
  fee_rate_max: z.string().regex(/^[0-9]{1,12}$/),
});
const reserveData = z.object({ fee_reserve: z.string().regex(/^[0-9]{1,16}$/) });

const ABOUT_A_BURN = new Set([
  ...['burn_unknown', 'burn_mismatch', 'burn_unconfirmed', 'burn_proof_invalid', 'burn_already_paid'],
  ...['burn_may_be_paid', 'burn_pays_treasury', 'address_invalid', 'below_dust', 'fee_above_amount', 'policy'],
  ...['payout_too_large', 'payout_on_hold', 'approval_needed', 'day_cap_reached', 'payout_vetoed'],
]);
const ABOUT_AN_OUTPUT = new Set([
  ...['input_unknown', 'input_spent', 'deposit_not_minted', 'deposit_too_small', 'deposit_not_found', 'deposit_spent'],
  ...['deposit_too_few_confirmations', 'deposit_wrong_script', 'deposit_wrong_amount'],
]);
const ABOUT_THE_RATE = new Set(['fee_rate_too_low', 'relay_refused']);

/** What the refusals teach beyond what is known; null where they teach nothing. */
export function learnFrom(
  known: Learnt,
  refusals: readonly RefusalHeard[],
  { participants, threshold, alone, isChild, isSweep = false }: Asked,
): Learnt | null {
  const burns = new Set(known.refusedBurns);
  const outputs = new Set(known.refusedOutputs);
  const rates: bigint[] = [];
  const reserves: bigint[] = [];
  const highest: bigint[] = [];
  for (const { reason, data } of refusals) {
    const burn = ABOUT_A_BURN.has(reason) ? burnData.safeParse(data) : null;
    if (burn?.success === true) burns.add(burn.data.burn_txid);
    const output = ABOUT_AN_OUTPUT.has(reason) ? outpointData.safeParse(data) : null;
    if (output?.success === true) outputs.add(outpointName(output.data));
    const rate = ABOUT_THE_RATE.has(reason) ? rateData.safeParse(data) : null;
    if (rate?.success === true) rates.push(BigInt(rate.data.fee_rate_min));
    const range = isSweep && reason === 'fee_too_high' ? rateRange.safeParse(data) : null;
    if (range?.success === true) {
      const [least, most] = [BigInt(range.data.fee_rate_min), BigInt(range.data.fee_rate_max)];
      if (least <= most) highest.push(most);
    }
    const reserve = reason === 'policy' ? reserveData.safeParse(data) : null;
    if (reserve?.success === true) reserves.push(BigInt(reserve.data.fee_reserve));
  }
  // As many of those that ask for more must agree as are missing for a signature: the lowest rate at which that is so.
  const missing = missingFor(refusals, { participants, threshold, alone });
  const rateNeeded = larger(enoughFor(rates, missing), known.rateNeeded);
  const reserveNeeded = larger(enoughFor(reserves, missing), known.reserveNeeded);
  const sweepRateMost = lowerOf(known.sweepRateMost, highest, missing);
  // Where a higher rate is no answer, so much hangs on the step that waits that a mempool takes no child of it.
  const isUnrelayed = refusals.some(({ reason }) => reason === 'relay_refused') && rateNeeded === known.rateNeeded;
  const childRefused = known.childRefused || (isChild && isUnrelayed);
  const isMore =
    burns.size > known.refusedBurns.size ||
    outputs.size > known.refusedOutputs.size ||
    rateNeeded > known.rateNeeded ||
    reserveNeeded > known.reserveNeeded ||
    sweepRateMost !== known.sweepRateMost ||
    childRefused !== known.childRefused;
  if (!isMore) return null;
  return { refusedBurns: burns, refusedOutputs: outputs, rateNeeded, reserveNeeded, sweepRateMost, childRefused };
}

// The highest rate that so many sign of those that named one, where it is lower than what was known.
function lowerOf(known: bigint | null, rates: readonly bigint[], signers: number): bigint | null {
  const descending = rates.toSorted((a, b) => (a < b ? 1 : a > b ? -1 : 0));
  const most = descending[Math.min(signers, descending.length) - 1] ?? null;
  return most === null || (known !== null && known <= most) ? known : most;
}

// The least figure with which so many are content of those that named one; 0 where nobody did.
function enoughFor(figures: readonly bigint[], signers: number): bigint {
  const ascending = figures.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return ascending[Math.min(signers, ascending.length) - 1] ?? 0n;
}

/** What to leave out next; `found`: the burn that nodes do not relay, once no other can be the reason. */
export interface Narrowed {
  readonly learnt: Learnt;
  readonly found: string | null;
}

/**
 * Where nodes do not relay a step and do not say why, one burn may be the reason, as one to an address that their operators
 * do not relay to. Of the burns that need not be in the step (`open`) half are left out, again and again, until one is
 * found. Null where the step is refused for something else.
 */
export function narrow(
  known: Learnt,
  refusals: readonly RefusalHeard[],
  asked: Asked,
  open: readonly string[],
): Narrowed | null {
  const unrelayed = refusals.filter(({ reason }) => reason === 'relay_refused').length;
  if (unrelayed < missingFor(refusals, asked)) return null;
  const [only] = open;
  if (only === undefined) return null;
  // What was left out before may be paid all the same.
  if (open.length === 1) return { learnt: { ...known, refusedBurns: new Set([only]) }, found: only };
  const left = open.slice(Math.ceil(open.length / 2));
  return { learnt: { ...known, refusedBurns: new Set([...known.refusedBurns, ...left]) }, found: null };
}

/** How many more signers a signature takes than are left. */
export function missingFor(
  refusals: readonly RefusalHeard[],
  { participants, threshold, alone }: Pick<Asked, 'participants' | 'threshold' | 'alone'>,
): number {
  return alone ? 1 : Math.max(1, threshold - (participants - refusals.length));
}
