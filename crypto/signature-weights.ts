// The weights of a batch verification (BIP 340, "Batch Verification"): 128 bits each, drawn by a hash of everything that is
// verified, so that nobody can choose signatures that make up for each other.

import { reduceScalar, uintToBytes } from './secp256k1.ts';
import { taggedHash } from './tagged-hash.ts';

const WEIGHT_BYTES = 16;

/** One weight per signature, the first of them 1. An item is all that its signature is verified against, and itself. */
export function weightsOf(items: readonly (readonly Uint8Array[])[]): readonly bigint[] {
  const seed = taggedHash('0BTC/bip340/batch', ...items.flat());
  return items.map((_, i) => {
    if (i === 0) return 1n;
    return reduceScalar(taggedHash('0BTC/bip340/weight', seed, uintToBytes(i, 4)).subarray(0, WEIGHT_BYTES));
  });
}
