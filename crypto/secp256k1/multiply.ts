// Multiplications of points of secp256k1. Those by secret scalars do the same operations, in the same order and on the
// same addresses, whatever the scalar; those for public values take every shortcut.
import type { WeierstrassPoint } from '@noble/curves/abstract/weierstrass.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { numberToBytesBE } from '@noble/curves/utils.js';
import {
  addition,
  copy,
  doubling,
  ELEMENT_BYTES,
  ENTRY_BYTES,
  erase,
  eraseChain,
  inverse,
  negation,
  P,
  PACKED_BYTES,
  POINT_BYTES_IN_MEMORY,
  pack,
  pick,
  product,
  read,
  readBytes,
  reserve,
  squareRoot,
  squares,
  sum,
  write,
  writePoint,
} from './engine.ts';
import { BETA, HALF_BITS, magnitudeOf, N, nonAdjacentForm, signedWindows, signOf, split } from './recoding.ts';
import { isBelowOrder, isZero } from './scalars.ts';
import {
  eraseTableWork,
  FIXED_ENTRIES,
  FIXED_WIDTH,
  FIXED_WINDOWS,
  keepTable,
  tableOf,
  writeMultiples,
} from './tables.ts';

export type Point = WeierstrassPoint<bigint>;
const { Point } = secp256k1;

keepTable(Point.BASE);

/** Width of the windows of a secret scalar for a point without a table. */
const LADDER_WIDTH = 5;
const LADDER_ENTRIES = 2 ** (LADDER_WIDTH - 1);
/** Width of the form of a public scalar for a point without a table, and how many odd multiples that takes. */
const FORM_WIDTH = 5;
const FORM_ENTRIES = 2 ** (FORM_WIDTH - 2);
/** How many points without tables share the doublings. */
const TERMS_PER_PASS = 16;

const [SUM, TERM, OTHER, EARLIER] = [
  reserve(POINT_BYTES_IN_MEMORY),
  reserve(POINT_BYTES_IN_MEMORY),
  reserve(POINT_BYTES_IN_MEMORY),
  reserve(POINT_BYTES_IN_MEMORY),
];
const LADDER = reserve(LADDER_ENTRIES * ENTRY_BYTES);
const HALF_BYTES = FORM_ENTRIES * POINT_BYTES_IN_MEMORY;
const ODD_MULTIPLES = reserve(TERMS_PER_PASS * 2 * HALF_BYTES);
const [A, B, C, D, BETA_AT, SEVEN] = [
  reserve(ELEMENT_BYTES),
  reserve(ELEMENT_BYTES),
  reserve(ELEMENT_BYTES),
  reserve(ELEMENT_BYTES),
  reserve(ELEMENT_BYTES),
  reserve(ELEMENT_BYTES),
];
write(BETA_AT, BETA);
write(SEVEN, 7n);

const clear = (at: number): void => writePoint(at, 0n, 1n, 0n);

function put(at: number, point: Point): void {
  writePoint(at, point.X, point.Y, point.Z);
}

// Takes the point at an address out, with Z = 1.
function take(at: number): Point {
  inverse(A, at + 2 * ELEMENT_BYTES);
  return takeWithInverse(at);
}

// Takes two points out for one inversion (Montgomery's trick).
function takeTwo(first: number, second: number): readonly [Point, Point] {
  const [z1, z2] = [first + 2 * ELEMENT_BYTES, second + 2 * ELEMENT_BYTES];
  product(A, z1, z2);
  inverse(D, A);
  // One of them is infinity.
  if (read(D) === 0n) return [take(first), take(second)];
  product(A, D, z2);
  const one = takeWithInverse(first);
  product(A, D, z1);
  return [one, takeWithInverse(second)];
}

// The same where A holds the inverse of Z.
function takeWithInverse(at: number): Point {
  product(B, at, A);
  product(C, at + ELEMENT_BYTES, A);
  // The inverse of zero comes out as zero, and only infinity has Z = 0.
  const y = read(C);
  return y === 0n ? Point.ZERO : new Point(read(B), y, 1n);
}

