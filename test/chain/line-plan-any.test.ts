// The planner in random situations: whatever happens, a signer with the same view signs what it plans, and every burn that
// can be afforded is paid in the end.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { dustThreshold } from '../../chain/fee.ts';
import { type PlanInput, type PlanWish, planStep } from '../../chain/line-plan.ts';
import { burnOf, calm, depositOf, hashOf, type LineWorld, lineWorld, strayOf } from './plan-world.ts';

const estimate = fc.oneof(fc.constant(1_000n), fc.bigInt(1_000n, 3_000n), fc.option(fc.bigInt(500n, 40_000n)));
const happening = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('burn' as const),
      amount: fc.bigInt(1_000n, 400_000n),
      fee: fc.bigInt(0n, 8_000n),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('deposit' as const), amount: fc.bigInt(500n, 600_000n) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stray' as const), amount: fc.bigInt(50n, 60_000n) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('plan' as const), estimate, due: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('relay' as const), rate: fc.bigInt(100n, 9_000n) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('hold' as const), index: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('hang' as const),
      fees: fc.bigInt(100n, 40_000n),
      vsize: fc.integer({ min: 110, max: 50_000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('age' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('mine' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('wish' as const),
      wish: fc.constantFrom('void' as const, 'bump' as const, 'consolidate' as const),
      rate: fc.option(fc.bigInt(1_000n, 50_000n)),
    }),
  },
);
type Happening = typeof happening extends fc.Arbitrary<infer Value> ? Value : never;

function wishOf(kind: 'void' | 'bump' | 'consolidate', rate: bigint | null): PlanWish {
  if (kind === 'void') return { kind };
  if (kind === 'bump') return { kind, rate };
  return { kind, rate, script: Uint8Array.of(0x00, 20, ...new Uint8Array(20)), reserve: 10_000n };
}

/** Lets one thing happen; a plan is validated and sent. */
function happen(world: LineWorld, view: Partial<PlanInput>, event: Happening, name: string): Partial<PlanInput> {
  switch (event.kind) {
    case 'burn':
      world.addBurns(burnOf(name, event.amount, event.fee));
      return view;
    case 'deposit':
      world.addCoins(depositOf(name, event.amount));
      return view;
    case 'stray':
      world.addCoins(strayOf(name, event.amount));
      return view;
    case 'relay':
      return { ...view, relay: { ...calm.relay, feeRateMin: event.rate } };
    case 'hold': {
      const held = world.unpaid()[event.index];
      return { ...view, held: new Set([...(view.held ?? []), ...(held === undefined ? [] : [held.burnTxid])]) };
    }
    case 'hang':
      if (world.waiting() !== null) world.hang(event.fees, event.vsize);
      return view;
    case 'age':
      world.age();
      return view;
    case 'mine':
      if (world.waiting() !== null) world.mine();
      return view;
    case 'plan':
      check(world, { ...view, estimate: event.estimate, due: event.due });
      return view;
    case 'wish':
      check(world, { ...view, wish: wishOf(event.wish, event.rate) });
      return view;
  }
}

/** Plans; a step is held against the rule of a signer and sent, a wait against what it leaves out. */
function check(world: LineWorld, changes: Partial<PlanInput>): boolean {
  const input = world.input(changes);
  const plan = world.plan(changes);
  const told = plan.left.flatMap(({ burnTxid }) => burnTxid ?? []);
  expect(new Set(told).size).toBe(told.length);
  for (const { missing, remedy } of plan.left) {
    expect(missing >= 0n).toBe(true);
    expect(remedy.length).toBeGreaterThan(10);
  }
  if (plan.kind === 'wait') {
    const top = plan.left.find(({ burnTxid, remedy }) => burnTxid === null && remedy.startsWith('top up'));
    if (top !== undefined && input.waiting?.waited !== false) expectEnough(world, changes, top.missing);
    return false;
  }
  expect(world.objection(plan, input)).toBeNull();
  const { intent, built } = plan;
  const pays = new Set(intent.burns.map(({ burnTxid }) => burnTxid));
  expect(told.filter((txid) => pays.has(txid))).toEqual([]);
  expect(intent.burns.some(({ burnTxid }) => input.held.has(burnTxid))).toBe(false);
  for (const { script, amount } of built.outputs.slice(2)) {
    expect(amount >= dustThreshold(script, input.relay.dustRelayRate)).toBe(true);
  }
  if (input.waiting === null && intent.step === 'payout') {
    expect(intent.fee <= intent.burns.reduce((sum, { fee }) => sum + fee, 0n) / 2n).toBe(true);
  }
  world.send(plan);
  return true;
}

