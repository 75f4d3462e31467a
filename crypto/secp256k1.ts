// The group of SEC 2 secp256k1 as BIP 340, BIP 445 and ChillDKG speak of it: checked encodings, and two kinds of
// multiplication kept apart by name: `multiplySecret` (regular: the same work for every scalar) and the `…Public` ones
// (variable-time), both on the fixed limbs of crypto/secp256k1/. Points are noble's, and so are public scalars: bigints,
// whose arithmetic takes its own time for every value, and which nothing erases. Secret scalars are bytes, always.

import { normalizeZ } from '@noble/curves/abstract/curve.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js';
import {
  liftX,
  multiplyRegular,
  multiplyRegularToBytes,
  multiplyRegularTwice,
  normalize,
  type Point,
  sumOf,
  sumOfProducts,
  sumsOf,
} from './secp256k1/multiply.ts';
import { difference, isBelowOrder, isZero, negative, productSum, reduced, sum } from './secp256k1/scalars.ts';
import { checkArithmetic } from './secp256k1/self-check.ts';
import { keepTable } from './secp256k1/tables.ts';

export type { Point } from './secp256k1/multiply.ts';

checkArithmetic();

/** The generator. */
export const G: Point = secp256k1.Point.BASE;
/** The point at infinity, the neutral element. */
export const INFINITY: Point = secp256k1.Point.ZERO;
/** The field of scalars, integers modulo the group order. */
export const Fn = secp256k1.Point.Fn;

export const SCALAR_BYTES = 32;
/** A compressed point: a parity byte and the x-coordinate. */
export const POINT_BYTES = 33;
const [EVEN, ODD] = [2, 3];
/** A BIP 340 signature: the x-coordinate of R, then s. */
export const SIGNATURE_BYTES = 64;

/**
 * An argument breaks a function's precondition (length, range, encoding, consistency): nobody in the protocol is to
 * blame. The name is the one that the vectors of BIP 445 and ChillDKG use.
 */
export class ValueError extends Error {
  override readonly name: string = 'ValueError';
}

/** Throws a ValueError unless `bytes` is exactly `length` bytes long. */
export function requireLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) throw new ValueError(`${what} must be ${length} bytes long.`);
}

/** Reads 32 big-endian bytes below the group order; null otherwise. Zero passes. Not for secrets. */
export function parseScalar(bytes: Uint8Array): bigint | null {
  if (bytes.length !== SCALAR_BYTES) return null;
  const value = bytesToNumberBE(bytes);
  return value < Fn.ORDER ? value : null;
}

/** A scalar that is secret: 32 big-endian bytes below the group order. Whoever makes one erases it. */
export type SecretScalar = Uint8Array;

/** Whether bytes are a scalar below the group order; zero is one. */
export function isScalar(bytes: Uint8Array): boolean {
  return isBelowOrder(bytes);
}

/** Whether bytes are what a secret key, share or nonce must be: a scalar that is not zero. */
export function isNonzeroScalar(bytes: Uint8Array): boolean {
  return isBelowOrder(bytes) && !isZero(bytes);
}

/** The output of a hash (32 bytes) modulo the group order, secret. */
export const reduceSecret: (bytes: Uint8Array) => SecretScalar = reduced;
/** a·b + c. */
export const multiplyAddSecret: (a: SecretScalar, b: SecretScalar, c: SecretScalar) => SecretScalar = productSum;
export const addSecrets: (a: SecretScalar, b: SecretScalar) => SecretScalar = sum;
/** a − b. */
export const subtractSecret: (a: SecretScalar, b: SecretScalar) => SecretScalar = difference;
export const negateSecret: (a: SecretScalar) => SecretScalar = negative;

/** Reads the output of a hash as a scalar, reduced modulo the group order. Not for secrets. */
export function reduceScalar(bytes: Uint8Array): bigint {
  return Fn.create(bytesToNumberBE(bytes));
}

/** 32 big-endian bytes. Not for secrets. Throws a RangeError where it takes more. */
export function scalarToBytes(scalar: bigint): Uint8Array {
  if (scalar < 0n || scalar >> 256n !== 0n) throw new RangeError('the scalar is out of range');
  const bytes = new Uint8Array(SCALAR_BYTES);
  const view = new DataView(bytes.buffer);
  // What is written is cut to 64 bits.
  for (let at = 24, rest = scalar; at >= 0; at -= 8, rest >>= 64n) view.setBigUint64(at, rest);
  return bytes;
}

