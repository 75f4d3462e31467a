// The project's own arithmetic of secp256k1, held against bigints modulo p and against noble's group.
import { describe, expect, test } from 'bun:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToNumberBE, concatBytes, numberToBytesBE } from '@noble/curves/utils.js';
import fc from 'fast-check';
import * as engine from '../../crypto/secp256k1/engine.ts';
import {
  liftX,
  multiplyRegular,
  multiplyRegularToBytes,
  multiplyRegularTwice,
  normalize,
  sumOf,
  sumOfProducts,
  sumsOf,
} from '../../crypto/secp256k1/multiply.ts';
import { magnitudeOf, N, nonAdjacentForm, signedWindows, signOf, split } from '../../crypto/secp256k1/recoding.ts';
import {
  difference,
  isBelowOrder,
  isZero,
  negative,
  productSum,
  reduced,
  sum,
} from '../../crypto/secp256k1/scalars.ts';
import { checkArithmetic } from '../../crypto/secp256k1/self-check.ts';
import { keepTable, tableOf } from '../../crypto/secp256k1/tables.ts';
import { parsePoint } from '../../crypto/secp256k1.ts';

const { Point } = secp256k1;
const { P, ELEMENT_BYTES } = engine;
const LAMBDA = 0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72n;
const check = <T>(property: fc.IProperty<T>, numRuns = 60) => fc.assert(property, { seed: 20_301, numRuns });
const bytesOf = (value: bigint) => numberToBytesBE(value, 32);
const modulo = (value: bigint, by: bigint) => ((value % by) + by) % by;

const near = (order: bigint) => {
  const edges = [0n, 1n, 2n, order - 1n, order - 2n, order / 2n, order / 2n + 1n, 2n ** 255n, 2n ** 232n - 1n];
  const powers = fc.nat(255).map((bits) => 2n ** BigInt(bits) % order);
  return fc.oneof(fc.constantFrom(...edges), powers, fc.bigInt({ min: 0n, max: order - 1n }));
};
const element = near(P);
const scalar = near(N);
const nonzero = scalar.map((value) => value || 1n);
const multiple = (k: bigint) => (k === 0n ? Point.ZERO : Point.BASE.multiply(k));
const point = scalar.map(multiple);

describe('the field of secp256k1', () => {
  const [a, b, c, d] = [0, 1, 2, 3].map(() => engine.reserve(ELEMENT_BYTES));
  if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('no memory');

  test('products, squares, sums and packing are those of integers modulo p', () => {
    check(
      fc.property(element, element, (x, y) => {
        engine.write(a, x);
        engine.write(b, y);
        expect(engine.read(a)).toBe(x);
        engine.product(c, a, b);
        expect(engine.read(c)).toBe((x * y) % P);
        engine.squares(c, a, 1);
        expect(engine.read(c)).toBe((x * x) % P);
        engine.squares(c, a, 3);
        expect(engine.read(c)).toBe(((x ** 2n % P) ** 2n % P) ** 2n % P);
        engine.sum(c, a, b);
        expect(engine.read(c)).toBe((x + y) % P);
      }),
      300,
    );
  });

  test('results that were never reduced can be worked on again and again', () => {
    check(
      fc.property(element, element, fc.array(fc.nat(3), { maxLength: 60 }), (x, y, steps) => {
        let [left, right] = [x, y];
        engine.write(a, left);
        engine.write(b, right);
        for (const step of steps) {
          if (step === 0) engine.sum(a, a, a);
          if (step === 1) engine.difference(a, b, a);
          if (step === 2) engine.product(b, a, b);
          if (step === 3) engine.squares(b, b, 2);
          if (step === 0) left += left;
          if (step === 1) left = right - left;
          if (step === 2) right *= left;
          if (step === 3) right **= 4n;
          [left, right] = [modulo(left, P), modulo(right, P)];
        }
        expect([engine.read(a), engine.read(b)]).toEqual([left, right]);
      }),
      200,
    );
  });

  test('inverses and square roots are found, and zero has the inverse zero', () => {
    check(
      fc.property(element, (x) => {
        engine.write(a, x);
        engine.inverse(b, a);
        engine.product(c, a, b);
        expect(engine.read(c)).toBe(x === 0n ? 0n : 1n);
        engine.squares(c, a, 1);
        engine.squareRoot(d, c);
        expect([x, modulo(-x, P)]).toContain(engine.read(d));
      }),
    );
  });
});

