// The miner fee of a step (rule 6), on the signer's own estimate, mempool and node policy: what a coordinator may not spend,
// and what would not relay. The figures themselves are chain/line-fee.ts's, and tested there.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { placeholderSpend } from '../../chain/custody-spend.ts';
import { feeAt } from '../../chain/fee.ts';
import { surplusBudget } from '../../chain/line-fee.ts';
import type { LineBurn, LineIntent } from '../../chain/line-intent.ts';
import { recordBurn } from '../../store/burns.ts';
import { deposit, otherScript, stray } from '../chain/line-steps.ts';
import { burn, ESTIMATE, LineDesk, NOW, root } from './line-desk.ts';

let desk: LineDesk;
beforeEach(() => {
  desk = new LineDesk();
});
afterEach(() => desk.close());

const coin = deposit(1, 900_000n);
const paying = (burns: readonly LineBurn[], rate?: bigint): LineIntent =>
  desk.provide(desk.step({ step: 'payout', swept: [coin], burns }, rate));
const withFee = (step: LineIntent, fee: bigint) => desk.validate(desk.changed(step, { fee }));

describe('the fee of a payout', () => {
  test('is at most the fees of its burns', async () => {
    const step = paying([burn(1, 15_000n, 800n), burn(2, 15_000n, 700n)]);
    expect(await withFee(step, 1_500n)).toBe('signed');
    expect(await desk.refusal(desk.changed(step, { fee: 1_501n }))).toMatchObject({
      reason: 'fee_too_high',
      data: { fee_rate_min: expect.any(String), fee_rate_max: expect.any(String) },
    });
  });

  test('may also take B, once this node has seen a payout from the same output wait payout_bump_blocks', async () => {
    const burns = [burn(1, 15_000n, 800n), burn(2, 15_000n, 700n)];
    const stuck = paying(burns, 4_500n);
    desk.rules.feeRateMax = 1_000_000n;
    desk.estimate = 100_000n;
    const step = paying(burns);
    const budget = surplusBudget(desk.sight.tip.surplus, 0n);
    expect(budget).toBe(20_000n);
    const fee = 1_500n + budget;
    desk.wait(stuck, { blocks: 5 });
    expect(await withFee(step, fee)).toBe('fee_too_high');
    desk.wait(stuck, { blocks: 6 });
    expect(await withFee(step, fee)).toBe('signed');
    expect(await withFee(step, fee + 1n)).toBe('fee_too_high');
    desk.wait(stuck, { blocks: 6, entry: { height: 500 } });
    expect(await withFee(step, fee)).toBe('fee_too_high');
  });

  test('may not take B because a step waited whose list is not known, and which may be no payout', async () => {
    const stuck = paying([burn(1, 15_000n, 800n)], 2_000n);
    desk.wait(stuck, { blocks: 60, listed: false });
    desk.rules.feeRateMax = 1_000_000n;
    desk.estimate = 100_000n;
    const step = paying([burn(1, 15_000n, 800n), burn(2, 15_000n, 14_000n)]);
    const bears = step.burns.reduce((sum, { fee }) => sum + fee, 0n);
    expect(await withFee(step, bears + 1n)).toBe('fee_too_high');
  });

  test('may not take B because a sweep waited, but what that sweep might have spent', async () => {
    const burns = [burn(1, 15_000n, 800n), burn(2, 15_000n, 700n)];
    const sweep = desk.provide(desk.step({ step: 'sweep', swept: [coin, stray(2, 80_000n)] }, 1_100n));
    desk.wait(sweep, { blocks: 60 });
    desk.rules.feeRateMax = 1_000_000n;
    desk.estimate = 80_000n;
    const step = paying(burns);
    const budget = surplusBudget(desk.sight.tip.surplus, 80_000n);
    expect(budget).toBeGreaterThan(surplusBudget(desk.sight.tip.surplus, 0n));
    expect(await withFee(step, 1_500n + budget)).toBe('signed');
    expect(await withFee(step, 1_500n + budget + 1n)).toBe('fee_too_high');
  });

  test('is that of half to twice the own estimate', async () => {
    const step = paying([burn(1), burn(2)]);
    const { vsize } = desk.built(step);
    const [half, twice] = [feeAt(vsize, ESTIMATE / 2n), feeAt(vsize, ESTIMATE * 2n)];
    expect(await withFee(step, half)).toBe('signed');
    expect(await withFee(step, half - 1n)).toBe('fee_rate_too_low');
    expect(await withFee(step, twice)).toBe('signed');
    expect(await withFee(step, twice + 1n)).toBe('fee_too_high');
  });

  test('is bounded by the cap alone where the own nodes have no estimate', async () => {
    desk.estimate = null;
    desk.rules.feeRateMax = 20_000n;
    const step = paying([burn(1), burn(2)]);
    const { vsize } = desk.built(step);
    expect(await withFee(step, feeAt(vsize, 1_000n))).toBe('signed');
    expect(await withFee(step, feeAt(vsize, 20_000n))).toBe('signed');
    expect(await withFee(step, feeAt(vsize, 20_000n) + 1n)).toBe('fee_too_high');
  });

  test('is never below what the own nodes relay, whatever the estimate', async () => {
    desk.estimate = null;
    desk.bitcoin.relayFloor = async () => ({ feeRateMin: 5_000n, dustRelayRate: 3_000n, incrementalRate: 1_000n });
    const step = paying([burn(1), burn(2)]);
    const least = feeAt(desk.built(step).vsize, 5_000n);
    expect(await withFee(step, least)).toBe('signed');
    expect(await desk.refusal(desk.changed(step, { fee: least - 1n }))).toMatchObject({
      reason: 'fee_rate_too_low',
      data: { fee_rate_min: '5000' },
    });
  });

  test('on a waiting step is counted for the two together', async () => {
    const first = paying([burn(1), burn(2)], 2_000n);
    const { step, entry } = desk.wait(first);
    const place = desk.hold(first);
    const child = desk.provide(desk.step({ step: 'payout', burns: [burn(5), burn(6)] }, ESTIMATE, place));
    const { vsize } = desk.built(child);
    const twice = feeAt(vsize + entry.vsize, ESTIMATE * 2n) - (step.fee ?? 0n);
    expect(twice).toBeGreaterThan(feeAt(vsize, ESTIMATE * 2n));
    expect(await withFee(child, twice)).toBe('signed');
    expect(await withFee(child, twice + 1n)).toBe('fee_too_high');
  });

  test('pays for everything that hangs on the payout which it replaces', async () => {
    const burns = [burn(1), burn(2)];
    const stuck = paying(burns);
    const fees = stuck.fee + 3_000n;
    desk.wait(stuck, { entry: { descendants: { count: 2, vsize: 1_000, fees } } });
    const step = paying(burns);
    const least = fees + feeAt(desk.built(step).vsize, 1_000n);
    expect(await withFee(step, least)).toBe('signed');
    expect(await withFee(step, least - 1n)).toBe('fee_rate_too_low');
  });
});

