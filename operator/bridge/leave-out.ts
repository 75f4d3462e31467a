// What a payout leaves out that cannot be made for all of its burns: too many, too little fee for their inputs, too few
// coins. Only burns may be left out that bind nobody: those whose binding here has lapsed, which are released from the anchor
// once another payout has taken it, and are paid then; and those that this node has bound to nothing.
import type { BurnClaim } from '../../chain/burn.ts';
import type { BuiltPayout } from '../../chain/transaction.ts';
import { getBurn } from '../../store/burns.ts';
import type { Queries } from '../../store/database.ts';
import { isLapsed } from '../../store/lapsed-bindings.ts';
import { CommandError } from '../command-error.ts';
import type { FederationKey } from '../keys.ts';
import type { Bridge } from './bridge.ts';
import { noHints, type PlanHints, type PlanOrder, planFor } from './payout-plan.ts';

/** Why a plan fails that may succeed for fewer burns. */
const TOO_MUCH: ReadonlySet<string> = new Set(['bad_request', 'fee_too_high', 'insufficient_funds']);

/** A smaller attempt. */
export interface Fewer {
  readonly claims: readonly BurnClaim[];
  readonly hints: PlanHints;
}

/** What to pay; `named`: the burns that were asked for, the others are bound to the same inputs. */
export interface FittingOrder extends PlanOrder {
  readonly named: readonly string[];
}

/**
 * Plans a payout, of fewer burns where it cannot be made for all; what replaces another pays the same burns. Throws
 * `CommandError` where there can be none.
 */
export async function planFitting(
  bridge: Bridge,
  key: FederationKey,
  order: FittingOrder,
): Promise<Fewer & { readonly payout: BuiltPayout }> {
  const named = new Set(order.named);
  for (let fewer: Fewer = order; ; ) {
    const { claims, hints } = fewer;
    try {
      return { claims, hints, payout: await planFor(bridge, key, { ...order, claims, hints }) };
    } catch (error) {
      const isMendable = error instanceof CommandError && TOO_MUCH.has(error.code);
      if (order.test || order.replaces !== null || !isMendable) throw error;
      const next = leaveOut(bridge.db, claims, hints, named, bridge.effects.now());
      if (next === null) throw error;
      fewer = next;
    }
  }
}

/**
 * What to try after a plan for these burns failed, or null where none of them may be left out. Half of those whose binding
 * has lapsed at `now` (ms since 1970) are kept, first those that were asked for (`named`), then whoever brings more fees.
 * Where refusals have narrowed the plan to burns that cannot be paid with all that peers ask for, the others are tried
 * without them.
 */
export function leaveOut(
  db: Queries,
  claims: readonly BurnClaim[],
  hints: PlanHints,
  named: ReadonlySet<string>,
  now: number,
): Fewer | null {
  const stateOf = new Map(claims.map(({ burnTxid }) => [burnTxid, bindingOf(db, burnTxid, now)]));
  const hasLapsed = ({ burnTxid }: BurnClaim): boolean => stateOf.get(burnTxid) === 'lapsed';
  const tried = claims.filter(({ burnTxid }) => hints.only === null || hints.only.has(burnTxid));
  const lapsed = tried.filter(hasLapsed).sort(byWorth(named));
  if (lapsed.length > 1 || (lapsed.length === 1 && tried.length > 1)) {
    return without(claims, hints, lapsed.slice(Math.floor(lapsed.length / 2)));
  }
  const others = claims.filter((claim) => !tried.includes(claim));
  if (others.length === 0 || tried.some(({ burnTxid }) => stateOf.get(burnTxid) === 'holds')) return null;
  const spare = others.filter(hasLapsed).sort(byWorth(named));
  const { avoided, unpayable } = hints;
  const left = [...tried, ...spare.slice(Math.ceil(spare.length / 2))];
  return without(claims, { ...noHints, avoided, unpayable }, left);
}

// Peers whose own binding has not lapsed ask for what was left out, in vain: it is passed over like what cannot be paid.
function without(claims: readonly BurnClaim[], hints: PlanHints, left: readonly BurnClaim[]): Fewer {
  const txids = new Set(left.map(({ burnTxid }) => burnTxid));
  const unpayable = new Set([...hints.unpayable, ...txids]);
  const only = hints.only === null ? null : new Set([...hints.only].filter((burnTxid) => !txids.has(burnTxid)));
  return { claims: claims.filter(({ burnTxid }) => !txids.has(burnTxid)), hints: { ...hints, only, unpayable } };
}

function bindingOf(db: Queries, burnTxid: string, now: number): 'none' | 'lapsed' | 'holds' {
  const anchor = getBurn(db, burnTxid)?.anchor ?? null;
  if (anchor === null) return 'none';
  return isLapsed(db, burnTxid, anchor, now) ? 'lapsed' : 'holds';
}

function byWorth(named: ReadonlySet<string>): (a: BurnClaim, b: BurnClaim) => number {
  return (a, b) => {
    const [isAskedA, isAskedB] = [named.has(a.burnTxid), named.has(b.burnTxid)];
    if (isAskedA !== isAskedB) return isAskedA ? -1 : 1;
    if (a.fee !== b.fee) return a.fee > b.fee ? -1 : 1;
    return a.burnTxid < b.burnTxid ? -1 : 1;
  };
}
