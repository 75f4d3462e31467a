// The simulated Bitcoin network: a tree of blocks and one mempool with replacement. Miners follow the longest branch; a
// reorg builds another, longer one. What each node sees of it is chain-view.ts's.
import { Transaction } from '@scure/btc-signer';
import type { BroadcastVerdict, MempoolEntry, RelayFloor } from '../chain/bitcoin-view.ts';
import { dustThreshold, feeAt, payoutWeight, virtualSize } from '../chain/fee.ts';
import { type Outpoint, outpointName } from '../chain/outpoint.ts';
import { concat, toHex, u32le, utf8 } from '../crypto/bytes.ts';
import { blockHashOf, type Output, rawBlock, rawCoinbase, rawTransaction, txidOf } from './raw-bytes.ts';
import { isSigned } from './signature-check.ts';

/** An unspent output and the height of its block. */
export interface Coin extends Output {
  readonly height: number;
}

/** A transaction as the network knows it. `raw`: without witnesses; `fee` in sats. */
export interface ChainTransaction {
  readonly txid: string;
  readonly raw: Uint8Array;
  readonly inputs: readonly Outpoint[];
  readonly outputs: readonly Output[];
  readonly fee: bigint;
}

/** A block with the state of the chain that ends in it. */
export interface ChainBlock {
  readonly hash: string;
  readonly height: number;
  readonly parent: ChainBlock | null;
  readonly raw: Uint8Array;
  readonly transactions: readonly ChainTransaction[];
  readonly coins: ReadonlyMap<string, Coin>;
  /** Heights of all transactions of this branch. */
  readonly heights: ReadonlyMap<string, number>;
}

/** The height of the first block that the simulation holds. */
export const FIRST_HEIGHT = 0;
const TIME_BEGIN_S = 1_800_000_000;
const SPAM_FEE = 1_000n;

export class SimulatedChain {
  readonly mempool = new Map<string, ChainTransaction>();
  readonly known = new Map<string, ChainTransaction>();
  readonly blocks = new Map<string, ChainBlock>();
  // The height at which a transaction was seen first, and the bytes of those that the federation signed.
  readonly #seenAt = new Map<string, number>();
  readonly #signed = new Map<string, Uint8Array>();
  #best: ChainBlock;
  #made = 0;
  feeRate = 2_000n;
  /** By how much later than the others blocks are from now on, by their headers. */
  secondsPassed = 0;

  constructor() {
    this.#best = this.#block(null, FIRST_HEIGHT, [], new Map());
  }

  get best(): ChainBlock {
    return this.#best;
  }

  /** Adds a transaction from outside the federation that spends these outside coins. Replaces what conflicts. */
  send(inputs: readonly Outpoint[], outputs: readonly Output[]): ChainTransaction {
    const raw = rawTransaction(inputs, outputs);
    const transaction = { txid: txidOf(raw), raw, inputs, outputs, fee: SPAM_FEE };
    for (const other of this.conflicts(transaction)) this.#evict(other.txid);
    this.#admit(transaction);
    return transaction;
  }

  /** Takes a transaction of the federation, verified input by input, or says why not, as Bitcoin nodes would. */
  broadcast(bytes: Uint8Array, floor: RelayFloor): BroadcastVerdict {
    const checked = this.#checked(bytes, floor, 'signed');
    if ('ok' in checked) return checked;
    const { txid } = checked;
    for (const other of this.conflicts(checked)) this.#evict(other.txid);
    this.#admit(checked);
    this.#signed.set(txid, bytes);
    return { ok: true, txid };
  }

  /** Whether a node with this floor would relay a transaction, its signatures aside. */
  policy(bytes: Uint8Array, floor: RelayFloor): BroadcastVerdict {
    const checked = this.#checked(bytes, floor, 'unsigned');
    return 'ok' in checked ? checked : { ok: true, txid: checked.txid };
  }

  /** A transaction's bytes, with its witnesses where the federation signed it; null where nobody has seen it. */
  bytesOf(txid: string): Uint8Array | null {
    return this.#signed.get(txid) ?? this.known.get(txid)?.raw ?? null;
  }

  /** The mempool transactions that spend what this one spends. */
  conflicts({ txid, inputs }: ChainTransaction): readonly ChainTransaction[] {
    const spent = new Set(inputs.map(outpointName));
    return [...this.mempool.values()].filter(
      (other) => other.txid !== txid && other.inputs.some((input) => spent.has(outpointName(input))),
    );
  }

