// What a step sweeps (rule 5): deposits that are minted for good, deep, unspent and large enough; strays as deep and worth
// their input. Attacks by a coordinator that takes a deposit from its depositor, or spends what is not the federation's.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { inputCost } from '../../chain/fee.ts';
import type { LineIntent, SweptOutput } from '../../chain/line-intent.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { QUESTIONS_AT_ONCE } from '../../operator/validation/batches.ts';
import { deposit, otherScript, stray, terms } from '../chain/line-steps.ts';
import { burn, LineDesk } from './line-desk.ts';

let desk: LineDesk;
beforeEach(() => {
  desk = new LineDesk();
});
afterEach(() => desk.close());

const one = deposit(1, 70_000n);
const sweeping = (...swept: readonly SweptOutput[]): LineIntent =>
  desk.provide(desk.step({ step: 'sweep', swept: [...swept] }));

/** The own Bitcoin nodes show an output otherwise. */
function shown(
  output: SweptOutput,
  changes: { confirmations?: number; script?: Uint8Array; amount?: bigint; coinbase?: boolean },
) {
  const script = custodyScript(terms.groupKey, output.leaf).scriptPubKey;
  desk.bitcoin.add(output, { amount: output.amount, script, confirmations: 12, coinbase: false, ...changes });
}

const gone = (output: SweptOutput) => desk.bitcoin.confirmed.delete(outpointName(output));

describe('a swept deposit', () => {
  test('is minted on the own Wire nodes, and for good', async () => {
    const step = sweeping(one, deposit(2, 5_000n));
    expect(await desk.validate(step)).toBe('signed');
    desk.mint(deposit(2, 5_000n), 5);
    const data = { txid: deposit(2, 0n).txid, vout: 2 };
    expect(await desk.refusal(step)).toMatchObject({
      reason: 'deposit_not_minted',
      data,
      detail: expect.stringContaining('not final'),
    });
    desk.unmint(deposit(2, 5_000n));
    expect(await desk.refusal(step)).toMatchObject({
      reason: 'deposit_not_minted',
      data,
      detail: expect.stringContaining('not minted'),
    });
  });

  test('is fork_confirmations deep, not one less', async () => {
    const step = sweeping(one);
    shown(one, { confirmations: 11 });
    const { txid, vout } = one;
    expect(await desk.refusal(step)).toMatchObject({ reason: 'input_unknown', data: { txid, vout } });
    shown(one, { confirmations: 12 });
    expect(await desk.validate(step)).toBe('signed');
  });

  test('that a miner paid to itself is spendable: 100 blocks deep', async () => {
    const step = sweeping(one);
    shown(one, { confirmations: 99, coinbase: true });
    expect(await desk.validate(step)).toBe('input_unknown');
    shown(one, { confirmations: 100, coinbase: true });
    expect(await desk.validate(step)).toBe('signed');
  });

  test('is at least the minimum of the federation', async () => {
    const { txid, vout } = deposit(3, 0n);
    expect(await desk.refusal(sweeping(one, deposit(3, 999n)))).toMatchObject({
      reason: 'deposit_too_small',
      data: { txid, vout, least: '1000' },
    });
    expect(await desk.validate(sweeping(one, deposit(3, 1_000n)))).toBe('signed');
    desk.rules.depositMinSats = 5_000n;
    expect(await desk.validate(sweeping(one, deposit(3, 4_999n)))).toBe('deposit_too_small');
  });

  test('is unspent on the own view, has its script and its amount there', async () => {
    const step = sweeping(one);
    gone(one);
    expect(await desk.validate(step)).toBe('input_unknown');
    shown(one, { script: otherScript(3) });
    expect(await desk.validate(step)).toBe('input_unknown');
    shown(one, { amount: one.amount - 1n });
    expect(await desk.validate(step)).toBe('input_unknown');
    shown(one, {});
    expect(await desk.validate(step)).toBe('signed');
  });

  test('is that of its recipient: the leaf of another makes another script', async () => {
    const step = sweeping(one);
    const leaf = deposit(9, 1n).leaf;
    const moved = desk.changed(step, { swept: [{ ...one, leaf }] });
    expect(await desk.validate(moved)).toBe('input_unknown');
  });

  test('is not declared a stray to get around its mint', async () => {
    const step = desk.changed(sweeping(one), { swept: [{ ...one, leaf: { kind: 'treasury' } }] });
    expect(await desk.validate(step)).toBe('input_unknown');
  });

  test('was not spent by an ancestor, though the own nodes still show it', async () => {
    const first = sweeping(one);
    desk.mine(first);
    expect(await desk.validate(sweeping(one, deposit(2, 50_000n)))).toBe('input_spent');
  });

  test('may be one that a waiting step sweeps too, for this one replaces it', async () => {
    const burns = [burn(1), burn(2), burn(3)];
    desk.wait(sweeping(one));
    const next = desk.provide(desk.step({ step: 'payout', swept: [one], burns }, 7_000n));
    expect(await desk.validate(next)).toBe('signed');
  });

  test('among 126 others is asked about once, 32 at a time, and the chain in one question', async () => {
    const swept = Array.from({ length: 127 }, (_, i) => deposit(i + 1, 50_000n));
    desk.estimate = 1_000n;
    desk.rules.feeRateMax = 2_000n;
    const full = desk.provide(desk.step({ step: 'sweep', swept }, 1_500n));
    const chain: number[] = [];
    const { txOuts } = desk.bitcoin;
    desk.bitcoin.txOuts = (outpoints, source) => {
      chain.push(outpoints.length);
      return txOuts(outpoints, source);
    };
    desk.asked.length = 0;
    expect(await desk.validate(full)).toBe('signed');
    expect(chain).toEqual([127]);
    expect(new Set(desk.asked).size).toBe(127);
    expect(desk.asked).toHaveLength(127);
    desk.unmint(deposit(1, 0n));
    desk.asked.length = 0;
    expect(await desk.validate(full)).toBe('deposit_not_minted');
    expect(desk.asked).toHaveLength(QUESTIONS_AT_ONCE);
  });
});

