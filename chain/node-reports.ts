// Asks every Bitcoin node how it does, for tips.ts to validate: its state (getblockchaininfo), without which it counts as down,
// and what it need not tell, its index and estimate. Nothing here throws on a node's fault: that is what a report says.
import { z } from 'zod';
import { askFeeEstimate } from './fee-estimate.ts';
import type { BitcoinNetwork } from './network.ts';
import { askOptional, call } from './node-answers.ts';
import { assertChain, type BitcoinRpc, BitcoinRpcError, chainInfoSchema } from './rpc.ts';
import { compareTips } from './tip-comparison.ts';
import type { NodeReport, NodeReports } from './tips.ts';

/** The number of blocks that fee estimates are validated for. */
const FEE_TARGET_BLOCKS = 6;

// `time` of the best block since Core v22; the median of eleven blocks before.
const infoSchema = chainInfoSchema.extend({ time: z.int().optional(), mediantime: z.int() });
const indexSchema = z.object({ txindex: z.object({ best_block_height: z.int().min(-1) }).optional() });

type Answering = Extract<NodeReport, { readonly ok: true }>;

/** The reports of all nodes. `heard` is told each as it comes, with the node's place: one that hangs keeps no other back. */
export async function readNodeReports(
  network: BitcoinNetwork,
  nodes: readonly BitcoinRpc[],
  heard: (report: NodeReport, place: number) => void = () => {},
): Promise<NodeReports> {
  const ask = async (rpc: BitcoinRpc, place: number) => {
    const report = await readReport(network, rpc);
    heard(report, place);
    return { rpc, report };
  };
  const asked = await Promise.all(nodes.map(ask));
  const answering = asked.flatMap(({ rpc, report }) => (report.ok && !report.syncing ? [{ rpc, ...report.tip }] : []));
  const reports = asked.map(({ report }) => report);
  if (answering.length === 0) return { nodes: reports, comparison: null };
  try {
    return { nodes: reports, comparison: await compareTips(answering) };
  } catch (error) {
    // A node that answered a moment ago; the next round tells more.
    if (error instanceof BitcoinRpcError) return { nodes: reports, comparison: null };
    throw error;
  }
}

async function readReport(network: BitcoinNetwork, rpc: BitcoinRpc): Promise<NodeReport> {
  const node = rpc.label;
  try {
    return await ask(network, rpc);
  } catch (error) {
    if (error instanceof BitcoinRpcError) return { ok: false, node, fault: error.kind, detail: error.message };
    throw error;
  }
}

async function ask(network: BitcoinNetwork, rpc: BitcoinRpc): Promise<Answering> {
  const node = rpc.label;
  const [info, indexes, feeRate] = await Promise.all([
    rpc.call('getblockchaininfo', [], infoSchema, { idempotent: true }),
    askOptional(rpc, call('getindexinfo'), indexSchema),
    askFeeEstimate(rpc, FEE_TARGET_BLOCKS),
  ]);
  assertChain(info, network, node);
  return {
    ok: true,
    node,
    tip: { height: info.blocks, hash: info.bestblockhash },
    time: info.time ?? info.mediantime,
    // A regtest node counts as syncing whenever its last block is a day old.
    syncing: info.initialblockdownload && network !== 'regtest',
    headers: info.headers,
    // A node that runs with txindex=0 names no such index among its own.
    index: indexes.ok ? { ok: true, value: indexes.value.txindex?.best_block_height ?? null } : indexes,
    feeRate,
  };
}
