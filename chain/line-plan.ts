// The planner of the treasury line: one pure function that chooses the next step, with its burns, swept coins and fee, or
// says what everything waits for. What it plans is within the rule that every signer holds it to (line-rule.ts, line-fee.ts).
import { larger } from './amount.ts';
import { topUpFor, validateFee } from './line-fee.ts';
import { LINE_BURNS_MAX, LINE_INPUTS_MAX } from './line-intent.ts';
import { leave } from './line-plan-burns.ts';
import { planConsolidation } from './line-plan-consolidate.ts';
import {
  type Aim,
  coinsFor,
  costOf,
  type Draft,
  draftTerms,
  finish,
  isWorth,
  settle,
  topUp,
  treasuryShort,
} from './line-plan-draft.ts';
import {
  isBumpDue,
  nextRate,
  type Plan,
  type PlanInput,
  type PlanSibling,
  type Position,
  positionOn,
  targetRate,
  type WaitReason,
} from './line-plan-input.ts';
import { atRate, type PayoutAnswer, type PayoutPurpose, planPayout, refusedRate } from './line-plan-payout.ts';
import { planSweep } from './line-plan-sweep.ts';
import { isUnlisted, otherWaits, unlisted, wait } from './line-plan-wait.ts';

export type { Plan, PlanInput, PlanSibling, PlanWish, WaitCause, WaitReason } from './line-plan-input.ts';

/** The next step of the line, or why there is none. */
export function planStep(input: PlanInput): Plan {
  const { wish } = input;
  switch (wish.kind) {
    case 'auto':
      return planAuto(input);
    case 'bump':
      return planBump(input, wish.rate);
    case 'void':
      return planVoid(input);
    case 'consolidate':
      return planConsolidation(input, wish);
  }
}

function planAuto(input: PlanInput): Plan {
  const { waiting } = input;
  if (waiting === null) return planFree(input);
  if (isUnlisted(waiting)) return planOverUnlisted(input, waiting);
  if (waiting.kind === 'payout') return planOverPayout(input, waiting);
  if (waiting.kind === 'sweep') return planOverSweep(input);
  if (waiting.kind === 'consolidate') return planOverConsolidation(input, waiting);
  return wait([otherWaits(waiting.kind ?? 'unlisted')]);
}

/** Nothing waits: burns first, then what they lack, then what is cheap. */
function planFree(input: PlanInput): Plan {
  const position = positionOn(input, null);
  const payout = planPayout(input, position, { kind: 'pay' });
  if (payout.ok) return payout.plan;
  if (payout.need > 0n) {
    const sweep = planSweep(input, position, { kind: 'fund', need: payout.need });
    return sweep === null ? wait([...payout.left, unpaidSweep(input, position)]) : { ...sweep, left: payout.left };
  }
  const isCheap = input.estimate !== null && input.estimate <= input.cheapRate;
  const isWanted = isCheap && input.tidies && !payout.left.some(({ reason }) => reason === 'not_due');
  const sweep = isWanted ? planSweep(input, position, { kind: 'cheap' }) : null;
  return sweep === null ? wait(payout.left) : { ...sweep, left: payout.left };
}

/** A payout waits: replaced where its rate is too low or burns join it; full, it gets a child. */
function planOverPayout(input: PlanInput, waiting: PlanSibling): Plan {
  const { child } = input;
  if (child !== null && isUnlisted(child)) return wait([unlisted()]);
  // A consolidation is mined with the payout that it follows. One that is not goes with the version that it follows.
  const isFollowed = child?.kind === 'consolidate';
  if (isFollowed && !child.waited) return wait(afterConsolidation(input));
  const isFull = (waiting.burns?.length ?? 0) >= LINE_BURNS_MAX;
  // What hangs on a full payout goes with it, so that its next version can have a child.
  const isBlocked = isFull && input.childRefused && waiting.waited && input.due;
  const isLow = isBlocked || isBumpDue(input, positionOn(input, null));
  const beChild = (child !== null && !isFollowed) || (isFull && !isLow && !input.childRefused);
  const position = positionOn(input, beChild ? waiting : null);
  const isBump = beChild ? isBumpDue(input, position) : isLow;
  const purpose: PayoutPurpose = isBump ? { kind: 'bump', rate: null } : { kind: 'pay' };
  return planOf(planPayout(input, position, purpose));
}

