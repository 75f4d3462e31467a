// The Bitcoin view over this operator's own nodes (bitcoin-view.ts) by JSON-RPC: how each question is put, and how the
// answers of several nodes become one.
import { z } from 'zod';
import { tryFromHex } from '../crypto/bytes.ts';
import { hexOf } from '../crypto/json-fields.ts';
import { btcAmount } from './amount.ts';
import type { BitcoinView, MempoolEntry } from './bitcoin-view.ts';
import { fetchBlock } from './block-fetch.ts';
import type { BitcoinNetwork } from './network.ts';
import { type Ask, askAll, call, disagreement, first, unwrap } from './node-answers.ts';
import { policyQuestions } from './node-policy.ts';
import { tryParseTransaction } from './raw-transactions.ts';
import { type BitcoinRpc, BitcoinRpcError, RPC_BATCH_CALLS_MAX, type RpcOutcome, readResult } from './rpc.ts';
import { agreedTip, commonTip } from './tip-comparison.ts';
import { mergeStatus, readStatus, statusCalls, unlessUnknown } from './transaction-status.ts';
import { mergeTxOuts, readSpends, readTxOuts } from './tx-outs.ts';

const hash = hexOf(32);
const entrySchema = z.object({
  vsize: z.int().min(1),
  height: z.int().min(0),
  ancestorcount: z.int().min(1),
  ancestorsize: z.int().min(1),
  descendantcount: z.int().min(1),
  descendantsize: z.int().min(1),
  fees: z.object({ base: btcAmount, ancestor: btcAmount, descendant: btcAmount }),
});

/** The view over one or more nodes of this operator. */
export function bitcoinNodes(network: BitcoinNetwork, nodes: readonly BitcoinRpc[]): BitcoinView {
  if (nodes.length === 0) throw new Error('at least one bitcoin node is needed');

  const ask: Ask = (calls, read) => askAll(network, nodes, calls, read);

  return {
    network,
    ...chainQuestions(nodes, ask),
    ...policyQuestions(network, ask),

    async txOuts(outpoints, source) {
      const isWithMempool = source === 'with_mempool';
      const calls = outpoints.map(({ txid, vout }) => call('gettxout', txid, vout, isWithMempool));
      return mergeTxOuts(await ask(calls, readTxOuts), outpoints);
    },

    async transaction(txid, outputsHint = 2) {
      return mergeStatus(await ask(statusCalls(txid, outputsHint), readStatus), txid);
    },

    async mempoolSpends(outpoints) {
      if (outpoints.length === 0) return [];
      const wanted = outpoints.map(({ txid, vout }) => ({ txid, vout }));
      const answers = await ask([call('gettxspendingprevout', wanted)], (outcomes, label) =>
        readSpends(outcomes, label, wanted.length),
      );
      // Mempools differ for a while; a spend that any node sees counts.
      return outpoints.map((_, index) => answers.map((answer) => answer.value[index]).find((txid) => txid) ?? null);
    },

    async rawTransaction(txid) {
      const answers = await ask([call('getrawtransaction', txid, false)], (outcomes, label) =>
        readRaw(outcomes, label, txid),
      );
      return answers.find(({ value }) => value !== null)?.value ?? null;
    },

    async mempoolEntry(txid) {
      const answers = await ask([call('getmempoolentry', txid)], readEntry);
      const entries = answers.flatMap(({ value }) => value ?? []);
      return entries.reduce<MempoolEntry | null>(
        (most, entry) => (most === null || entry.descendants.fees > most.descendants.fees ? entry : most),
        null,
      );
    },
  };
}

// What is asked about the chain itself rather than about transactions.
function chainQuestions(
  nodes: readonly BitcoinRpc[],
  ask: Ask,
): Pick<BitcoinView, 'tip' | 'agreedTip' | 'blockHash' | 'blockHashes' | 'block'> {
  return {
    tip: async () => commonTip(await ask([], () => null)),

    agreedTip: async () => agreedTip(await ask([], () => null)),

    async blockHashes(heights) {
      // The question for the node's state goes with them.
      if (heights.length >= RPC_BATCH_CALLS_MAX) throw new Error(`${heights.length} heights at once`);
      const answers = await ask(
        heights.map((height) => call('getblockhash', height)),
        (outcomes, label) => outcomes.map((outcome) => readResult(hash, unwrap(outcome, label), label)),
      );
      return heights.map((height, index) => {
        const [value, ...others] = answers.map((answer) => answer.value[index]);
        if (value === undefined || others.some((other) => other !== value)) throw disagreement(`block ${height}`);
        return value;
      });
    },

    block: (name) => fetchBlock(nodes, name),

    async blockHash(height) {
      const answers = await ask([call('getblockhash', height)], (outcomes, label) =>
        readResult(hash, unwrap(outcomes[0], label), label),
      );
      const { value } = first(answers);
      if (answers.some((answer) => answer.value !== value)) throw disagreement(`the block at height ${height}`);
      return value;
    },
  };
}

function readEntry(outcomes: readonly RpcOutcome[], label: string): MempoolEntry | null {
  const found = unlessUnknown(outcomes[0], entrySchema, label);
  if (found === null) return null;
  const { vsize, height, fees, ...entry } = found;
  return {
    vsize,
    height,
    fee: fees.base,
    ancestors: { count: entry.ancestorcount, vsize: entry.ancestorsize, fees: fees.ancestor },
    descendants: { count: entry.descendantcount, vsize: entry.descendantsize, fees: fees.descendant },
  };
}

// A node that gives another transaction, or bytes that are none, has given no answer.
function readRaw(outcomes: readonly RpcOutcome[], label: string, txid: string): Uint8Array | null {
  const text = unlessUnknown(outcomes[0], z.string(), label);
  if (text === null) return null;
  const bytes = tryFromHex(text);
  if (bytes !== null && tryParseTransaction(bytes)?.txid(0) === txid) return bytes;
  throw new BitcoinRpcError(
    'malformed',
    `${label}: its answer for transaction ${txid} is another transaction, or is not one`,
  );
}
