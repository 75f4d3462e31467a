// The planner of the treasury line: each sentence of the design's "Liveness", with the figures that a signer would see.
import { describe, expect, test } from 'bun:test';
import { burnOutput } from '../../chain/burn.ts';
import { outputName } from '../../chain/custody-spend.ts';
import { feeAt } from '../../chain/fee.ts';
import type { Plan, PlanInput, WaitReason } from '../../chain/line-plan.ts';
import { USUAL_FLOOR } from '../../simulation/chain-view.ts';
import { burnOf, burnToTreasury, calm, depositOf, hashOf, lineWorld, strayOf } from './plan-world.ts';

const BTC = 100_000_000n;
const names = (count: number, name: string) => Array.from({ length: count }, (_, index) => `${name} ${index}`);
const manyBurns = (count: number, fee = 1_000n) => names(count, 'burn').map((name) => burnOf(name, 20_000n, fee));

function reasonFor(plan: Plan, burnTxid: string | null): WaitReason {
  const found = plan.left.find((one) => one.burnTxid === burnTxid);
  if (found === undefined) throw new Error(`nothing is said of ${burnTxid}`);
  return found;
}

function stepOf(plan: Plan) {
  if (plan.kind === 'wait') throw new Error(`no step: ${plan.left.map(({ reason }) => reason).join(', ')}`);
  return plan;
}

/** A treasury of a whole bitcoin. */
const rich = () => lineWorld(BTC);

describe('entry', () => {
  test('a burn is paid at the estimate, out of at most half of its fee', () => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, 3_000n));
    const { intent, built } = world.advance({ estimate: 5_000n });
    expect(intent.burns).toHaveLength(1);
    expect(intent.fee).toBe(feeAt(built.vsize, 5_000n));
    expect(intent.fee <= 1_500n).toBe(true);
  });

  test('a first version spends at most half of what its burns bear, at a lower rate if need be', () => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, 3_000n));
    expect(world.advance({ estimate: 10_000n }).intent.fee).toBe(1_500n);
  });

  test('a burn whose fee does not pay for its own bytes waits, with the missing sats and the rate at which it is paid', () => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, 9_000n), burnOf('b', 50_000n, 200n));
    const plan = world.advance({ estimate: 5_000n });
    expect(plan.intent.burns.map(({ burnTxid }) => burnTxid)).toEqual([hashOf('a')]);
    expect(reasonFor(plan, hashOf('b'))).toMatchObject({ reason: 'fee_too_small', missing: 15n, rate: 4_651n });
  });

  test('a burn whose fee pays for its bytes once but not twice is paid together with others that pay more', () => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, 300n));
    expect(reasonFor(world.plan({ estimate: 5_000n }), hashOf('a')).reason).toBe('fee_too_small');
    world.addBurns(burnOf('b', 50_000n, 9_000n));
    expect(world.advance({ estimate: 5_000n }).intent.burns).toHaveLength(2);
  });

  test('no burn that others hold up holds up the rest: each is named with its reason', () => {
    const world = rich();
    const dusty = burnOf('dust', 2_400n, 2_000n);
    world.addBurns(burnToTreasury('t'), burnOf('held', 50_000n, 2_000n), burnOf('no', 50_000n, 2_000n), dusty);
    world.addBurns({ ...burnOf('odd', 50_000n, 2_000n), address: 'nonsense' });
    world.addBurns({ ...burnOf('duplicate', 50_000n, 2_000n), nullifier: burnOf('good', 1n, 0n).nullifier });
    world.addBurns(burnOf('good', 50_000n, 2_000n));
    const changes: Partial<PlanInput> = {
      held: new Set([hashOf('held')]),
      refused: new Set([hashOf('no')]),
      relay: { ...calm.relay, dustRelayRate: 6_000n },
    };
    const plan = world.advance(changes);
    expect(plan.intent.burns).toHaveLength(1);
    const reasons = ['t', 'held', 'no', 'dust', 'odd'].map((name) => reasonFor(plan, hashOf(name)).reason);
    expect(reasons).toEqual(['names_treasury', 'held', 'refused', 'below_dust', 'address_invalid']);
    expect(plan.left.filter(({ reason }) => reason === 'nullifier_twice')).toHaveLength(1);
  });

  test('nothing is planned below what the own node relays, nor below what signers ask for', () => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, 9_000n));
    const floor = { ...calm.relay, feeRateMin: 7_000n };
    const relayed = stepOf(world.plan({ relay: floor }));
    expect(relayed.intent.fee).toBe(feeAt(relayed.built.vsize, 7_000n));
    const asked = stepOf(world.plan({ estimate: 4_000n, rateNeeded: 6_500n }));
    expect(asked.intent.fee).toBe(feeAt(asked.built.vsize, 6_500n));
  });

  test('of more burns than one step holds the rest waits for the next', () => {
    const world = rich();
    world.addBurns(...manyBurns(1_003));
    const plan = world.advance();
    expect(plan.intent.burns).toHaveLength(1_000);
    expect(plan.left.filter(({ reason }) => reason === 'batch')).toHaveLength(3);
  });

  test('burns that are not due wait', () => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, 3_000n));
    expect(reasonFor(world.plan({ due: false }), hashOf('a')).reason).toBe('not_due');
  });
});

