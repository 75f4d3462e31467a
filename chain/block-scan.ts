// Finds in a block what concerns this operator: outputs that pay watched Taproot scripts (BIP 341), and inputs that spend
// watched outpoints. One pass over offsets (raw-transactions.ts) and lookups without allocation (byte-table.ts).
import { u32le } from '../crypto/bytes.ts';
import { HASH_BYTES, hashBytes } from './block-hash.ts';
import { ByteTable } from './byte-table.ts';
import type { Outpoint } from './outpoint.ts';
import { OUTPOINT_BYTES, type RawTransactions } from './raw-transactions.ts';

const OP_1 = 0x51;
const TAPROOT_SCRIPT_BYTES = 34;
// After the amount: the script's length, OP_1, the length of the key.
const SCRIPT_AT = 8;
const KEY_AT = SCRIPT_AT + 3;

/** An output that pays a watched script (34 bytes). `amount` in sats; `watched`: what the script was added with. */
export interface PaymentSeen<Script> extends Outpoint {
  readonly amount: bigint;
  readonly script: Uint8Array;
  readonly watched: Script;
}

/** An input that spends a watched outpoint: its transaction, and the input's number in it. */
export interface SpendSeen<Spent> {
  readonly txid: string;
  readonly input: number;
  readonly outpoint: Outpoint;
  readonly watched: Spent;
}

/** What a scan found, in the order of the block. */
export interface Sightings<Script, Spent> {
  readonly payments: readonly PaymentSeen<Script>[];
  readonly spends: readonly SpendSeen<Spent>[];
}

/**
 * What is watched, each with a value of the caller's. Nothing is taken out again: a reorg may bring back what was spent,
 * and what stays costs memory alone (about 100 bytes each).
 */
export class WatchList<Script, Spent> {
  readonly scripts: ByteTable<Script> = new ByteTable(HASH_BYTES);
  readonly outpoints: ByteTable<Spent> = new ByteTable(OUTPOINT_BYTES);

  /** Watches a Taproot scriptPubKey (34 bytes: OP_1, 32, output key); throws on any other. */
  watchScript(script: Uint8Array, value: Script): void {
    if (script.length !== TAPROOT_SCRIPT_BYTES || script[0] !== OP_1 || script[1] !== HASH_BYTES) {
      throw new Error('only Taproot scripts can be watched');
    }
    this.scripts.set(script.subarray(2), value);
  }

  /** Watches for the spending of an output. */
  watchOutpoint({ txid, vout }: Outpoint, value: Spent): void {
    const key = new Uint8Array(OUTPOINT_BYTES);
    key.set(hashBytes(txid));
    key.set(u32le(vout), HASH_BYTES);
    this.outpoints.set(key, value);
  }
}

/**
 * Scans the transactions of a block, or one of the mempool. An output of the same block that is spent in it is found by
 * its payment; its spend is not, unless it was watched before.
 */
export function scanTransactions<Script, Spent>(
  transactions: RawTransactions,
  watched: WatchList<Script, Spent>,
): Sightings<Script, Spent> {
  return { payments: findPayments(transactions, watched.scripts), spends: findSpends(transactions, watched.outpoints) };
}

function findPayments<Script>(transactions: RawTransactions, scripts: ByteTable<Script>): PaymentSeen<Script>[] {
  const { bytes, view, outputOffsets } = transactions;
  const found: PaymentSeen<Script>[] = [];
  for (let place = 0; place < outputOffsets.length; place++) {
    const at = outputOffsets[place] ?? 0;
    // A length below 0xfd is its own CompactSize.
    if (bytes[at + SCRIPT_AT] !== TAPROOT_SCRIPT_BYTES) continue;
    if (bytes[at + SCRIPT_AT + 1] !== OP_1 || bytes[at + SCRIPT_AT + 2] !== HASH_BYTES) continue;
    const value = scripts.get(view, at + KEY_AT);
    if (value === undefined) continue;
    const index = transactions.transactionOfOutput(place);
    const vout = place - transactions.firstOutput(index);
    const script = bytes.slice(at + SCRIPT_AT + 1, at + SCRIPT_AT + 1 + TAPROOT_SCRIPT_BYTES);
    found.push({ txid: transactions.txid(index), vout, amount: transactions.amount(place), script, watched: value });
  }
  return found;
}

function findSpends<Spent>(transactions: RawTransactions, outpoints: ByteTable<Spent>): SpendSeen<Spent>[] {
  const found: SpendSeen<Spent>[] = [];
  if (outpoints.size === 0) return found;
  const { view, inputOffsets } = transactions;
  for (let place = 0; place < inputOffsets.length; place++) {
    const value = outpoints.get(view, inputOffsets[place] ?? 0);
    if (value === undefined) continue;
    const index = transactions.transactionOfInput(place);
    const input = place - transactions.firstInput(index);
    found.push({ txid: transactions.txid(index), input, outpoint: transactions.outpoint(place), watched: value });
  }
  return found;
}
