// The planner and consolidations: what they pay out, where they stand, and that no burn waits for one for long.
import { describe, expect, test } from 'bun:test';
import { TREASURY_SATS_MIN } from '../../chain/line.ts';
import { packageFee } from '../../chain/line-fee.ts';
import type { Plan } from '../../chain/line-plan.ts';
import { burnOf, depositOf, hashOf, lineWorld } from './plan-world.ts';

const script = Uint8Array.of(0x00, 20, ...new Uint8Array(20));
const wishAt = (rate: bigint | null, reserve = 30_000n) => ({ kind: 'consolidate', script, reserve, rate }) as const;
const wish = wishAt(null);
const reasonOf = (plan: Plan) => plan.left.find(({ burnTxid }) => burnTxid === null)?.reason;
const remedyOf = (plan: Plan) => plan.left.find(({ burnTxid }) => burnTxid === null)?.remedy;

describe('a consolidation', () => {
  test('pays out what the surplus holds above the reserve, less its fee', () => {
    const { intent, built } = lineWorld(110_000n).advance({ wish, estimate: 3_000n });
    expect([intent.step, intent.surplus]).toEqual(['consolidate', 30_000n]);
    expect(intent.destination?.amount).toBe(70_000n - intent.fee);
    expect(intent.fee).toBe(packageFee({ vsize: built.vsize, parent: null }, 3_000n));
  });

  test('is not made where that is dust, and says how much more has to come in', () => {
    const fee = lineWorld(110_000n).advance({ wish }).intent.fee;
    const least = 10_000n + 30_000n + fee + 294n;
    expect(lineWorld(least).plan({ wish }).kind).toBe('step');
    const poor = lineWorld(least - 1n).plan({ wish });
    expect([reasonOf(poor), remedyOf(poor)]).toEqual(['no_funds', expect.stringContaining('1 sats more')]);
  });

  test('pays out no more than the treasury holds above its floor', () => {
    const world = lineWorld(400_000n);
    world.addBurns(burnOf('a', 300_000n, 60_000n));
    world.advance();
    world.mine();
    const { intent, built } = world.advance({ wish });
    expect(built.outputs[0]?.amount).toBe(TREASURY_SATS_MIN);
    expect(intent.surplus).toBeGreaterThan(30_000n);
    world.mine();
    expect(remedyOf(world.plan({ wish }))).toContain('deposits have to be swept first');
  });

  test('at a rate that is named is at that rate or is not made', () => {
    const world = lineWorld(110_000n);
    const made = world.plan({ estimate: 5_000n, wish: wishAt(8_000n) });
    if (made.kind === 'wait') throw new Error('it is planned');
    expect(made.intent.fee).toBe(packageFee({ vsize: made.built.vsize, parent: null }, 8_000n));
    for (const rate of [2_000n, 11_000n]) {
      expect(['fee_too_high', 'fee_rate_too_low']).toContain(
        reasonOf(world.plan({ estimate: 5_000n, wish: wishAt(rate) })) ?? '',
      );
    }
  });

  test('follows a payout that waits, at the rate of the two, and replaces it nowhere', () => {
    const world = lineWorld(110_000n);
    world.addBurns(burnOf('a', 20_000n, 3_000n));
    const paid = world.advance({ estimate: 2_000n });
    const { intent, built } = world.advance({ wish, estimate: 6_000n });
    expect(intent.treasury.txid).toBe(paid.built.txid);
    expect(intent.fee).toBe(
      packageFee({ vsize: built.vsize, parent: { fee: paid.intent.fee, vsize: paid.built.vsize } }, 6_000n),
    );
    world.mine();
    world.mine();
    expect(world.tip().surplus).toBe(30_000n);
  });

  test('that waits gives way to one whose rate the operator names, and to no other', () => {
    const world = lineWorld(110_000n);
    const first = world.advance({ wish });
    expect([reasonOf(world.plan({ wish })), remedyOf(world.plan({ wish }))]).toEqual([
      'other_step_waits',
      expect.stringContaining('--fee-rate'),
    ]);
    const second = world.advance({ wish: wishAt(4_000n), estimate: 4_000n });
    expect(second.intent.treasury).toEqual(first.intent.treasury);
    expect(second.intent.fee).toBeGreaterThan(first.intent.fee);
  });

  test('waits for a sweep, and for a void step', () => {
    const world = lineWorld(110_000n);
    world.addCoins(depositOf('d', 500_000n));
    world.advance();
    expect(world.waiting()?.step.intent.step).toBe('sweep');
    expect(reasonOf(world.plan({ wish }))).toBe('other_step_waits');
    world.advance({ wish: { kind: 'void' } });
    expect(reasonOf(world.plan({ wish }))).toBe('other_step_waits');
  });
});