describe('funding', () => {
  test('a burn of 1 BTC with a fee of 1,000 sats is paid out of 40 deposits and a treasury of 20,000 sats', () => {
    const world = lineWorld(20_000n);
    world.addCoins(...names(40, 'deposit').map((name) => depositOf(name, 2_500_100n)));
    world.addBurns(burnOf('big', BTC, 1_000n));
    const sweep = world.advance();
    expect(sweep.intent.step).toBe('sweep');
    expect(sweep.intent.fee).toBe(BigInt(sweep.built.vsize));
    expect(sweep.intent.swept).toHaveLength(40);
    world.mine();
    const payout = world.advance();
    expect(payout.intent.step).toBe('payout');
    expect(payout.intent.fee <= 500n).toBe(true);
    world.mine();
    expect(world.unpaid()).toEqual([]);
  });

  test('it takes several sweeps where the surplus does not pay for all inputs at once', () => {
    const world = lineWorld(20_000n);
    world.addCoins(...names(160, 'deposit').map((name) => depositOf(name, 700_000n)));
    world.addBurns(burnOf('big', BTC, 1_000n));
    const steps = [];
    while (world.unpaid().length > 0 && steps.length < 9) {
      steps.push(world.advance());
      world.mine();
    }
    expect(steps.map(({ intent }) => intent.step)).toEqual(['sweep', 'sweep', 'payout']);
    expect(steps[0]?.intent.swept).toHaveLength(127);
  });

  test('the largest deposits are swept first, and no more than the burns need', () => {
    const world = lineWorld(20_000n);
    world.addCoins(depositOf('small', 5_000n), depositOf('large', 900_000n), depositOf('middle', 300_000n));
    world.addBurns(burnOf('a', 850_000n, 450n));
    const { intent } = world.advance({ cheapRate: 0n });
    expect(intent.swept.map(({ amount }) => amount)).toEqual([900_000n]);
  });

  test('a payout also sweeps the deposits that it needs, if the fees of its burns pay for them', () => {
    const world = lineWorld(20_000n);
    world.addCoins(depositOf('one', 900_000n), depositOf('two', 300_000n));
    world.addBurns(burnOf('a', 850_000n, 2_000n));
    const { intent } = world.advance({ cheapRate: 0n });
    expect([intent.step, intent.swept.length]).toEqual(['payout', 1]);
  });

  test('burns that the treasury can pay do not wait for one that it cannot', () => {
    const world = lineWorld(100_000n);
    world.addBurns(burnOf('big', BTC, 5_000n), burnOf('small', 30_000n, 1_000n));
    const plan = world.advance();
    expect(plan.intent.burns.map(({ burnTxid }) => burnTxid)).toEqual([hashOf('small')]);
    expect(reasonFor(plan, hashOf('big'))).toMatchObject({ reason: 'no_funds', missing: BTC - 5_000n - 90_000n });
  });

  test('where the surplus pays for no sweep the least top-up is named, and with it the burn is paid', () => {
    const world = lineWorld(20_000n);
    const changes = { estimate: 60_000n, relay: { ...calm.relay, feeRateMin: 60_000n } };
    world.addCoins(depositOf('one', 900_000n));
    world.addBurns(burnOf('a', 500_000n, 30_000n));
    const { missing } = reasonFor(world.plan(changes), null);
    world.addCoins(strayOf('less', missing - 4_000n));
    expect(world.plan(changes).kind).toBe('wait');
    world.addCoins(strayOf('top-up', 4_000n + 7_000n));
    expect(world.advance(changes).intent.step).toBe('sweep');
    world.mine();
    expect(world.advance(changes).intent.burns).toHaveLength(1);
  });

  test('nothing is swept for a burn whose fee would still be too small', () => {
    const world = lineWorld(20_000n);
    world.addCoins(depositOf('one', 900_000n));
    world.addBurns(burnOf('a', 500_000n, 50n));
    expect(world.plan({ cheapRate: 0n }).kind).toBe('wait');
  });

  test('in cheap times deposits and strays are swept that are worth it, from a quarter of the surplus', () => {
    const world = lineWorld(20_000n);
    world.addCoins(...names(60, 'deposit').map((name) => depositOf(name, 5_000n)));
    world.addCoins(strayOf('worth', 115n + 1n), strayOf('worthless', 100n), depositOf('tiny', 999n));
    const { intent } = world.advance();
    expect(intent.step).toBe('sweep');
    expect(intent.fee <= 10_116n / 4n).toBe(true);
    expect(intent.swept.some(({ txid }) => txid === hashOf('worth'))).toBe(true);
    expect(intent.swept.some(({ amount }) => amount < 116n || amount === 999n)).toBe(false);
    expect(lineWorld(20_000n).plan().kind).toBe('wait');
  });

  test('nothing is swept without need while fees are high', () => {
    const world = lineWorld(200_000n);
    world.addCoins(depositOf('one', 900_000n));
    expect(world.plan({ estimate: 2_001n }).kind).toBe('wait');
    expect(world.plan({ estimate: null }).kind).toBe('wait');
    expect(world.plan({ estimate: 2_000n }).kind).toBe('step');
  });

  test('a payout takes the place of a sweep that waits, keeps what it sweeps, and uses its budget', () => {
    const world = lineWorld(20_000n);
    world.addCoins(...names(30, 'deposit').map((name) => depositOf(name, 100_000n)));
    world.advance();
    world.addBurns(burnOf('a', 500_000n, 1_000n));
    const { intent } = world.advance();
    expect(intent.step).toBe('payout');
    expect(intent.swept).toHaveLength(world.coins().length);
    expect(intent.fee > 1_000n).toBe(true);
  });
});

