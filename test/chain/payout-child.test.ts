// Fee bump children: what is planned for a payout that waits, and what of a child that somebody proposes is refused.
import { describe, expect, test } from 'bun:test';
import { Transaction } from '@scure/btc-signer';
import fc from 'fast-check';
import { dustThreshold, feeAt } from '../../chain/fee.ts';
import { changeScript, planPayout } from '../../chain/payout.ts';
import {
  CHILD_VSIZE,
  type ChildParent,
  checkChild,
  leastChildFee,
  packageRate,
  planChild,
  readParent,
  replacementRate,
} from '../../chain/payout-child.ts';
import { buildChild, type ChildIntent, childIntentJson, parseChildIntent } from '../../chain/payout-child-intent.ts';
import { finalizePayout, REPLACEABLE_SEQUENCE } from '../../chain/transaction.ts';
import { toHex } from '../../crypto/bytes.ts';
import { coin, planned, rules, simple } from './payout-arbitraries.ts';

const script = changeScript(rules.groupKey);
const parent: ChildParent = {
  txid: 'ab'.repeat(32),
  vsize: 200,
  fee: 400n,
  feesCollected: 10_000n,
  change: { vout: 1, amount: 500_000n },
};
const ancestors = { vsize: parent.vsize, fees: parent.fee };
const least = leastChildFee(rules, 0n);

function right(fee = 2_000n): ChildIntent {
  const { vout, amount } = parent.change;
  return { kind: 'payout_child', parentTxid: parent.txid, vout, amount, output: { script, amount: amount - fee }, fee };
}

