// Reads inputs and outputs from a transaction without witnesses (Bitcoin's wire format, before BIP 144). The store keeps the
// bytes of each step, and what can be read from them it does not keep twice.
import { fromHex, sha256, toHex } from '../crypto/bytes.ts';
import type { Outpoint } from './database.ts';

/** An output: scriptPubKey, sats. */
export interface BytesOutput {
  readonly script: Uint8Array;
  readonly amount: bigint;
}

/** What a transaction spends and pays, in its order. */
export interface BytesParts {
  readonly txid: string;
  readonly inputs: readonly Outpoint[];
  readonly outputs: readonly BytesOutput[];
}

/** Reads a transaction without witnesses from lowercase hex. Throws where the bytes end early or go on. */
export function readUnsigned(hex: string): BytesParts {
  const bytes = fromHex(hex);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 4;
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw new Error('the transaction ends early');
    at += length;
    return bytes.subarray(at - length, at);
  };
  // CompactSize. No count of a transaction that fits a block needs its widest form.
  const count = (): number => {
    const first = take(1)[0] ?? 0;
    if (first < 0xfd) return first;
    if (first === 0xff) throw new Error('a count of the transaction is too large');
    const width = first === 0xfd ? 2 : 4;
    take(width);
    return width === 2 ? view.getUint16(at - width, true) : view.getUint32(at - width, true);
  };
  const inputs = Array.from({ length: count() }, (): Outpoint => {
    const txid = toHex(take(32).slice().reverse());
    take(4);
    const vout = view.getUint32(at - 4, true);
    take(count());
    take(4);
    return { txid, vout };
  });
  const outputs = Array.from({ length: count() }, (): BytesOutput => {
    take(8);
    const amount = view.getBigUint64(at - 8, true);
    return { script: take(count()), amount };
  });
  take(4);
  if (at !== bytes.length) throw new Error('the transaction goes on after its end');
  return { txid: toHex(sha256(sha256(bytes)).reverse()), inputs, outputs };
}