describe('what waits', () => {
  test('is left alone while nothing is due', () => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, 3_000n));
    world.advance();
    expect(world.plan()).toEqual({ kind: 'wait', left: [] });
  });

  test('new burns join by a replacement that pays all burns of before', () => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, 3_000n));
    const first = world.advance();
    world.addBurns(burnOf('b', 50_000n, 3_000n));
    const second = world.advance();
    expect(second.intent.burns).toHaveLength(2);
    expect(second.intent.fee).toBe(first.intent.fee + BigInt(second.built.vsize));
  });

  test('is replaced by the next rate once it has waited, and not before', () => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, 9_000n));
    const first = world.advance({ estimate: 10_000n });
    expect(world.plan({ estimate: 20_000n }).kind).toBe('wait');
    world.age();
    expect(world.plan({ estimate: 9_000n }).kind).toBe('wait');
    const second = stepOf(world.plan({ estimate: 20_000n }));
    expect(second.intent.fee).toBe(feeAt(first.built.vsize, 20_000n));
    const third = stepOf(world.plan({ estimate: 11_000n }));
    expect(third.intent.fee).toBe(feeAt(first.built.vsize, 12_500n));
  });

  test('is replaced step by step where the own nodes have no estimate, or it could wait for ever', () => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, 9_000n));
    const first = world.advance({ estimate: null });
    expect(first.intent.fee).toBe(feeAt(first.built.vsize, 1_000n));
    expect(world.plan({ estimate: null }).kind).toBe('wait');
    world.age();
    expect(world.advance({ estimate: null }).intent.fee).toBe(first.intent.fee + BigInt(first.built.vsize));
    world.age();
    expect(world.advance({ estimate: null }).intent.fee).toBe(feeAt(first.built.vsize, 3_000n));
  });

  test('is replaced with B if its burns do not pay for the next rate, but only once it has waited', () => {
    const world = lineWorld(60_000n);
    world.addBurns(burnOf('a', 20_000n, 1_000n));
    world.advance();
    const dear = { estimate: 6_000n };
    expect(reasonFor(world.plan({ ...dear, wish: { kind: 'bump', rate: 6_000n } }), null).reason).toBe('fee_too_high');
    world.age();
    const { intent, built } = world.advance(dear);
    expect(intent.fee).toBe(feeAt(built.vsize, 6_000n));
    expect(intent.surplus).toBe(50_000n + 1_000n - intent.fee);
  });

  test('drops the burns that do not pay their share if all together do not pay for the next rate', () => {
    const world = lineWorld(20_000n + 2_000_000n);
    world.addBurns(burnOf('rich', 50_000n, 18_000n), ...manyBurns(30, 100n));
    const first = world.advance();
    expect(first.intent.burns).toHaveLength(31);
    world.age();
    const steep = { estimate: 45_000n, burns: world.unpaid(), tip: { ...world.tip(), surplus: 0n } };
    const { intent, left } = stepOf(world.plan(steep));
    expect(intent.burns.map(({ burnTxid }) => burnTxid)).toEqual([hashOf('rich')]);
    expect(left.filter(({ reason }) => reason === 'fee_too_small')).toHaveLength(30);
  });

  test('24 descendants on one of its outputs are outbid where burns and B bear it', () => {
    const world = lineWorld(60_000n);
    world.addBurns(burnOf('a', 20_000n, 8_000n));
    const first = world.advance();
    world.hang(24n * 110n, 24 * 110);
    world.addBurns(burnOf('b', 20_000n, 2_000n));
    const { intent, built } = world.advance();
    expect(intent.burns).toHaveLength(2);
    expect(intent.fee).toBe(first.intent.fee + 24n * 110n + BigInt(built.vsize));
  });

  test('with a bulky child that costs more than burns and B it waits, pinned, and goes on after the top-up that is named', () => {
    const world = lineWorld(30_000n);
    world.addBurns(burnOf('a', 8_000n, 2_000n));
    world.advance();
    world.hang(90_000n, 90_000);
    world.age();
    const dear = { estimate: 3_000n };
    const pinned = reasonFor(world.plan(dear), null);
    expect(pinned).toMatchObject({ reason: 'pinned', burnTxid: null });
    world.addCoins(strayOf('too little', pinned.missing - 5_000n));
    const again = reasonFor(world.plan(dear), null);
    expect([again.reason, again.missing < pinned.missing]).toEqual(['pinned', true]);
    world.addCoins(strayOf('the rest', again.missing));
    expect(world.advance(dear).intent.burns).toHaveLength(1);
    world.mine();
    expect(world.unpaid()).toEqual([]);
  });

  test('the top-up that is named is enough by itself', () => {
    const world = lineWorld(30_000n);
    world.addBurns(burnOf('a', 8_000n, 2_000n));
    world.advance();
    world.hang(90_000n, 90_000);
    world.age();
    const dear = { estimate: 3_000n };
    world.addCoins(strayOf('top-up', reasonFor(world.plan(dear), null).missing));
    expect(world.advance(dear).intent.swept).toHaveLength(1);
  });

  test('before it has waited, a pin that B will bear names no top-up', () => {
    const world = lineWorld(60_000n);
    world.addBurns(burnOf('a', 20_000n, 1_000n));
    world.advance();
    world.hang(3_000n, 3_000);
    world.addBurns(burnOf('b', 20_000n, 1_000n));
    const plan = world.plan();
    expect(reasonFor(plan, hashOf('b'))).toMatchObject({ reason: 'pinned', missing: 0n });
    world.age();
    expect(world.advance().intent.burns).toHaveLength(2);
  });

  test('full, it gets a child at the rate of both together, and the child grows by replacement: never two deep', () => {
    const world = rich();
    world.addBurns(...manyBurns(1_000));
    const full = world.advance();
    world.addBurns(burnOf('late', 50_000n, 20_000n));
    const child = world.advance();
    expect(child.intent.treasury.txid).toBe(full.built.txid);
    world.addBurns(burnOf('later', 50_000n, 20_000n));
    const next = world.advance();
    expect(next.intent.treasury.txid).toBe(full.built.txid);
    expect(next.intent.burns).toHaveLength(2);
    const both = stepOf(world.plan({ estimate: 1_300n, wish: { kind: 'bump', rate: 1_300n } }));
    expect(full.intent.fee + both.intent.fee).toBe(feeAt(full.built.vsize + both.built.vsize, 1_300n));
  });

  test('full, with so much hung on it that the own node takes no child, it is replaced once it has waited', () => {
    const world = rich();
    world.addBurns(...manyBurns(1_000));
    world.advance();
    world.hang(2_640n, 2_640);
    world.addBurns(burnOf('late', 50_000n, 20_000n));
    const stuck = world.plan({ childRefused: true });
    expect([stuck.kind, reasonFor(stuck, hashOf('late')).reason]).toEqual(['wait', 'batch']);
    world.age();
    expect(world.advance({ childRefused: true }).intent.burns).toHaveLength(1_000);
    expect(world.advance().intent.burns).toHaveLength(1);
  });

  test('whose list is not known is not replaced', () => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, 3_000n));
    world.advance();
    const { waiting } = world.input();
    if (waiting === null) throw new Error('it waits');
    const payments = (world.waiting()?.step.built.outputs ?? []).slice(2).map(outputName);
    const unlisted = { ...waiting, kind: null, burns: null, payments };
    expect(reasonFor(world.plan({ waiting: unlisted }), null).reason).toBe('unlisted');
  });

  test('whose list is not known gets a child, which pays nothing that the step may have paid', () => {
    const world = rich();
    const alike = { ...burnOf('b', 50_000n, 3_000n), address: burnOf('a', 50_000n, 3_000n).address };
    world.addBurns(burnOf('a', 50_000n, 3_000n));
    world.advance();
    world.addBurns(alike, burnOf('c', 60_000n, 9_000n));
    const { waiting } = world.input();
    const [, , payment] = world.waiting()?.step.built.outputs ?? [];
    if (waiting === null || payment === undefined) throw new Error('it waits');
    const unlisted = { ...waiting, kind: null, burns: null, payments: [outputName(payment)] };
    const plan = world.plan({ waiting: unlisted });
    const { intent } = stepOf(plan);
    expect(intent.treasury.txid).toBe(waiting.place.txid);
    expect(intent.burns.map(({ burnTxid }) => burnTxid)).toEqual([hashOf('c')]);
    expect(reasonFor(plan, hashOf('b')).reason).toBe('unlisted');
    expect(reasonFor(world.plan({ waiting: unlisted, childRefused: true }), null).reason).toBe('unlisted');
  });

  test('a burn that looks like a payment of a mined step whose list is not known waits, and holds up no other', () => {
    const world = rich();
    world.addBurns(...['a', 'b'].map((name) => burnOf(name, 50_000n, 9_000n)));
    const payment = burnOutput({ network: 'regtest' }, burnOf('a', 50_000n, 9_000n));
    const plan = world.plan({ maybePaid: payment.ok ? [outputName(payment.output)] : [] });
    expect(stepOf(plan).intent.burns.map(({ burnTxid }) => burnTxid)).toEqual([hashOf('b')]);
    expect(reasonFor(plan, hashOf('a')).reason).toBe('unlisted');
  });

  test('that a held burn is in is replaced without that burn', () => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, 9_000n), burnOf('b', 50_000n, 9_000n));
    world.advance();
    world.addBurns(burnOf('c', 50_000n, 9_000n));
    const { intent } = world.advance({ held: new Set([hashOf('a')]) });
    expect(intent.burns.map(({ burnTxid }) => burnTxid).sort()).toEqual([hashOf('b'), hashOf('c')].sort());
  });
});

