// Deposits that wait in the mempool, followed until they are mined or gone: a deposit whose transaction vanished is
// validated on what now spends the coins that it was to be paid with (BIP 125 replacement, double-spends).
import type { Block } from './block.ts';
import { scanTransactions, WatchList } from './block-scan.ts';
import { type Outpoint, outpointName } from './outpoint.ts';
import type { RawTransactions } from './raw-transactions.ts';

/** Most mempool deposits that are followed; a depositor pays for each, yet no more than this is kept in memory. */
export const MEMPOOL_DEPOSITS_MAX = 10_000;

/** An unconfirmed transaction that pays watched scripts. `watched`: what the script was added with; amounts in sats. */
export interface MempoolDeposit<Script> {
  readonly txid: string;
  readonly inputs: readonly Outpoint[];
  readonly payments: readonly { readonly vout: number; readonly amount: bigint; readonly watched: Script }[];
}

/**
 * What the nodes' mempools and chains say about a followed deposit. `state`: of its transaction. `spenders`: for each
 * input every transaction that some node's mempool spends it with. `unspent`: for each input whether it is a confirmed
 * output that no confirmed transaction has spent.
 */
export interface MempoolEvidence {
  readonly state: 'mempool' | 'confirmed' | 'unknown';
  readonly spenders: readonly (readonly string[])[];
  readonly unspent: readonly boolean[];
}

/** `by`: the transaction that spends the input instead; null where it is mined and no index tells which it was. */
export type MempoolVerdict =
  | { readonly state: 'waiting' }
  | { readonly state: 'confirmed' }
  | { readonly state: 'deposit_contested'; readonly input: Outpoint; readonly by: string; readonly detail: string }
  | {
      readonly state: 'deposit_replaced';
      readonly input: Outpoint;
      readonly by: string | null;
      readonly detail: string;
    }
  | { readonly state: 'deposit_dropped'; readonly detail: string };

/** The transactions of the second snapshot that are not in the first, and those of the first that are gone. */
export function mempoolChanges(
  before: ReadonlySet<string>,
  after: ReadonlySet<string>,
): { readonly appeared: readonly string[]; readonly vanished: readonly string[] } {
  return {
    appeared: [...after].filter((txid) => !before.has(txid)),
    vanished: [...before].filter((txid) => !after.has(txid)),
  };
}

/** The deposit in an unconfirmed transaction, or null where it pays nothing that is watched. */
export function findMempoolDeposit<Script, Spent>(
  transaction: RawTransactions,
  watched: WatchList<Script, Spent>,
): MempoolDeposit<Script> | null {
  const { payments } = scanTransactions(transaction, watched);
  if (payments.length === 0) return null;
  return {
    txid: transaction.txid(0),
    inputs: Array.from(transaction.inputOffsets, (_, place) => transaction.outpoint(place)),
    payments: payments.map(({ vout, amount, watched: value }) => ({ vout, amount, watched: value })),
  };
}

/**
 * What became of a deposit. A transaction that is gone is `deposit_replaced` as soon as another spends one of its inputs, in
 * a mempool or in a block. While its coins are there to send it again it is `deposit_dropped` (evicted, expired). Nodes'
 * mempools differ: one that holds another spender of the same coin makes a deposit that still waits `deposit_contested`.
 */
export function validateMempoolDeposit(deposit: MempoolDeposit<unknown>, evidence: MempoolEvidence): MempoolVerdict {
  if (evidence.state === 'confirmed') return { state: 'confirmed' };
  const { txid, inputs } = deposit;
  for (const [index, input] of inputs.entries()) {
    const by = evidence.spenders[index]?.find((spender) => spender !== txid);
    if (by === undefined) continue;
    const what = `${outpointName(input)}, which deposit ${txid} spends, is spent by ${by}`;
    if (evidence.state === 'unknown') {
      return { state: 'deposit_replaced', input, by, detail: `${what} instead.` };
    }
    return { state: 'deposit_contested', input, by, detail: `${what} in another node's mempool.` };
  }
  if (evidence.state === 'mempool') return { state: 'waiting' };
  const gone = inputs.find((_, index) => evidence.unspent[index] !== true);
  if (gone === undefined) {
    return { state: 'deposit_dropped', detail: `Deposit ${txid} left the mempool; its coins are still unspent.` };
  }
  const detail = `Deposit ${txid} left the mempool, and ${outpointName(gone)}, which it spends, is no longer there.`;
  return { state: 'deposit_replaced', input: gone, by: null, detail };
}

/** A followed deposit that a mined transaction ended: the block's own evidence, for which no node has to be asked. */
export interface MinedReplacement {
  readonly deposit: string;
  readonly by: string;
  readonly input: Outpoint;
  readonly block: string;
}

/** The deposits whose inputs a block's transactions spend, other than the deposits themselves. */
export function replacedInBlock(
  { header, transactions }: Block,
  deposits: readonly MempoolDeposit<unknown>[],
): readonly MinedReplacement[] {
  const inputs = new WatchList<never, readonly string[]>();
  const spending = new Map<string, readonly string[]>();
  for (const { txid, inputs: spent } of deposits) {
    for (const input of spent) {
      const name = outpointName(input);
      // Deposits may conflict with one another.
      const all = [...(spending.get(name) ?? []), txid];
      spending.set(name, all);
      inputs.watchOutpoint(input, all);
    }
  }
  return scanTransactions(transactions, inputs).spends.flatMap(({ txid: by, watched, outpoint }) =>
    watched.flatMap((deposit) => (deposit === by ? [] : [{ deposit, by, input: outpoint, block: header.hash }])),
  );
}
