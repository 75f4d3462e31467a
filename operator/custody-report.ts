// Custody against liabilities: what the federation holds in bitcoin, and what it owes to holders of wBTC, as this node's own scan
// and its Wire nodes show it.
import { custodySums } from '../store/custody.ts';
import type { Node } from './node.ts';
import type { CustodyReport, TreasuryReport } from './runtime/command-types.ts';

/**
 * Null while the treasury is not open. What is held above what is owed is the treasury's floor, its surplus, top-ups, and
 * deposits that are not attested yet.
 */
export function custodyReport({ store }: Node, treasury: TreasuryReport): CustodyReport | null {
  if (treasury.balance === null) return null;
  const { attested, redeemed, unswept, unknown } = custodySums(store.db);
  const [balance, strays] = [BigInt(treasury.balance), BigInt(treasury.strays.amount)];
  const held = balance + unswept + strays;
  const owed = attested - redeemed;
  return {
    ...{ held: `${held}`, treasury: `${balance}`, unswept: `${unswept}`, strays: `${strays}` },
    ...{ owed: `${owed}`, attested: `${attested}`, redeemed: `${redeemed}`, excess: `${held - owed}` },
    is_complete: unknown === 0,
  };
}