// Adds scalar · (the point of a table) to SUM.
function addByTable(table: number, scalar: Uint8Array): void {
  const digits = signedWindows(scalar, FIXED_WIDTH);
  for (let window = 0; window < FIXED_WINDOWS; window++) {
    const digit = digits[window] ?? 0;
    const entries = table + window * FIXED_ENTRIES * ENTRY_BYTES;
    pick(TERM, entries, FIXED_ENTRIES, magnitudeOf(digit), signOf(digit));
    addition(SUM, SUM, TERM);
  }
  digits.fill(0);
}

// The same for a public scalar: no addition for a digit of zero, and only the entry that counts is read.
function addPublicByTable(table: number, scalar: bigint): void {
  const digits = signedWindows(numberToBytesBE(scalar, 32), FIXED_WIDTH);
  for (let window = 0; window < FIXED_WINDOWS; window++) {
    const digit = digits[window] ?? 0;
    if (digit === 0) continue;
    const entry = table + (window * FIXED_ENTRIES + Math.abs(digit) - 1) * ENTRY_BYTES;
    pick(TERM, entry, 1, 1, digit < 0 ? 1 : 0);
    addition(SUM, SUM, TERM);
  }
}

/**
 * scalar · point, regularly. The scalar: 32 big-endian bytes, below the group order and not zero; else a RangeError.
 * Infinity gives infinity.
 */
export function multiplyRegular(scalar: Uint8Array, point: Point): Point {
  multiplyIntoSum(scalar, point);
  const result = take(SUM);
  eraseWork();
  return result;
}

/** Two scalars · point, as `multiplyRegular` does each, for one inversion. */
export function multiplyRegularTwice(first: Uint8Array, second: Uint8Array, point: Point): readonly [Point, Point] {
  multiplyIntoSum(first, point);
  copy(EARLIER, SUM, POINT_BYTES_IN_MEMORY);
  multiplyIntoSum(second, point);
  const results = takeTwo(EARLIER, SUM);
  eraseWork();
  return results;
}

/** As `multiplyRegular`, for a product that is secret too: its compressed bytes. Not of infinity. */
export function multiplyRegularToBytes(scalar: Uint8Array, point: Point): Uint8Array {
  multiplyIntoSum(scalar, point);
  inverse(A, SUM + 2 * ELEMENT_BYTES);
  product(B, SUM, A);
  product(C, SUM + ELEMENT_BYTES, A);
  const bytes = new Uint8Array(1 + PACKED_BYTES);
  pack(A, C);
  readBytes(A, bytes, 1);
  bytes[0] = 2 + ((bytes[PACKED_BYTES] ?? 0) & 1);
  pack(A, B);
  readBytes(A, bytes, 1);
  eraseWork();
  return bytes;
}

function multiplyIntoSum(scalar: Uint8Array, point: Point): void {
  if (!isBelowOrder(scalar) || isZero(scalar)) throw new RangeError('the scalar is out of range');
  clear(SUM);
  if (point.is0()) return;
  const table = tableOf(point);
  if (table !== null) addByTable(table, scalar);
  else climb(point, scalar);
}

// What a secret scalar led to.
function eraseWork(): void {
  for (const at of [SUM, TERM, OTHER, EARLIER]) erase(at, POINT_BYTES_IN_MEMORY);
  erase(A, 4 * ELEMENT_BYTES);
  eraseChain();
}

// SUM = scalar · point for a point without a table, from the highest window down.
function climb(point: Point, scalar: Uint8Array): void {
  put(OTHER, point);
  writeMultiples(LADDER, OTHER, LADDER_ENTRIES);
  const digits = signedWindows(scalar, LADDER_WIDTH);
  for (let window = digits.length - 1; window >= 0; window--) {
    for (let i = 0; i < LADDER_WIDTH; i++) doubling(SUM, SUM);
    const digit = digits[window] ?? 0;
    pick(TERM, LADDER, LADDER_ENTRIES, magnitudeOf(digit), signOf(digit));
    addition(SUM, SUM, TERM);
  }
  digits.fill(0);
  erase(LADDER, LADDER_ENTRIES * ENTRY_BYTES);
  eraseTableWork();
}

