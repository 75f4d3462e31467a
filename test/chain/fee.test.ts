// Sizes, fees and dust: known values of Bitcoin Core, and btc-signer's own count of a signed transaction.
import { describe, expect, test } from 'bun:test';
import { Transaction } from '@scure/btc-signer';
import fc from 'fast-check';
import { dustThreshold, feeAt, inputCost, payoutWeight, virtualSize } from '../../chain/fee.ts';
import { fromHex } from '../../crypto/bytes.ts';

describe('fees', () => {
  test('dust thresholds are those of Bitcoin Core for every kind of script', () => {
    const thresholds = [
      [`76a914${'00'.repeat(20)}88ac`, 546n],
      [`a914${'00'.repeat(20)}87`, 540n],
      [`0014${'00'.repeat(20)}`, 294n],
      [`0020${'00'.repeat(32)}`, 330n],
      [`5120${'00'.repeat(32)}`, 330n],
      ['51024e73', 240n],
    ] as const;
    for (const [script, dust] of thresholds) expect(dustThreshold(fromHex(script))).toBe(dust);
  });

  test('the weight of a payout is what a signed transaction of that shape weighs', () => {
    const scripts = fc.array(fc.constantFrom(22, 23, 25, 34), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), scripts, (inputs, lengths) => {
        const transaction = new Transaction({ version: 2, allowUnknownOutputs: true });
        for (const length of lengths) transaction.addOutput({ script: new Uint8Array(length).fill(0x51), amount: 1n });
        const finalScriptWitness = [new Uint8Array(64)];
        for (let index = 0; index < inputs; index++) {
          transaction.addInput({ txid: new Uint8Array(32).fill(1), index, finalScriptWitness }, true);
        }
        expect(payoutWeight(inputs, lengths)).toBe(transaction.weight);
        expect(virtualSize(transaction.weight)).toBe(transaction.vsize);
      }),
      { numRuns: 15 },
    );
  });

  test('fees round up and one more input costs 57.5 vbytes', () => {
    expect(feeAt(111, 1_000n)).toBe(111n);
    expect(feeAt(111, 1_001n)).toBe(112n);
    expect(inputCost(1_000n)).toBe(58n);
    expect(inputCost(2_000n)).toBe(115n);
    expect(payoutWeight(2, [22]) - payoutWeight(1, [22])).toBe(230);
  });
});
