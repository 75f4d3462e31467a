// What a secret scalar leaves behind once a multiplication or a sum is done: nothing, in the memory of the compiled
// arithmetic and in every byte string that was made on the way.
import { describe, expect, test } from 'bun:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { memory } from '../../crypto/secp256k1/engine.ts';
import {
  multiplyRegular,
  multiplyRegularToBytes,
  multiplyRegularTwice,
  sumOfProducts,
} from '../../crypto/secp256k1/multiply.ts';
import { productSum } from '../../crypto/secp256k1/scalars.ts';
import { bytesOf } from './chilldkg-session.ts';

const { BASE } = secp256k1.Point;
const other = BASE.multiply(0x1234567n);
const [a, b] = [bytesOf('first secret'), bytesOf('second secret')];

/** What does something with two secrets, and gives what may be known of them. */
const WORK: Readonly<Record<string, () => unknown>> = {
  'a multiplication with a table': () => multiplyRegular(a, BASE),
  'a multiplication without a table': () => multiplyRegular(a, other),
  'a multiplication whose product is secret': () => multiplyRegularToBytes(a, other),
  'two multiplications at once, with a table': () => multiplyRegularTwice(a, b, BASE),
  'two multiplications at once, without a table': () => multiplyRegularTwice(a, b, other),
  'a sum of products': () => productSum(a, b, a),
};

/** Every byte string that is made while this runs, and is not among what it gives. */
function madeBy(work: () => unknown): (Int8Array | Uint8Array)[] {
  const made: (Int8Array | Uint8Array)[] = [];
  const kept = { Int8Array, Uint8Array };
  class Signed extends Int8Array {
    constructor(length: number) {
      super(length);
      made.push(this);
    }
  }
  class Unsigned extends Uint8Array {
    constructor(length: number) {
      super(length);
      made.push(this);
    }
  }
  try {
    Object.assign(globalThis, { Int8Array: Signed, Uint8Array: Unsigned });
    const given = work();
    return made.filter((bytes) => bytes !== given);
  } finally {
    Object.assign(globalThis, kept);
  }
}

describe('erased is all that a secret led to by', () => {
  for (const [name, work] of Object.entries(WORK)) {
    test(`${name}: the memory of the arithmetic is as it was before`, () => {
      // Public work leaves something there, which secret work clears.
      multiplyRegular(b, BASE.multiply(0x7654321n));
      const before = memory.slice();
      work();
      expect(memory.findIndex((byte, at) => byte !== before[at])).toBe(-1);
    });
  }

  test('nothing but secret work: a product of public values stays, so the comparison sees what stays', () => {
    multiplyRegular(b, other);
    const before = memory.slice();
    sumOfProducts([other], [5n]);
    expect(memory.findIndex((byte, at) => byte !== before[at])).not.toBe(-1);
  });

  test('the digits that a scalar is written in', () => {
    for (const name of ['a multiplication with a table', 'a multiplication without a table']) {
      const digits = madeBy(WORK[name] ?? (() => {})).filter((bytes) => bytes instanceof Int8Array);
      expect(digits).toHaveLength(1);
      for (const each of digits) expect(each.every((digit) => digit === 0)).toBe(true);
    }
  });

  test('the byte strings on the way, but for what is given back', () => {
    for (const work of Object.values(WORK)) {
      for (const bytes of madeBy(work)) expect(bytes.every((byte) => byte === 0)).toBe(true);
    }
    // It would see one that stays.
    const left = madeBy(() => new Uint8Array(1).fill(7) && null);
    expect(left.map((bytes) => [...bytes])).toEqual([[7]]);
  });
});