/** With the top-up that a plan names there is a step. */
function expectEnough(world: LineWorld, changes: Partial<PlanInput>, missing: bigint): void {
  expect(missing > 0n).toBe(true);
  const topped = world.input(changes);
  const again = planStep({ ...topped, sweepable: [...topped.sweepable, strayOf('enough', missing)] });
  expect([again.kind, ...again.left.map(({ remedy }) => remedy)][0]).toBe('step');
}

describe('in any situation', () => {
  test('a signer with the same view signs what is planned', () => {
    const root = fc.oneof(fc.bigInt(20_000n, 30_000n), fc.bigInt(20_000n, 2_000_000n));
    fc.assert(
      fc.property(root, fc.array(happening, { minLength: 5, maxLength: 40, size: 'max' }), (amount, events) => {
        const world = lineWorld(amount);
        events.reduce<Partial<PlanInput>>(
          (view, event, index) => happen(world, view, event, `${event.kind} ${index}`),
          {},
        );
      }),
      { numRuns: 200 },
    );
  }, 30_000);

  test('a signer with the same view signs what is planned upon a full payout, and nothing is ever two deep', () => {
    const crowd = Array.from({ length: 1_000 }, (_, index) => burnOf(`crowd ${index}`, 2_000n, 400n));
    fc.assert(
      fc.property(fc.array(happening, { minLength: 10, maxLength: 25, size: 'max' }), (events) => {
        const world = lineWorld(5_000_000n);
        world.addBurns(...crowd);
        world.advance();
        const late = Array.from({ length: 3 }, (_, index) => burnOf(`late ${index}`, 50_000n, 30_000n));
        world.addBurns(...late);
        events
          .filter(({ kind }) => kind !== 'mine')
          .reduce<Partial<PlanInput>>((view, event, index) => happen(world, view, event, `${event.kind} ${index}`), {});
        expect(world.tip().depth).toBe(0);
        expect((world.child()?.place.depth ?? 2) <= 2).toBe(true);
      }),
      { numRuns: 3 },
    );
  }, 30_000);

  test('every burn is paid that bears its payout alone, once fees are low and deposits and a top-up are there', () => {
    const burns = fc.array(fc.record({ amount: fc.bigInt(2_000n, 400_000n), fee: fc.bigInt(450n, 1_500n) }), {
      minLength: 1,
      maxLength: 12,
    });
    const before = fc.array(happening, { maxLength: 25, size: 'max' });
    fc.assert(
      fc.property(burns, before, (wanted, events) => {
        const world = lineWorld(20_000n);
        events.forEach((event, index) => void happen(world, {}, event, `${event.kind} ${index}`));
        wanted.forEach(({ amount, fee }, index) => void world.addBurns(burnOf(`wanted ${index}`, amount, fee)));
        world.addCoins(...wanted.map((_, index) => depositOf(`backing ${index}`, 400_000n)));
        world.addCoins(...world.unpaid().map(({ amount, burnTxid }) => depositOf(`also ${burnTxid}`, amount + 1_000n)));
        world.addCoins(strayOf('top-up', 1_000_000n));
        const names = wanted.map((_, index) => hashOf(`wanted ${index}`));
        const isOpen = () => world.unpaid().some(({ burnTxid }) => names.includes(burnTxid));
        for (let round = 0; round < 60 && isOpen(); round++) {
          check(world, {});
          world.age();
          if (world.waiting() !== null) world.mine();
        }
        expect(isOpen()).toBe(false);
      }),
      { numRuns: 60 },
    );
  }, 30_000);
});
