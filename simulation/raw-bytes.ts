// Transactions and blocks of the simulated chain in Bitcoin's serialisation, so that nodes read them as they would real
// ones. Transactions that come from outside the federation carry no witnesses: nobody in the simulation checks them.
import { doubleSha256, hashBytes, hashName } from '../chain/block-hash.ts';
import type { Outpoint } from '../chain/outpoint.ts';
import { concat, u32le, u64le } from '../crypto/bytes.ts';

/** An output; `amount` in sats. */
export interface Output {
  readonly script: Uint8Array;
  readonly amount: bigint;
}

const SEQUENCE = 0xffff_fffd;
const NULL_OUTPOINT: Outpoint = { txid: '0'.repeat(64), vout: 0xffff_ffff };

/** A transaction without witnesses. */
export function rawTransaction(inputs: readonly Outpoint[], outputs: readonly Output[]): Uint8Array {
  const spent = inputs.map(({ txid, vout }) => concat(hashBytes(txid), u32le(vout), Uint8Array.of(0), u32le(SEQUENCE)));
  return concat(u32le(2), count(inputs.length), ...spent, count(outputs.length), ...outputs.map(paid), u32le(0));
}

/** A coinbase transaction; `note` makes it unlike others. */
export function rawCoinbase(note: Uint8Array): Uint8Array {
  const input = concat(hashBytes(NULL_OUTPOINT.txid), u32le(NULL_OUTPOINT.vout), count(note.length), note, u32le(0));
  const output = paid({ script: Uint8Array.of(0x51), amount: 0n });
  return concat(u32le(2), count(1), input, count(1), output, u32le(0));
}

/** The txid of a transaction without witnesses. */
export function txidOf(raw: Uint8Array): string {
  return hashName(hashOf(raw));
}

/** A block of these transactions (without witnesses), the coinbase first. `time` in s since 1970. */
export function rawBlock(prev: string, time: number, transactions: readonly Uint8Array[]): Uint8Array {
  const root = merkleRoot(transactions.map(hashOf));
  const header = concat(u32le(0x2000_0000), hashBytes(prev), root, u32le(time), u32le(0x207f_ffff), u32le(0));
  return concat(header, count(transactions.length), ...transactions);
}

/** The hash of a block. */
export function blockHashOf(raw: Uint8Array): string {
  return hashName(hashOf(raw.subarray(0, 80)));
}

function paid({ script, amount }: Output): Uint8Array {
  return concat(u64le(amount), count(script.length), script);
}

function hashOf(bytes: Uint8Array): Uint8Array {
  const hash = new Uint8Array(32);
  doubleSha256(bytes, hash);
  return hash;
}

function merkleRoot(hashes: readonly Uint8Array[]): Uint8Array {
  let row = [...hashes];
  while (row.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i < row.length; i += 2) {
      const left = row[i] ?? new Uint8Array(32);
      next.push(hashOf(concat(left, row[i + 1] ?? left)));
    }
    row = next;
  }
  return row[0] ?? new Uint8Array(32);
}

function count(value: number): Uint8Array {
  return value < 0xfd ? Uint8Array.of(value) : Uint8Array.of(0xfd, value & 0xff, value >> 8);
}
