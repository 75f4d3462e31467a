// Plans a payout: a first version, one that replaces what waits, or a child of a full one.
import { larger } from './amount.ts';
import { satVb } from './fee.ts';
import { TREASURY_SATS_MIN } from './line.ts';
import {
  type FeeRefusal,
  type FeeTerms,
  feeRange,
  feeTerms,
  packageFee,
  ratesText,
  topUpFor,
  validateFee,
} from './line-fee.ts';
import { type Candidate, candidatesOf, leave } from './line-plan-burns.ts';
import {
  type Coins,
  type Composition,
  coinsFor,
  compose,
  finish,
  type Recipe,
  type Settled,
  SWEPT_ALONG_MAX,
  settle,
  topUp,
  total,
  treasuryShort,
} from './line-plan-draft.ts';
import { nextRate, type Plan, type PlanInput, type Position, targetRate, type WaitReason } from './line-plan-input.ts';

/** So many deposits are tried, the most first: more fund more burns, fewer cost less. */
const DEPOSITS_TRIED = [SWEPT_ALONG_MAX, 10, 5, 2, 1, 0];

/** Further off than any shortage in sats: there is nothing to pay. */
const NOTHING = 1n << 64n;

/** Why a payout is planned: burns are due, or what waits needs a higher rate (null: the next one). */
export type PayoutPurpose = { readonly kind: 'pay' } | { readonly kind: 'bump'; readonly rate: bigint | null };

/** What came of it. `need`: sats that the treasury lacks for burns which could be paid if it had the deposits. */
export type PayoutAnswer =
  | { readonly ok: true; readonly plan: Extract<Plan, { kind: 'step' }> }
  | { readonly ok: false; readonly left: readonly WaitReason[]; readonly need: bigint };

/** Plans a payout on a position. */
export function planPayout(input: PlanInput, position: Position, purpose: PayoutPurpose): PayoutAnswer {
  const { candidates, left } = candidatesOf(input, position);
  const coins = coinsFor(input, position);
  const open = input.due ? candidates : candidates.filter(({ bound }) => bound);
  const late = candidates.filter((one) => !open.includes(one)).map(notDue);
  const recipes = recipesFor(input, position, purpose, coins);
  const bare = compose(position, open, coins, { ...recipes.first, deposits: 0, fills: false });
  let shortest: Failure | null = null;
  for (const recipe of withDeposits(recipes.all, isFunded(position, bare))) {
    const composition = compose(position, open, coins, recipe);
    const tried = attempt(input, position, composition, recipe, purpose);
    if (tried.ok) {
      const poor = composition.unfunded.map((one) => unfunded(position, coins, one));
      return { ok: true, plan: { ...tried.plan, left: [...left, ...late, ...composition.left, ...poor] } };
    }
    if (shortest === null || tried.missing < shortest.missing) shortest = { ...tried, composition, recipe };
  }
  const need = needed(position, open, coins, recipes.all);
  const reasons = shortest === null ? [] : failureReasons(position, shortest, purpose);
  const poor = bare.unfunded.map((one) => unfunded(position, coins, one));
  return { ok: false, left: onePerBurn([...left, ...late, ...bare.left, ...poor, ...reasons]), need };
}

interface Failure {
  readonly missing: bigint;
  readonly composition: Composition;
  readonly recipe: Recipe;
}

