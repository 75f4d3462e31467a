// What a Bitcoin node estimates that a transaction must pay to be mined within some blocks (estimatesmartfee). A node need not
// be able to tell: with blocksonly it estimates nothing, and for hours after its first start it has too little data.
import { z } from 'zod';
import { btcAmount } from './amount.ts';
import { askOptional, call, type OptionalAnswer } from './node-answers.ts';
import type { BitcoinRpc } from './rpc.ts';

const estimateSchema = z.object({ feerate: btcAmount.optional() });

/** An estimate in sats per 1000 vbytes; null where the node has too little data for one. */
export type FeeEstimate = OptionalAnswer<bigint | null>;

/** Asks one node. */
export async function askFeeEstimate(rpc: BitcoinRpc, targetBlocks: number): Promise<FeeEstimate> {
  const answer = await askOptional(rpc, call('estimatesmartfee', targetBlocks), estimateSchema);
  return answer.ok ? { ok: true, value: answer.value.feerate ?? null } : answer;
}

/** Whether a node gives an estimate that can be used; `needed`: too little data will not do. */
export function isEstimate(estimate: FeeEstimate, needed: boolean): boolean {
  return estimate.ok && (estimate.value !== null || !needed);
}

/** Why a node gives no estimate that can be used. */
export function whyNoEstimate(node: string, estimate: FeeEstimate): string {
  return estimate.ok ? `${node} has too little data to estimate fees` : `${node} estimates no fees: ${estimate.detail}`;
}
