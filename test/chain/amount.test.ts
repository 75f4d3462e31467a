// Amounts and JSON numbers without loss.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { AMOUNT_SATS_MAX, btcAmount, btcFromSats, satsAmount, satsFromBtc } from '../../chain/amount.ts';
import { parseExactJson } from '../../chain/json.ts';

describe('amounts', () => {
  test('every amount up to 21 million bitcoins survives bitcoins as text', () => {
    fc.assert(
      fc.property(fc.bigInt(-AMOUNT_SATS_MAX, AMOUNT_SATS_MAX), (sats) => {
        expect(satsFromBtc(btcFromSats(sats))).toBe(sats);
      }),
    );
  });

  test('an amount in JSON keeps its last sat where a binary fraction would not', () => {
    const json = parseExactJson('{"value": 20999999.99999999, "height": 7, "big": 9007199254740993, "tiny": 1e-8}');
    expect(json).toEqual({ value: '20999999.99999999', height: 7, big: '9007199254740993', tiny: '1e-8' });
    expect(btcAmount.parse('20999999.99999999')).toBe(2_099_999_999_999_999n);
    expect(btcAmount.parse(3)).toBe(300_000_000n);
  });

  test('more than 21 million bitcoins, more than eight places and other texts are no amounts', () => {
    for (const text of ['21000000.00000001', '0.000000001', '1e-8', '', '.5', '1.', '0x10', ' 1']) {
      expect(satsFromBtc(text)).toBeNull();
    }
    for (const text of ['-1', '01', '1.0', '2100000000000001', '']) {
      expect(satsAmount.safeParse(text).success).toBeFalse();
    }
  });

  test('text that is not JSON is not repeated in the error', () => {
    expect(() => parseExactJson('secret')).toThrow(/^not JSON$/);
  });
});
