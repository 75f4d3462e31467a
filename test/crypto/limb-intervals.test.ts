// No product, sum or difference of the limbs of secp256k1 passes 64 bits or falls below zero, for any input: shown on the
// code that runs. Random tests would have to meet the one limb in 2^30 that carries.
import { describe, expect, test } from 'bun:test';
import {
  add,
  get,
  i64,
  load,
  mul,
  shiftLeft,
  store,
  sub,
  type WasmFunction,
} from '../../crypto/secp256k1/assembler.ts';
import { FUNCTIONS } from '../../crypto/secp256k1/point-program.ts';
import { type Assumptions, analyse, type Interval, onlyCalls } from './limb-intervals.ts';

const LIMB: Interval = [0n, 2n ** 30n - 1n];
const WORD: Interval = [0n, 2n ** 64n - 1n];
/** Shifts that put limbs together to words, or take words apart, and drop what belongs to the neighbour. */
const DROPPING = new Set([6, 12, 18, 46, 52, 58]);
const CALLERS = ['addition', 'doubling', 'squares'];
/** Which parameters of a function point at words of 64 bits, not at limbs; and whether its result is words. */
const PACKED: Readonly<Record<string, { readonly from: readonly string[]; readonly to: boolean }>> = {
  pack: { from: [], to: true },
  unpack: { from: ['p1'], to: false },
  pick: { from: ['p1'], to: false },
  multiplyAdd: { from: ['p1', 'p2', 'p3'], to: true },
};

const assumptionsOf = (name: string): Assumptions => ({
  loaded: (address) => (PACKED[name]?.from.some((parameter) => address.includes(parameter)) ? WORD : LIMB),
  droppingShifts: PACKED[name] === undefined ? new Set() : DROPPING,
});

describe('for all inputs whose limbs are below 2^30', () => {
  for (const fn of FUNCTIONS.filter(({ name }) => !CALLERS.includes(name))) {
    test(`${fn.name} keeps every product, sum and difference within 64 bits, and gives limbs below 2^30`, () => {
      const stores = analyse(fn, assumptionsOf(fn.name));
      expect(stores.size).toBeGreaterThan(3);
      const [, most] = PACKED[fn.name]?.to === true ? WORD : LIMB;
      for (const [, high] of stores.values()) expect(high <= most).toBe(true);
    });
  }

  test('what only calls these keeps to the same bounds', () => {
    for (const name of CALLERS) {
      const fn = FUNCTIONS.find((one) => one.name === name);
      expect(fn !== undefined && onlyCalls(fn)).toBe(true);
    }
    expect(FUNCTIONS.filter((fn) => onlyCalls(fn)).map(({ name }) => name)).toEqual(CALLERS);
  });
});

describe('the analysis finds', () => {
  const [a, b] = [load(get(1), 0), load(get(2), 0)];
  const giving = (value: readonly number[]): WasmFunction => {
    return { name: 'sample', parameters: 3, i64Locals: 0, body: [store(get(0), 0, value)] };
  };
  const found = (value: readonly number[], high: bigint, shifts: readonly number[] = []) =>
    analyse(giving(value), { loaded: () => [0n, high], droppingShifts: new Set(shifts) });

  test('a product, a sum and a shift that pass 64 bits, and nothing one smaller', () => {
    expect(() => found(mul(a, b), 2n ** 32n)).toThrow('a product may be 0 to');
    expect(found(mul(a, b), 2n ** 32n - 1n).get('p0+0')).toEqual([0n, (2n ** 32n - 1n) ** 2n]);
    expect(() => found(add(a, b), 2n ** 63n)).toThrow('a sum may be 0 to');
    expect(found(add(a, b), 2n ** 63n - 1n).size).toBe(1);
    expect(() => found(shiftLeft(a, 8), 2n ** 56n)).toThrow('drops bits');
    expect(found(shiftLeft(a, 8), 2n ** 56n, [8]).size).toBe(1);
  });

  test('a difference that may be negative, but not one that cancels out', () => {
    expect(() => found(sub(a, b), 1n)).toThrow('what is stored may be -1 to 1');
    expect(() => found(sub(add(i64(6), a), b), 7n)).toThrow('what is stored may be -1 to 13');
    expect(found(sub(add(i64(7), a), b), 7n).get('p0+0')).toEqual([0n, 14n]);
    expect(found(add(sub(sub(i64(7), a), a), a), 7n).get('p0+0')).toEqual([0n, 7n]);
  });
});
