// The group of secp256k1 as WebAssembly, in homogeneous projective coordinates (x = X/Z, y = Y/Z), by the complete
// formulas of Renes, Costello and Batina (2016, algorithms 7 and 9 for a = 0): right for all points, infinity and equal
// ones included, with the same operations for all. A point is three elements in memory, X, Y, Z; infinity is (0, 1, 0).
import {
  add,
  add32,
  and,
  type Code,
  call,
  get,
  i32,
  i64,
  load,
  maskIfEqual,
  or,
  repeatWhile,
  set,
  store,
  sub,
  sub32,
  type WasmFunction,
} from './assembler.ts';
import {
  ELEMENT_BYTES,
  fieldFunctions,
  LIMBS,
  limbsOfWords,
  negatedWhere,
  PACKED_BYTES,
  storeCarried,
} from './field-program.ts';
import { multiplyAdd } from './scalar-program.ts';

/** A point in memory, in bytes. */
export const POINT_BYTES_IN_MEMORY = 3 * ELEMENT_BYTES;
/** A point of a table, in bytes: x and y packed. Never infinity. */
export const ENTRY_BYTES = 2 * PACKED_BYTES;
/** What the functions use for themselves: memory from 0 up to here. */
export const SCRATCH_BYTES = 8 * ELEMENT_BYTES;

// y² = x³ + 7: the formulas speak of 3·7.
const FACTORS = [3, 8, 21] as const;
const FIELD = fieldFunctions(FACTORS);
const position = (name: string): number => FIELD.findIndex((one) => one.name === name);
const WORDS_PER_ENTRY = ENTRY_BYTES / 8;

/** An operand: an element of scratch memory, or of a point whose address is a parameter. */
type Operand = Code;
const T = (i: number): Operand => i32(i * ELEMENT_BYTES);
const coordinate = (parameter: number, i: number): Operand => add32(get(parameter), i32(i * ELEMENT_BYTES));

const product = (to: Operand, a: Operand, b: Operand): Code => call(position('product'), [to, a, b]);
const square = (to: Operand, a: Operand): Code => call(position('square'), [to, a]);
const sum = (to: Operand, a: Operand, b: Operand): Code => call(position('sum'), [to, a, b]);
const difference = (to: Operand, a: Operand, b: Operand): Code => call(position('difference'), [to, a, b]);
const times = (factor: (typeof FACTORS)[number], to: Operand, a: Operand): Code => {
  return call(position(`times${factor}`), [to, a]);
};

function addition(): WasmFunction {
  const [[x3, y3, z3], [x1, y1, z1], [x2, y2, z2]] = [pointAt(0), pointAt(1), pointAt(2)];
  const [t0, t1, t2, t3, t4, t5, t6] = [T(0), T(1), T(2), T(3), T(4), T(5), T(6)];
  const body = [
    product(t0, x1, x2),
    product(t1, y1, y2),
    product(t2, z1, z2),
    // t3 = x1·y2 + x2·y1, t4 = y1·z2 + y2·z1, t5 = x1·z2 + x2·z1, each by one product.
    sum(t3, x1, y1),
    sum(t4, x2, y2),
    product(t3, t3, t4),
    sum(t4, t0, t1),
    difference(t3, t3, t4),
    sum(t4, y1, z1),
    sum(t5, y2, z2),
    product(t4, t4, t5),
    sum(t5, t1, t2),
    difference(t4, t4, t5),
    sum(t5, x1, z1),
    sum(t6, x2, z2),
    product(t5, t5, t6),
    sum(t6, t0, t2),
    difference(t5, t5, t6),
    // Nothing is read from the arguments any more, so the result may lie where one of them does.
    times(3, t0, t0),
    times(21, t2, t2),
    sum(t6, t1, t2),
    difference(t1, t1, t2),
    times(21, t5, t5),
    product(t2, t4, t5),
    product(x3, t3, t1),
    difference(x3, x3, t2),
    product(t5, t5, t0),
    product(t1, t1, t6),
    sum(y3, t1, t5),
    product(t0, t0, t3),
    product(t6, t6, t4),
    sum(z3, t6, t0),
  ];
  return { name: 'addition', parameters: 3, i64Locals: 0, body };
}

