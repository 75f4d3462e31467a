// What one block brings: deposits, treasury outputs, and custody outputs that were spent.

import type { Block } from '../../chain/block.ts';
import { type PaymentSeen, scanTransactions } from '../../chain/block-scan.ts';
import { leafJson } from '../../chain/custody-leaf.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import type { CustodyLeaf } from '../../crypto/taproot.ts';
import { recordBlockTime } from '../../store/block-times.ts';
import type { Queries } from '../../store/database.ts';
import { getDeposit, recordDeposit, setDepositStatus } from '../../store/deposits.ts';
import { recipientOfScript } from '../../store/recipients.ts';
import { noteFundingSpends } from '../../store/treasury-funding.ts';
import { markUtxoSpent, recordUtxo } from '../../store/utxos.ts';
import type { WatchedList } from './watched.ts';

type Payment = PaymentSeen<CustodyLeaf['kind']>;

interface Place {
  readonly height: number;
  readonly hash: string;
}

/** How many deposits a block brought. */
export interface BlockBrought {
  readonly deposits: number;
}

/** Finds everything in a block and gives what writes it down, in one transaction of the caller's. */
export function takeBlock(block: Block, height: number, list: WatchedList): (tx: Queries, now: number) => BlockBrought {
  const { transactions, header } = block;
  const { payments, spends } = scanTransactions(transactions, list);
  for (const { txid, vout } of payments) list.watchOutpoint({ txid, vout }, true);
  // An output may be spent in the block that made it.
  const spent = payments.length === 0 ? spends : scanTransactions(transactions, list).spends;
  const place = { height, hash: header.hash };
  return (tx, now) => {
    for (const payment of payments) keepPayment(tx, payment, place, now);
    if (payments.length + spent.length > 0) recordBlockTime(tx, height, header.time * 1_000);
    noteFundingSpends(tx, spent, place);
    for (const { outpoint, txid } of spent) markUtxoSpent(tx, outpoint, txid, height, now);
    return { deposits: payments.filter(({ watched }) => watched === 'deposit').length };
  };
}

function keepPayment(db: Queries, payment: Payment, { height, hash: blockHash }: Place, now: number): void {
  const { txid, vout, amount } = payment;
  const outpoint = { txid, vout };
  const leaf = leafOf(db, payment);
  recordUtxo(db, { ...outpoint, amount, leaf: leafJson(leaf), height }, now);
  if (leaf.kind !== 'deposit') return;
  const recipient = toHex(leaf.recipient);
  recordDeposit(db, { ...outpoint, recipient, amount, height, blockHash }, now);
  if (getDeposit(db, outpoint)?.status === 'gone') setDepositStatus(db, outpoint, 'seen', now);
}

function leafOf(db: Queries, { watched, script }: Payment): CustodyLeaf {
  if (watched === 'treasury') return { kind: 'treasury' };
  const known = recipientOfScript(db, toHex(script));
  if (known === null) throw new Error('a deposit script is watched that the database does not hold');
  return { kind: 'deposit', recipient: fromHex(known.recipient, { bytes: 32 }) };
}
