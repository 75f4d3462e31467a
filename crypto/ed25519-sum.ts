// Sums of multiples of public points on edwards25519 (RFC 8032 section 5.1), in variable time: Straus' method, signed
// sliding windows over one chain of doublings. Never for secrets. The formulas are the complete ones of Hisil, Wong, Carter
// and Dawson (2008, sections 3.1 and 3.3) for a = −1. They hold for every point of the curve, small-order parts and the
// identity included. Coordinates are kept in (−p, p) and only made canonical at the end: that, and no object checked at each
// step, is what makes it twice as fast as noble's general one.
import type { EdwardsPoint } from '@noble/curves/abstract/edwards.js';
import { ed25519 } from '@noble/curves/ed25519.js';

const { Fp, Fn, ZERO } = ed25519.Point;
const P = Fp.ORDER;
const TWICE_D = (2n * ed25519.Point.CURVE().d) % P;
const SCALAR_BITS = 256;
/** Digits are odd and at most 2^4 − 1 in size, so that a table has eight points. */
const DIGIT_MAX = 15;
const TABLE_SIZE = (DIGIT_MAX + 1) / 2;

/** Extended coordinates: x = X/Z, y = Y/Z, x·y = T/Z. */
interface Extended {
  readonly X: bigint;
  readonly Y: bigint;
  readonly Z: bigint;
  readonly T: bigint;
}

/** A point as a summand: Y + X, Y − X, 2Z and 2dT. */
interface Summand {
  readonly plus: bigint;
  readonly minus: bigint;
  readonly twiceZ: bigint;
  readonly twiceDT: bigint;
}

/** A public point and the scalar, 0 ≤ scalar < ℓ, by which it is multiplied. */
export interface Term {
  readonly point: EdwardsPoint;
  readonly scalar: bigint;
}

/** Σ scalar·point + Σ added, all of it public. Throws on a scalar out of range. */
export function sumOfMultiples(terms: readonly Term[], added: readonly EdwardsPoint[] = []): EdwardsPoint {
  const digits = terms.map(({ scalar }) => signedDigits(scalar));
  const tables = terms.map(({ point }) => oddMultiples(point));
  let sum: Extended = ZERO;
  let isZero = true;
  for (let bit = SCALAR_BITS - 1; bit >= 0; bit--) {
    if (!isZero) sum = double(sum);
    for (let i = 0; i < tables.length; i++) {
      const digit = digits[i]?.[bit] ?? 0;
      const multiple = digit === 0 ? undefined : tables[i]?.[Math.abs(digit) >> 1];
      if (multiple === undefined) continue;
      sum = add(sum, digit > 0 ? multiple : opposite(multiple));
      isZero = false;
    }
  }
  const { X, Y, Z, T } = added.reduce<Extended>((total, point) => add(total, summandOf(point)), sum);
  return new ed25519.Point(Fp.create(X), Fp.create(Y), Fp.create(Z), Fp.create(T));
}

// 1P, 3P, … 15P.
function oddMultiples(point: EdwardsPoint): Summand[] {
  const twice = summandOf(double(point));
  const table = [summandOf(point)];
  for (let multiple: Extended = point; table.length < TABLE_SIZE; ) {
    multiple = add(multiple, twice);
    table.push(summandOf(multiple));
  }
  return table;
}

// Σ digit_i·2^i = scalar, each digit 0 or odd and at most DIGIT_MAX in size, and zeros after each that is not. A set bit
// takes in what set bits follow within reach; where that would be too much it is made up for by a carry.
function signedDigits(scalar: bigint): Int8Array {
  const bytes = Fn.isValid(scalar) ? Fn.toBytes(scalar) : null;
  if (bytes === null) throw new RangeError('a scalar lies in [0, ℓ)');
  const digits = Int8Array.from({ length: SCALAR_BITS }, (_, i) => ((bytes[i >> 3] ?? 0) >> (i & 7)) & 1);
  for (let i = 0; i < SCALAR_BITS; i++) {
    let digit = digits[i] ?? 0;
    if (digit === 0) continue;
    for (let ahead = 1; i + ahead < SCALAR_BITS && 1 << ahead <= 2 * DIGIT_MAX; ahead++) {
      if (digits[i + ahead] === 0) continue;
      const value = 1 << ahead;
      if (digit + value <= DIGIT_MAX) {
        digit += value;
        digits[i + ahead] = 0;
      } else if (digit - value >= -DIGIT_MAX) {
        digit -= value;
        carry(digits, i + ahead);
      } else break;
    }
    digits[i] = digit;
  }
  return digits;
}

// Adds 1 at a bit; a scalar below ℓ leaves the topmost bits free.
function carry(digits: Int8Array, from: number): void {
  let at = from;
  while (digits[at] === 1) digits[at++] = 0;
  digits[at] = 1;
}

function summandOf({ X, Y, Z, T }: Extended): Summand {
  return { plus: Y + X, minus: Y - X, twiceZ: 2n * Z, twiceDT: (TWICE_D * T) % P };
}

function opposite({ plus, minus, twiceZ, twiceDT }: Summand): Summand {
  return { plus: minus, minus: plus, twiceZ, twiceDT: -twiceDT };
}

function add({ X, Y, Z, T }: Extended, { plus, minus, twiceZ, twiceDT }: Summand): Extended {
  const A = ((Y - X) * minus) % P;
  const B = ((Y + X) * plus) % P;
  const C = (T * twiceDT) % P;
  const D = (Z * twiceZ) % P;
  const E = B - A;
  const F = D - C;
  const G = D + C;
  const H = B + A;
  return { X: (E * F) % P, Y: (G * H) % P, Z: (F * G) % P, T: (E * H) % P };
}

function double({ X, Y, Z }: Extended): Extended {
  const A = (X * X) % P;
  const B = (Y * Y) % P;
  const C = (2n * Z * Z) % P;
  const sum = X + Y;
  const E = ((sum * sum) % P) - A - B;
  const G = B - A;
  const F = G - C;
  const H = -A - B;
  return { X: (E * F) % P, Y: (G * H) % P, Z: (F * G) % P, T: (E * H) % P };
}
