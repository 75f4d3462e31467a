// Batch verification of BIP 340 signatures (BIP 340, "Batch Verification"): Σ aᵢ·sᵢ·G = Σ aᵢ·Rᵢ + Σ aᵢ·eᵢ·Pᵢ for weights aᵢ
// of 128 bits. A hash of everything draws them, so nobody can choose signatures that make up for each other.

import { concatBytes } from '@noble/curves/utils.js';
import {
  Fn,
  G,
  hasEvenY,
  type Point,
  parsePoint,
  parseScalar,
  reduceScalar,
  SCALAR_BYTES,
  SIGNATURE_BYTES,
  sumOfProductsPublic,
  sumScalars,
  xOnlyBytes,
} from './secp256k1.ts';
import { weightsOf } from './signature-weights.ts';
import { taggedHash } from './tagged-hash.ts';

const EVEN = Uint8Array.of(2);

/** A signature that is claimed to hold. */
export interface SignatureClaim {
  /** Any length. */
  readonly message: Uint8Array;
  /** Not infinity. As in BIP 340, the point of even y with its x-coordinate is meant. */
  readonly publicKey: Point;
  readonly signature: Uint8Array;
}

/**
 * Whether all signatures hold; true for none. `tagPrefix` stands in place of "BIP0340" in the tag of the challenge. A
 * malformed signature is false. Which one fails, only verifying them one by one can tell.
 */
export function signaturesHold(claims: readonly SignatureClaim[], tagPrefix = 'BIP0340'): boolean {
  const points: Point[] = [];
  const scalars: bigint[] = [];
  const transcript: Uint8Array[][] = [];
  const products: bigint[] = [];
  const parsed: { readonly r: Point; readonly p: Point; readonly s: bigint; readonly e: bigint }[] = [];
  for (const { message, publicKey, signature } of claims) {
    if (signature.length !== SIGNATURE_BYTES) return false;
    const xOnlyR = signature.subarray(0, SCALAR_BYTES);
    const r = parsePoint(concatBytes(EVEN, xOnlyR));
    const s = parseScalar(signature.subarray(SCALAR_BYTES));
    if (!r || s === null) return false;
    const xOnly = xOnlyBytes(publicKey);
    const e = taggedHash(`${tagPrefix}/challenge`, xOnlyR, xOnly, message);
    // e commits to R, P and the message.
    transcript.push([e, signature]);
    parsed.push({ r, p: hasEvenY(publicKey) ? publicKey : publicKey.negate(), s, e: reduceScalar(e) });
  }
  const weights = weightsOf(transcript);
  for (const [i, { r, p, s, e }] of parsed.entries()) {
    const weight = weights[i] ?? 0n;
    points.push(r, p);
    scalars.push(weight, Fn.mul(weight, e));
    products.push(Fn.mul(weight, s));
  }
  // Everything on one side: −Σ aᵢ·sᵢ·G + Σ aᵢ·Rᵢ + Σ aᵢ·eᵢ·Pᵢ.
  return sumOfProductsPublic([G, ...points], [Fn.neg(sumScalars(products)), ...scalars]).is0();
}
