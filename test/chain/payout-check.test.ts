// Checking payouts: what the planner makes is accepted; what anyone changes is refused by name.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { outpointName } from '../../chain/outpoint.ts';
import { planPayout } from '../../chain/payout.ts';
import { checkIntent, checkPayout } from '../../chain/payout-check.ts';
import { type PayoutIntent, parsePayoutIntent, payoutIntentJson } from '../../chain/payout-intent.ts';
import { testInput } from '../../chain/transaction.ts';
import { fakeBitcoin } from './fake-bitcoin.ts';
import { burn, coin, OTHER_ADDRESS, planned, request, rules, simple, viewOf } from './payout-arbitraries.ts';

describe('the check', () => {
  const candidates = [coin(1, 300_000n), coin(2, 800_000n), coin(3, 450_000n)];
  const twoBurns = [burn(1, 500_000n, 1_000n), burn(2, 700_000n, 2_000n)];
  const good = planned(planPayout(rules, { ...simple, burns: twoBurns, candidates }));
  const goodTest = planned(planPayout(rules, { ...simple, test: true, burns: twoBurns, candidates }));
  const check = async (intent: PayoutIntent, view = viewOf(candidates)) => {
    const verdict = await checkPayout(view, rules, intent);
    return verdict.ok ? 'ok' : verdict.reason;
  };
  const [firstBurn, secondBurn] = twoBurns;
  const [firstOutput, secondOutput, change] = good.outputs;
  if (!firstBurn || !secondBurn || !firstOutput || !secondOutput || !change) throw new Error('two burns and a change');

  test('accepts what was planned, real and test', async () => {
    expect(await check(good)).toBe('ok');
    expect(await check(goodTest)).toBe('ok');
  });

  test('refuses every change of an output: amount, script, order, one more, one less', async () => {
    const outputs = [
      [{ ...firstOutput, amount: firstOutput.amount + 1n }, secondOutput, change],
      [{ ...firstOutput, script: secondOutput.script.slice().reverse() }, secondOutput, change],
      [{ ...firstOutput, amount: firstOutput.amount + 5n }, secondOutput, { ...change, amount: change.amount - 5n }],
      [firstOutput, change, secondOutput],
      [firstOutput, secondOutput],
      [firstOutput, secondOutput, change, { ...change, amount: 1_000n }],
      [firstOutput, secondOutput, { ...change, script: firstOutput.script }],
      [],
    ];
    for (const changed of outputs) expect(await check({ ...good, outputs: changed })).toBe('output_mismatch');
  });

  test('refuses a fee that the outputs do not show, is above the collected fees, or below the least rate', async () => {
    expect(await check({ ...good, fee: good.fee + 1n })).toBe('output_mismatch');
    const withFee = (fee: bigint) => ({
      ...good,
      fee,
      outputs: [firstOutput, secondOutput, { ...change, amount: change.amount + good.fee - fee }],
    });
    expect(await check(withFee(good.fee + 1n))).toBe('ok');
    expect(await check(withFee(3_001n))).toBe('fee_too_high');
    expect(await check(withFee(3_000n))).toBe('ok');
    expect(await check(withFee(150n))).toBe('fee_rate_too_low');
    expect(checkIntent({ ...rules, feeRateMax: 1_000n }, good)).toMatchObject({ ok: false, reason: 'fee_too_high' });
  });

  test('refuses a burn that pays elsewhere or more', async () => {
    const redirected = { ...firstBurn, address: OTHER_ADDRESS };
    expect(await check({ ...good, burns: [redirected, secondBurn] })).toBe('output_mismatch');
    const raised = { ...firstBurn, amount: firstBurn.amount + 1n };
    expect(await check({ ...good, burns: [raised, secondBurn] })).toBe('output_mismatch');
    expect(await check({ ...good, burns: [secondBurn, firstBurn] })).toBe('bad_request');
    expect(await check({ ...good, burns: [firstBurn, firstBurn] })).toBe('bad_request');
    expect(await check({ ...good, burns: [{ ...firstBurn, address: 'tb1q' }, secondBurn] })).toBe('address_invalid');
    expect(await check({ ...good, burns: [{ ...firstBurn, fee: 600_000n }, secondBurn] })).toBe('fee_above_amount');
    expect(await check({ ...good, burns: [{ ...firstBurn, fee: 499_990n }, secondBurn] })).toBe('below_dust');
  });

  test('refuses inputs of another leaf or amount, unknown, spent or unconfirmed ones, and says which', async () => {
    const [input, ...others] = good.inputs;
    if (!input) throw new Error('a payout has an input');
    const view = viewOf(candidates);
    const wrongLeaf = { ...good, inputs: [{ ...input, leaf: { kind: 'change' as const } }, ...others] };
    expect(await check(wrongLeaf, view)).toBe('input_unknown');
    const moreMoney = {
      ...good,
      inputs: [{ ...input, amount: input.amount + 10n }, ...others],
      outputs: [firstOutput, secondOutput, { ...change, amount: change.amount + 10n }],
    };
    expect(await check(moreMoney, view)).toBe('input_unknown');
    expect(await checkPayout(fakeBitcoin(), rules, good)).toMatchObject({
      reason: 'input_unknown',
      data: { txid: input.txid, vout: input.vout },
    });
    view.confirmed.delete(outpointName(input));
    expect(await check(good, view)).toBe('input_spent');
    const strict = { ...rules, inputConfirmations: 4 };
    expect(await checkPayout(viewOf(candidates), strict, good)).toMatchObject({ ok: false, reason: 'input_unknown' });
    expect(await check({ ...good, inputs: [...good.inputs].reverse() })).toBe('bad_request');
    expect(await check({ ...good, inputs: [input, input] })).toBe('bad_request');
    expect(await check({ ...good, inputs: [] })).toBe('bad_request');
  });

  test('refuses a lock time, a change of dust, and a view that is silent or of another network', async () => {
    expect(await check({ ...good, lockTime: 21 })).toBe('not_standard');
    const dusty = (left: bigint) => ({
      ...good,
      inputs: [coin(9, 499_000n + 300n + left)],
      burns: [firstBurn],
      outputs: [firstOutput, { ...change, amount: left }],
      fee: 300n,
    });
    expect(await check(dusty(329n))).toBe('not_standard');
    expect(await check(dusty(330n), viewOf([coin(9, 499_630n)]))).toBe('ok');
    const silent = viewOf(candidates);
    silent.unavailable = true;
    expect(await check(good, silent)).toBe('bitcoin_unavailable');
    expect(await check(good, fakeBitcoin('signet'))).toBe('wrong_network');
  });

  test('wants exactly the test input in a test payout and none in a real one', async () => {
    const real = goodTest.inputs.slice(0, -1);
    const last = goodTest.inputs.at(-1);
    if (!last) throw new Error('a test payout has a test input');
    expect(await check({ ...goodTest, test: false })).toBe('bad_request');
    expect(await check({ ...goodTest, inputs: real })).toBe('bad_request');
    expect(await check({ ...goodTest, inputs: [...real, testInput([firstBurn])] })).toBe('bad_request');
    expect(await check({ ...goodTest, inputs: [...real, { ...last, amount: 1n }] })).toBe('bad_request');
    expect(await check({ ...goodTest, inputs: [...real, { ...last, vout: 0 }] })).toBe('bad_request');
    expect(await check({ ...goodTest, inputs: [last] })).toBe('bad_request');
    expect(await check({ ...goodTest, inputs: [last, ...real, last] })).toBe('bad_request');
    expect(await check({ ...good, inputs: [...good.inputs, last] })).toBe('bad_request');
    expect(last.vout).toBe(2 ** 32 - 1);
    expect(testInput([firstBurn]).txid).not.toBe(testInput([secondBurn]).txid);
  });

  test('refuses a change of any one character in the JSON of a test payout', async () => {
    const view = viewOf(candidates);
    const text = JSON.stringify(payoutIntentJson(goodTest));
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.constantFrom(...'0123456789abcdef'), async (at, character) => {
        if (text[at] === character) return;
        const intent = reread(text.slice(0, at) + character + text.slice(at + 1));
        if (intent !== null) expect(await check(intent, view)).not.toBe('ok');
      }),
      { numRuns: 400 },
    );
  });

  test('refuses random changes of inputs, outputs and fee of random payouts', async () => {
    let refused = 0;
    const change = fc.record({ kind: fc.nat(6), place: fc.nat(30), by: fc.bigInt(1n, 1_000n) });
    await fc.assert(
      fc.asyncProperty(request, change, async (wanted, { kind, place, by }) => {
        const plan = planPayout(rules, wanted);
        if (!plan.ok) return;
        const { intent } = plan.payout;
        const output = place % intent.outputs.length;
        const input = place % intent.inputs.length;
        const put = <Item>(items: readonly Item[], index: number, edit: (item: Item) => Item) =>
          items.map((item, i) => (i === index ? edit(item) : item));
        const changed: PayoutIntent[] = [
          { ...intent, outputs: put(intent.outputs, output, (one) => ({ ...one, amount: one.amount + by })) },
          { ...intent, outputs: put(intent.outputs, output, (one) => ({ ...one, script: one.script.toReversed() })) },
          { ...intent, outputs: intent.outputs.filter((_, i) => i !== output) },
          { ...intent, fee: intent.fee + by },
          { ...intent, inputs: put(intent.inputs, input, (one) => ({ ...one, amount: one.amount + by })) },
          { ...intent, inputs: put(intent.inputs, input, (one) => ({ ...one, vout: (one.vout + 1) % 2 ** 32 })) },
          { ...intent, test: !intent.test },
        ];
        const mutant = changed[kind];
        if (mutant === undefined) throw new Error('seven kinds of change');
        const verdict = await checkPayout(viewOf([...wanted.required, ...wanted.candidates]), rules, mutant);
        expect(verdict.ok).toBeFalse();
        refused++;
      }),
      { numRuns: 150 },
    );
    expect(refused).toBeGreaterThan(30);
  });
});

/** What a peer would make of the text; null where it reads no intent. */
function reread(text: string): PayoutIntent | null {
  try {
    return parsePayoutIntent(JSON.parse(text));
  } catch {
    return null;
  }
}