/** `value` as `length` big-endian bytes, for lengths, counters and indices. */
export function uintToBytes(value: number, length: number): Uint8Array {
  return numberToBytesBE(value, length);
}

/** Adds scalars modulo the group order. */
export function sumScalars(scalars: Iterable<bigint>): bigint {
  let sum = 0n;
  for (const scalar of scalars) sum = Fn.add(sum, scalar);
  return sum;
}

/** Reads a 33-byte compressed point; null for anything else, the point at infinity included. */
export function parsePoint(bytes: Uint8Array): Point | null {
  const [prefix] = bytes;
  if (bytes.length !== POINT_BYTES || (prefix !== EVEN && prefix !== ODD)) return null;
  return liftX(bytesToNumberBE(bytes.subarray(1)), prefix === ODD);
}

/** Like `parsePoint`, with 33 zero bytes standing for the point at infinity (BIP 327, cpoint_ext). */
export function parsePointOrInfinity(bytes: Uint8Array): Point | null {
  if (bytes.length === POINT_BYTES && bytes.every((byte) => byte === 0)) return INFINITY;
  return parsePoint(bytes);
}

/** 33 bytes. Throws on the point at infinity. */
export function pointToBytes(point: Point): Uint8Array {
  return point.toBytes(true);
}

/** 33 bytes; 33 zero bytes for the point at infinity (BIP 327, cbytes_ext). */
export function pointToBytesOrInfinity(point: Point): Uint8Array {
  return point.is0() ? new Uint8Array(POINT_BYTES) : point.toBytes(true);
}

/** The 32-byte x-coordinate. Throws on the point at infinity. */
export function xOnlyBytes(point: Point): Uint8Array {
  return point.toBytes(true).subarray(1);
}

/** Whether the y-coordinate is even (BIP 340, has_even_y). */
export function hasEvenY(point: Point): boolean {
  return (point.toAffine().y & 1n) === 0n;
}

/** The same point with Z = 1: later reads of its coordinates then cost no inversion. */
export function normalized(point: Point): Point {
  return normalize(point);
}

/**
 * scalar · point, regularly. The zero scalar, which only a broken or hostile input leads to, gives infinity.
 * `point` defaults to the generator. Throws a RangeError where the scalar is none.
 */
export function multiplySecret(scalar: SecretScalar, point: Point = G): Point {
  return scalar.length === SCALAR_BYTES && isZero(scalar) ? INFINITY : multiplyRegular(scalar, point);
}

/** Two secret scalars · G, each as `multiplySecret` does it, in less time. Throws a RangeError where one is zero. */
export function multiplySecretTwice(first: SecretScalar, second: SecretScalar): readonly [Point, Point] {
  return multiplyRegularTwice(first, second, G);
}

/** The 33 secret bytes of scalar · point, as in a Diffie-Hellman exchange. Throws a RangeError where one is zero. */
export function sharedSecret(scalar: SecretScalar, point: Point): Uint8Array {
  if (point.is0()) throw new RangeError('nothing is shared with the point at infinity');
  return multiplyRegularToBytes(scalar, point);
}

/** x · point for a small x ≥ 0, by doubling and adding: only for values that everyone may know. */
export function multiplySmallPublic(x: number, point: Point): Point {
  let product = INFINITY;
  for (const bit of x.toString(2)) {
    product = product.is0() ? product : product.double();
    if (bit === '1') product = product.is0() ? point : product.add(point);
  }
  return product;
}

/** The 33-byte encodings of points, with one field inversion for all. Throws on the point at infinity. */
export function pointsToBytes(points: readonly Point[]): Uint8Array[] {
  return normalizeZ(secp256k1.Point, [...points]).map((point) => pointToBytes(point));
}

/** Has products of this very point object use a table, made at first use: for points that are met again and again. */
export function precompute(point: Point): void {
  keepTable(point);
}

/** scalar · point in variable time: only for values that everyone may know. */
export function multiplyPublic(scalar: bigint, point: Point): Point {
  return sumOfProducts([point], [scalar]);
}

/** The sum of points. Not for secrets. */
export function sumPoints(points: readonly Point[]): Point {
  return sumOf(points);
}

/** The sums of two lists of points. Not for secrets. */
export function sumTwoLists(first: readonly Point[], second: readonly Point[]): readonly [Point, Point] {
  return sumsOf(first, second);
}

/** Σ scalars[i] · points[i] in variable time: only for values that everyone may know. */
export function sumOfProductsPublic(points: readonly Point[], scalars: readonly bigint[]): Point {
  return sumOfProducts(points, scalars);
}