/**
 * Nobody has told what the step that waits pays, so it is not replaced; but whoever withholds it must not halt the line. What
 * surely is not paid by it gets a child, at the rate of the two.
 */
function planOverUnlisted(input: PlanInput, waiting: PlanSibling): Plan {
  const { child } = input;
  if (input.childRefused || (child !== null && child.kind !== 'payout')) return wait([unlisted()]);
  const position = positionOn(input, waiting);
  const purpose: PayoutPurpose = isBumpDue(input, position) ? { kind: 'bump', rate: null } : { kind: 'pay' };
  const payout = planPayout(input, position, purpose);
  return payout.ok ? payout.plan : wait([...payout.left, unlisted()]);
}

/**
 * A consolidation waits: a payout follows it, at the rate of the two, so that both are mined. One that has waited long, or
 * that nothing can follow, gives way to what burns need.
 */
function planOverConsolidation(input: PlanInput, waiting: PlanSibling): Plan {
  const { child } = input;
  if (child !== null && (isUnlisted(child) || child.kind !== 'payout')) return wait(afterConsolidation(input));
  let left: readonly WaitReason[] = [];
  if (!input.childRefused) {
    const position = positionOn(input, waiting);
    const purpose: PayoutPurpose = isBumpDue(input, position) ? { kind: 'bump', rate: null } : { kind: 'pay' };
    const payout = planPayout(input, position, purpose);
    if (payout.ok) return payout.plan;
    left = payout.left;
  }
  if (child !== null || !(waiting.waited || input.childRefused)) return wait(left);
  const position = positionOn(input, null);
  const payout = planPayout(input, position, { kind: 'pay' });
  if (payout.ok) return payout.plan;
  // The sweep pays for the place of the consolidation, so burns lack the same with and without it.
  const free = { ...input, waiting: null, child: null };
  const bare = planPayout(free, positionOn(free, null), { kind: 'pay' });
  const need = bare.ok ? 0n : bare.need;
  const sweep = need > 0n ? planSweep(input, position, { kind: 'fund', need }) : null;
  return sweep === null ? wait(payout.left) : { ...sweep, left: payout.left };
}

/** A sweep waits: a payout takes its place and its coins, or it is bumped where burns need what it gathers. */
function planOverSweep(input: PlanInput): Plan {
  const position = positionOn(input, null);
  const payout = planPayout(input, position, { kind: 'pay' });
  if (payout.ok) return payout.plan;
  const isNeeded = payout.left.some(({ reason }) => reason === 'no_funds' || reason === 'other_step_waits');
  const isDue = isBumpDue(input, position) && isNeeded;
  const sweep = isDue ? planSweep(input, position, { kind: 'bump', rate: null }) : null;
  return sweep === null ? wait(payout.left) : { ...sweep, left: payout.left };
}

/** What waits is replaced at a higher rate, by the operator's wish. */
function planBump(input: PlanInput, rate: bigint | null): Plan {
  const { waiting, child } = input;
  if (waiting === null)
    return wait([leave(null, 'nothing_waits', 'no step of the line waits in the mempool of your node')]);
  // A person who raises the fee of a payout means the payout, and not the consolidation that follows.
  const isOfChild = child !== null && !(waiting.kind === 'payout' && child.kind === 'consolidate');
  const bumped = isOfChild ? child : waiting;
  if (isUnlisted(waiting) || isUnlisted(bumped)) return wait([unlisted()]);
  const position = positionOn(input, isOfChild ? waiting : null);
  if (bumped.kind === 'payout')
    return atRate(position, planOf(planPayout(input, position, { kind: 'bump', rate })), rate);
  if (bumped.kind === 'consolidate') {
    const remedy = '`consolidate-fees --address A --fee-rate R` replaces a consolidation by one that pays more';
    return wait([leave(null, 'other_step_waits', remedy)]);
  }
  if (bumped.kind !== 'sweep') {
    return wait([leave(null, 'other_step_waits', `only \`void\` can replace a ${bumped.kind} step`)]);
  }
  const sweep = planSweep(input, position, { kind: 'bump', rate });
  return sweep === null ? wait([stuckSweep(input, position, rate)]) : atRate(position, sweep, rate);
}