function doubling(): WasmFunction {
  const [[x3, y3, z3], [x, y, z]] = [pointAt(0), pointAt(1)];
  const [t0, t1, t2, t3, t4] = [T(0), T(1), T(2), T(3), T(4)];
  const body = [
    square(t0, y),
    square(t2, z),
    product(t1, y, z),
    product(t3, x, y),
    times(8, t4, t0),
    times(21, t2, t2),
    product(z3, t1, t4),
    product(t4, t2, t4),
    sum(t1, t0, t2),
    times(3, t2, t2),
    difference(t0, t0, t2),
    product(t1, t0, t1),
    sum(y3, t4, t1),
    product(t3, t0, t3),
    sum(x3, t3, t3),
  ];
  return { name: 'doubling', parameters: 2, i64Locals: 0, body };
}

function pointAt(parameter: number): readonly [Operand, Operand, Operand] {
  return [coordinate(parameter, 0), coordinate(parameter, 1), coordinate(parameter, 2)];
}

// (destination, source, mask): the point, its y negated where the mask's bits are ones.
function negation(): WasmFunction {
  const locals = Array.from({ length: LIMBS }, (_, i) => 2 + i);
  const kept = [0, 2].flatMap((c) => {
    return locals.map((_, i) => {
      const offset = c * ELEMENT_BYTES + 8 * i;
      return store(get(0), offset, load(get(1), offset));
    });
  });
  const y = locals.map((local, i) => set(local, negatedWhere(i64(-1), i, load(get(1), ELEMENT_BYTES + 8 * i))));
  return {
    name: 'negation',
    parameters: 2,
    i64Locals: LIMBS,
    body: [...kept, ...y, ...storeCarried(coordinate(0, 1), locals)],
  };
}

// (destination, table, entries, magnitude, sign): magnitude · the first entry of a table of successive multiples, negated
// where the sign is 1; infinity where the magnitude is 0. Every entry is read, and the same is done, whatever they are.
function pick(): WasmFunction {
  const [destination, table, left, magnitude, sign] = [0, 1, 2, 3, 4];
  const words = Array.from({ length: WORDS_PER_ENTRY }, (_, i) => 5 + i);
  const mask = 5 + WORDS_PER_ENTRY;
  const y = Array.from({ length: LIMBS }, (_, i) => mask + 1 + i);
  const elsewhere = (i: number): Code => (i === 0 ? add(i64(1), get(mask)) : i64(0));
  const body = [
    // From the last entry to the first, `left` being the one looked at.
    set(table, add32(get(table), [...i32(ENTRY_BYTES), ...get(left), 0x6c])),
    repeatWhile(
      [
        set(table, sub32(get(table), i32(ENTRY_BYTES))),
        set(mask, maskIfEqual(get(left), get(magnitude))),
        ...words.map((word, i) => set(word, or(get(word), and(load(get(table), 8 * i), get(mask))))),
        set(left, sub32(get(left), i32(1))),
      ],
      get(left),
    ),
    ...limbsOfWords((i) => get(words[i] ?? 0)).map((value, i) => store(get(destination), 8 * i, value)),
    // No entry was taken for a magnitude of 0: the words are zeroes, and (0, 1, 0) is what is missing.
    set(mask, maskIfEqual(get(magnitude), i32(0))),
    ...y.map((_, i) => store(get(destination), 2 * ELEMENT_BYTES + 8 * i, elsewhere(i))),
    ...limbsOfWords((i) => get(words[WORDS_PER_ENTRY / 2 + i] ?? 0)).map((value, i) => {
      return set(y[i] ?? 0, i === 0 ? sub(value, get(mask)) : value);
    }),
    set(mask, maskIfEqual(get(sign), i32(1))),
    ...y.map((local, i) => set(local, negatedWhere(get(mask), i, get(local)))),
    ...storeCarried(coordinate(destination, 1), y),
  ];
  return { name: 'pick', parameters: 5, i64Locals: WORDS_PER_ENTRY + 1 + LIMBS, body };
}

// (destination, a, times): a squared so often, at least once.
function squares(): WasmFunction {
  const body = [
    square(get(0), get(1)),
    set(2, sub32(get(2), i32(1))),
    // A loop runs once at least; what is left may be none.
    [...get(2), 0x04, 0x40],
    repeatWhile([square(get(0), get(0)), set(2, sub32(get(2), i32(1)))], get(2)),
    [0x0b],
  ];
  return { name: 'squares', parameters: 3, i64Locals: 0, body };
}

/** All functions: those of the field, then those of the group, then that of scalars. */
export const FUNCTIONS: readonly WasmFunction[] = [
  ...FIELD,
  addition(),
  doubling(),
  negation(),
  pick(),
  squares(),
  multiplyAdd(),
];
