// The Bitcoin view over this operator's own nodes (bitcoin-view.ts) by JSON-RPC: how each question is put, and how the
// answers of several nodes become one.
import { z } from 'zod';
import { equal, fromHex, toHex } from '../crypto/bytes.ts';
import { hexOf } from '../crypto/json-fields.ts';
import { btcAmount, larger } from './amount.ts';
import type { BitcoinView, BroadcastVerdict, MempoolEntry, TransactionStatus, TxOut } from './bitcoin-view.ts';
import { fetchBlock } from './block-fetch.ts';
import { FEE_RATE_SATS_PER_KVB_MIN } from './fee.ts';
import type { BitcoinNetwork } from './network.ts';
import { type Answer, askAll, call, disagreement, first, type Read, unwrap } from './node-answers.ts';
import type { Outpoint } from './outpoint.ts';
import { type BitcoinRpc, RPC_BATCH_CALLS_MAX, type RpcCall, type RpcOutcome, readResult } from './rpc.ts';
import { agreedTip, commonTip } from './tip-comparison.ts';

const hash = hexOf(32);
const txOutSchema = z
  .object({
    confirmations: z.int().min(0),
    coinbase: z.boolean(),
    value: btcAmount,
    scriptPubKey: z.object({ hex: z.string().regex(/^([0-9a-f]{2})*$/) }),
  })
  .nullable();
const transactionSchema = z.object({ confirmations: z.int().min(0).default(0), vout: z.array(z.unknown()) });
const spendsSchema = z.array(z.object({ spendingtxid: hash.optional() }));
const entrySchema = z.object({
  vsize: z.int().min(1),
  ancestorcount: z.int().min(1),
  ancestorsize: z.int().min(1),
  descendantcount: z.int().min(1),
  descendantsize: z.int().min(1),
  fees: z.object({ base: btcAmount, ancestor: btcAmount, descendant: btcAmount }),
});
const acceptSchema = z
  .array(z.object({ txid: hash, allowed: z.boolean().default(false), 'reject-reason': z.string().default('unknown') }))
  .length(1);
const estimateSchema = z.object({ feerate: btcAmount.optional() });
const mempoolInfoSchema = z.object({ mempoolminfee: btcAmount, minrelaytxfee: btcAmount });

// Core's RPC_INVALID_ADDRESS_OR_KEY, which here means: no such transaction.
const RPC_NOT_FOUND = -5;
// Core's RPC_VERIFY_ALREADY_IN_UTXO_SET: the transaction is mined.
const RPC_ALREADY_MINED = -27;
// Core's own bound on the fee is switched off: it bounds what a wallet's user may mistype, and fees here were judged.
const MAXIMUM_FEE_RATE_UNCHECKED = 0;
const OUTPUTS_HINT_MAX = 128;

/** The view over one or more nodes of this operator. */
export function bitcoinNodes(network: BitcoinNetwork, nodes: readonly BitcoinRpc[]): BitcoinView {
  if (nodes.length === 0) throw new Error('at least one bitcoin node is needed');

  const ask: Ask = (calls, read) => askAll(network, nodes, calls, read);

  async function send(calls: readonly RpcCall[], read: Read<BroadcastVerdict>): Promise<BroadcastVerdict> {
    const answers = await ask(calls, read);
    return answers.find((answer) => answer.value.ok)?.value ?? first(answers).value;
  }

  return {
    network,
    ...chainQuestions(nodes, ask),

    async txOuts(outpoints, source) {
      const isWithMempool = source === 'with_mempool';
      const calls = outpoints.map(({ txid, vout }) => call('gettxout', txid, vout, isWithMempool));
      return mergeTxOuts(await ask(calls, readTxOuts), outpoints);
    },

    async transaction(txid, outputsHint = 2) {
      const outputs = Array.from({ length: Math.min(outputsHint, OUTPUTS_HINT_MAX) }, (_, vout) =>
        call('gettxout', txid, vout, true),
      );
      return mergeStatus(await ask([call('getrawtransaction', txid, true), ...outputs], readTransaction), txid);
    },

    async mempoolSpends(outpoints) {
      if (outpoints.length === 0) return [];
      const wanted = outpoints.map(({ txid, vout }) => ({ txid, vout }));
      const answers = await ask([call('gettxspendingprevout', wanted)], (outcomes, label) =>
        readResult(spendsSchema, unwrap(outcomes[0], label), label).map((spend) => spend.spendingtxid ?? null),
      );
      // Mempools differ for a while; a spend that any node sees counts.
      return outpoints.map((_, index) => answers.map((answer) => answer.value[index]).find((txid) => txid) ?? null);
    },

    async mempoolEntry(txid) {
      const answers = await ask([call('getmempoolentry', txid)], readEntry);
      const entries = answers.flatMap(({ value }) => value ?? []);
      return entries.reduce<MempoolEntry | null>(
        (most, entry) => (most === null || entry.descendants.fees > most.descendants.fees ? entry : most),
        null,
      );
    },

    testAccept: (transaction) =>
      send([call('testmempoolaccept', [toHex(transaction)], MAXIMUM_FEE_RATE_UNCHECKED)], readAcceptance),

    broadcast: (transaction) =>
      send(
        // The first call tells the txid also where the second says that it is known.
        [
          call('decoderawtransaction', toHex(transaction)),
          call('sendrawtransaction', toHex(transaction), MAXIMUM_FEE_RATE_UNCHECKED),
        ],
        readBroadcast,
      ),

    async feeRate(targetBlocks) {
      const answers = await ask([call('estimatesmartfee', targetBlocks), call('getmempoolinfo')], readFeeRate);
      return answers.map((answer) => answer.value).reduce(larger, FEE_RATE_SATS_PER_KVB_MIN);
    },
  };
}

