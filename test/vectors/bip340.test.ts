import { expect, test } from 'bun:test';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import { schnorrSign, schnorrVerify } from '../../crypto/chilldkg/pop.ts';
import { describeVectors, loadText } from './vectors.ts';

const COLUMNS = 8;

function bytes(hex: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(hex ?? '', 'hex'));
}

describeVectors('bip340', () => {
  const [header, ...rows] = loadText('bip340', 'test-vectors.csv').trim().split(/\r?\n/);

  test('test-vectors.csv: has the columns that the tests below read', () => {
    expect(header).toBe('index,secret key,public key,aux_rand,message,signature,verification result,comment');
    expect(rows.length).toBeGreaterThan(0);
  });

  for (const row of rows) {
    const fields = row.split(',');
    // The comment is last and may hold commas.
    const comment = fields.slice(COLUMNS - 1).join(',');
    const [index, secretKey, publicKey, auxRand, message, signature, result] = fields;
    test(`test-vectors.csv ${index}: ${comment || (secretKey ? 'signs and verifies' : 'verifies')}`, () => {
      expect(result).toMatch(/^(TRUE|FALSE)$/);
      const valid = result === 'TRUE';
      expect(bip340Scheme.verify(bytes(publicKey), bytes(message), bytes(signature))).toBe(valid);
      expect(schnorrVerify(bytes(message), bytes(publicKey), bytes(signature))).toBe(valid);
      if (secretKey) {
        expect(schnorrSign(bytes(message), bytes(secretKey), bytes(auxRand))).toEqual(bytes(signature));
      }
    });
  }
});
