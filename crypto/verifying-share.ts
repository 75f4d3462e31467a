// The public point of a signing share: how a node sees for itself that its share belongs to a group key.

import { ed25519 } from '@noble/curves/ed25519.js';
import type { SchemeName } from './scheme.ts';
import { isNonzeroScalar, multiplySecret, pointToBytes, ValueError } from './secp256k1.ts';

/**
 * The verifying share of a signing share (32 bytes): 33 bytes compressed for bip340, 32 for ed25519, whose scalars are
 * little endian (RFC 9591 section 6.1). Regular in a bip340 share (crypto/secp256k1.ts). Throws where the share is no scalar but zero.
 */
export function verifyingShareOf(scheme: SchemeName, signingShare: Uint8Array): Uint8Array {
  if (scheme === 'bip340') {
    if (!isNonzeroScalar(signingShare)) throw new ValueError('The signing share is out of range.');
    return pointToBytes(multiplySecret(signingShare));
  }
  const scalar = ed25519.Point.Fn.fromBytes(signingShare);
  return ed25519.Point.BASE.multiply(scalar).toBytes();
}