describe('the planner of a child', () => {
  test('brings parent and child together to the wanted rate, from the change back to the change script', () => {
    const plan = planChild(rules, { parent, ancestors, least, rate: 10_000n });
    if (!plan.ok) throw new Error(plan.detail);
    expect(plan.intent.fee).toBe(feeAt(parent.vsize + CHILD_VSIZE, 10_000n) - parent.fee);
    expect(packageRate(ancestors, plan.intent.fee)).toBe(10_000n);
    const { inputs, outputs } = plan.child.intent;
    expect(inputs).toEqual([{ txid: parent.txid, vout: 1, amount: 500_000n, leaf: { kind: 'change' } }]);
    expect(outputs).toEqual([{ script, amount: 500_000n - plan.intent.fee }]);
    expect(plan.child.vsize).toBe(CHILD_VSIZE);
  });

  test('counts what its parent itself hangs upon', () => {
    const plan = planChild(rules, { parent, ancestors: { vsize: 1_200, fees: 1_400n }, least, rate: 5_000n });
    expect(plan.ok && plan.intent.fee).toBe(feeAt(1_200 + CHILD_VSIZE, 5_000n) - 1_400n);
  });

  test('signals replaceability and locks nothing', () => {
    const transaction = Transaction.fromRaw(buildChild(right(), rules.groupKey).unsigned, {
      allowUnknownOutputs: true,
    });
    expect(transaction.getInput(0).sequence).toBe(REPLACEABLE_SEQUENCE);
    expect([transaction.version, transaction.lockTime]).toEqual([2, 0]);
  });

  test('goes as far as the burns’ fees, the highest rate and the change allow, and no further', () => {
    const rate = 1_000_000n;
    const byFees = planChild({ ...rules, feeRateMax: 1_000_000n }, { parent, ancestors, least, rate });
    expect(byFees.ok && byFees.intent.fee).toBe(parent.feesCollected - parent.fee);
    const byRate = planChild({ ...rules, feeRateMax: 12_000n }, { parent, ancestors, least, rate });
    expect(byRate.ok && byRate.intent.fee).toBe(feeAt(parent.vsize + CHILD_VSIZE, 12_000n) - parent.fee);
    const small = { ...parent, change: { vout: 1, amount: 1_500n } };
    const byChange = planChild(rules, { parent: small, ancestors, least, rate });
    expect(byChange.ok && byChange.intent.output.amount).toBe(dustThreshold(script));
  });

  test('says by name why there is none', () => {
    const rate = 10_000n;
    const reasonOf = (changes: Partial<ChildParent>, floor = least) => {
      const plan = planChild(rules, { parent: { ...parent, ...changes }, ancestors, least: floor, rate });
      return plan.ok ? 'planned' : plan.reason;
    };
    expect(reasonOf({})).toBe('planned');
    expect(reasonOf({ feesCollected: 450n })).toBe('fee_too_high');
    expect(reasonOf({}, 9_601n)).toBe('fee_too_high');
    expect(reasonOf({ change: { vout: 1, amount: 400n } })).toBe('below_dust');
    // 150 sats for the child: less by the byte than its parent pays.
    expect(reasonOf({ feesCollected: 550n })).toBe('fee_rate_too_low');
  });

  test('agrees with the check and keeps every bound on random parents', () => {
    let plans = 0;
    fc.assert(
      fc.property(
        fc.record({
          vsize: fc.integer({ min: 110, max: 10_000 }),
          fee: fc.bigInt({ min: 110n, max: 50_000n }),
          more: fc.bigInt({ min: 0n, max: 50_000n }),
          amount: fc.bigInt({ min: 0n, max: 100_000n }),
          earlier: fc.bigInt({ min: 0n, max: 5_000n }),
          rate: fc.bigInt({ min: 1_000n, max: 300_000n }),
        }),
        ({ vsize, fee, more, amount, earlier, rate }) => {
          const one = { ...parent, vsize, fee, feesCollected: fee + more, change: { vout: 3, amount } };
          const floor = leastChildFee(rules, earlier);
          const plan = planChild(rules, { parent: one, ancestors: { vsize, fees: fee }, least: floor, rate });
          if (!plan.ok) return;
          plans++;
          const { intent } = plan;
          expect(checkChild(rules, one, intent, floor).ok).toBe(true);
          expect(intent.fee + fee).toBeLessThanOrEqual(one.feesCollected);
          expect(intent.fee + fee).toBeLessThanOrEqual(feeAt(vsize + CHILD_VSIZE, rules.feeRateMax));
          expect(intent.fee).toBeGreaterThanOrEqual(earlier + feeAt(CHILD_VSIZE, 1_000n));
          expect(intent.output.amount).toBeGreaterThanOrEqual(dustThreshold(script));
          expect(packageRate({ vsize, fees: fee }, intent.fee)).toBeGreaterThanOrEqual((fee * 1000n) / BigInt(vsize));
        },
      ),
      { numRuns: 300 },
    );
    expect(plans).toBeGreaterThan(30);
  });
});

