// The compiled arithmetic of secp256k1 with its memory: elements and points at addresses, and how they come in and out.
// Fixed limbs take the same time for every value, which JavaScript's bigints do not; and memory can be overwritten.
import { assemble } from './assembler.ts';
import { ELEMENT_BYTES, P, PACKED_BYTES } from './field-program.ts';
import { ENTRY_BYTES, FUNCTIONS, POINT_BYTES_IN_MEMORY, SCRATCH_BYTES } from './point-program.ts';

const PAGE_BYTES = 65_536;
const PAGES = 20;
const WORD_BITS = 64n;

type Operation = (...args: number[]) => void;

const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble(FUNCTIONS, PAGES)));
if (!(exports['memory'] instanceof WebAssembly.Memory)) throw new Error('the arithmetic has no memory');
const words = new BigUint64Array(exports['memory'].buffer);
/** All memory of the arithmetic, as it is: for what comes in or goes out as bytes. */
export const memory: Uint8Array = new Uint8Array(exports['memory'].buffer);

function isOperation(value: unknown): value is Operation {
  return typeof value === 'function';
}

function operation(name: string): Operation {
  const found = exports[name];
  if (!isOperation(found)) throw new Error(`the arithmetic lacks ${name}`);
  return found;
}

/** (to, a, b). */
export const product: Operation = operation('product');
/** (to, a, times ≥ 1). */
export const squares: Operation = operation('squares');
/** (to, a, b). */
export const sum: Operation = operation('sum');
/** (to, a, b): a − b. */
export const difference: Operation = operation('difference');
/** (to, packed). */
export const unpack: Operation = operation('unpack');
/** (to, p, q). */
export const addition: Operation = operation('addition');
/** (to, p). */
export const doubling: Operation = operation('doubling');
/** (to, p). */
export const negation: Operation = operation('negation');
/** (to, table, entries, magnitude, sign): see point-program.ts. Regular. */
export const pick: Operation = operation('pick');
/** (to, a): the value of an element below p, packed. */
export const pack: Operation = operation('pack');
/** (to, a, b, c): a·b + c modulo the group order, all packed. Regular. */
export const multiplyAdd: Operation = operation('multiplyAdd');

export { ELEMENT_BYTES, ENTRY_BYTES, P, PACKED_BYTES, POINT_BYTES_IN_MEMORY };

let reserved = Math.ceil(SCRATCH_BYTES / 64) * 64;

/** Memory that nothing else uses, for as long as the process lives. Throws where there is none left. */
export function reserve(bytes: number): number {
  const at = reserved;
  reserved += Math.ceil(bytes / 8) * 8;
  if (reserved > PAGES * PAGE_BYTES) throw new Error('the memory of the arithmetic is used up');
  return at;
}

const PACKED = reserve(2 * PACKED_BYTES);

/** Overwrites memory with zeroes, and all that operations used for themselves. */
export function erase(at: number, bytes: number): void {
  words.fill(0n, at / 8, (at + bytes) / 8);
  words.fill(0n, 0, SCRATCH_BYTES / 8);
  words.fill(0n, PACKED / 8, PACKED / 8 + 8);
}

function writeWords(at: number, value: bigint): void {
  const first = at / 8;
  // What is assigned is cut to 64 bits.
  words[first] = value;
  words[first + 1] = value >> WORD_BITS;
  words[first + 2] = value >> (2n * WORD_BITS);
  words[first + 3] = value >> (3n * WORD_BITS);
}

function readWords(at: number): bigint {
  const first = at / 8;
  const upper = ((words[first + 3] ?? 0n) << WORD_BITS) | (words[first + 2] ?? 0n);
  const lower = ((words[first + 1] ?? 0n) << WORD_BITS) | (words[first] ?? 0n);
  return (upper << (2n * WORD_BITS)) | lower;
}

/** Puts a value below p at an address. */
export function write(at: number, value: bigint): void {
  writeWords(PACKED, value);
  unpack(at, PACKED);
}