describe('a stray', () => {
  test('is as deep as a deposit, and needs no mint', async () => {
    const coin = stray(1, 9_000n);
    const step = sweeping(coin);
    shown(coin, { confirmations: 11 });
    expect(await desk.validate(step)).toBe('input_unknown');
    shown(coin, { confirmations: 12 });
    expect(await desk.validate(step)).toBe('signed');
  });

  test('is worth twice what its input costs at the rate of the step, not a sat less', async () => {
    const least = 2n * inputCost(4_000n);
    // The rate of a step is its fee by its size, so that rounding up may lift it a little above the one that was aimed at.
    expect(await desk.validate(sweeping(one, stray(1, least + 2n)))).toBe('signed');
    const { txid, vout } = stray(1, 0n);
    expect(await desk.refusal(sweeping(one, stray(1, least - 1n)))).toMatchObject({
      reason: 'deposit_too_small',
      data: { txid, vout },
    });
    const cheap = desk.provide(desk.step({ step: 'sweep', swept: [one, stray(1, least - 1n)] }, 2_000n));
    expect(await desk.validate(cheap)).toBe('signed');
  });

  test('pays the treasury script, and no other', async () => {
    const coin = stray(1, 9_000n);
    const step = sweeping(coin);
    shown(coin, { script: otherScript(3) });
    expect(await desk.validate(step)).toBe('input_unknown');
  });

  test('is no treasury output of the line, which would add to the surplus what was never given', async () => {
    const branch = desk.hold(sweeping(one));
    desk.mine(sweeping(deposit(2, 50_000n)));
    const taken: SweptOutput = {
      txid: branch.txid,
      vout: branch.vout,
      amount: branch.amount,
      leaf: { kind: 'treasury' },
    };
    const refusal = await desk.refusal(sweeping(taken));
    expect(refusal).toMatchObject({ reason: 'bad_request', data: { txid: branch.txid, vout: 0 } });
  });
});

test('about which the own Bitcoin nodes give no answer now is not swept', async () => {
  const step = sweeping(one);
  desk.bitcoin.unavailable = true;
  expect(await desk.validate(step)).toBe('bitcoin_unavailable');
});