describe('a child that a coordinator proposes', () => {
  const thief = { script: Uint8Array.from([0x51, 0x20, ...new Uint8Array(32).fill(0xcc)]), amount: 498_000n };
  const cases: readonly (readonly [string, ChildIntent, string])[] = [
    ['that pays elsewhere', { ...right(), output: thief }, 'output_mismatch'],
    ['that pays less than the change less the fee', { ...right(), output: { script, amount: 1n } }, 'output_mismatch'],
    ['whose fee its output does not show', { ...right(), fee: 1_999n }, 'output_mismatch'],
    ['that spends another output', { ...right(), vout: 0 }, 'parent_unknown'],
    ['of another transaction', { ...right(), parentTxid: 'cd'.repeat(32) }, 'parent_unknown'],
    ['that makes the change larger', { ...right(), amount: 500_001n }, 'parent_unknown'],
    ['that leaves dust', right(499_900n), 'below_dust'],
    ['that leaves less than nothing', right(500_900n), 'below_dust'],
    ['whose fee is above what the burns paid', right(9_601n), 'fee_too_high'],
    ['that would not relay', right(110n), 'fee_rate_too_low'],
    ['that lifts nothing', right(222n), 'fee_rate_too_low'],
  ];
  for (const [what, intent, reason] of cases) {
    test(`${what} is refused as ${reason}`, () => {
      expect(checkChild(rules, parent, intent, least)).toMatchObject({ ok: false, reason });
    });
  }

  test('whose rate together with its parent is above the cap is refused as fee_too_high', () => {
    const verdict = checkChild({ ...rules, feeRateMax: 7_000n }, parent, right(2_000n), least);
    expect(verdict).toMatchObject({ ok: false, reason: 'fee_too_high' });
    expect(checkChild({ ...rules, feeRateMax: 8_000n }, parent, right(2_000n), least).ok).toBe(true);
  });

  test('that pays no more than the child it replaces is refused, and told the least', () => {
    const floor = leastChildFee(rules, 2_000n);
    expect(floor).toBe(2_000n + BigInt(CHILD_VSIZE));
    expect(checkChild(rules, parent, right(2_000n), floor)).toMatchObject({ reason: 'fee_rate_too_low', least: floor });
    expect(checkChild(rules, parent, right(floor), floor).ok).toBe(true);
  });

  test('has one transaction, which its JSON carries whole, and is finished by a right signature alone', () => {
    const intent = right();
    expect(parseChildIntent(JSON.parse(JSON.stringify(childIntentJson(intent))))).toEqual(intent);
    const child = buildChild(intent, rules.groupKey);
    expect(child.messages).toHaveLength(1);
    expect(finalizePayout(child, [new Uint8Array(64).fill(1)])).toMatchObject({ ok: false, reason: 'bad_signature' });
  });

  test('that is no child has no meaning', () => {
    for (const change of [
      { fee: '-1' },
      { vout: -1 },
      { parent_txid: 'AB'.repeat(32) },
      { more: 1 },
      { output: null },
    ]) {
      expect(parseChildIntent({ ...JSON.parse(JSON.stringify(childIntentJson(right()))), ...change })).toBeNull();
    }
  });
});

describe('a stored payout', () => {
  test('is read from its own bytes: its size, and its change only under this key', () => {
    const payout = planPayout(rules, { ...simple, candidates: [coin(1, 900_000n)] });
    const intent = planned(payout);
    if (!payout.ok) throw new Error(payout.detail);
    const { unsigned, vsize } = payout.payout;
    const vout = intent.outputs.length - 1;
    const amount = intent.outputs[vout]?.amount ?? 0n;
    expect(readParent(unsigned, { vout, amount }, rules.groupKey)).toEqual({ vsize });
    expect(readParent(unsigned, { vout, amount: amount + 1n }, rules.groupKey)).toBeNull();
    expect(readParent(unsigned, { vout: 0, amount: intent.outputs[0]?.amount ?? 0n }, rules.groupKey)).toBeNull();
    expect(readParent(unsigned, { vout: 99, amount }, rules.groupKey)).toBeNull();
    expect(toHex(script)).toBe(toHex(intent.outputs[vout]?.script ?? new Uint8Array(0)));
  });
});

describe('a replacement', () => {
  test('has to pay for all that it throws out and for itself', () => {
    expect(replacementRate(rules, parent, { count: 1, fees: 400n })).toBe(3_000n);
    expect(replacementRate(rules, parent, { count: 5, fees: 4_400n })).toBe(23_000n);
  });

  test('cannot help where that is more than the burns paid or the highest rate, or too much is thrown out', () => {
    expect(replacementRate(rules, parent, { count: 5, fees: 9_801n })).toBeNull();
    expect(replacementRate({ ...rules, feeRateMax: 20_000n }, parent, { count: 5, fees: 4_400n })).toBeNull();
    expect(replacementRate(rules, parent, { count: 100, fees: 400n })).not.toBeNull();
    expect(replacementRate(rules, parent, { count: 101, fees: 400n })).toBeNull();
  });
});
