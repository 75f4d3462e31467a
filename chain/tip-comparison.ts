// The best blocks of several nodes, compared at the same height: a node that is merely ahead does not disagree.
import { hexOf } from '../crypto/json-fields.ts';
import { type AgreedTip, BitcoinViewError, type ChainTip } from './bitcoin-view.ts';
import { type Answer, asNodeFault, call, disagreement, unwrap } from './node-answers.ts';
import { type BitcoinRpc, readResult } from './rpc.ts';

/** How far below the lowest tip the last common block is looked for, in blocks. */
export const FORK_DEPTH_BLOCKS_MAX = 144;

const hash = hexOf(32);

/** A node and its best block. */
export interface NodeTip extends ChainTip {
  readonly rpc: BitcoinRpc;
}

/** The lowest of the tips, if every other node has that block at that height; throws `BitcoinViewError` otherwise. */
export async function commonTip(answers: readonly Answer<unknown>[]): Promise<ChainTip> {
  const { height, tip } = await compareAtLowest(answers.map(nodeTip)).catch(unavailable);
  if (tip === null) throw disagreement(`the block at height ${height}`);
  return tip;
}

/** As `commonTip`, going back to where the chains part. */
export async function agreedTip(answers: readonly Answer<unknown>[]): Promise<AgreedTip> {
  const compared = await compareTips(answers.map(nodeTip)).catch(unavailable);
  if (compared.agreed !== null) return { ...compared.agreed, fork: compared.fork };
  throw disagreement(`the last ${FORK_DEPTH_BLOCKS_MAX} blocks`);
}

/** What nodes have in common: null where they part deeper than is looked. `fork`: null where all have the lowest tip. */
export interface TipComparison {
  readonly agreed: ChainTip | null;
  readonly fork: AgreedTip['fork'];
}

/** Compares tips of at least one node. Throws `BitcoinRpcError` where a node does not answer. */
export async function compareTips(nodes: readonly NodeTip[]): Promise<TipComparison> {
  const lowest = await compareAtLowest(nodes);
  if (lowest.tip !== null) return { agreed: lowest.tip, fork: null };
  const tips = nodes.map(({ rpc, height, hash }) => ({ node: rpc.label, height, hash }));
  const depth = Math.min(FORK_DEPTH_BLOCKS_MAX, lowest.height);
  const heights = Array.from({ length: depth }, (_, back) => lowest.height - 1 - back);
  const chains = await Promise.all(nodes.map(({ rpc }) => hashesAt(rpc, heights)));
  for (const [back, height] of heights.entries()) {
    const [one, ...others] = chains.map((chain) => chain[back]);
    if (one === undefined || others.some((other) => other !== one)) continue;
    return { agreed: { height, hash: one }, fork: { height: height + 1, tips } };
  }
  return { agreed: null, fork: { height: lowest.height - depth, tips } };
}

async function compareAtLowest(nodes: readonly NodeTip[]): Promise<{ height: number; tip: ChainTip | null }> {
  const lowest = nodes.reduce((least, node) => (node.height < least.height ? node : least));
  const { height } = lowest;
  const hashes = await Promise.all(
    nodes.map(async (node) => (node.height === height ? node.hash : (await hashesAt(node.rpc, [height]))[0])),
  );
  return { height, tip: hashes.every((other) => other === lowest.hash) ? { height, hash: lowest.hash } : null };
}

async function hashesAt(rpc: BitcoinRpc, heights: readonly number[]): Promise<readonly string[]> {
  const calls = heights.map((height) => call('getblockhash', height));
  const outcomes = await rpc.batch(calls, { idempotent: true });
  return outcomes.map((outcome) => readResult(hash, unwrap(outcome, rpc.label), rpc.label));
}

function nodeTip({ rpc, info }: Answer<unknown>): NodeTip {
  return { rpc, height: info.blocks, hash: info.bestblockhash };
}

function unavailable(error: unknown): never {
  throw new BitcoinViewError('bitcoin_unavailable', asNodeFault(error).message);
}
