// Outputs as Bitcoin nodes describe them, unspent (gettxout) or spent in the mempool (gettxspendingprevout), and how the
// descriptions of several nodes become one.
import { z } from 'zod';
import { equal, fromHex } from '../crypto/bytes.ts';
import { hexOf } from '../crypto/json-fields.ts';
import { btcAmount } from './amount.ts';
import type { TxOut } from './bitcoin-view.ts';
import { type Answer, disagreement, unwrap } from './node-answers.ts';
import type { Outpoint } from './outpoint.ts';
import { type RpcOutcome, readResult } from './rpc.ts';

const txOutSchema = z
  .object({
    confirmations: z.int().min(0),
    coinbase: z.boolean(),
    value: btcAmount,
    scriptPubKey: z.object({ hex: z.string().regex(/^([0-9a-f]{2})*$/) }),
  })
  .nullable();
const spentBySchema = z.object({ spendingtxid: hexOf(32).optional() });

/** Reads the outcomes of several `gettxout`; null where there is no such unspent output. */
export function readTxOuts(outcomes: readonly RpcOutcome[], label: string): readonly (TxOut | null)[] {
  return outcomes.map((outcome) => {
    const output = readResult(txOutSchema, unwrap(outcome, label), label);
    if (output === null) return null;
    const { value: amount, confirmations, coinbase } = output;
    return { amount, script: fromHex(output.scriptPubKey.hex), confirmations, coinbase };
  });
}

/** All nodes must describe an output alike; the least confirmations count. Throws `BitcoinViewError` otherwise. */
export function mergeTxOuts(
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

/** The mempool's answer about each outpoint: what spends it there, null for nothing. */
export function readSpends(outcomes: readonly RpcOutcome[], label: string, count: number): readonly (string | null)[] {
  const spends = readResult(z.array(spentBySchema).length(count), unwrap(outcomes[0], label), label);
  return spends.map((spend) => spend.spendingtxid ?? null);
}
