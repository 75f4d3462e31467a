// Proofs of possession: BIP 340 signatures under tags of their own, so that no other signature can pass for one.
// The library's BIP 340 has fixed tags; hence signing and verifying with a tag prefix here.

import { concatBytes } from '@noble/curves/utils.js';
import { signaturesHold } from '../bip340-batch.ts';
import {
  Fn,
  G,
  hasEvenY,
  isNonzeroScalar,
  multiplyAddSecret,
  multiplySecret,
  negateSecret,
  type Point,
  parsePoint,
  parseScalar,
  reduceScalar,
  reduceSecret,
  requireLength,
  SCALAR_BYTES,
  type SecretScalar,
  SIGNATURE_BYTES,
  scalarToBytes,
  sumOfProductsPublic,
  uintToBytes,
  ValueError,
  xOnlyBytes,
} from '../secp256k1.ts';
import { taggedHash } from '../tagged-hash.ts';
import { BIP_TAG } from './encoding.ts';

const POP_TAG = `${BIP_TAG}pop message`;
const BIP340_TAG = 'BIP0340';
const EVEN = Uint8Array.of(2);

function challenge(tagPrefix: string, xOnlyR: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  return reduceScalar(taggedHash(`${tagPrefix}/challenge`, xOnlyR, publicKey, message));
}

/**
 * BIP 340 "Default Signing" with `tagPrefix` in place of "BIP0340" in its three tags.
 * `secretKey` and `auxRand` are 32 bytes. Throws a ValueError on wrong lengths or a key out of range.
 */
export function schnorrSign(
  message: Uint8Array,
  secretKey: Uint8Array,
  auxRand: Uint8Array,
  tagPrefix = BIP340_TAG,
): Uint8Array {
  requireLength(auxRand, SCALAR_BYTES, 'The auxiliary randomness');
  if (!isNonzeroScalar(secretKey)) throw new ValueError('The secret key is out of range.');
  const point = multiplySecret(secretKey);
  const publicKey = xOnlyBytes(point);
  const d = hasEvenY(point) ? secretKey.slice() : negateSecret(secretKey);
  const masked = taggedHash(`${tagPrefix}/aux`, auxRand);
  for (const [i, byte] of d.entries()) masked[i] = (masked[i] ?? 0) ^ byte;
  const nonceHash = taggedHash(`${tagPrefix}/nonce`, masked, publicKey, message);
  const k0 = reduceSecret(nonceHash);
  const r = multiplySecret(k0);
  const k = hasEvenY(r) ? k0.slice() : negateSecret(k0);
  const xOnlyR = xOnlyBytes(r);
  const e = challenge(tagPrefix, xOnlyR, publicKey, message);
  const signature = concatBytes(xOnlyR, multiplyAddSecret(scalarToBytes(e), d, k));
  for (const secret of [d, masked, nonceHash, k0, k]) secret.fill(0);
  // A fault while signing could give the key away: BIP 340 asks to verify before anything leaves.
  if (!schnorrVerify(message, publicKey, signature, tagPrefix)) throw new Error('The signature made does not verify.');
  return signature;
}

/**
 * BIP 340 verification with `tagPrefix` in place of "BIP0340" in its tag. `publicKey` is x-only, 32 bytes. False for
 * anything malformed.
 */
export function schnorrVerify(
  message: Uint8Array,
  publicKey: Uint8Array,
  signature: Uint8Array,
  tagPrefix = BIP340_TAG,
): boolean {
  if (publicKey.length !== SCALAR_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  const xOnlyR = signature.subarray(0, SCALAR_BYTES);
  const s = parseScalar(signature.subarray(SCALAR_BYTES));
  const point = parsePoint(concatBytes(EVEN, publicKey));
  const expected = parsePoint(concatBytes(EVEN, xOnlyR));
  if (s === null || !point || !expected) return false;
  const e = challenge(tagPrefix, xOnlyR, publicKey, message);
  return sumOfProductsPublic([G, point], [s, Fn.neg(e)]).equals(expected);
}

/** Proves that participant `participantId` knows the secret it commits to. */
export function popProve(secret: SecretScalar, participantId: number, auxRand: Uint8Array): Uint8Array {
  return schnorrSign(uintToBytes(participantId, 4), secret, auxRand, POP_TAG);
}

/** Verifies a proof of possession under the x-only commitment to the secret. */
export function popVerify(pop: Uint8Array, publicKey: Uint8Array, participantId: number): boolean {
  return schnorrVerify(uintToBytes(participantId, 4), publicKey, pop, POP_TAG);
}

/** A proof of possession under a commitment, by the participant it must be of. */
export interface PopClaim {
  readonly participantId: number;
  /** Not infinity. */
  readonly commitment: Point;
  readonly pop: Uint8Array;
}

/** The first participant of the list whose proof is not valid; null if all are, which is found out at once for all. */
export function firstInvalidPop(claims: readonly PopClaim[]): number | null {
  const batch = claims.map(({ participantId, commitment, pop }) => {
    return { message: uintToBytes(participantId, 4), publicKey: commitment, signature: pop };
  });
  if (signaturesHold(batch, POP_TAG)) return null;
  const wrong = claims.find(({ participantId, commitment, pop }) => {
    return !popVerify(pop, xOnlyBytes(commitment), participantId);
  });
  return wrong?.participantId ?? null;
}