/** The ways to compose this payout, the best first. */
function recipesFor(input: PlanInput, position: Position, purpose: PayoutPurpose, coins: Coins) {
  const { sibling } = position;
  const target = targetRate(input);
  const isCheap = input.estimate !== null && input.estimate <= input.cheapRate;
  const common = { deposits: SWEPT_ALONG_MAX, strays: true, keep: true, drops: false, fills: isCheap };
  const replacesPayout = sibling?.kind === 'payout';
  const recipes: Recipe[] = [];
  if (!replacesPayout) recipes.push({ ...common, rate: target, exact: false, limit: 'half' });
  else if (purpose.kind === 'pay') {
    recipes.push({ ...common, rate: larger(target, position.rate), exact: false, limit: 'budget' });
  } else {
    const rate = purpose.rate ?? nextRate(input, position);
    recipes.push({ ...common, rate, exact: true, limit: 'budget' });
    const mayDrop = sibling.waited && position.view.parent === null;
    if (mayDrop) recipes.push({ ...common, rate, exact: true, limit: 'budget', drops: true });
    if (purpose.rate === null) recipes.push({ ...common, rate, exact: false, limit: 'budget' });
  }
  // What a sweep has gathered is given up only once it has waited long.
  const isStuckSweep = sibling?.kind === 'sweep' && sibling.waited;
  if (isStuckSweep) recipes.push(...recipes.map((recipe) => ({ ...recipe, keep: false })));
  if (coins.strays.length > 0) recipes.push(...recipes.map((recipe) => ({ ...recipe, strays: false })));
  const [first] = recipes;
  if (first === undefined) throw new Error('a payout has a recipe');
  return { first, all: recipes };
}

function withDeposits(recipes: readonly Recipe[], isPaidWithout: boolean): readonly Recipe[] {
  const counts = isPaidWithout ? [0] : DEPOSITS_TRIED;
  return recipes.flatMap((recipe) => counts.map((deposits) => ({ ...recipe, deposits })));
}

/** Whether the treasury pays all of these burns without any deposit. */
function isFunded({ place }: Position, { draft, unfunded }: Composition): boolean {
  const pays = draft.burns.reduce((sum, one) => sum + one.pays, 0n);
  return unfunded.length === 0 && place.amount + total(draft.swept) - pays > TREASURY_SATS_MIN;
}

type Attempt =
  | { readonly ok: true; readonly plan: Extract<Plan, { kind: 'step' }> }
  | { readonly ok: false; readonly missing: bigint };

function attempt(
  input: PlanInput,
  position: Position,
  { draft }: Composition,
  recipe: Recipe,
  purpose: PayoutPurpose,
): Attempt {
  const isIdle = purpose.kind === 'pay' && draft.burns.every(({ bound }) => bound);
  if (draft.burns.length === 0 || isIdle) return { ok: false, missing: NOTHING };
  const settled = settle(position, draft, recipe);
  if (!settled.ok) return { ok: false, missing: settled.missing };
  const plan = finish(input, position, settled.draft, settled.fee);
  if (plan !== null) return { ok: true, plan };
  return { ok: false, missing: treasuryShort(position, settled.draft, settled.fee) };
}

/**
 * The sats that the treasury lacks for burns that would be paid if it held every deposit; 0 where there are none. What
 * would not even then bear its fee is no reason to sweep.
 */
function needed(position: Position, open: readonly Candidate[], coins: Coins, recipes: readonly Recipe[]): bigint {
  const { place } = position;
  const rich = { ...position, place: { ...place, amount: place.amount + total(coins.deposits) } };
  for (const recipe of recipes) {
    const { draft } = compose(rich, open, coins, { ...recipe, deposits: 0, fills: false });
    const settled = settle(rich, draft, recipe);
    if (draft.burns.length > 0 && settled.ok) return treasuryShort(position, settled.draft, settled.fee);
  }
  return 0n;
}

function unfunded(position: Position, coins: Coins, { burn, pays }: Candidate): WaitReason {
  const has = position.place.amount - TREASURY_SATS_MIN + total([...coins.kept, ...coins.strays, ...coins.deposits]);
  const missing = larger(pays - has, 0n);
  const remedy =
    missing > 0n ? 'more deposits that are large enough to be swept have to become final' : 'deposits are swept first';
  return leave(burn.burnTxid, 'no_funds', remedy, missing);
}

/** The first reason of each burn. */
function onePerBurn(reasons: readonly WaitReason[]): readonly WaitReason[] {
  const seen = new Set<string>();
  return reasons.filter(({ burnTxid }) => {
    if (burnTxid === null) return true;
    const isFirst = !seen.has(burnTxid);
    seen.add(burnTxid);
    return isFirst;
  });
}

