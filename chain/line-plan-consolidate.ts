// Plans a consolidation: what the surplus holds above the reserve goes to the agreed address. It spends the tip, or follows a
// payout that waits, so that a line on which payouts always wait can consolidate as well.
import { smaller } from './amount.ts';
import { dustThreshold } from './fee.ts';
import { TREASURY_SATS_MIN } from './line.ts';
import { validateFee } from './line-fee.ts';
import { leave } from './line-plan-burns.ts';
import { type Aim, costOf, type Draft, draftTerms, finish, settle } from './line-plan-draft.ts';
import {
  type ConsolidateWish,
  type Plan,
  type PlanInput,
  type PlanSibling,
  positionOn,
  targetRate,
  type WaitReason,
} from './line-plan-input.ts';
import { atRate, refusedRate } from './line-plan-payout.ts';
import { isUnlisted, otherWaits, unlisted, wait } from './line-plan-wait.ts';

/** The consolidation, or why there is none. */
export function planConsolidation(input: PlanInput, wish: ConsolidateWish): Plan {
  const spot = spotFor(input, wish);
  if (!spot.ok) return wait([spot.why]);
  const position = positionOn(input, spot.parent);
  const aim: Aim = { rate: wish.rate ?? targetRate(input), exact: true, limit: 'budget' };
  const draft: Draft = { kind: 'consolidate', burns: [], swept: [], destination: { script: wish.script, amount: 0n } };
  const settled = settle(position, draft, aim);
  if (!settled.ok) {
    const terms = draftTerms(position, draft);
    const verdict = validateFee(terms, costOf(terms, aim.rate));
    if (!verdict.ok) return wait([refusedRate(verdict, terms)]);
  }
  const { amount: held, surplus } = position.place;
  const spare = surplus - wish.reserve - settled.fee;
  const amount = smaller(spare, held - TREASURY_SATS_MIN - settled.fee);
  const least = dustThreshold(wish.script, input.relay.dustRelayRate);
  const paying = { ...draft, destination: { script: wish.script, amount } };
  const plan = amount < least ? null : finish(input, position, paying, settled.fee);
  if (plan !== null) return atRate(position, plan, wish.rate);
  const remedy =
    spare >= least
      ? `the treasury holds ${held} sats, which leaves nothing above its floor: deposits have to be swept first`
      : `the surplus of ${surplus} sats keeps the reserve of ${wish.reserve} and pays a fee of ${settled.fee}: ${least - spare} sats more have to come in`;
  return wait([leave(null, 'no_funds', remedy)]);
}

type Spot =
  | { readonly ok: true; readonly parent: PlanSibling | null }
  | { readonly ok: false; readonly why: WaitReason };

// On the tip, or on a payout that waits. Another consolidation gives way only to one with a rate that the operator names.
function spotFor({ waiting, child, childRefused }: PlanInput, { rate }: ConsolidateWish): Spot {
  if (waiting === null) return { ok: true, parent: null };
  if (isUnlisted(waiting) || (child !== null && isUnlisted(child))) return { ok: false, why: unlisted() };
  const isOnPayout = waiting.kind === 'payout' && (child === null || child.kind === 'consolidate');
  const isAlone = waiting.kind === 'consolidate' && child === null;
  if ((!isOnPayout && !isAlone) || (isOnPayout && childRefused)) {
    return { ok: false, why: otherWaits(child?.kind ?? waiting.kind ?? 'unlisted') };
  }
  const last = child ?? waiting;
  if (last.kind === 'consolidate' && rate === null) {
    const remedy = 'a consolidation waits already; with --fee-rate it is replaced by one that pays more';
    return { ok: false, why: leave(null, 'other_step_waits', remedy) };
  }
  return { ok: true, parent: isOnPayout ? waiting : null };
}