/** A burn that the own Wire nodes call final, and that the treasury output of 40,000 sats cannot pay. */
function beyond(fee = 5_000n): LineBurn {
  const large = burn(90, 800_000n, fee);
  desk.provide(desk.step({ step: 'payout', swept: [coin], burns: [large] }));
  recordBurn(desk.store.db, { ...large, wireSeq: 1n, wireHeight: 5 }, NOW);
  return large;
}

describe('the fee of a sweep', () => {
  const sweep = () => desk.provide(desk.step({ step: 'sweep', swept: [coin] }));

  test('is at most that of the cheap rate, whatever the estimate, while no burn needs it', async () => {
    desk.rules.cheapRate = 2_000n;
    desk.rules.feeRateMax = 1_000_000n;
    const step = sweep();
    const cheap = feeAt(desk.built(step).vsize, 2_000n);
    for (const estimate of [null, 1_500n, 100_000n]) {
      desk.estimate = estimate;
      expect(await withFee(step, cheap)).toBe('signed');
      const refusal = await desk.refusal(desk.changed(step, { fee: cheap + 1n }));
      expect(refusal).toMatchObject({ reason: 'fee_too_high', data: { fee_rate_max: '2000' } });
    }
  });

  test('is that of any step while a final burn waits that this treasury output cannot pay', async () => {
    desk.rules.cheapRate = 2_000n;
    desk.estimate = 50_000n;
    const step = sweep();
    const twice = feeAt(desk.built(step).vsize, 90_000n);
    expect(await withFee(step, twice)).toBe('fee_too_high');
    const { burnTxid } = beyond();
    expect(await withFee(step, twice)).toBe('signed');
    desk.held.add(burnTxid);
    expect(await withFee(step, twice)).toBe('fee_too_high');
    desk.held.clear();
    desk.ledger.known.length = 0;
    expect(await withFee(step, twice)).toBe('fee_too_high');
  });

  test('is no higher for a burn that does not pay for its own output, or that the treasury output can pay', async () => {
    desk.rules.cheapRate = 2_000n;
    desk.estimate = 50_000n;
    const step = sweep();
    const high = feeAt(desk.built(step).vsize, 90_000n);
    beyond(40n);
    const small = burn(91, 30_000n);
    desk.provide(desk.step({ step: 'payout', burns: [small] }));
    recordBurn(desk.store.db, { ...small, wireSeq: 2n, wireHeight: 5 }, NOW);
    expect(await withFee(step, high)).toBe('fee_too_high');
  });

  test('is not kept low by burns that nobody can ever pay, or that this operator holds, however high their fees are', async () => {
    desk.rules.cheapRate = 2_000n;
    desk.estimate = 50_000n;
    const step = sweep();
    const high = feeAt(desk.built(step).vsize, 90_000n);
    for (let n = 0; n < 40; n++) {
      const better = burn(100 + n, 800_000n, 9_000n + BigInt(n));
      const made = n % 2 === 0 ? { ...better, address: 'nowhere' } : better;
      if (n % 2 === 1) desk.held.add(better.burnTxid);
      recordBurn(desk.store.db, { ...made, wireSeq: BigInt(100 + n), wireHeight: 5 }, NOW);
    }
    expect(await withFee(step, high)).toBe('fee_too_high');
    beyond();
    expect(await withFee(step, high)).toBe('signed');
  });

  test('replaces no sweep that waits, unless a burn needs it: else each version would cost a quarter more', async () => {
    desk.wait(desk.provide(desk.step({ step: 'sweep', swept: [stray(7, 9_000n)] }, 1_500n)), { blocks: 60 });
    desk.rules.cheapRate = 2_000n;
    const step = sweep();
    expect(await withFee(step, feeAt(desk.built(step).vsize, 4_000n))).toBe('fee_too_high');
    beyond();
    expect(await withFee(step, feeAt(desk.built(step).vsize, 4_000n))).toBe('signed');
  });
});

