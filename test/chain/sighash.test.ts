// The messages that payouts are signed over, held against the library's own.
import { describe, expect, test } from 'bun:test';
import { SigHash, Transaction } from '@scure/btc-signer';
import fc from 'fast-check';
import { keyPathSighash, type SpentInput } from '../../chain/sighash.ts';
import { toHex } from '../../crypto/bytes.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const amount = fc.bigInt({ min: 0n, max: 2_100_000_000_000_000n });
const taproot = bytes(32).map((key) => Uint8Array.of(0x51, 0x20, ...key));
const input: fc.Arbitrary<SpentInput> = fc.record({
  txid: bytes(32).map(toHex),
  vout: fc.nat(0xffff_fffe),
  sequence: fc.nat(0xffff_ffff),
  amount,
  script: taproot,
});
const output = fc.record({ amount, script: fc.oneof(taproot, fc.uint8Array({ minLength: 1, maxLength: 83 })) });
const transactions = fc.record({
  version: fc.constantFrom(1, 2, 3),
  lockTime: fc.nat(0xffff_ffff),
  inputs: fc.uniqueArray(input, { minLength: 1, maxLength: 12, selector: ({ txid, vout }) => `${txid}:${vout}` }),
  outputs: fc.array(output, { minLength: 1, maxLength: 12 }),
});

describe('the message of a key-path spend', () => {
  test('is the one that the library computes, for every input of any transaction', () => {
    fc.assert(
      fc.property(transactions, ({ version, lockTime, inputs, outputs }) => {
        const library = new Transaction({ version, lockTime, allowUnknownOutputs: true, disableScriptCheck: true });
        for (const { txid, vout, sequence } of inputs) library.addInput({ txid, index: vout, sequence });
        for (const one of outputs) library.addOutput(one);
        const scripts = inputs.map(({ script }) => script);
        const amounts = inputs.map((one) => one.amount);
        const sighash = keyPathSighash({ version, lockTime, outputs }, inputs);
        for (const index of inputs.keys()) {
          const expected = library.preimageWitnessV1(index, scripts, SigHash.DEFAULT, amounts);
          expect(toHex(sighash(index))).toBe(toHex(expected));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('is refused where a script is longer than any standard one', () => {
    const terms = { version: 2, lockTime: 0, outputs: [{ amount: 1n, script: new Uint8Array(253) }] };
    expect(() => keyPathSighash(terms, [])).toThrow('253 bytes');
  });
});
