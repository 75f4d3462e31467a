// The state of a transaction, from the answers of a Bitcoin node. The mempool shows whether it waits; the index and the
// unspent outputs show whether it is mined. If none of them knows it, its state is unknown.
import { z } from 'zod';
import type { TransactionStatus } from './bitcoin-view.ts';
import { type Answer, call, disagreement, unwrap } from './node-answers.ts';
import { RPC_NOT_FOUND, type RpcCall, type RpcOutcome, readResult } from './rpc.ts';
import { readTxOuts } from './tx-outs.ts';

/** So many of a transaction's outputs are asked for at most, where there is no index. */
const OUTPUTS_HINT_MAX = 128;

// `confirmations` is absent of what waits in the mempool, and 0 of what only a stale block holds.
const transactionSchema = z.object({ confirmations: z.int().min(0).optional(), vout: z.array(z.unknown()) });
const waitingSchema = z.object({ vsize: z.int().min(1) });

/**
 * The calls for a transaction. The mempool is asked first: what is mined between two of the calls is then in one of the
 * answers at least.
 */
export function statusCalls(txid: string, outputsHint: number): readonly RpcCall[] {
  const count = Math.min(outputsHint, OUTPUTS_HINT_MAX);
  const outputs = Array.from({ length: count }, (_, vout) => call('gettxout', txid, vout, false));
  return [call('getmempoolentry', txid), call('getrawtransaction', txid, true), ...outputs];
}

/** Reads the outcomes of `statusCalls`. */
export function readStatus(outcomes: readonly RpcOutcome[], label: string): TransactionStatus {
  const [entry, raw, ...unspent] = outcomes;
  const found = unlessUnknown(raw, transactionSchema, label);
  const outputs = found === null ? null : found.vout.length;
  if (found?.confirmations !== undefined && found.confirmations > 0) {
    return { state: 'confirmed', confirmations: found.confirmations, outputs };
  }
  if (unlessUnknown(entry, waitingSchema, label) !== null) return { state: 'mempool', outputs };
  const output = readTxOuts(unspent, label).find((one) => one !== null) ?? null;
  if (output !== null && output.confirmations > 0) {
    return { state: 'confirmed', confirmations: output.confirmations, outputs };
  }
  return { state: 'unknown' };
}

/**
 * Nodes may differ in what reached their mempools and in whether they have an index; none may contradict a confirmation
 * with a transaction of another shape. The least confirmed answer among those that know the transaction counts.
 */
export function mergeStatus(answers: readonly Answer<TransactionStatus>[], txid: string): TransactionStatus {
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

/** The result of a call about a transaction; null where the node says that it does not know it. */
export function unlessUnknown<T>(outcome: RpcOutcome | undefined, schema: z.ZodType<T>, label: string): T | null {
  if (outcome !== undefined && !outcome.ok && outcome.code === RPC_NOT_FOUND) return null;
  return readResult(schema, unwrap(outcome, label), label);
}
