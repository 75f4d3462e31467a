import { describe, expect, test } from 'bun:test';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { concat, utf8 } from '../../crypto/bytes.ts';
import {
  canonicalBytes,
  canonicalJson,
  canonicalJsonWith,
  type Json,
  nestsWithin,
  parseCanonicalJson,
} from '../../crypto/canonical-json.ts';

const RUNS = { seed: 20_002, numRuns: 300 };
const LIMITS = { bytesMax: 10_000, depthMax: 8 };

describe('canonical JSON', () => {
  test('RFC 8785 section 3.2.2: members sorted by UTF-16 units, shortest numbers, shortest escapes', () => {
    const value = { b: [1e-7, 4.5, 0.002, 1], '\u20ac': '\u000f\n"\\/', a: { z: null, A: true } };
    expect(canonicalJson(value)).toBe('{"a":{"A":true,"z":null},"b":[1e-7,4.5,0.002,1],"€":"\\u000f\\n\\"\\\\/"}');
  });

  test('RFC 8785 section 3.2.3: the example of sorting', () => {
    const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 };
    expect(Object.values(JSON.parse(canonicalJson(value)))).toHaveLength(7);
    const order = [...canonicalJson(value).matchAll(/:(\d)/g)].map((match) => match[1]).join('');
    expect(order).toBe('2467153');
  });

  test('an object is the same text where one of its members was written before', () => {
    const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.oneof(fc.integer(), fc.string(), fc.constant(null)));
    fc.assert(
      fc.property(object, fc.string({ unit: 'binary' }), object, (others, name, member) => {
        const { [name]: _, ...rest } = others;
        const text = canonicalJsonWith(rest, name, canonicalJson(member));
        expect(text).toBe(canonicalJson({ ...rest, [name]: member }));
      }),
      RUNS,
    );
    expect(() => canonicalJsonWith({ a: 1 }, 'a', '2')).toThrow();
  });

  test('the text is that of another implementation of RFC 8785', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, noUnicodeString: false }), (value) => {
        fc.pre(!/\d{16,}|e\+/.test(JSON.stringify(value)));
        const json: Json = JSON.parse(JSON.stringify(value));
        expect(canonicalJson(json)).toBe(canonicalize(json) ?? '');
      }),
      RUNS,
    );
  });

  test('what JSON would lose or round is refused', () => {
    const cycle: Record<string, Json> = {};
    cycle['self'] = cycle;
    const bad: unknown[] = [
      undefined,
      Number.NaN,
      Infinity,
      2 ** 53,
      -(2 ** 53),
      1n,
      () => 1,
      Symbol('s'),
      '\ud800',
      cycle,
    ];
    bad.push({ a: undefined }, [undefined], new Array(2), new Date(0), new Map(), { toJSON: () => 1 }, { a: [1n] });
    for (const value of bad) expect(() => Reflect.apply(canonicalJson, undefined, [value])).toThrow();
    expect(canonicalJson(2 ** 53 - 1)).toBe('9007199254740991');
  });

  test('what was written canonically reads back the same', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, noUnicodeString: false }), (value) => {
        const isSafe = !/\d{16,}|e\+/.test(JSON.stringify(value));
        fc.pre(isSafe);
        // Through JSON once, so that −0 is 0 as it is in every text.
        const json: Json = JSON.parse(JSON.stringify(value));
        expect(parseCanonicalJson(canonicalBytes(json), LIMITS)).toEqual({
          ok: true,
          value: json,
          text: canonicalJson(json),
        });
      }),
      RUNS,
    );
  });

  test('other spellings of the same value are malformed', () => {
    const spellings = [
      '{"b":1,"a":2}',
      '{"a": 1}',
      '{"a":1,"a":1}',
      '1.0',
      '-0',
      '1e2',
      '"\\u0061"',
      '1 ',
      '\ufeff1',
      '',
    ];
    spellings.push('9007199254740993', '1e999', '{"a":1,}', 'NaN', '"\\ud800"', '[', '"');
    for (const text of spellings)
      expect(parseCanonicalJson(utf8(text), LIMITS)).toEqual({ ok: false, reason: 'malformed' });
  });

  test('bytes that are not UTF-8 are malformed', () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0x80, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
    ]) {
      expect(parseCanonicalJson(Uint8Array.from(bytes), LIMITS)).toEqual({ ok: false, reason: 'malformed' });
    }
  });

  test('size is validated first, nesting before the parser sees the text', () => {
    expect(parseCanonicalJson(new Uint8Array(10_001), LIMITS)).toEqual({ ok: false, reason: 'too_large' });
    expect(parseCanonicalJson(utf8(`${'['.repeat(8)}${']'.repeat(8)}`), LIMITS).ok).toBe(true);
    expect(parseCanonicalJson(utf8(`${'['.repeat(9)}${']'.repeat(9)}`), LIMITS).ok).toBe(false);
    expect(nestsWithin('["[[[[[[\\"[[[["]', 1)).toBe(true);
    expect(nestsWithin('[[],[],[],{}]', 2)).toBe(true);
  });

  test('no input makes the parser throw', () => {
    const pieces = fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', '1', '-', 'e', 'null', 'a', '\u0000', '€');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(pieces), (raw, text) => {
        parseCanonicalJson(raw, LIMITS);
        parseCanonicalJson(concat(utf8(text.join('')), raw.subarray(0, 2)), LIMITS);
        parseCanonicalJson(utf8(text.join('')), LIMITS);
      }),
      RUNS,
    );
  });
});