/** Nothing but the treasury output, and strays where the surplus alone does not pay for it. */
function planVoid(input: PlanInput): Plan {
  const position = positionOn(input, null);
  const { kept, strays } = coinsFor(input, position);
  const aim: Aim = { rate: targetRate(input), exact: false, limit: 'budget' };
  const worth = [...kept, ...strays].filter((coin) => coin.leaf.kind === 'treasury' && isWorth(coin, aim.rate));
  const bare: Draft = { kind: 'void', burns: [], swept: [], destination: null };
  const full: Draft = { ...bare, swept: worth.slice(0, LINE_INPUTS_MAX - 1) };
  for (const draft of [bare, full]) {
    const settled = settle(position, draft, aim);
    const plan = settled.ok ? finish(input, position, settled.draft, settled.fee) : null;
    if (plan !== null) return plan;
  }
  const settled = settle(position, full, aim);
  const { fee, terms, draft } = settled;
  const short = larger(fee - terms.surplusBefore - terms.sweptStrays, treasuryShort(position, draft, fee));
  const missing = topUp(position, settled, aim.rate, (added) => short + added);
  const remedy = `top up the treasury with ${missing} sats or more at once: the void step costs ${fee} sats`;
  return wait([leave(null, 'pinned', remedy, missing)]);
}

function planOf(answer: PayoutAnswer): Plan {
  return answer.ok ? answer.plan : wait(answer.left);
}

/** Burns that no step pays yet while a consolidation is the last of the line. */
function afterConsolidation({ burns, waiting, child }: PlanInput): readonly WaitReason[] {
  const paid = new Set([waiting, child].flatMap((one) => one?.burns?.map(({ burnTxid }) => burnTxid) ?? []));
  const remedy = 'a consolidation waits: it is mined first, or gives way after payout_bump_blocks';
  return burns.flatMap(({ burnTxid }) => (paid.has(burnTxid) ? [] : leave(burnTxid, 'other_step_waits', remedy)));
}

/** The surplus does not pay for sweeping one deposit: the least top-up. */
function unpaidSweep(input: PlanInput, position: Position): WaitReason {
  const coins = coinsFor(input, position);
  const aim: Aim = { rate: larger(input.relay.feeRateMin, input.rateNeeded), exact: true, limit: 'budget' };
  const swept = [...coins.strays.filter((coin) => isWorth(coin, aim.rate)), ...coins.deposits.slice(0, 1)];
  const settled = settle(position, { kind: 'sweep', burns: [], swept, destination: null }, aim);
  const { surplusBefore, sweptStrays } = settled.terms;
  const short = (added: bigint) => topUpFor(settled.fee + added, surplusBefore, sweptStrays);
  const missing = topUp(position, settled, aim.rate, short);
  const remedy = `top up the treasury with ${missing} sats or more at once, so that deposits can be swept`;
  return leave(null, 'no_funds', remedy, missing);
}

function stuckSweep(input: PlanInput, position: Position, rate: bigint | null): WaitReason {
  const { kept } = coinsFor(input, position);
  const draft: Draft = { kind: 'sweep', burns: [], swept: kept, destination: null };
  const terms = draftTerms(position, draft);
  const verdict = validateFee(terms, costOf(terms, rate ?? nextRate(input, position)));
  if (!verdict.ok) return refusedRate(verdict, terms);
  return leave(null, 'no_funds', 'the treasury does not hold enough for the fee: top it up');
}
