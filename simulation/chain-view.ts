// What one node's own Bitcoin nodes tell it of the simulated network: a tip that may lag behind, all of the mempool, or
// for a while nothing at all.
import {
  type BitcoinView,
  BitcoinViewError,
  type RelayFloor,
  type TransactionStatus,
  type TxOut,
} from '../chain/bitcoin-view.ts';
import { parseBlock } from '../chain/block.ts';
import { type Outpoint, outpointName } from '../chain/outpoint.ts';
import { type ChainBlock, type SimulatedChain, SPENT } from './chain.ts';

/** Lets a node wait for an answer, which is worked out when it comes. */
export type Ask = <T>(what: string, answer: () => T) => Promise<T>;

/** What nodes ask by default, in sats per 1000 vbytes. */
export const USUAL_FLOOR: RelayFloor = { feeRateMin: 1_000n, dustRelayRate: 3_000n, incrementalRate: 1_000n };

/** A node's own view; what it says is also what the checkers hold the node's signatures against. */
export class ChainView {
  readonly #chain: SimulatedChain;
  tip: ChainBlock;
  isDown = false;
  floor = USUAL_FLOOR;

  constructor(chain: SimulatedChain) {
    this.#chain = chain;
    this.tip = chain.best;
  }

  /** Follows the network to its best block. */
  catchUp(): void {
    this.tip = this.#chain.best;
  }

  confirmed(outpoint: Outpoint): TxOut | null {
    const coin = this.tip.coins.get(outpointName(outpoint));
    if (coin === undefined || coin === SPENT) return null;
    const { amount, script, height } = coin;
    return { amount, script, confirmations: this.tip.height - height + 1, coinbase: false };
  }

  /** An output of a transaction in the chain, spent or not. */
  paid({ txid, vout }: Outpoint): (TxOut & { readonly isSpent: boolean }) | null {
    const height = this.tip.heights.get(txid);
    const output = this.#chain.known.get(txid)?.outputs[vout];
    if (height === undefined || output === undefined) return null;
    const confirmations = this.tip.height - height + 1;
    const isSpent = this.tip.coins.get(outpointName({ txid, vout })) === SPENT;
    return { ...output, confirmations, coinbase: false, isSpent };
  }

  withMempool(outpoint: Outpoint): TxOut | null {
    if (this.spender(outpoint) !== null) return null;
    const confirmed = this.confirmed(outpoint);
    if (confirmed !== null || this.tip.heights.has(outpoint.txid)) return confirmed;
    const output = this.#chain.mempool.get(outpoint.txid)?.outputs[outpoint.vout];
    return output === undefined ? null : { ...output, confirmations: 0, coinbase: false };
  }

  spender(outpoint: Outpoint): string | null {
    const name = outpointName(outpoint);
    for (const { txid, inputs } of this.#chain.mempool.values()) {
      if (!this.tip.heights.has(txid) && inputs.some((input) => outpointName(input) === name)) return txid;
    }
    return null;
  }

  transaction(txid: string): TransactionStatus {
    const outputs = this.#chain.known.get(txid)?.outputs.length ?? null;
    const height = this.tip.heights.get(txid);
    if (height !== undefined) return { state: 'confirmed', confirmations: this.tip.height - height + 1, outputs };
    return this.#chain.mempool.has(txid) ? { state: 'mempool', outputs } : { state: 'unknown' };
  }

  rawTransaction(txid: string): Uint8Array | null {
    const isKnown = this.tip.heights.has(txid) || this.#chain.mempool.has(txid);
    return isKnown ? this.#chain.bytesOf(txid) : null;
  }

  hashAt(height: number): string {
    let block: ChainBlock | null = this.tip;
    while (block !== null && block.height > height) block = block.parent;
    if (block === null || block.height !== height) {
      throw new BitcoinViewError('bitcoin_unavailable', `there is no block ${height}`);
    }
    return block.hash;
  }

  blockOf(hash: string): ChainBlock {
    const block = this.#chain.blocks.get(hash);
    if (block === undefined) throw new BitcoinViewError('bitcoin_unavailable', `there is no block ${hash}`);
    return block;
  }

  get chain(): SimulatedChain {
    return this.#chain;
  }
}

/** The interface that the node works with, over its view. */
export function bitcoinViewOf(view: ChainView, ask: Ask): BitcoinView {
  const { chain } = view;
  const told = <T>(what: string, answer: () => T): Promise<T> =>
    ask(what, () => {
      if (view.isDown) throw new BitcoinViewError('bitcoin_unavailable', 'no node answers');
      return answer();
    });
  const tip = () => ({ height: view.tip.height, hash: view.tip.hash });
  return {
    network: 'regtest',
    tip: () => told('tip', tip),
    agreedTip: () => told('agreed tip', () => ({ ...tip(), fork: null })),
    blockHash: (height) => told('block hash', () => view.hashAt(height)),
    blockHashes: (heights) => told('block hashes', () => heights.map((height) => view.hashAt(height))),
    block: (hash) => told('block', () => parseBlock(view.blockOf(hash).raw, { hash })),
    txOuts: (outpoints, source) =>
      told('outputs', () =>
        outpoints.map((outpoint) => (source === 'confirmed' ? view.confirmed(outpoint) : view.withMempool(outpoint))),
      ),
    transaction: (txid) => told('transaction', () => view.transaction(txid)),
    rawTransaction: (txid) => told('raw transaction', () => view.rawTransaction(txid)),
    mempoolSpends: (outpoints) => told('spends', () => outpoints.map((outpoint) => view.spender(outpoint))),
    mempoolEntry: (txid) => told('mempool entry', () => (view.tip.heights.has(txid) ? null : chain.entry(txid))),
    testAccept: (bytes) => told('test accept', () => ({ ok: true, txid: chain.txidOf(bytes) })),
    testPolicy: (bytes) => told('test policy', () => chain.policy(bytes, view.floor)),
    relayFloor: () => told('relay floor', () => view.floor),
    broadcast: (bytes) => told('broadcast', () => chain.broadcast(bytes, view.floor)),
    feeRate: () => told('fee rate', () => chain.feeRate),
  };
}
