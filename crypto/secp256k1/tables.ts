// Tables of a point's multiples, with one inversion for many, and which points have one for good: the generator and the
// keys that signatures are verified under.
import type { WeierstrassPoint } from '@noble/curves/abstract/weierstrass.js';
import {
  addition,
  copy,
  doubling,
  ELEMENT_BYTES,
  ENTRY_BYTES,
  erase,
  inverse,
  POINT_BYTES_IN_MEMORY,
  product,
  reserve,
  writeEntry,
  writePoint,
} from './engine.ts';

/** A table for good: for each window of so many bits, the multiples of 1 … 2^(width − 1) times 2^(width·window). */
export const FIXED_WIDTH = 6;
export const FIXED_WINDOWS = Math.ceil(257 / FIXED_WIDTH);
export const FIXED_ENTRIES = 2 ** (FIXED_WIDTH - 1);
const FIXED_BYTES = FIXED_WINDOWS * FIXED_ENTRIES * ENTRY_BYTES;
/** How many points have a table at the same time; the one unused for longest makes room. */
const TABLES_MAX = 9;

const CHUNK_MAX = FIXED_ENTRIES;
const POINTS = reserve(CHUNK_MAX * POINT_BYTES_IN_MEMORY);
const PRODUCTS = reserve((CHUNK_MAX + 1) * ELEMENT_BYTES);
const [INVERSE, X, Y, BASE] = [
  reserve(ELEMENT_BYTES),
  reserve(ELEMENT_BYTES),
  reserve(ELEMENT_BYTES),
  reserve(POINT_BYTES_IN_MEMORY),
];

/** Writes points, none of them infinity, as entries of a table, with one inversion for all of them. */
export function writeEntries(table: number, points: number, count: number): void {
  const z = (i: number): number => points + i * POINT_BYTES_IN_MEMORY + 2 * ELEMENT_BYTES;
  const productOf = (i: number): number => PRODUCTS + i * ELEMENT_BYTES;
  copy(productOf(0), z(0), ELEMENT_BYTES);
  for (let i = 1; i < count; i++) product(productOf(i), productOf(i - 1), z(i));
  inverse(INVERSE, productOf(count - 1));
  for (let i = count - 1; i >= 0; i--) {
    const point = points + i * POINT_BYTES_IN_MEMORY;
    // INVERSE is one over the product of z(0) … z(i).
    if (i > 0) product(X, INVERSE, productOf(i - 1));
    else copy(X, INVERSE, ELEMENT_BYTES);
    product(INVERSE, INVERSE, z(i));
    product(Y, point + ELEMENT_BYTES, X);
    product(X, point, X);
    writeEntry(table + i * ENTRY_BYTES, X, Y);
  }
}

/** Writes the multiples of 1 … count (at most 32) of the point at an address as a table. */
export function writeMultiples(table: number, point: number, count: number): void {
  copy(POINTS, point, POINT_BYTES_IN_MEMORY);
  for (let i = 1; i < count; i++) {
    const at = POINTS + i * POINT_BYTES_IN_MEMORY;
    addition(at, at - POINT_BYTES_IN_MEMORY, point);
  }
  writeEntries(table, POINTS, count);
}

/** Overwrites what making a table leaves behind. */
export function eraseTableWork(): void {
  erase(POINTS, BASE + POINT_BYTES_IN_MEMORY - POINTS);
}

const tables = new Map<string, number>();
const names = new WeakMap<WeierstrassPoint<bigint>, string>();
const addresses = Array.from({ length: TABLES_MAX }, () => reserve(FIXED_BYTES));

/** Has this very point object use a table, made when it is needed. Not infinity. */
export function keepTable(point: WeierstrassPoint<bigint>): void {
  const { x, y } = point.toAffine();
  names.set(point, `${x.toString(36)}/${y & 1n}`);
}

/** The address of the point's table; null where it has none. */
export function tableOf(point: WeierstrassPoint<bigint>): number | null {
  const name = names.get(point);
  if (name === undefined) return null;
  const known = tables.get(name);
  if (known !== undefined) {
    // The order of the map is that of the last uses.
    tables.delete(name);
    tables.set(name, known);
    return known;
  }
  const [oldest] = tables;
  const free = addresses.pop() ?? oldest?.[1];
  if (free === undefined) throw new Error('there is room for tables');
  if (oldest !== undefined && oldest[1] === free) tables.delete(oldest[0]);
  fillTable(free, point);
  tables.set(name, free);
  return free;
}

function fillTable(table: number, point: WeierstrassPoint<bigint>): void {
  const { x, y } = point.toAffine();
  writePoint(BASE, x, y, 1n);
  for (let window = 0; window < FIXED_WINDOWS; window++) {
    writeMultiples(table + window * FIXED_ENTRIES * ENTRY_BYTES, BASE, FIXED_ENTRIES);
    for (let i = 0; i < FIXED_WIDTH; i++) doubling(BASE, BASE);
  }
}
