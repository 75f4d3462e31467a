// What one block brings: deposits, change, spent custody outputs, and payments that this node never signed.

import type { Block } from '../../chain/block.ts';
import { scanTransactions, type WatchList } from '../../chain/block-scan.ts';
import type { Outpoint } from '../../chain/outpoint.ts';
import { leafJson } from '../../chain/payout-intent.ts';
import { toHex } from '../../crypto/bytes.ts';
import type { CustodyLeaf } from '../../crypto/taproot.ts';
import type { Queries } from '../../store/database.ts';
import { getDeposit, recordDeposit, setDepositStatus } from '../../store/deposits.ts';
import { type ForeignOutput, recordForeignPayments } from '../../store/foreign-payments.ts';
import { getPayout } from '../../store/payout-listing.ts';
import { markUtxoSpent, recordUtxo } from '../../store/utxos.ts';

type Watched = WatchList<CustodyLeaf, Outpoint>;

interface Place {
  readonly height: number;
  readonly hash: string;
}

/** How many deposits a block brought, and which payouts that were given up for good it holds all the same. */
export interface BlockBrought {
  readonly deposits: number;
  readonly revived: readonly string[];
}

/** Finds everything in a block and gives what writes it down, in one transaction of the caller's. */
export function takeBlock(block: Block, height: number, watched: Watched): (tx: Queries, now: number) => BlockBrought {
  const { transactions, header } = block;
  const { payments, spends } = scanTransactions(transactions, watched);
  for (const { txid, vout } of payments) watched.watchOutpoint({ txid, vout }, { txid, vout });
  // An output may be spent in the block that made it.
  const spent = payments.length === 0 ? spends : scanTransactions(transactions, watched).spends;
  const place = { height, hash: header.hash };
  return (tx, now) => {
    for (const { txid, vout, amount, watched: leaf } of payments) {
      keepPayment(tx, { txid, vout, amount }, leaf, place, now);
    }
    for (const { outpoint, txid } of spent) markUtxoSpent(tx, outpoint, txid, height, now);
    const revived: string[] = [];
    for (const txid of new Set(spent.map((one) => one.txid))) {
      const own = getPayout(tx, txid);
      if (own === null) recordForeignPayments(tx, txid, paidToBurns(block, txid, watched), height, now);
      else if (own.status === 'replaced') revived.push(txid);
    }
    return { deposits: payments.filter(({ watched: leaf }) => leaf.kind === 'deposit').length, revived };
  };
}

// Every output but the change, which comes last. A burn may name any address, also one of the federation's own.
function paidToBurns({ transactions }: Block, txid: string, watched: Watched): readonly ForeignOutput[] {
  const index = Array.from({ length: transactions.count }, (_, at) => at).find((at) => transactions.txid(at) === txid);
  if (index === undefined) throw new Error(`transaction ${txid} was found in this block`);
  const first = transactions.firstOutput(index);
  const end = index + 1 < transactions.count ? transactions.firstOutput(index + 1) : transactions.outputOffsets.length;
  return Array.from({ length: end - first }, (_, outputIndex) => ({
    outputIndex,
    script: transactions.script(first + outputIndex),
    amount: transactions.amount(first + outputIndex),
  }))
    .filter(({ outputIndex, script }) => outputIndex < end - first - 1 || !isChange(script, watched))
    .map((output) => ({ ...output, script: toHex(output.script) }));
}

function isChange(script: Uint8Array, { scripts }: Watched): boolean {
  if (script.length !== 34 || script[0] !== 0x51) return false;
  const view = new DataView(script.buffer, script.byteOffset, script.length);
  const kind = scripts.get(view, 2)?.kind;
  return kind === 'change' || kind === 'reservoir';
}

function keepPayment(
  db: Queries,
  payment: Outpoint & { readonly amount: bigint },
  leaf: CustodyLeaf,
  { height, hash: blockHash }: Place,
  now: number,
): void {
  const { txid, vout, amount } = payment;
  const outpoint = { txid, vout };
  recordUtxo(db, { ...outpoint, amount, leaf: leafJson(leaf), height }, now);
  if (leaf.kind !== 'deposit') return;
  const recipient = toHex(leaf.recipient);
  recordDeposit(db, { ...outpoint, recipient, amount, height, blockHash }, now);
  if (getDeposit(db, outpoint)?.status === 'gone') setDepositStatus(db, outpoint, 'seen', now);
}
