// Which transaction of a block funds the treasury line: the first output in the order of the block that pays the
// treasury script enough. A miner's reward does not count: nobody can double-spend it, so a node could never know that
// it is gone for good.
import { scanTransactions, WatchList } from './block-scan.ts';
import { ROOT_SATS_MIN } from './line.ts';
import type { Outpoint, Valued } from './outpoint.ts';
import type { RawTransactions } from './raw-transactions.ts';

/** An output that can be the root, and what the transaction that makes it spends. Amount in sats. */
export interface TreasuryFunding extends Valued {
  readonly inputs: readonly Outpoint[];
}

/** The first output of a block that can be the root of the line with this treasury script (34 bytes); null: none. */
export function firstFunding(transactions: RawTransactions, script: Uint8Array): TreasuryFunding | null {
  const watched = new WatchList<true, never>();
  watched.watchScript(script, true);
  const coinbase = transactions.txid(0);
  const { payments } = scanTransactions(transactions, watched);
  const found = payments.find(({ txid, amount }) => txid !== coinbase && amount >= ROOT_SATS_MIN);
  if (found === undefined) return null;
  const { txid, vout, amount } = found;
  return { txid, vout, amount, inputs: inputsOf(transactions, txid) };
}

function inputsOf(transactions: RawTransactions, txid: string): readonly Outpoint[] {
  let index = 0;
  while (transactions.txid(index) !== txid) index += 1;
  const first = transactions.firstInput(index);
  const end = index + 1 < transactions.count ? transactions.firstInput(index + 1) : transactions.inputOffsets.length;
  return Array.from({ length: end - first }, (_, at) => transactions.outpoint(first + at));
}