describe('multiplications on secp256k1', () => {
  test('by a secret are those of noble, with a table and without', () => {
    check(
      fc.property(nonzero, point, (k, p) => {
        expect(multiplyRegular(bytesOf(k), Point.BASE).equals(Point.BASE.multiply(k))).toBe(true);
        expect(multiplyRegular(bytesOf(k), p).equals(p.is0() ? p : p.multiply(k))).toBe(true);
        expect(multiplyRegularToBytes(bytesOf(k), Point.BASE)).toEqual(Point.BASE.multiply(k).toBytes());
        if (!p.is0()) expect(multiplyRegularToBytes(bytesOf(k), p)).toEqual(p.multiply(k).toBytes());
      }),
    );
  });

  test('by two secrets at once are those by each, with Z = 1', () => {
    check(
      fc.property(nonzero, nonzero, point, (first, second, p) => {
        for (const by of [Point.BASE, p]) {
          const both = multiplyRegularTwice(bytesOf(first), bytesOf(second), by);
          for (const [i, k] of [first, second].entries()) {
            expect(both[i]?.equals(multiplyRegular(bytesOf(k), by))).toBe(true);
            expect(both[i]?.is0() === true || both[i]?.Z === 1n).toBe(true);
          }
        }
      }),
      30,
    );
  });

  test('by a secret refuse what is no secret scalar', () => {
    const right = bytesOf(1n);
    for (const bad of [bytesOf(0n), bytesOf(N), bytesOf(N + 1n), bytesOf(2n ** 256n - 1n), right.subarray(1)]) {
      expect(() => multiplyRegular(bad, Point.BASE)).toThrow(RangeError);
      expect(() => multiplyRegularToBytes(bad, Point.BASE)).toThrow(RangeError);
      expect(() => multiplyRegularTwice(bad, right, Point.BASE)).toThrow(RangeError);
      expect(() => multiplyRegularTwice(right, bad, Point.BASE)).toThrow(RangeError);
    }
  });

  test('summed up are those of noble, with equal, opposite, infinite and many points, with tables and without', () => {
    const terms = fc.array(fc.tuple(fc.oneof(point, fc.constant(Point.BASE)), scalar), { maxLength: 6 });
    check(
      fc.property(terms, fc.nat(40), (few, copies) => {
        const opposite = few.slice(0, 1).map(([p, k]): [typeof p, bigint] => [p.negate(), k]);
        const many = Array.from({ length: copies }, (_, i) => few[i % few.length] ?? ([Point.BASE, 1n] as const));
        for (const list of [few, [...few, ...opposite], many]) {
          const expected = list.reduce((sum, [p, k]) => sum.add(p.multiplyUnsafe(k)), Point.ZERO);
          const found = sumOfProducts(
            list.map(([p]) => p),
            list.map(([, k]) => k),
          );
          expect(found.equals(expected)).toBe(true);
          expect(found.is0() || found.Z === 1n).toBe(true);
        }
      }),
      30,
    );
    expect(() => sumOfProducts([Point.BASE], [N])).toThrow(RangeError);
    expect(() => sumOfProducts([Point.BASE], [])).toThrow(RangeError);
  });

  test('more points than there is room for keep their tables in turn, and each stays right', () => {
    const points = Array.from({ length: 12 }, (_, i) => Point.BASE.multiply(BigInt(i + 5)));
    for (const p of points) keepTable(p);
    for (const k of [N - 1n, 3n ** 150n % N]) {
      for (const p of [...points, ...points.slice(0, 3)]) {
        expect(tableOf(p)).not.toBeNull();
        expect(sumOfProducts([p], [k]).equals(p.multiplyUnsafe(k))).toBe(true);
        expect(multiplyRegular(bytesOf(k), p).equals(p.multiply(k))).toBe(true);
      }
    }
    expect(multiplyRegular(bytesOf(7n), Point.BASE).equals(Point.BASE.multiply(7n))).toBe(true);
  });

  test('sums and normalized points are those of noble', () => {
    check(
      fc.property(fc.array(point, { maxLength: 5 }), (points) => {
        const expected = points.reduce((sum, p) => sum.add(p), Point.ZERO);
        expect(sumOf(points).equals(expected)).toBe(true);
        expect(normalize(expected).toAffine()).toEqual(expected.toAffine());
      }),
    );
  });

  test('two sums at once are those of noble, also where one or both are infinity', () => {
    const lists = fc.array(point, { maxLength: 3 });
    const sumByNoble = (points: readonly (typeof Point.BASE)[]) => points.reduce((sum, p) => sum.add(p), Point.ZERO);
    check(
      fc.property(lists, lists, (one, other) => {
        const cancelled = one.flatMap((p) => [p, p.negate()]);
        for (const [first, second] of [
          [one, other],
          [cancelled, other],
          [one, cancelled],
          [cancelled, cancelled],
        ] as const) {
          const [found, foundSecond] = sumsOf(first, second);
          expect(found.equals(sumByNoble(first))).toBe(true);
          expect(foundSecond.equals(sumByNoble(second))).toBe(true);
        }
      }),
    );
  });
});

