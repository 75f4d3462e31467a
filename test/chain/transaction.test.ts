// The JSON of payout intents, and signatures put into their transactions.
import { describe, expect, test } from 'bun:test';
import { compareOutpoints } from '../../chain/outpoint.ts';
import { planPayout } from '../../chain/payout.ts';
import { parsePayoutIntent, payoutIntentJson } from '../../chain/payout-intent.ts';
import { finalizePayout, testInput } from '../../chain/transaction.ts';
import { coin, rules, signer, simple } from './payout-arbitraries.ts';

describe('intents and signatures', () => {
  const candidates = [coin(1, 300_000n), coin(2, 400_000n)];
  const plan = planPayout(rules, { ...simple, test: true, candidates });
  if (!plan.ok) throw new Error(plan.detail);
  const { payout } = plan;

  test('an intent survives its JSON', () => {
    expect(parsePayoutIntent(JSON.parse(JSON.stringify(payoutIntentJson(payout.intent))))).toEqual(payout.intent);
  });

  test('an intent with unknown fields, too many items or long scripts is not read', () => {
    const json = JSON.parse(JSON.stringify(payoutIntentJson(payout.intent)));
    expect(parsePayoutIntent({ ...json, extra: 1 })).toBeNull();
    expect(parsePayoutIntent({ ...json, inputs: Array(129).fill(json.inputs[0]) })).toBeNull();
    expect(parsePayoutIntent({ ...json, burns: Array(201).fill(json.burns[0]) })).toBeNull();
    expect(parsePayoutIntent({ ...json, outputs: [{ script: '00'.repeat(35), amount: '1000' }] })).toBeNull();
    expect(parsePayoutIntent({ ...json, fee: '-1' })).toBeNull();
    expect(parsePayoutIntent(null)).toBeNull();
  });

  test('signatures that verify make a transaction of exactly the size that was paid for', () => {
    const signed = finalizePayout(payout, signer.signAll(payout));
    expect(signed).toMatchObject({ ok: true, txid: payout.txid, vsize: payout.vsize });
    expect(signed.ok && signed.transaction.length).toBeGreaterThan(payout.unsigned.length);
  });

  test('a signature that does not verify is named by its input and nothing is made', () => {
    const signatures = signer.signAll(payout);
    const [first, second, third] = signatures;
    if (!first || !second || !third) throw new Error('three inputs');
    const bad = (...all: Uint8Array[]) => {
      const verdict = finalizePayout(payout, all);
      return verdict.ok ? [] : verdict.inputs;
    };
    const flipped = second.slice();
    flipped[40] = (flipped[40] ?? 0) ^ 1;
    expect(bad(first, flipped, third)).toEqual([1]);
    expect(bad(second, first, third)).toEqual([0, 1]);
    expect(bad(first, second, third.slice(1))).toEqual([2]);
    expect(bad(first, second, new Uint8Array(64))).toEqual([2]);
    expect(() => finalizePayout(payout, [first])).toThrow('one signature per input');
  });

  test('the inputs of a payout are ascending but for the test input at the end', () => {
    const real = payout.intent.inputs.slice(0, -1);
    expect([...real].sort(compareOutpoints)).toEqual(real);
    expect(payout.intent.inputs.at(-1)).toEqual(testInput(payout.intent.burns));
  });
});
