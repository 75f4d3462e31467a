// What this operator knows of Bitcoin: its own nodes, behind one interface that checks and tests share. With several
// nodes a majority must answer and all that answer must agree; otherwise the view is unavailable, which is a refusal.
import type { Block } from './block.ts';
import type { BitcoinNetwork } from './network.ts';
import type { Outpoint } from './outpoint.ts';

/** The best block. */
export interface ChainTip {
  readonly height: number;
  /** 64 lowercase hexadecimal characters. */
  readonly hash: string;
}

/** Nodes that have different blocks at one height. */
export interface ForkSeen {
  /** The lowest height at which they differ. */
  readonly height: number;
  /** The best block of each answering node. */
  readonly tips: readonly (ChainTip & { readonly node: string })[];
}

/** The highest block that all answering nodes have in their best chains; `fork` where they differ above it. */
export interface AgreedTip extends ChainTip {
  readonly fork: ForkSeen | null;
}

/** An unspent output. `amount` in sats; 0 confirmations: in the mempool. `coinbase`: the miner's reward of a block. */
export interface TxOut {
  readonly amount: bigint;
  readonly script: Uint8Array;
  readonly confirmations: number;
  readonly coinbase: boolean;
}

/** Consensus: a coinbase output can be spent only so many blocks after its own. */
export const COINBASE_MATURITY_BLOCKS = 100;

/** How many confirmations an output needs where others need `need`: a coinbase output must first become spendable. */
export function neededConfirmations(output: TxOut, need: number): number {
  return output.coinbase ? Math.max(need, COINBASE_MATURITY_BLOCKS) : need;
}

/** Where an output is looked for: among confirmed ones alone, or as if the mempool were mined. */
export type TxOutSource = 'confirmed' | 'with_mempool';

/** What is known of a transaction. `outputs`: how many it has; null where the node has no index to tell. */
export type TransactionStatus =
  | { readonly state: 'unknown' }
  | { readonly state: 'mempool'; readonly outputs: number | null }
  | { readonly state: 'confirmed'; readonly confirmations: number; readonly outputs: number | null };

/**
 * A transaction in the mempool: its virtual bytes and fee in sats, and the same with its unconfirmed ancestors and with its
 * descendants, itself counted in both. `height`: of the best block when it entered this mempool, which a restart of the node
 * may begin anew.
 */
export interface MempoolEntry {
  readonly vsize: number;
  readonly height: number;
  readonly fee: bigint;
  readonly ancestors: { readonly count: number; readonly vsize: number; readonly fees: bigint };
  readonly descendants: { readonly count: number; readonly vsize: number; readonly fees: bigint };
}

/**
 * What the own nodes ask of a transaction before they relay it, in sats per 1000 vbytes. `feeRateMin`: the least fee rate;
 * `dustRelayRate`: what an output must be worth, by Core's rule of dust; `incrementalRate`: what a replacement pays for its
 * own size on top of the fees that it replaces (BIP 125, rule 4).
 */
export interface RelayFloor {
  readonly feeRateMin: bigint;
  readonly dustRelayRate: bigint;
  readonly incrementalRate: bigint;
}

/** What became of a broadcast. Already known is ok. `detail`: the node's own reject reason. */
export type BroadcastVerdict =
  | { readonly ok: true; readonly txid: string }
  | { readonly ok: false; readonly reason: 'rejected'; readonly detail: string };

/** The view. Every method throws `BitcoinViewError` where the nodes cannot give an answer. */
export interface BitcoinView {
  readonly network: BitcoinNetwork;
  /** The highest block that all answering nodes have. */
  tip(): Promise<ChainTip>;
  /** As `tip`, but where nodes follow different chains it gives the last block before they part, and says so. */
  agreedTip(): Promise<AgreedTip>;
  /** The hashes of the blocks at these heights of the best chain (at most 511), in order. */
  blockHashes(heights: readonly number[]): Promise<readonly string[]>;
  /**
   * The block with this hash, in full, from whichever node has it: the hash is what nodes agree on, and the block is held
   * against it, so that it takes no second opinion.
   */
  block(hash: string): Promise<Block>;
  /** The hash of the block at a height of the best chain. */
  blockHash(height: number): Promise<string>;
  /** The unspent outputs at these outpoints, in order; null where there is none. */
  txOuts(outpoints: readonly Outpoint[], source: TxOutSource): Promise<readonly (TxOut | null)[]>;
  /**
   * Where a transaction stands. Without a transaction index (`txindex=1`) a node knows only its mempool and unspent
   * outputs, of which the first `outputsHint` are asked for (default 2).
   */
  transaction(txid: string, outputsHint?: number): Promise<TransactionStatus>;
  /**
   * A transaction's bytes, held against its txid. Any node gives them that has it in its mempool or, with an index, in a
   * block, even one that left the chain; null where none has it. Witnesses are no part of a txid.
   */
  rawTransaction(txid: string): Promise<Uint8Array | null>;
  /** For each outpoint the txid of the mempool transaction that spends it, or null (Core v24+). */
  mempoolSpends(outpoints: readonly Outpoint[]): Promise<readonly (string | null)[]>;
  /**
   * What weighs on a transaction in the mempools, null where it waits in none of them. Mempools differ: where several have
   * it, the one in which most spends from it counts.
   */
  mempoolEntry(txid: string): Promise<MempoolEntry | null>;
  /** Whether the nodes' policy would take a signed transaction, without sending it. */
  testAccept(transaction: Uint8Array): Promise<BroadcastVerdict>;
  /**
   * Whether every node's policy would take a transaction whose witnesses are placeholders of their size, such as 64 zero
   * bytes: all but its signatures counts. One that a node holds already is ok. `detail`: the reason of a node that refuses.
   */
  testPolicy(transaction: Uint8Array): Promise<BroadcastVerdict>;
  /** Conditions under which the nodes relay a transaction; each rate is the highest of all nodes that answer. */
  relayFloor(): Promise<RelayFloor>;
  /** Sends a signed transaction by every node; ok when one of them takes it. */
  broadcast(transaction: Uint8Array): Promise<BroadcastVerdict>;
  /**
   * Fee rate for confirmation within so many blocks, in sats per 1000 vbytes; never below what nodes relay. The highest of the
   * nodes that estimate; unavailable where none does.
   */
  feeRate(targetBlocks: number): Promise<bigint>;
}

/** No answer: too few nodes, disagreement, still syncing, or a node on another network. */
export class BitcoinViewError extends Error {
  readonly reason: 'bitcoin_unavailable' | 'wrong_network';
  constructor(reason: 'bitcoin_unavailable' | 'wrong_network', message: string) {
    super(message);
    this.name = 'BitcoinViewError';
    this.reason = reason;
  }
}

/** Turns a view's error into a verdict and lets every other error pass. */
export function asUnavailable(error: unknown): {
  readonly ok: false;
  readonly reason: 'bitcoin_unavailable' | 'wrong_network';
  readonly detail: string;
} {
  if (error instanceof BitcoinViewError) return { ok: false, reason: error.reason, detail: error.message };
  throw error;
}
