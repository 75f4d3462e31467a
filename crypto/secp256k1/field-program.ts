// Arithmetic modulo p = 2^256 − 2^32 − 977 (SEC 2, secp256k1) as WebAssembly. An element is nine limbs of 29 bits, least
// first, each in 64 bits of memory. Every function takes and gives limbs below 2^30, which is why no sum here passes
// 2^64: a column of a product is at most 9·2^60. Nothing branches on data, and no address depends on it.
import {
  add,
  and,
  type Code,
  get,
  i64,
  load,
  mul,
  set,
  shiftLeft,
  shiftRight,
  store,
  sub,
  type WasmFunction,
} from './assembler.ts';

/** The prime of the field. */
export const P = 2n ** 256n - 2n ** 32n - 977n;
export const LIMBS = 9;
/** An element in memory, in bytes. */
export const ELEMENT_BYTES = 8 * LIMBS;
/** A packed element, in bytes: four words of 64 bits, least first, together below p. */
export const PACKED_BYTES = 32;

export const LIMB_BITS = 29;
const LIMB_MASK = i64(2 ** LIMB_BITS - 1);
const LIMB_BOUND = 2n ** 30n;
// 2^261 ≡ 2^37 + 31264: what lies above the last limb enters limb 0 times 31264 and limb 1 times 2^8.
const FOLD_FACTOR = i64(977 * 32);
const FOLD_BITS = 8;
/** Bits of the last limb that lie below 2^256. */
const TOP_BITS = 256 - LIMB_BITS * (LIMBS - 1);
const TOP_MASK = i64(2 ** TOP_BITS - 1);
/** Where the words of a packed element take their bits from: limbs, and by how much each is shifted to the left. */
const WORD_PARTS: readonly (readonly (readonly [limb: number, shift: number])[])[] = [
  [
    [0, 0],
    [1, 29],
    [2, 58],
  ],
  [
    [2, -6],
    [3, 23],
    [4, 52],
  ],
  [
    [4, -12],
    [5, 17],
    [6, 46],
  ],
  [
    [6, -18],
    [7, 11],
    [8, 40],
  ],
];

/** The positions of limbs. */
export const indices: readonly number[] = Array.from({ length: LIMBS }, (_, i) => i);
/** So many locals as an element has limbs, from this one on. */
export const from = (first: number): number[] => indices.map((i) => first + i);
/** The sum of one term or more. */
export const sumOf = (terms: readonly Code[]): Code => terms.reduce((left, term) => add(left, term));
/** A limb of the element, or a word of the packed element, at the address in a local. */
export const limb = (address: number, i: number): Code => load(get(address), 8 * i);
const shifted = (value: Code, bits: number): Code => (bits < 0 ? shiftRight(value, -bits) : shiftLeft(value, bits));

// A multiple of p whose every limb is at least LIMB_BOUND, so that subtracting an element from it borrows nothing.
const RAISED = (() => {
  const floor = indices.reduce((total, i) => total + (LIMB_BOUND << BigInt(LIMB_BITS * i)), 0n);
  const rest = (P - (floor % P)) % P;
  return indices.map((i) => BigInt.asUintN(LIMB_BITS, rest >> BigInt(LIMB_BITS * i)) + LIMB_BOUND);
})();

/** Stores limbs below 2^36 as limbs below 2^30: each gives its upper bits to the next, all at the same time. */
export function storeCarried(destination: Code, locals: readonly number[]): Code[] {
  const over = shiftRight(get(locals[LIMBS - 1] ?? 0), LIMB_BITS);
  return locals.map((local, i) => {
    const kept = and(get(local), LIMB_MASK);
    if (i === 0) return store(destination, 0, add(kept, mul(over, FOLD_FACTOR)));
    const carried = add(kept, shiftRight(get(locals[i - 1] ?? 0), LIMB_BITS));
    return store(destination, 8 * i, i === 1 ? add(carried, shiftLeft(over, FOLD_BITS)) : carried);
  });
}

/** Carries from each of `locals` to the one after it, in order; the last keeps what it has. */
export function chain(locals: readonly number[]): Code[] {
  return locals.slice(1).flatMap((next, i) => {
    const giver = locals[i] ?? 0;
    return [set(next, add(get(next), shiftRight(get(giver), LIMB_BITS))), set(giver, and(get(giver), LIMB_MASK))];
  });
}

// Columns 0 … 16 of a product, in the locals from `first` on, to the element at the address in local 0. The local after
// them is zero when this begins; the one after that is free.
function storeReduced(first: number): Code[] {
  const low = from(first);
  const high = from(first + LIMBS);
  const [c0 = 0, c1 = 0, c2 = 0] = low;
  const [lastLow, lastHigh, over] = [first + LIMBS - 1, first + 2 * LIMBS - 1, first + 2 * LIMBS];
  return [
    set(lastHigh, i64(0)),
    ...chain(high),
    ...low.map((local, i) => {
      const folded = add(get(local), mul(get(local + LIMBS), FOLD_FACTOR));
      return set(local, i === 0 ? folded : add(folded, shiftLeft(get(local + LIMBS - 1), FOLD_BITS)));
    }),
    ...chain(low),
    // Below 2^44, as the last high limb is below 2^35.
    set(over, add(shiftRight(get(lastLow), LIMB_BITS), shiftLeft(get(lastHigh), FOLD_BITS))),
    set(lastLow, and(get(lastLow), LIMB_MASK)),
    set(c0, add(get(c0), mul(get(over), FOLD_FACTOR))),
    set(c1, add(get(c1), shiftLeft(get(over), FOLD_BITS))),
    ...chain([c0, c1, c2]),
    ...low.map((local, i) => store(get(0), 8 * i, get(local))),
  ];
}

