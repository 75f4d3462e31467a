// Custody against liabilities: the bitcoin of the federation, and what it owes to holders of wBTC, as this node's own scan
// and its Wire nodes show it.
import { custodySums } from '../store/custody.ts';
import type { Node } from './node.ts';
import type { CustodyReport, TreasuryReport } from './runtime/command-types.ts';

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