/** The value at an address, below p. */
export function read(at: number): bigint {
  pack(PACKED, at);
  return readWords(PACKED);
}

/** Puts 32 big-endian bytes at an address, packed. No number is made of them. */
export function writeBytes(at: number, bytes: Uint8Array): void {
  for (let i = 0; i < PACKED_BYTES; i++) memory[at + i] = bytes[PACKED_BYTES - 1 - i] ?? 0;
}

/** The 32 big-endian bytes of what is packed at an address, into a byte string from `offset` on. */
export function readBytes(at: number, bytes: Uint8Array, offset = 0): void {
  for (let i = 0; i < PACKED_BYTES; i++) bytes[offset + i] = memory[at + PACKED_BYTES - 1 - i] ?? 0;
}

/** Copies an element. */
export function copy(to: number, from: number, bytes: number): void {
  words.copyWithin(to / 8, from / 8, (from + bytes) / 8);
}

/** Puts projective coordinates at an address. */
export function writePoint(at: number, x: bigint, y: bigint, z: bigint): void {
  write(at, x);
  write(at + ELEMENT_BYTES, y);
  write(at + 2 * ELEMENT_BYTES, z);
}

/** Writes the entry of a table. */
export function writeEntry(at: number, x: number, y: number): void {
  pack(at, x);
  pack(at + PACKED_BYTES, y);
}

const CHAIN = {
  x2: 0,
  x3: 1,
  x6: 2,
  x9: 3,
  x11: 4,
  x22: 5,
  x44: 6,
  x88: 7,
  x176: 8,
  x220: 9,
  x223: 10,
  t: 11,
} as const;
const CHAIN_BYTES = 12 * ELEMENT_BYTES;
const CHAIN_AT = reserve(CHAIN_BYTES);
const slot = (name: keyof typeof CHAIN): number => CHAIN_AT + CHAIN[name] * ELEMENT_BYTES;

// x to the powers of 2^n − 1 for the n that inversion and square root have in common: both exponents begin with 223 ones.
function powersOfOnes(x: number): void {
  const ones: readonly (readonly [keyof typeof CHAIN, keyof typeof CHAIN | null, number, keyof typeof CHAIN | null])[] =
    [
      ['x2', null, 1, null],
      ['x3', 'x2', 1, null],
      ['x6', 'x3', 3, 'x3'],
      ['x9', 'x6', 3, 'x3'],
      ['x11', 'x9', 2, 'x2'],
      ['x22', 'x11', 11, 'x11'],
      ['x44', 'x22', 22, 'x22'],
      ['x88', 'x44', 44, 'x44'],
      ['x176', 'x88', 88, 'x88'],
      ['x220', 'x176', 44, 'x44'],
      ['x223', 'x220', 3, 'x3'],
    ];
  const at = (name: keyof typeof CHAIN | null): number => (name === null ? x : slot(name));
  for (const [to, base, times, factor] of ones) {
    squares(slot(to), at(base), times);
    product(slot(to), slot(to), at(factor));
  }
}

/** `to` = 1/x, or 0 for 0: x^(p − 2) (Fermat). Regular. `to` and `x` differ. */
export function inverse(to: number, x: number): void {
  powersOfOnes(x);
  squares(to, slot('x223'), 23);
  product(to, to, slot('x22'));
  squares(to, to, 5);
  product(to, to, x);
  squares(to, to, 3);
  product(to, to, slot('x2'));
  squares(to, to, 2);
  product(to, to, x);
}

/** `to` = x^((p + 1)/4): a square root of x where there is one. `to` and `x` differ. */
export function squareRoot(to: number, x: number): void {
  powersOfOnes(x);
  squares(to, slot('x223'), 23);
  product(to, to, slot('x22'));
  squares(to, to, 6);
  product(to, to, slot('x2'));
  squares(to, to, 2);
}

/** Overwrites what an inversion leaves behind. */
export function eraseChain(): void {
  erase(CHAIN_AT, CHAIN_BYTES);
}