  /** A mempool transaction with what it hangs upon and what hangs upon it, or null. */
  entry(txid: string): MempoolEntry | null {
    const transaction = this.mempool.get(txid);
    if (transaction === undefined) return null;
    const load = (all: readonly ChainTransaction[]) => ({
      count: all.length,
      vsize: all.reduce((sum, one) => sum + sizeOf(one), 0),
      fees: all.reduce((sum, { fee }) => sum + fee, 0n),
    });
    const own = { vsize: sizeOf(transaction), height: this.#heightSeen(txid), fee: transaction.fee };
    const ancestors = [...this.mempool.values()].filter((one) => this.#withDescendants(one).includes(transaction));
    return { ...own, ancestors: load(ancestors), descendants: load(this.#withDescendants(transaction)) };
  }

  /** Mines a block of those mempool transactions that `choose` takes. */
  mine(choose: (transaction: ChainTransaction) => boolean): ChainBlock {
    this.#best = this.#extend(this.#best, [...this.mempool.values()].filter(choose));
    this.#clean();
    return this.#best;
  }

  /**
   * Replaces the last `depth` blocks by `depth + 1` others, empty but for the first. What they held goes back to the
   * mempool, unless `rival` conflicts with it.
   */
  reorganise(depth: number, keep: (transaction: ChainTransaction) => boolean, rival: ChainTransaction | null): void {
    const returned: ChainTransaction[] = [];
    let block = this.#best;
    for (let i = 0; i < depth && block.parent !== null; i++) {
      returned.unshift(...block.transactions);
      block = block.parent;
    }
    for (const transaction of returned) this.#admit(transaction);
    if (rival !== null) {
      for (const other of this.conflicts(rival)) this.#evict(other.txid);
      this.#admit(rival);
    }
    const first = [...this.mempool.values()].filter((one) => one === rival || keep(one));
    block = this.#extend(block, first);
    for (let i = 0; i < depth; i++) block = this.#extend(block, []);
    this.#best = block;
    this.#clean();
  }

  /** The txid of a serialised transaction. */
  txidOf(bytes: Uint8Array): string {
    return Transaction.fromRaw(bytes, { allowUnknownOutputs: true }).id;
  }

  /** Drops a transaction, and what spends from it, from the mempool. */
  evict(txid: string): void {
    this.#evict(txid);
  }

  #admit(transaction: ChainTransaction): void {
    const { txid } = transaction;
    this.known.set(txid, transaction);
    this.mempool.set(txid, transaction);
    this.#seenAt.set(txid, this.best.height);
  }

  #heightSeen(txid: string): number {
    const height = this.#seenAt.get(txid);
    if (height === undefined) throw new Error(`${txid} never was in the mempool`);
    return height;
  }

  // What a node with this floor would take into its mempool; its verdict where it holds it already or refuses it.
  #checked(bytes: Uint8Array, floor: RelayFloor, witnesses: Witnesses): ChainTransaction | BroadcastVerdict {
    const parsed = Transaction.fromRaw(bytes, { allowUnknownOutputs: true });
    const txid = parsed.id;
    if (this.mempool.has(txid)) return { ok: true, txid };
    if (this.best.heights.has(txid)) return rejected('txn-already-known');
    const transaction = this.#parsed(parsed, witnesses);
    if (typeof transaction === 'string') return rejected(transaction);
    const { fee, outputs } = transaction;
    if (outputs.some((output) => isDust(output, floor))) return rejected('dust');
    if (fee < feeAt(sizeOf(transaction), floor.feeRateMin)) return rejected('min relay fee not met');
    return this.#outbids(transaction, floor) ? transaction : rejected('insufficient fee');
  }

  // BIP 125, rules 2 to 4 and 6: no new unconfirmed input; what it evicts is paid for and its own relaying too; and it pays at
  // a higher rate than each that it conflicts with.
  #outbids(transaction: ChainTransaction, floor: RelayFloor): boolean {
    const conflicts = this.conflicts(transaction);
    if (conflicts.length === 0) return true;
    const before = new Set(conflicts.flatMap(({ inputs }) => inputs.map(outpointName)));
    const isNew = (input: Outpoint) => this.mempool.has(input.txid) && !before.has(outpointName(input));
    if (transaction.inputs.some(isNew)) return false;
    const evicted = new Set(conflicts.flatMap((other) => this.#withDescendants(other)));
    const size = sizeOf(transaction);
    const replaced = [...evicted].reduce((sum, { fee }) => sum + fee, 0n);
    if (transaction.fee < replaced + feeAt(size, floor.incrementalRate)) return false;
    return conflicts.every((other) => transaction.fee * BigInt(sizeOf(other)) > other.fee * BigInt(size));
  }

  #withDescendants(transaction: ChainTransaction): readonly ChainTransaction[] {
    const found = new Set([transaction]);
    // A set is walked together with what is added to it meanwhile.
    for (const { txid } of found) {
      for (const other of this.mempool.values())
        if (other.inputs.some((input) => input.txid === txid)) found.add(other);
    }
    return [...found];
  }

  #evict(txid: string): void {
    if (!this.mempool.delete(txid)) return;
    for (const other of [...this.mempool.values()]) {
      if (other.inputs.some((input) => input.txid === txid)) this.#evict(other.txid);
    }
  }