describe('while a consolidation waits', () => {
  test('a payout follows it at the rate of the two, and new burns join that payout', () => {
    const world = lineWorld(400_000n);
    const moved = world.advance({ wish });
    world.addBurns(burnOf('a', 20_000n, 6_000n));
    const paid = world.advance({ estimate: 3_000n });
    expect(paid.intent.treasury.txid).toBe(moved.built.txid);
    const parent = { fee: moved.intent.fee, vsize: moved.built.vsize };
    expect(paid.intent.fee).toBe(packageFee({ vsize: paid.built.vsize, parent }, 3_000n));
    world.addBurns(burnOf('b', 20_000n, 6_000n));
    expect(world.advance({ estimate: 3_000n }).intent.burns).toHaveLength(2);
  });

  test('one that has waited long gives way to a sweep that burns need', () => {
    const world = lineWorld(110_000n);
    world.advance({ wish });
    world.addCoins(...['d', 'e', 'f'].map((name) => depositOf(name, 200_000n)));
    world.addBurns(burnOf('rich', 400_000n, 500n));
    expect(world.plan().kind).toBe('wait');
    world.age();
    expect(world.advance().intent).toMatchObject({ step: 'sweep', treasury: { txid: hashOf('root') } });
  });

  test('upon a payout, new burns wait for both; once it has waited long, the payout is replaced and it falls', () => {
    const world = lineWorld(400_000n);
    world.addBurns(burnOf('a', 20_000n, 9_000n));
    world.advance();
    world.advance({ wish });
    world.addBurns(burnOf('b', 20_000n, 9_000n));
    expect(world.plan().left).toMatchObject([{ burnTxid: hashOf('b'), reason: 'other_step_waits' }]);
    world.age();
    const again = world.advance({ estimate: 3_000n });
    expect(again.intent.burns).toHaveLength(2);
    expect(again.intent.treasury.txid).toBe(hashOf('root'));
    expect(world.child()).toBeNull();
  });

  test('bump raises the fee of the payout that it follows', () => {
    const world = lineWorld(400_000n);
    world.addBurns(burnOf('a', 20_000n, 9_000n));
    world.advance();
    world.advance({ wish });
    const { intent } = world.advance({ estimate: 6_000n, wish: { kind: 'bump', rate: null } });
    expect([intent.step, intent.treasury.txid]).toEqual(['payout', hashOf('root')]);
  });
});

describe('the rate of sweeps', () => {
  const tidy = () => {
    const world = lineWorld(110_000n);
    world.addCoins(depositOf('d', 500_000n));
    return world;
  };
  const rateOf = ({ intent, built }: { intent: { fee: bigint }; built: { vsize: number } }) =>
    (intent.fee * 1000n) / BigInt(built.vsize);

  test('is lowered to what enough signers sign', () => {
    const signed = tidy().advance({ estimate: 2_000n, sweepRateMost: 1_200n });
    expect([signed.intent.step, rateOf(signed)]).toEqual(['sweep', 1_200n]);
  });

  test('is the cheap one at first also where burns need it, and rises to the estimate once it has waited', () => {
    const world = tidy();
    world.addBurns(burnOf('rich', 400_000n, 2_000n));
    const first = world.advance({ estimate: 9_000n });
    expect([first.intent.step, rateOf(first)]).toEqual(['sweep', 2_000n]);
    world.age();
    expect(rateOf(world.advance({ estimate: 9_000n }))).toBeGreaterThanOrEqual(9_000n);
  });
});