type Ask = <T>(calls: readonly RpcCall[], read: Read<T>) => Promise<readonly Answer<T>[]>;

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

function readTxOuts(outcomes: readonly RpcOutcome[], label: string): readonly (TxOut | null)[] {
  return outcomes.map((outcome) => {
    const output = readResult(txOutSchema, unwrap(outcome, label), label);
    if (output === null) return null;
    const { value: amount, confirmations, coinbase } = output;
    return { amount, script: fromHex(output.scriptPubKey.hex), confirmations, coinbase };
  });
}

function mergeTxOuts(
  answers: readonly Answer<readonly (TxOut | null)[]>[],
  outpoints: readonly Outpoint[],
): readonly (TxOut | null)[] {
  return outpoints.map(({ txid, vout }, index) => {
    const [one = null, ...others] = answers.map((answer) => answer.value[index] ?? null);
    return others.reduce((merged, other) => {
      if (merged === null && other === null) return null;
      const isSame =
        merged !== null && other !== null && merged.amount === other.amount && equal(merged.script, other.script);
      if (!isSame) throw disagreement(`output ${txid}:${vout}`);
      return merged.confirmations <= other.confirmations ? merged : other;
    }, one);
  });
}

function readTransaction(outcomes: readonly RpcOutcome[], label: string): TransactionStatus {
  const [raw, ...outputs] = outcomes;
  if (raw?.ok === true) {
    const { confirmations, vout } = readResult(transactionSchema, raw.result, label);
    if (confirmations === 0) return { state: 'mempool', outputs: vout.length };
    return { state: 'confirmed', confirmations, outputs: vout.length };
  }
  if (raw === undefined || raw.code !== RPC_NOT_FOUND) unwrap(raw, label);
  const unspent = readTxOuts(outputs, label).find((output) => output !== null);
  if (unspent === undefined || unspent === null) return { state: 'unknown' };
  if (unspent.confirmations === 0) return { state: 'mempool', outputs: null };
  return { state: 'confirmed', confirmations: unspent.confirmations, outputs: null };
}

// Nodes may differ in what reached their mempools and in whether they have an index; none may contradict a confirmation
// with a transaction of another shape. The least confirmed answer among those that know the transaction counts.
function mergeStatus(answers: readonly Answer<TransactionStatus>[], txid: string): TransactionStatus {
  let merged: TransactionStatus = { state: 'unknown' };
  for (const { value } of answers) {
    if (value.state === 'unknown') continue;
    if (merged.state === 'unknown') {
      merged = value;
      continue;
    }
    if (merged.outputs !== null && value.outputs !== null && merged.outputs !== value.outputs) {
      throw disagreement(`transaction ${txid}`);
    }
    const outputs: number | null = merged.outputs ?? value.outputs;
    merged =
      merged.state === 'confirmed' && value.state === 'confirmed'
        ? { state: 'confirmed', confirmations: Math.min(merged.confirmations, value.confirmations), outputs }
        : { state: 'mempool', outputs };
  }
  return merged;
}

function readEntry(outcomes: readonly RpcOutcome[], label: string): MempoolEntry | null {
  const [outcome] = outcomes;
  if (outcome !== undefined && !outcome.ok && outcome.code === RPC_NOT_FOUND) return null;
  const { vsize, fees, ...entry } = readResult(entrySchema, unwrap(outcome, label), label);
  return {
    vsize,
    fee: fees.base,
    ancestors: { count: entry.ancestorcount, vsize: entry.ancestorsize, fees: fees.ancestor },
    descendants: { count: entry.descendantcount, vsize: entry.descendantsize, fees: fees.descendant },
  };
}

function readAcceptance(outcomes: readonly RpcOutcome[], label: string): BroadcastVerdict {
  const [outcome] = outcomes;
  if (outcome !== undefined && !outcome.ok) return { ok: false, reason: 'rejected', detail: outcome.message };
  const [accept] = readResult(acceptSchema, unwrap(outcome, label), label);
  if (accept?.allowed === true) return { ok: true, txid: accept.txid };
  return { ok: false, reason: 'rejected', detail: accept?.['reject-reason'] ?? 'no answer' };
}

function readBroadcast(outcomes: readonly RpcOutcome[], label: string): BroadcastVerdict {
  const [decoded, sent] = outcomes;
  if (decoded !== undefined && !decoded.ok) return { ok: false, reason: 'rejected', detail: decoded.message };
  const { txid } = readResult(z.object({ txid: hash }), unwrap(decoded, label), label);
  if (sent === undefined || sent.ok || sent.code === RPC_ALREADY_MINED) return { ok: true, txid };
  return { ok: false, reason: 'rejected', detail: sent.message };
}

function readFeeRate(outcomes: readonly RpcOutcome[], label: string): bigint {
  const [estimate, mempool] = outcomes;
  const floor = readResult(mempoolInfoSchema, unwrap(mempool, label), label);
  const estimated = readResult(estimateSchema, unwrap(estimate, label), label).feerate ?? 0n;
  return [floor.mempoolminfee, floor.minrelaytxfee].reduce(larger, estimated);
}