describe('a burn whose fee is too small is told what it needs:', () => {
  const remedyOf = (fee: bigint, view: { readonly estimate?: bigint | null; readonly feeRateMin?: bigint }) => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, fee));
    const { feeRateMin = 1_000n, estimate = 1_000n } = view;
    return reasonFor(world.plan({ estimate, relay: { ...USUAL_FLOOR, feeRateMin } }), hashOf('a')).remedy;
  };

  test('nothing, where it does not pay for its own output at the least rate that is ever relayed', () => {
    expect(remedyOf(1n, {})).toBe(
      'nothing: it can never be paid (its fee does not pay for its own output at 1.00 sat/vB, the least that is ever relayed)',
    );
  });

  test('a lower relay minimum of the own nodes, by name, where that is the cause', () => {
    expect(remedyOf(90n, { feeRateMin: 5_000n })).toMatch(
      /^it needs 2\.\d\d sat\/vB or less, and now it takes 5\.00 sat\/vB, the least that your own Bitcoin nodes relay \(mempoolminfee, minrelaytxfee\)$/,
    );
  });

  test('a lower rate, or burns that pay more', () => {
    expect(remedyOf(90n, { estimate: 5_000n })).toMatch(
      /^it can join a payout once the fee rate is 2\.\d\d sat\/vB or less$/,
    );
    expect(remedyOf(200n, { estimate: 4_000n })).toMatch(
      /^it is paid once the fee rate is 2\.\d\d sat\/vB or less, or together with burns that pay more fees$/,
    );
    expect(remedyOf(45n, {})).toMatch(/^it is paid together with burns that pay more fees: alone it does not bear/);
  });
});