test('a consolidation pays twice the estimate at most, however often it is replaced', async () => {
  const script = otherScript(11);
  desk.rules.consolidateScripts = [script];
  desk.rules.feeReserve = 0n;
  desk.rules.feeRateMax = 1_000_000n;
  desk.estimate = 4_000n;
  const made = (rate: bigint) => desk.step({ step: 'consolidate', destination: { script, amount: 1_000n } }, rate);
  const twice = made(8_000n);
  expect(await desk.validate(twice)).toBe('signed');
  desk.wait(made(6_000n));
  expect(await desk.validate(twice)).toBe('signed');
  desk.wait(twice);
  const { vsize } = desk.built(twice);
  const next = desk.changed(twice, { fee: twice.fee + feeAt(vsize, 1_000n) });
  expect(await desk.refusal(next)).toMatchObject({
    reason: 'fee_too_high',
    detail: expect.stringContaining('a consolidation pays 1'),
  });
  desk.estimate = 5_000n;
  expect(await desk.validate(next)).toBe('signed');
});

test('a sweep spends B and no more, down to the relay floor', async () => {
  const step = desk.provide(desk.step({ step: 'sweep', swept: [coin] }));
  desk.rules.cheapRate = 1_000_000n;
  const { vsize } = desk.built(step);
  expect(await withFee(step, feeAt(vsize, 1_000n))).toBe('signed');
  expect(await withFee(step, feeAt(vsize, 1_000n) - 1n)).toBe('fee_rate_too_low');
  desk.rules.feeRateMax = 1_000_000n;
  desk.estimate = 100_000n;
  expect(await withFee(step, 20_000n)).toBe('signed');
  expect(await withFee(step, 20_001n)).toBe('fee_too_high');
});

test('an approved void step may spend all of the surplus, and what it was topped up with', async () => {
  desk.approved.add(`void/${root.txid}:${root.vout}`);
  desk.rules.feeRateMax = 1_000_000n;
  desk.estimate = 200_000n;
  const step = desk.step({ step: 'void', fee: 30_000n });
  expect(await desk.validate(step)).toBe('signed');
  expect(await desk.validate({ ...step, fee: 30_001n })).toBe('treasury_too_low');
  const topped = desk.provide(desk.step({ step: 'void', swept: [stray(1, 25_000n)], fee: 40_000n }));
  expect(await desk.validate(topped)).toBe('signed');
});

describe("the own Bitcoin nodes' policy", () => {
  test('is asked about the very transaction, with placeholders for its signatures', async () => {
    const step = paying([burn(1)]);
    const tried: Uint8Array[] = [];
    desk.bitcoin.testPolicy = async (transaction) => {
      tried.push(transaction);
      return { ok: true, txid: desk.built(step).txid };
    };
    expect(await desk.validate(step)).toBe('signed');
    expect(tried).toEqual([placeholderSpend(desk.built(step))]);
  });

  test('that refuses leaves the step unsigned and undecided, with its reason and the least rate', async () => {
    desk.relayRefusal = 'too-long-mempool-chain';
    expect(await desk.refusal(paying([burn(1)]))).toMatchObject({
      reason: 'relay_refused',
      data: { detail: 'too-long-mempool-chain', fee_rate_min: '1000' },
    });
  });

  test('that no node reports leaves the step unsigned', async () => {
    for (const question of ['relayFloor', 'testPolicy', 'agreedTip'] as const) {
      desk.wait(paying([burn(2)], 1_000n));
      const before = desk.bitcoin[question];
      Object.assign(desk.bitcoin, {
        [question]: async () => {
          throw new BitcoinViewError('bitcoin_unavailable', 'no node answers');
        },
      });
      const next = paying([burn(1), burn(2)]);
      expect(await desk.validate(next)).toBe('bitcoin_unavailable');
      Object.assign(desk.bitcoin, { [question]: before });
      expect(await desk.validate(next)).toBe('signed');
    }
  });
});