describe('the self-check at start', () => {
  const sound = { secret: multiplyRegular, publicSum: sumOfProducts };
  test('passes with the arithmetic as it is', () => {
    expect(() => checkArithmetic(sound)).not.toThrow();
  });

  test('stops the program where either multiplication is off by one', () => {
    const { BASE } = secp256k1.Point;
    const secret: typeof multiplyRegular = (scalar, point) => multiplyRegular(scalar, point).add(BASE);
    const publicSum: typeof sumOfProducts = (points, scalars) => sumOfProducts(points, scalars).add(BASE);
    expect(() => checkArithmetic({ ...sound, secret })).toThrow(/computes wrongly/);
    expect(() => checkArithmetic({ ...sound, publicSum })).toThrow(/computes wrongly/);
  });
});

describe('encodings of points', () => {
  test('are read exactly where noble reads them', () => {
    const noble = (bytes: Uint8Array) => {
      try {
        return secp256k1.Point.fromBytes(bytes);
      } catch {
        return null;
      }
    };
    const x = fc.oneof(element, fc.constantFrom(P, P + 1n, 2n ** 256n - 1n));
    check(
      fc.property(fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 255), x, (prefix, value) => {
        const bytes = concatBytes(Uint8Array.of(prefix), numberToBytesBE(value, 32));
        expect(parsePoint(bytes)?.toHex() ?? null).toBe(noble(bytes)?.toHex() ?? null);
      }),
      200,
    );
    expect(liftX(P, false)).toBeNull();
    expect(parsePoint(Point.BASE.toBytes(false))).toBeNull();
    expect(parsePoint(new Uint8Array(0))).toBeNull();
  });
});

describe('secret scalars', () => {
  const near256 = fc.oneof(
    scalar,
    fc.constantFrom(N, N + 1n, 2n ** 256n - 1n, 2n ** 256n - N),
    fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
  );

  test('are added and multiplied as integers modulo the order are, whatever 256 bits they have', () => {
    check(
      fc.property(near256, near256, near256, (a, b, c) => {
        expect(bytesToNumberBE(productSum(bytesOf(a), bytesOf(b), bytesOf(c)))).toBe((a * b + c) % N);
        expect(bytesToNumberBE(reduced(bytesOf(a)))).toBe(a % N);
        expect(bytesToNumberBE(sum(bytesOf(a), bytesOf(b)))).toBe((a + b) % N);
        expect(bytesToNumberBE(difference(bytesOf(a), bytesOf(b)))).toBe(modulo(a - b, N));
        expect(bytesToNumberBE(negative(bytesOf(a)))).toBe(modulo(-a, N));
      }),
      500,
    );
    for (const bad of [new Uint8Array(31), new Uint8Array(33)]) {
      expect(() => productSum(bad, bytesOf(1n), bytesOf(1n))).toThrow(RangeError);
      expect(() => productSum(bytesOf(1n), bad, bytesOf(1n))).toThrow(RangeError);
      expect(() => productSum(bytesOf(1n), bytesOf(1n), bad)).toThrow(RangeError);
    }
  });

  test('are distinguished from what is not a scalar as integers are', () => {
    check(
      fc.property(near256, (a) => {
        expect(isBelowOrder(bytesOf(a))).toBe(a < N);
        expect(isZero(bytesOf(a))).toBe(a === 0n);
      }),
      300,
    );
    expect(isBelowOrder(new Uint8Array(31))).toBe(false);
    expect(isBelowOrder(new Uint8Array(33))).toBe(false);
  });
});

describe('digits of scalars', () => {
  test('in windows add up to the scalar and stay within half a window', () => {
    check(
      fc.property(scalar, fc.constantFrom(5, 6), (k, width) => {
        const digits = signedWindows(numberToBytesBE(k, 32), width);
        const half = 2 ** (width - 1);
        expect(digits.every((digit) => digit > -half && digit <= half)).toBe(true);
        expect(digits.reduceRight((sum, digit) => (sum << BigInt(width)) + BigInt(digit), 0n)).toBe(k);
      }),
      200,
    );
  });

  test('are handed over as a size and a sign that are the same kind of number for each, −0 never being one', () => {
    for (let digit = -31; digit <= 32; digit++) {
      expect(Object.is(magnitudeOf(digit), digit < 0 ? 0 - digit : digit)).toBe(true);
      expect(Object.is(signOf(digit), digit < 0 ? 1 : 0)).toBe(true);
    }
  });

  test('of the halves of a scalar add up to it by λ, in the non-adjacent form', () => {
    check(
      fc.property(scalar, (k) => {
        const halves = split(k);
        expect(modulo(halves[0] + halves[1] * LAMBDA, N)).toBe(k);
        for (const half of halves) {
          const digits = nonAdjacentForm(half, 5);
          expect(digits.every((digit) => digit === 0 || (digit % 2 !== 0 && Math.abs(digit) < 16))).toBe(true);
          expect(digits.reduceRight((sum, digit) => 2n * sum + BigInt(digit), 0n)).toBe(half);
        }
      }),
      300,
    );
  });
});