function notDue({ burn }: Candidate): WaitReason {
  return leave(
    burn.burnTxid,
    'not_due',
    'it waits for more burns to share a step (payout_batch_count, payout_batch_age_s)',
  );
}

/** Why the attempt that came closest failed, for the step and for each burn that it would have added. */
function failureReasons(
  position: Position,
  { composition, recipe }: Failure,
  purpose: PayoutPurpose,
): readonly WaitReason[] {
  const { sibling } = position;
  const { burns } = composition.draft;
  const fresh = burns.filter(({ bound }) => !bound);
  if (burns.length === 0 || (purpose.kind === 'pay' && fresh.length === 0)) return [];
  const settled = settle(position, composition.draft, recipe);
  const { terms } = settled;
  if (purpose.kind === 'bump' && purpose.rate !== null) {
    const verdict = validateFee(terms, settled.fee);
    if (!verdict.ok) return [refusedRate(verdict, terms)];
  }
  const range = feeRange(terms);
  if (!range.ok && range.data.missing === '0') return [refusedRate(range, terms)];
  if (sibling?.kind === 'payout') {
    const pin = pinned(position, settled, recipe.rate);
    return [pin, ...fresh.map(({ burn }) => ({ ...pin, burnTxid: burn.burnTxid }))];
  }
  return fresh.map(({ burn }) => {
    if (sibling !== null)
      return leave(burn.burnTxid, 'other_step_waits', 'it is paid once the step that waits is mined');
    if (settled.ok) {
      const missing = treasuryShort(position, settled.draft, settled.fee);
      return leave(burn.burnTxid, 'no_funds', 'deposits are swept first', missing);
    }
    const { feeRateMin } = terms.relay;
    const isRelay = recipe.rate <= feeRateMin;
    const lower = isRelay
      ? `a lower relay minimum of your own Bitcoin nodes (now ${satVb(feeRateMin)} sat/vB)`
      : 'a lower fee rate';
    const remedy = `the fees of all waiting burns together do not pay for a payout: it waits for more burns or ${lower}`;
    return { burnTxid: burn.burnTxid, reason: 'fee_too_small', missing: settled.missing, rate: null, remedy };
  });
}

/** An operator who names a rate gets a step at this rate or none: a step that pays more would spend sats that nobody allowed. */
export function atRate({ view }: Position, plan: Plan, rate: bigint | null): Plan {
  if (rate === null || plan.kind === 'wait') return plan;
  const terms = feeTerms(view, plan.built);
  const asked = packageFee(terms, rate);
  const verdict = validateFee(terms, asked);
  return asked >= plan.intent.fee || verdict.ok ? plan : { kind: 'wait', left: [refusedRate(verdict, terms)] };
}

/** A rate that this node itself would not sign. */
export function refusedRate(
  { reason, detail, data }: FeeRefusal,
  terms: Pick<FeeTerms, 'vsize' | 'parent'>,
): WaitReason {
  const remedy = `this node ${ratesText(data, terms)} (${detail})`;
  return { burnTxid: null, reason, missing: BigInt(data.missing), rate: BigInt(data.fee_rate_min), remedy };
}

/** What waits costs more to replace than burns and surplus bear, or than the treasury holds. */
function pinned(position: Position, { draft, terms, fee }: Settled, aimed: bigint): WaitReason {
  const { burnFees, surplusBefore, sweptStrays } = terms;
  const shortOf = (cost: bigint) => topUpFor(cost - burnFees, surplusBefore, sweptStrays);
  const short = treasuryShort(position, draft, fee);
  if (shortOf(fee) + short === 0n) {
    return leave(null, 'pinned', 'it goes on by itself once the payout has waited payout_bump_blocks');
  }
  const missing = topUp(position, { terms, fee }, aimed, (added) => larger(shortOf(fee + added), short + added));
  const remedy = `top up the treasury with ${missing} sats or more at once: replacing the waiting step costs ${fee} sats`;
  return leave(null, 'pinned', remedy, missing);
}