/** Σ scalars[i] · points[i] in variable time, for what everyone may know; scalars below the group order. */
export function sumOfProducts(points: readonly Point[], scalars: readonly bigint[]): Point {
  const loose: { readonly point: Point; readonly scalar: bigint }[] = [];
  const fixed: { readonly table: number; readonly scalar: bigint }[] = [];
  const single: Point[] = [];
  for (const [i, point] of points.entries()) {
    const scalar = scalars[i];
    if (scalar === undefined || scalar < 0n || scalar >= N) throw new RangeError('a scalar is out of range');
    if (scalar === 0n || point.is0()) continue;
    const table = tableOf(point);
    if (scalar === 1n) single.push(point);
    else if (table === null) loose.push({ point, scalar });
    else fixed.push({ table, scalar });
  }
  clear(SUM);
  for (let first = 0; first < loose.length; first += TERMS_PER_PASS) {
    copy(EARLIER, SUM, POINT_BYTES_IN_MEMORY);
    addPass(loose.slice(first, first + TERMS_PER_PASS));
    addition(SUM, SUM, EARLIER);
  }
  for (const { table, scalar } of fixed) addPublicByTable(table, scalar);
  addSingly(single);
  return take(SUM);
}

// Adds points to SUM.
function addSingly(points: readonly Point[]): void {
  for (const point of points) {
    put(TERM, point);
    addition(SUM, SUM, TERM);
  }
}

/** The sum of points, with Z = 1. Not for secrets. */
export function sumOf(points: readonly Point[]): Point {
  clear(SUM);
  addSingly(points);
  return take(SUM);
}

/** The sums of two lists of points, as `sumOf` makes each, for one inversion. */
export function sumsOf(first: readonly Point[], second: readonly Point[]): readonly [Point, Point] {
  clear(SUM);
  addSingly(first);
  copy(EARLIER, SUM, POINT_BYTES_IN_MEMORY);
  clear(SUM);
  addSingly(second);
  return takeTwo(EARLIER, SUM);
}

// SUM = the sum of at most TERMS_PER_PASS products, their doublings shared (Straus), their scalars split in halves.
function addPass(terms: readonly { readonly point: Point; readonly scalar: bigint }[]): void {
  const forms = terms.flatMap(({ point, scalar }, i) => {
    const table = ODD_MULTIPLES + i * 2 * HALF_BYTES;
    writeOddMultiples(table, point);
    return split(scalar).map((half, which) => {
      return { table: table + which * HALF_BYTES, digits: nonAdjacentForm(half, FORM_WIDTH) };
    });
  });
  clear(SUM);
  let begun = false;
  for (let bit = HALF_BITS; bit >= 0; bit--) {
    if (begun) doubling(SUM, SUM);
    for (const { table, digits } of forms) {
      const digit = digits[bit] ?? 0;
      if (digit === 0) continue;
      begun = true;
      const entry = table + ((Math.abs(digit) - 1) >> 1) * POINT_BYTES_IN_MEMORY;
      if (digit > 0) addition(SUM, SUM, entry);
      else {
        negation(TERM, entry);
        addition(SUM, SUM, TERM);
      }
    }
  }
}

// The first odd multiples of a point, then those of λ times it.
function writeOddMultiples(table: number, point: Point): void {
  put(table, point);
  doubling(OTHER, table);
  for (let i = 1; i < FORM_ENTRIES; i++) {
    const at = table + i * POINT_BYTES_IN_MEMORY;
    addition(at, at - POINT_BYTES_IN_MEMORY, OTHER);
  }
  copy(table + HALF_BYTES, table, HALF_BYTES);
  for (let i = 0; i < FORM_ENTRIES; i++) {
    const at = table + HALF_BYTES + i * POINT_BYTES_IN_MEMORY;
    product(at, at, BETA_AT);
  }
}

/** The same point with Z = 1. */
export function normalize(point: Point): Point {
  if (point.Z === 1n || point.is0()) return point;
  put(OTHER, point);
  return take(OTHER);
}

/** The point with this x-coordinate whose y-coordinate is odd or even; null where there is none. */
export function liftX(x: bigint, isOdd: boolean): Point | null {
  if (x >= P) return null;
  write(A, x);
  squares(B, A, 1);
  product(B, B, A);
  sum(B, B, SEVEN);
  squareRoot(C, B);
  const y = read(C);
  squares(A, C, 1);
  if (read(A) !== read(B)) return null;
  return new Point(x, ((y & 1n) === 1n) === isOdd ? y : P - y, 1n);
}
