// Planning payouts: the balance, the bounds, which coins are chosen, and why there is no payout.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { feeAt, inputCost, payoutWeight, virtualSize } from '../../chain/fee.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { planPayout } from '../../chain/payout.ts';
import { checkPayout } from '../../chain/payout-check.ts';
import { testInput } from '../../chain/transaction.ts';
import { burn, coin, planned, request, rules, simple, viewOf } from './payout-arbitraries.ts';

describe('the planner', () => {
  test('agrees with the check, keeps the balance and its own bounds on random requests', async () => {
    let plans = 0;
    await fc.assert(
      fc.asyncProperty(request, async (wanted) => {
        const plan = planPayout(rules, wanted);
        if (!plan.ok) return;
        plans++;
        const { intent, vsize } = plan.payout;
        const spent = intent.inputs.reduce((total, input) => total + input.amount, 0n);
        const paid = intent.outputs.reduce((total, output) => total + output.amount, 0n);
        const feesCollected = wanted.burns.reduce((total, one) => total + one.fee, 0n);
        expect(spent - paid).toBe(intent.fee);
        expect(intent.fee).toBeLessThanOrEqual(feesCollected);
        expect(intent.fee).toBeGreaterThanOrEqual(feeAt(vsize, wanted.feeRate));
        const names = new Set(intent.inputs.map(outpointName));
        expect(names.size).toBe(intent.inputs.length);
        for (const required of wanted.required) expect(names).toContain(outpointName(required));
        const verdict = await checkPayout(viewOf([...wanted.required, ...wanted.candidates]), rules, intent);
        expect(verdict.ok && verdict.payout.txid).toBe(plan.payout.txid);
      }),
      { numRuns: 60 },
    );
    expect(plans).toBeGreaterThan(10);
  });

  test('makes the same transaction whatever the order in which burns and coins are listed', () => {
    fc.assert(
      fc.property(request, (wanted) => {
        const reversed = {
          ...wanted,
          burns: [...wanted.burns].reverse(),
          required: [...wanted.required].reverse(),
          candidates: [...wanted.candidates].reverse(),
        };
        expect(planPayout(rules, reversed)).toEqual(planPayout(rules, wanted));
      }),
      { numRuns: 20 },
    );
  });

  test('finds coins whenever all useful coins together could pay within the fees', () => {
    fc.assert(
      fc.property(request, (wanted) => {
        const plan = planPayout(rules, { ...wanted, required: [] });
        if (plan.ok || plan.reason !== 'insufficient_funds') return;
        const useful = wanted.candidates.filter((one) => one.amount > inputCost(wanted.feeRate));
        const total = useful.reduce((sum, one) => sum + one.amount, 0n);
        const paid = wanted.burns.reduce((sum, one) => sum + one.amount - one.fee, 0n);
        const inputs = useful.length + (wanted.test ? 1 : 0);
        const least = feeAt(
          virtualSize(
            payoutWeight(
              inputs,
              wanted.burns.map(() => 22),
            ),
          ),
          wanted.feeRate,
        );
        // With all of them and no change it falls short, for outputs of the shortest scripts there are.
        expect(total - paid - least).toBeLessThan(feeAt(12 * wanted.burns.length, wanted.feeRate) + 1n);
      }),
      { numRuns: 60 },
    );
  });

  test('takes the smallest single coin that suffices, and puts the rest into change', () => {
    const candidates = [coin(1, 400_000n), coin(2, 900_000n), coin(3, 600_000n), coin(4, 100_000n)];
    const intent = planned(planPayout(rules, { ...simple, candidates }));
    expect(intent.inputs).toEqual([coin(3, 600_000n)]);
    expect(intent.outputs.map((output) => output.amount)).toEqual([499_000n, 600_000n - 499_000n - intent.fee]);
  });

  test('takes the largest coins where none suffices alone', () => {
    const candidates = [coin(1, 200_000n), coin(2, 300_000n), coin(3, 250_000n), coin(4, 10_000n)];
    const intent = planned(planPayout(rules, { ...simple, candidates }));
    expect(intent.inputs.map((input) => input.amount)).toEqual([300_000n, 250_000n]);
  });

  test('gives a rest below dust to the miners as long as the collected fees cover it', () => {
    const intent = planned(planPayout(rules, { ...simple, candidates: [coin(1, 499_600n)] }));
    expect(intent.outputs).toHaveLength(1);
    expect(intent.fee).toBe(600n);
  });

  test('replaces a payout by the same inputs at a higher rate, and refuses to go beyond the collected fees', () => {
    const first = planned(planPayout(rules, { ...simple, candidates: [coin(1, 600_000n)] }));
    const again = { ...simple, required: first.inputs, feeRate: 4_000n };
    const second = planned(planPayout(rules, again));
    expect(second.inputs).toEqual(first.inputs);
    expect(second.fee).toBeGreaterThan(first.fee);
    expect(planPayout(rules, { ...again, feeRate: 20_000n })).toMatchObject({ ok: false, reason: 'fee_too_high' });
  });

  test('names why there is no payout', () => {
    const candidates = [coin(1, 600_000n)];
    const reason = (change: Partial<Parameters<typeof planPayout>[1]>) => {
      const plan = planPayout(rules, { ...simple, candidates, ...change });
      return plan.ok ? 'ok' : plan.reason;
    };
    expect(reason({})).toBe('ok');
    expect(reason({ candidates: [] })).toBe('insufficient_funds');
    expect(reason({ candidates: [coin(1, 499_000n)] })).toBe('insufficient_funds');
    expect(reason({ burns: [] })).toBe('bad_request');
    expect(reason({ burns: [...simple.burns, ...simple.burns] })).toBe('bad_request');
    expect(reason({ candidates: [testInput(simple.burns)] })).toBe('bad_request');
    expect(reason({ feeRate: 999n })).toBe('fee_rate_too_low');
    expect(reason({ feeRate: 200_001n })).toBe('fee_too_high');
    expect(reason({ burns: [burn(1, 500_000n, 500_000n)] })).toBe('fee_above_amount');
    expect(reason({ burns: [burn(1, 1_293n, 1_000n)] })).toBe('below_dust');
    expect(reason({ burns: [burn(1, 1_294n, 1_000n)] })).toBe('ok');
    expect(reason({ burns: [{ ...burn(1, 500_000n, 1_000n), address: 'bc1qnothing' }] })).toBe('address_invalid');
  });
});
