// Custody against liabilities: the bitcoin of the federation, and what it owes to holders of wBTC, as this node's own scan
// and its Wire nodes show it.
import { custodySums } from '../store/custody.ts';
import type { Node } from './node.ts';
import type { CustodyReport, TreasuryReport } from './runtime/command-types.ts';
import { type Problem, problem } from './runtime/problems.ts';

/**
 * Null while the treasury is not open. What custody has above what is owed is the treasury's floor, its surplus, top-ups, and
 * deposits that are not attested yet.
 */
export function custodyReport({ store }: Node, treasury: TreasuryReport): CustodyReport | null {
  if (treasury.balance === null) return null;
  const { attested, redeemed, unswept, unknown } = custodySums(store.db);
  const [balance, strays] = [BigInt(treasury.balance), BigInt(treasury.strays.amount)];
  const total = balance + unswept + strays;
  const owed = attested - redeemed;
  return {
    ...{ total: `${total}`, treasury: `${balance}`, unswept: `${unswept}`, strays: `${strays}` },
    ...{ owed: `${owed}`, attested: `${attested}`, redeemed: `${redeemed}`, excess: `${total - owed}` },
    is_complete: unknown === 0,
  };
}

/**
 * The alarm where custody does not cover what is owed. While burns that were paid are not known here, what is owed is less than
 * the report says, so that nothing is said. `since` in ms since 1970.
 */
export function custodyProblems(custody: CustodyReport | null, since: number): readonly Problem[] {
  if (custody === null || !custody.is_complete || BigInt(custody.excess) >= 0n) return [];
  const cause = `it holds ${-BigInt(custody.excess)} sats less than holders are owed, as far as this node knows`;
  const action = 'see `mpc_operator status --full`, and find out why with the other operators before more is paid';
  return [problem('custody_short', { subject: 'custody', since, cause, action })];
}
