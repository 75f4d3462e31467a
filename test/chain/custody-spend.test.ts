// Spending custody outputs: the bytes written here are btc-signer's, and only signatures that Bitcoin takes are put in.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  buildSpend,
  finalizeSpend,
  outputName,
  placeholderSpend,
  spendTransaction,
} from '../../chain/custody-spend.ts';
import { toHex } from '../../crypto/bytes.ts';
import { anyStep, built, deposit, groupKey, otherScript, signer, steps, stray } from './line-steps.ts';

const spend = built(steps.payout);
const signatures = spend.messages.map(signer.sign);

describe('an unsigned transaction', () => {
  test('is the one that btc-signer makes of the same inputs and outputs', () => {
    fc.assert(
      fc.property(anyStep, (intent) => {
        const { inputs, outputs, unsigned, txid } = built(intent);
        const other = spendTransaction(inputs, outputs);
        expect(toHex(unsigned)).toBe(toHex(other.unsignedTx));
        expect(txid).toBe(other.id);
      }),
      { numRuns: 60 },
    );
  });

  test('is that also where counts take three bytes', () => {
    for (const [ins, outs] of [
      [252, 252],
      [253, 253],
      [300, 1_002],
    ] as const) {
      const inputs = Array.from({ length: ins }, (_, n) => (n % 2 === 0 ? stray(n, 900n) : deposit(1, 900n)));
      const outputs = Array.from({ length: outs }, () => ({ script: otherScript(3), amount: 700n }));
      const { unsigned, vsize } = buildSpend(inputs, outputs, groupKey);
      const other = spendTransaction(inputs, outputs);
      expect(toHex(unsigned)).toBe(toHex(other.unsignedTx));
      for (let index = 0; index < ins; index++) {
        other.updateInput(index, { finalScriptWitness: [new Uint8Array(64)] }, true);
      }
      expect(vsize).toBe(other.vsize);
    }
  });
});

describe('signatures', () => {
  test('complete the transaction where each verifies under the key of its output', () => {
    expect(finalizeSpend(spend, signatures)).toMatchObject({ ok: true, txid: spend.txid, vsize: spend.vsize });
  });

  test('that do not are named by the numbers of their inputs', () => {
    const wrong = signatures.map((signature, index) => (index === 1 ? signature.toReversed() : signature));
    expect(finalizeSpend(spend, wrong)).toEqual({ ok: false, reason: 'bad_signature', inputs: [1] });
    const [first = new Uint8Array(), second = new Uint8Array(), third = new Uint8Array()] = signatures;
    expect(finalizeSpend(spend, [second, first, third])).toMatchObject({ inputs: [0, 1] });
    const long = signatures.map((signature) => Uint8Array.from([...signature, 1]));
    expect(finalizeSpend(spend, long)).toMatchObject({ inputs: [0, 1, 2] });
    expect(
      finalizeSpend(
        spend,
        signatures.map(() => new Uint8Array(64)),
      ),
    ).toMatchObject({ inputs: [0, 1, 2] });
  });

  test('of another transaction do not serve, and too few or too many are a fault of the caller', () => {
    const other = built({ ...steps.payout, fee: 401n });
    expect(finalizeSpend(other, signatures)).toMatchObject({ inputs: [0, 1, 2] });
    expect(() => finalizeSpend(spend, signatures.slice(1))).toThrow('one signature per input');
    expect(() => finalizeSpend(spend, [...signatures, ...signatures.slice(0, 1)])).toThrow('one signature per input');
  });

  test('are zeros in a placeholder, which differs from the signed transaction in nothing else', () => {
    const final = finalizeSpend(spend, signatures);
    if (!final.ok) throw new Error(final.reason);
    const zero = '00'.repeat(64);
    const blanked = signatures.reduce((text, one) => text.replace(toHex(one), zero), toHex(final.transaction));
    expect(toHex(placeholderSpend(spend))).toBe(blanked);
  });
});

test('outputs have one name exactly where script and amount are the same', () => {
  const one = { script: Uint8Array.of(0x51, 0x20), amount: 10n };
  expect(outputName(one)).toBe(outputName({ ...one, script: one.script.slice() }));
  expect(outputName(one)).not.toBe(outputName({ ...one, amount: 1n }));
  expect(outputName(one)).not.toBe(outputName({ ...one, script: Uint8Array.of(0x51) }));
});
