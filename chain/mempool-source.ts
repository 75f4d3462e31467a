// The mempools of this operator's nodes by JSON-RPC, for mempool.ts to validate: which transactions wait, the raw ones, who
// spends an outpoint. Nodes' mempools differ, and what any node sees counts.
import { z } from 'zod';
import { tryFromHex } from '../crypto/bytes.ts';
import { hexOf } from '../crypto/json-fields.ts';
import type { BitcoinNetwork } from './network.ts';
import { askAll, call, unwrap } from './node-answers.ts';
import type { Outpoint } from './outpoint.ts';
import { type RawTransactions, tryParseTransaction } from './raw-transactions.ts';
import { type BitcoinRpc, type RpcOutcome, readResult } from './rpc.ts';

/** Most transactions in one answer: 16 MB of response hold no more names. Mainnet's limit of 300 MB gives about half. */
export const MEMPOOL_TRANSACTIONS_MAX = 240_000;
/** Most transactions fetched at once: of 400,000 weight units each, they fit the response limit. */
export const MEMPOOL_FETCH_MAX = 16;
/** Most outpoints asked about in one call. */
export const MEMPOOL_OUTPOINTS_MAX = 1_000;

const hash = hexOf(32);
const txidsSchema = z.array(hash).max(MEMPOOL_TRANSACTIONS_MAX);
const spendsSchema = z.array(z.object({ spendingtxid: hash.optional() }));

/** The mempools as one. Methods throw `BitcoinViewError` where no majority of the nodes answers. */
export interface MempoolSource {
  /** Every transaction that waits in some node's mempool. */
  txids(): Promise<ReadonlySet<string>>;
  /** The transactions of these ids that some node still has in its mempool (Core finds others only by its index). */
  transactions(txids: readonly string[]): Promise<ReadonlyMap<string, RawTransactions>>;
  /** For each outpoint, every transaction that spends it in some node's mempool (Core v24+). */
  spenders(outpoints: readonly Outpoint[]): Promise<readonly (readonly string[])[]>;
}

/** The mempools of these nodes. */
export function nodeMempools(network: BitcoinNetwork, nodes: readonly BitcoinRpc[]): MempoolSource {
  async function fetchSome(txids: readonly string[], found: Map<string, RawTransactions>): Promise<void> {
    const calls = txids.map((txid) => call('getrawtransaction', txid, false));
    const answers = await askAll(network, nodes, calls, (outcomes) => outcomes.map(readTransaction));
    for (const [index, txid] of txids.entries()) {
      const raw = answers.map(({ value }) => value[index]).find((one) => one?.txid(0) === txid);
      if (raw !== undefined && raw !== null) found.set(txid, raw);
    }
  }

  return {
    async txids() {
      const answers = await askAll(network, nodes, [call('getrawmempool', false)], (outcomes, label) =>
        readResult(txidsSchema, unwrap(outcomes[0], label), label),
      );
      return new Set(answers.flatMap(({ value }) => value));
    },

    async transactions(txids) {
      const found = new Map<string, RawTransactions>();
      for (const some of chunks(txids, MEMPOOL_FETCH_MAX)) await fetchSome(some, found);
      return found;
    },

    async spenders(outpoints) {
      const spenders: string[][] = [];
      for (const some of chunks(outpoints, MEMPOOL_OUTPOINTS_MAX)) {
        const wanted = some.map(({ txid, vout }) => ({ txid, vout }));
        const answers = await askAll(network, nodes, [call('gettxspendingprevout', wanted)], (outcomes, label) =>
          readResult(spendsSchema.length(some.length), unwrap(outcomes[0], label), label),
        );
        for (const index of some.keys()) {
          const seen = answers.flatMap(({ value }) => value[index]?.spendingtxid ?? []);
          spenders.push([...new Set(seen)]);
        }
      }
      return spenders;
    },
  };
}

// Null for what left the mempool meanwhile, and for bytes that are no transaction: another node may have it.
function readTransaction(outcome: RpcOutcome): RawTransactions | null {
  const bytes = outcome.ok && typeof outcome.result === 'string' ? tryFromHex(outcome.result) : null;
  return bytes === null ? null : tryParseTransaction(bytes);
}

function chunks<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
