// Bitcoin's hashes: double SHA-256, 32 bytes in internal byte order, shown to people and JSON-RPC the other way round.
import { fromHex, toHex } from '../crypto/bytes.ts';

/** Length of a hash. */
export const HASH_BYTES = 32;

const INNER = new Uint8Array(HASH_BYTES);

/** SHA-256 of the SHA-256, into 32 bytes. */
export function doubleSha256(message: Uint8Array, into: Uint8Array): void {
  Bun.SHA256.hash(message, INNER);
  Bun.SHA256.hash(INNER, into);
}

/** A hash in internal byte order as text in display order. */
export function hashName(hash: Uint8Array): string {
  return toHex(hash.slice().reverse());
}

/** A hash as text in display order to its internal byte order. */
export function hashBytes(name: string): Uint8Array {
  return fromHex(name, { bytes: HASH_BYTES }).reverse();
}