  #extend(parent: ChainBlock, wanted: readonly ChainTransaction[]): ChainBlock {
    const coins = new Map(parent.coins);
    const taken: ChainTransaction[] = [];
    const height = parent.height + 1;
    // Parents come before children in the mempool's order; what cannot be mined now stays.
    for (const transaction of wanted) {
      if (parent.heights.has(transaction.txid) || !transaction.inputs.every((input) => this.#isSpendable(coins, input)))
        continue;
      for (const input of transaction.inputs) coins.set(outpointName(input), SPENT);
      transaction.outputs.forEach((output, vout) => {
        coins.set(outpointName({ txid: transaction.txid, vout }), { ...output, height });
      });
      taken.push(transaction);
    }
    return this.#block(parent, height, taken, coins);
  }

  // Coins from outside the federation are not tracked until they are spent.
  #isSpendable(coins: ReadonlyMap<string, Coin>, input: Outpoint): boolean {
    const coin = coins.get(outpointName(input));
    return coin === undefined ? !this.known.has(input.txid) : coin !== SPENT;
  }

  #block(
    parent: ChainBlock | null,
    height: number,
    transactions: readonly ChainTransaction[],
    coins: ReadonlyMap<string, Coin>,
  ): ChainBlock {
    const heights = new Map(parent?.heights ?? []);
    for (const { txid } of transactions) heights.set(txid, height);
    const coinbase = rawCoinbase(concat(u32le(height), u32le(this.#made++), utf8('sim')));
    const raws = [coinbase, ...transactions.map(({ raw }) => raw)];
    const raw = rawBlock(parent?.hash ?? '0'.repeat(64), TIME_BEGIN_S + height + this.secondsPassed, raws);
    const block = { hash: blockHashOf(raw), height, parent, raw, transactions, coins, heights };
    this.blocks.set(block.hash, block);
    return block;
  }

  #clean(): void {
    for (const { txid, inputs } of [...this.mempool.values()]) {
      if (this.#best.heights.has(txid)) this.mempool.delete(txid);
      else if (inputs.some((input) => this.#best.coins.get(outpointName(input)) === SPENT)) this.#evict(txid);
    }
  }

  #parsed(parsed: Transaction, witnesses: Witnesses): ChainTransaction | string {
    const inputs: Outpoint[] = [];
    const spent: Output[] = [];
    for (let index = 0; index < parsed.inputsLength; index++) {
      const { txid = new Uint8Array(0), index: vout = 0 } = parsed.getInput(index);
      const outpoint = { txid: toHex(txid), vout };
      const coin = this.#best.coins.get(outpointName(outpoint)) ?? this.mempool.get(outpoint.txid)?.outputs[vout];
      if (coin === undefined || coin === SPENT) return 'bad-txns-inputs-missingorspent';
      inputs.push(outpoint);
      spent.push(coin);
    }
    if (witnesses === 'signed' && !spent.every((_, index) => isSigned(parsed, index, spent))) {
      return 'mandatory-script-verify-flag-failed';
    }
    const outputs = Array.from({ length: parsed.outputsLength }, (_, vout) => {
      const { amount = 0n, script = new Uint8Array(0) } = parsed.getOutput(vout);
      return { amount, script };
    });
    const raw = rawTransaction(inputs, outputs);
    if (txidOf(raw) !== parsed.id) return 'not a transaction of the form that payouts have';
    const fee = total(spent) - total(outputs);
    return fee < 0n ? 'bad-txns-in-belowout' : { txid: parsed.id, raw, inputs, outputs, fee };
  }
}

/** Marks what has been spent on a branch. */
export const SPENT: Coin = { script: new Uint8Array(0), amount: -1n, height: -1 };

type Witnesses = 'signed' | 'unsigned';

function isDust({ script, amount }: Output, { dustRelayRate }: RelayFloor): boolean {
  return !isData(script) && amount < dustThreshold(script, dustRelayRate);
}

// OP_RETURN: nobody will ever spend it.
function isData(script: Uint8Array): boolean {
  return script[0] === 0x6a;
}

function sizeOf({ inputs, outputs }: ChainTransaction): number {
  const scripts = outputs.map(({ script }) => script.length);
  return virtualSize(payoutWeight(inputs.length, scripts));
}

function total(outputs: readonly Output[]): bigint {
  return outputs.reduce((sum, { amount }) => sum + amount, 0n);
}

function rejected(detail: string): BroadcastVerdict {
  return { ok: false, reason: 'rejected', detail };
}