describe('by wish', () => {
  test('a bump takes the rate that is asked for, and is refused by name where the own rule forbids it', () => {
    const world = rich();
    world.addBurns(burnOf('a', 50_000n, 9_000n));
    world.advance({ estimate: 10_000n });
    const bump = (rate: bigint) => world.plan({ estimate: 10_000n, wish: { kind: 'bump', rate } });
    const { intent, built } = stepOf(bump(15_000n));
    expect(intent.fee).toBe(feeAt(built.vsize, 15_000n));
    expect(reasonFor(bump(25_000n), null)).toMatchObject({ reason: 'fee_too_high' });
    expect(lineWorld(BTC).plan({ wish: { kind: 'bump', rate: null } }).left[0]?.reason).toBe('nothing_waits');
  });

  test('a void step pays what replacing costs out of all the surplus, and nothing else', () => {
    const world = lineWorld(60_000n);
    world.addBurns(burnOf('a', 20_000n, 8_000n));
    world.advance();
    world.hang(30_000n, 10_000);
    const { intent } = world.advance({ wish: { kind: 'void' } });
    expect([intent.step, intent.swept, intent.burns]).toEqual(['void', [], []]);
    expect(intent.fee).toBe(205n + 30_000n + 162n);
  });

  test('a void step that the surplus does not pay names the top-up, and sweeps it then', () => {
    const world = lineWorld(30_000n);
    world.addBurns(burnOf('a', 8_000n, 2_000n));
    world.advance();
    world.hang(30_000n, 10_000);
    const wish = { kind: 'void' } as const;
    world.addCoins(strayOf('top-up', reasonFor(world.plan({ wish }), null).missing));
    expect(world.advance({ wish }).intent.swept).toHaveLength(1);
  });
});
