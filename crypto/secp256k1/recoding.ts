// Scalars of secp256k1 written in signed digits: in windows of fixed width for secret ones, and for public ones split by
// the curve's endomorphism and in width-w non-adjacent form (Guide to Elliptic Curve Cryptography, 3.3.1 and 3.5).

import { N } from './scalar-program.ts';

export { N };

/** λ·(x, y) = (β·x, y) for all points of the group. */
export const BETA = 0x7ae96a2b657c07106e64479eac3434e99cf0497512f58995c1396c28719501een;

// A short basis of the lattice of (a, b) with a + b·λ ≡ 0 mod n: (A1, −B1) and (A2, A1).
const A1 = 0x3086d221a7d46bcde86c90e49284eb15n;
const B1 = 0xe4437ed6010e88286f547fa90abfe4c3n;
const A2 = 0x114ca50f7a8e2f3f657c1108d9d44cfd8n;

const WORD_BITS = 32;
/** What a half scalar keeps below, in bits, and a whole one. */
export const HALF_BITS = 129;
const HALF_WORDS = Math.ceil((HALF_BITS + WORD_BITS) / WORD_BITS);

/** scalar ≡ first + second·λ, both below 2^128 but for their sign. Not for secrets. */
export function split(scalar: bigint): readonly [first: bigint, second: bigint] {
  const rounded = (factor: bigint): bigint => (factor * scalar + N / 2n) / N;
  const [c1, c2] = [rounded(A1), rounded(B1)];
  return [scalar - c1 * A1 - c2 * A2, c1 * B1 - c2 * A1];
}

/**
 * The width-`width` non-adjacent form of an integer of at most HALF_BITS bits, least digit first: each digit 0 or odd and
 * between ±2^(width − 1), every other of `width` neighbours 0. Not for secrets.
 */
export function nonAdjacentForm(value: bigint, width: number): Int8Array {
  const digits = new Int8Array(HALF_BITS + 1);
  const words = new Uint32Array(HALF_WORDS);
  const sign = value < 0n ? -1 : 1;
  let rest = value < 0n ? -value : value;
  for (let i = 0; i < HALF_WORDS; i++, rest >>= 32n) words[i] = Number(rest & 0xffff_ffffn);
  const bits = (at: number, count: number): number => {
    const [word, shift] = [at >>> 5, at & 31];
    const upper = shift === 0 ? 0 : (words[word + 1] ?? 0) << (32 - shift);
    return (((words[word] ?? 0) >>> shift) | upper) & ((1 << count) - 1);
  };
  let carry = 0;
  for (let at = 0; at <= HALF_BITS; ) {
    if (bits(at, 1) === carry) {
      at += 1;
      continue;
    }
    const digit = bits(at, width) + carry;
    carry = digit >> (width - 1);
    digits[at] = sign * (digit - (carry << width));
    at += width;
  }
  return digits;
}

/**
 * 32 bytes, big endian, in ⌈257 / width⌉ digits between −2^(width − 1) + 1 and 2^(width − 1), least first. No branch and
 * no address depends on the scalar. The digits are as secret as it is.
 */
export function signedWindows(scalar: Uint8Array, width: number): Int8Array {
  const digits = new Int8Array(Math.ceil(257 / width));
  const mask = (1 << width) - 1;
  const half = 1 << (width - 1);
  let carry = 0;
  for (let i = 0; i < digits.length; i++) {
    const at = i * width;
    const byte = 31 - (at >>> 3);
    const pair = (scalar[byte] ?? 0) | ((scalar[byte - 1] ?? 0) << 8);
    const value = ((pair >>> (at & 7)) & mask) + carry;
    carry = (value + half - 1) >>> width;
    digits[i] = value - (carry << width);
  }
  return digits;
}

/** The size of a digit. Like its sign a small integer for every digit, and never −0, which travels as a double. */
export function magnitudeOf(digit: number): number {
  const sign = digit >> 31;
  return (digit ^ sign) - sign;
}

/** 1 where a digit is negative, else 0. */
export function signOf(digit: number): number {
  return digit >>> 31;
}
