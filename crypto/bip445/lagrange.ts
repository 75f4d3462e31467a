// Lagrange interpolation at x = 0 over participant indices (BIP 445, DeriveInterpolatingValue). The participant with
// index i stands at x = i + 1, so that x = 0, the secret itself, belongs to nobody.

import { Fn, ValueError } from '../secp256k1.ts';

/**
 * The interpolating value of `index` among `indices` (BIP 445, DeriveInterpolatingValue).
 * Throws a ValueError if `indices` has duplicates or lacks `index`.
 */
export function interpolatingValue(indices: readonly number[], index: number): bigint {
  if (!indices.includes(index)) throw new ValueError('The index is not in the list.');
  if (new Set(indices).size !== indices.length) throw new ValueError('The list of indices has duplicates.');
  let numerator = 1n;
  let denominator = 1n;
  for (const other of indices) {
    if (other === index) continue;
    numerator = Fn.mul(numerator, BigInt(other + 1));
    denominator = Fn.mul(denominator, Fn.create(BigInt(other - index)));
  }
  return Fn.mul(numerator, Fn.inv(denominator));
}

/** The interpolating values of all of `indices`, in their order, with a single field inversion. */
export function interpolatingValues(indices: readonly number[]): bigint[] {
  if (new Set(indices).size !== indices.length) throw new ValueError('The list of indices has duplicates.');
  let product = 1n;
  for (const index of indices) product = Fn.mul(product, BigInt(index + 1));
  // λ_i = Π_{j≠i} x_j / (x_j − x_i) = Π_j x_j / (x_i · Π_{j≠i} (x_j − x_i)).
  const denominators = indices.map((index) => {
    let denominator = BigInt(index + 1);
    for (const other of indices) {
      if (other !== index) denominator = Fn.mul(denominator, Fn.create(BigInt(other - index)));
    }
    return denominator;
  });
  return Fn.invertBatch(denominators).map((inverse) => Fn.mul(product, inverse));
}
