// Plans a sweep: for burns that the treasury cannot fund the largest deposits first, as many as the surplus pays; in cheap
// times whatever is worth its input.
import { larger, smaller } from './amount.ts';
import { LINE_INPUTS_MAX, type SweptOutput } from './line-intent.ts';
import {
  type Aim,
  type Coins,
  coinsFor,
  costOf,
  type Draft,
  draftTerms,
  finish,
  isWorth,
  limitOf,
  settle,
  total,
} from './line-plan-draft.ts';
import { nextRate, type Plan, type PlanInput, type Position, targetRate } from './line-plan-input.ts';

/** Why a sweep is planned: burns lack so many sats, fees are low, or a sweep waits at too low a rate (null: the next one). */
export type SweepPurpose =
  | { readonly kind: 'fund'; readonly need: bigint }
  | { readonly kind: 'cheap' }
  | { readonly kind: 'bump'; readonly rate: bigint | null };

/** The sweep, or null where nothing is worth it or the surplus pays none. */
export function planSweep(
  input: PlanInput,
  position: Position,
  purpose: SweepPurpose,
): Extract<Plan, { kind: 'step' }> | null {
  const coins = coinsFor(input, position);
  for (const aim of aimsFor(input, position, purpose)) {
    const draft = gather(position, coins, aim, purpose.kind === 'fund' ? purpose.need : null);
    if (draft === null) continue;
    const settled = settle(position, draft, aim);
    const isSweep = settled.ok && settled.draft.swept.length > 0;
    const plan = isSweep ? finish(input, position, settled.draft, settled.fee) : null;
    if (plan !== null) return plan;
  }
  return null;
}

function aimsFor(input: PlanInput, position: Position, purpose: SweepPurpose): readonly Aim[] {
  const wanted = targetRate(input);
  const target = input.sweepRateMost === null ? wanted : smaller(wanted, input.sweepRateMost);
  const floor = larger(input.relay.feeRateMin, input.rateNeeded);
  if (purpose.kind === 'cheap') return [{ rate: target, exact: true, limit: 'quarter' }];
  if (purpose.kind === 'fund') {
    const cheap = smaller(target, larger(input.cheapRate, floor));
    return [
      { rate: cheap, exact: true, limit: 'budget' },
      { rate: floor, exact: true, limit: 'budget' },
    ];
  }
  const rate = purpose.rate ?? nextRate(input, position);
  const exact: Aim = { rate, exact: true, limit: 'budget' };
  return purpose.rate === null ? [exact, { ...exact, exact: false }] : [exact];
}

/** What the sibling sweeps and all strays, then the largest deposits, until the need is met or the limit is reached. */
function gather(position: Position, coins: Coins, aim: Aim, need: bigint | null): Draft | null {
  const first = [...coins.kept, ...coins.strays].filter((coin) => isWorth(coin, aim.rate));
  let swept: readonly SweptOutput[] = first.slice(0, LINE_INPUTS_MAX - 1);
  for (const coin of coins.deposits) {
    const isMet = need !== null && total(swept) - weigh(position, swept, aim).cost >= need;
    if (isMet || swept.length >= LINE_INPUTS_MAX - 1 || !isWorth(coin, aim.rate)) break;
    const more = [...swept, coin];
    if (!weigh(position, more, aim).isBorne) break;
    swept = more;
  }
  return swept.length === 0 ? null : draftOf(swept);
}

function draftOf(swept: readonly SweptOutput[]): Draft {
  return { kind: 'sweep', burns: [], swept, destination: null };
}

function weigh(position: Position, swept: readonly SweptOutput[], { rate, limit }: Aim) {
  const terms = draftTerms(position, draftOf(swept));
  const cost = costOf(terms, rate);
  return { cost, isBorne: cost <= limitOf(terms, limit) };
}