function product(): WasmFunction {
  const [a, b, columns] = [3, 3 + LIMBS, 3 + 2 * LIMBS];
  const terms = (k: number): Code[] => {
    return indices.flatMap((i) => (k - i >= 0 && k - i < LIMBS ? [mul(get(a + i), get(b + k - i))] : []));
  };
  const body = [
    ...indices.flatMap((i) => [set(a + i, limb(1, i)), set(b + i, limb(2, i))]),
    ...Array.from({ length: 2 * LIMBS - 1 }, (_, k) => set(columns + k, sumOf(terms(k)))),
    ...storeReduced(columns),
  ];
  return { name: 'product', parameters: 3, i64Locals: 4 * LIMBS + 1, body };
}

function square(): WasmFunction {
  const [a, doubled, columns] = [2, 2 + LIMBS, 2 + 2 * LIMBS];
  const term = (i: number, j: number): Code[] => {
    if (j >= LIMBS || i > j) return [];
    return [mul(get((i === j ? a : doubled) + i), get(a + j))];
  };
  const terms = (k: number): Code[] => indices.flatMap((i) => term(i, k - i));
  const body = [
    ...indices.flatMap((i) => [set(a + i, limb(1, i)), set(doubled + i, shiftLeft(get(a + i), 1))]),
    ...Array.from({ length: 2 * LIMBS - 1 }, (_, k) => set(columns + k, sumOf(terms(k)))),
    ...storeReduced(columns),
  ];
  return { name: 'square', parameters: 2, i64Locals: 4 * LIMBS + 1, body };
}

// What is done limb by limb, with results below 2^36.
function limbwise(name: string, parameters: number, limbOf: (i: number) => Code): WasmFunction {
  const locals = from(parameters);
  const body = [...locals.map((local, i) => set(local, limbOf(i))), ...storeCarried(get(0), locals)];
  return { name, parameters, i64Locals: LIMBS, body };
}

/**
 * Packs the element in `locals`, its carries done, to words below m = 2^256 − complement, for a complement below 2^130,
 * given as limbs. Uses as many locals from `lowered` on, and the one after them.
 */
export function storePacked(
  destination: Code,
  locals: readonly number[],
  lowered: readonly number[],
  complement: readonly bigint[],
): Code[] {
  const [last, lastLowered] = [locals[LIMBS - 1] ?? 0, lowered[LIMBS - 1] ?? 0];
  const over = lastLowered + 1;
  // 2^256 ≡ complement.
  const foldTop = [
    set(over, shiftRight(get(last), TOP_BITS)),
    set(last, and(get(last), TOP_MASK)),
    ...complement.map((value, i) => set(locals[i] ?? 0, add(get(locals[i] ?? 0), mul(get(over), i64(value))))),
    ...chain(locals),
  ];
  return [
    // The first may carry into bit 256 again; after the second the value lies below 2^256.
    ...foldTop,
    ...foldTop,
    // It is m or more exactly where the complement more passes 2^256, and what is then left below 2^256 is that less m.
    ...locals.map((local, i) => set(lowered[i] ?? 0, add(get(local), i64(complement[i] ?? 0n)))),
    ...chain(lowered),
    set(over, sub(i64(0), shiftRight(get(lastLowered), TOP_BITS))),
    set(lastLowered, and(get(lastLowered), TOP_MASK)),
    ...locals.map((local, i) => {
      return set(local, add(get(local), and(sub(get(lowered[i] ?? 0), get(local)), get(over))));
    }),
    ...WORD_PARTS.map((parts, word) => {
      const value = sumOf(parts.map(([i, shift]) => shifted(get(locals[i] ?? 0), shift)));
      return store(destination, 8 * word, value);
    }),
  ];
}

function pack(): WasmFunction {
  const [locals, lowered] = [from(2), from(2 + LIMBS)];
  const body = [
    ...locals.map((local, i) => set(local, limb(1, i))),
    ...chain(locals),
    ...storePacked(get(0), locals, lowered, [977n, 8n]),
  ];
  return { name: 'pack', parameters: 2, i64Locals: 2 * LIMBS + 1, body };
}

/** The limbs of a packed element, by its words. */
export function limbsOfWords(word: (i: number) => Code): Code[] {
  return indices.map((i) => {
    const parts = WORD_PARTS.flatMap((parts, w) => parts.filter(([of]) => of === i).map(([, shift]) => [w, shift]));
    return and(sumOf(parts.map(([w = 0, shift = 0]) => shifted(word(w), -shift))), LIMB_MASK);
  });
}

function unpack(): WasmFunction {
  const body = limbsOfWords((word) => limb(1, word)).map((value, i) => store(get(0), 8 * i, value));
  return { name: 'unpack', parameters: 2, i64Locals: 0, body };
}

/** A limb of an element, or where the bits of `mask` are ones the limb of its negative, not carried. */
export function negatedWhere(mask: Code, i: number, value: Code): Code {
  return add(value, and(sub(sub(i64(RAISED[i] ?? 0n), value), value), mask));
}

/**
 * The functions of the field, all with the address of their result first: product, sum and difference of two elements,
 * square, `times…` each of the factors (below 2^6), `pack` and `unpack`. A result may lie where an argument does.
 */
export function fieldFunctions(factors: readonly number[]): WasmFunction[] {
  return [
    product(),
    square(),
    limbwise('sum', 3, (i) => add(limb(1, i), limb(2, i))),
    limbwise('difference', 3, (i) => sub(add(limb(1, i), i64(RAISED[i] ?? 0n)), limb(2, i))),
    ...factors.map((factor) => limbwise(`times${factor}`, 2, (i) => mul(limb(1, i), i64(factor)))),
    pack(),
    unpack(),
  ];
}
