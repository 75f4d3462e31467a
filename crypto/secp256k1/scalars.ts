// Secret scalars of secp256k1 as 32 big-endian bytes, which can be erased, and their arithmetic modulo the group order n:
// the same work for all values, and no number, bigint or text is ever made of a secret.
import { erase, multiplyAdd, PACKED_BYTES, readBytes, reserve, writeBytes } from './engine.ts';
import { N } from './scalar-program.ts';

const BYTES = 32;
const orderBytes = (subtracted: bigint): Uint8Array => {
  return Uint8Array.from({ length: BYTES }, (_, i) =>
    Number(BigInt.asUintN(8, (N - subtracted) >> BigInt(8 * (31 - i)))),
  );
};
const ORDER = orderBytes(0n);
const MINUS_ONE = orderBytes(1n);
const ZERO = new Uint8Array(BYTES);
const ONE = Uint8Array.from({ length: BYTES }, (_, i) => (i === BYTES - 1 ? 1 : 0));

const [TO, A, B, C] = [reserve(PACKED_BYTES), reserve(PACKED_BYTES), reserve(PACKED_BYTES), reserve(PACKED_BYTES)];

/** Whether 32 bytes are below the group order. Only the answer depends on them. */
export function isBelowOrder(bytes: Uint8Array): boolean {
  let borrow = 0;
  for (let i = BYTES - 1; i >= 0; i--) {
    borrow = (((bytes[i] ?? 0) - (ORDER[i] ?? 0) - borrow) >>> 31) & 1;
  }
  return bytes.length === BYTES && borrow === 1;
}

/** Whether all bytes are zero, found out by reading all of them. */
export function isZero(bytes: Uint8Array): boolean {
  let seen = 0;
  for (const byte of bytes) seen |= byte;
  return seen === 0;
}

/** a·b + c modulo n, in new bytes; each of 32 bytes, n and more taken modulo n. */
export function productSum(a: Uint8Array, b: Uint8Array, c: Uint8Array): Uint8Array {
  if (a.length !== BYTES || b.length !== BYTES || c.length !== BYTES) throw new RangeError('a scalar has 32 bytes');
  writeBytes(A, a);
  writeBytes(B, b);
  writeBytes(C, c);
  multiplyAdd(TO, A, B, C);
  const result = new Uint8Array(BYTES);
  readBytes(TO, result);
  erase(TO, 4 * PACKED_BYTES);
  return result;
}

/** 32 bytes modulo n. */
export function reduced(bytes: Uint8Array): Uint8Array {
  return productSum(bytes, ONE, ZERO);
}

/** a + b modulo n. */
export function sum(a: Uint8Array, b: Uint8Array): Uint8Array {
  return productSum(a, ONE, b);
}

/** a − b modulo n. */
export function difference(a: Uint8Array, b: Uint8Array): Uint8Array {
  return productSum(b, MINUS_ONE, a);
}

/** −a modulo n. */
export function negative(a: Uint8Array): Uint8Array {
  return productSum(a, MINUS_ONE, ZERO);
}
