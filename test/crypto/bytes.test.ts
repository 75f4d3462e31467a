import { heapStats } from 'bun:jsc';
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  concat,
  equal,
  fromHex,
  sha256,
  sha512,
  toHex,
  tryFromHex,
  u32be,
  u32le,
  u64le,
  utf8,
  zeroize,
} from '../../crypto/bytes.ts';

const RUNS = { seed: 20_001, numRuns: 200 };

describe('bytes', () => {
  test('hexadecimal survives the way there and back', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => equal(fromHex(toHex(bytes)), bytes)),
      RUNS,
    );
  });

  test('a view into a larger buffer is written as the view alone', () => {
    expect(toHex(Uint8Array.of(1, 2, 3, 4).subarray(1, 3))).toBe('0203');
  });

  test('hexadecimal of odd length, wrong length, capitals or other characters is refused', () => {
    for (const text of ['0', 'AA', 'zz', '0x', ' 00', '00\n']) expect(tryFromHex(text)).toBeNull();
    expect(tryFromHex('aAfF', { anyCase: true })).toEqual(Uint8Array.of(0xaa, 0xff));
    expect(tryFromHex('aabb', { bytes: 1 })).toBeNull();
    expect(() => fromHex('secretsecret')).toThrow(/^expected whole bytes of hexadecimal$/);
  });

  test('bytes that were written as hexadecimal take no more memory than before', () => {
    const held = (): number => {
      Bun.gc(true);
      return heapStats().heapSize;
    };
    const kept = Array.from({ length: 20_000 }, () => new Uint8Array(32));
    const before = held();
    for (const bytes of kept) toHex(bytes);
    expect((held() - before) / kept.length).toBeLessThan(32);
  });

  test('integers are written in the order their names say and refused out of range', () => {
    expect(toHex(u32le(0x01020304))).toBe('04030201');
    expect(toHex(u32be(0x01020304))).toBe('01020304');
    expect(toHex(u64le(0x0102030405060708n))).toBe('0807060504030201');
    expect(toHex(u64le(2n ** 64n - 1n))).toBe('ff'.repeat(8));
    for (const bad of [-1, 2 ** 32, 0.5, Number.NaN]) {
      expect(() => u32le(bad)).toThrow();
      expect(() => u32be(bad)).toThrow();
    }
    for (const bad of [-1n, 2n ** 64n]) expect(() => u64le(bad)).toThrow();
  });

  test('equal means the same length and the same bytes', () => {
    expect(equal(utf8('abc'), utf8('abc'))).toBe(true);
    expect(equal(utf8('abc'), utf8('abd'))).toBe(false);
    expect(equal(utf8('abc'), utf8('ab'))).toBe(false);
    expect(equal(utf8(''), utf8(''))).toBe(true);
  });

  test('hashing parts is hashing what they join to', () => {
    // FIPS 180-4 examples for "abc".
    expect(toHex(sha256(utf8('a'), utf8('bc')))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    expect(toHex(sha512(utf8('ab'), utf8('c'))).startsWith('ddaf35a193617abacc417349ae204131')).toBe(true);
    expect(sha256(utf8('a'), utf8('bc'))).toEqual(sha256(concat(utf8('ab'), utf8('c'))));
  });

  test('zeroize leaves nothing', () => {
    const [a, b] = [utf8('secret'), utf8('another')];
    zeroize(a, b);
    expect([...a, ...b].every((byte) => byte === 0)).toBe(true);
  });
});
