// The one loop that makes steps: whose turn it is, what signers teach the planner, and that a crash loses or doubles nothing.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { rankFor } from '../../operator/bridge/schedule.ts';
import { recordBurn } from '../../store/burns.ts';
import { holdBurn } from '../../store/holds.ts';
import { getStep, listLine } from '../../store/line.ts';
import { BridgeWorld } from './bridge-world.ts';
import { freshHash, someAddress } from './custody.ts';

let world: BridgeWorld;

beforeEach(async () => {
  world = await BridgeWorld.opened();
});
afterEach(() => world.close());

const steps = (index: number) => world.federation.at(index).services.autopilot.steps;
const mempool = () => [...world.chain.mempool.keys()];
/** The order in which nodes make a step upon the root. */
function order(): readonly number[] {
  const [root] = [...world.chain.best.heights.keys()].filter((txid) => world.chain.known.get(txid) !== undefined);
  const hash = world.views[0]?.hashAt(1) ?? '';
  const rank = (index: number) => rankFor(`line/${hash}/${root ?? ''}`, index, 3);
  return [0, 1, 2].sort((a, b) => rank(a) - rank(b));
}

describe('the leader of a step', () => {
  test('follows from the block that confirmed the tip, and no other node makes it meanwhile', async () => {
    const [leader = 0, next = 0, last = 0] = order();
    world.burn();
    await world.rounds(2, [next, last]);
    expect(mempool()).toEqual([]);
    await world.rounds(1, [leader]);
    expect(mempool()).toHaveLength(1);
  });

  test('that is silent is followed by the next after its time, and not before', async () => {
    const [leader = 0, next = 0] = order();
    await world.federation.stop(leader);
    world.burn();
    await world.rounds(1);
    world.pass(world.federation.member(next).config.takeoverS - 2);
    await world.rounds(1);
    expect(mempool()).toEqual([]);
    world.pass(4);
    await world.rounds(1, [next]);
    expect(mempool()).toHaveLength(1);
  });

  test('is nobody while there is nothing to do, however long: the next has its full time to wait once there is', async () => {
    const [leader = 0, next = 0] = order();
    await world.federation.stop(leader);
    await world.rounds(1);
    world.pass(5_000);
    world.burn();
    await world.rounds(1, [next]);
    expect(mempool()).toEqual([]);
  });
});

describe('what signers refuse', () => {
  test('is left out of the next plan, and what is left is paid at once', async () => {
    const [leader = 0, next = 0, last = 0] = order();
    const bad = world.burn({ amount: 40_000n });
    const good = world.burn();
    for (const index of [next, last]) holdBurn(world.db(index), bad.burnTxid, 'a list', 0);
    await world.rounds(1, [leader]);
    expect(world.paymentsOf(good)).toHaveLength(1);
    expect(world.paymentsOf(bad)).toHaveLength(0);
    // It rests, by itself, and is tried again later.
    world.pass(100);
    const other = world.burn();
    await world.untilAll(other, 'signed');
    expect(world.paymentsOf(bad)).toHaveLength(0);
  });

  test('as too low a rate is planned again at the rate that they need', async () => {
    const [leader = 0, next = 0, last = 0] = order();
    for (const index of [next, last]) {
      Object.assign(world.federation.chain.views[index] ?? {}, {
        relayFloor: async () => ({ feeRateMin: 3_000n, dustRelayRate: 3_000n, incrementalRate: 1_000n }),
      });
    }
    const one = world.burn({ fee: 3_000n });
    await world.rounds(1, [leader]);
    const [payment] = world.paymentsOf(one);
    const step = getStep(world.db(leader), payment?.txid ?? '');
    if (step === null || step.fee === null) throw new Error('the step is held');
    expect(Number(step.fee) / step.vsize).toBeGreaterThanOrEqual(3);
  });

  test('until nothing is left rests for a while: signers are not asked the same in every round', async () => {
    const [leader = 0, next = 0, last = 0] = order();
    const bad = world.burn();
    for (const index of [next, last]) holdBurn(world.db(index), bad.burnTxid, 'a list', 0);
    await world.rounds(1, [leader]);
    const asked = () => world.federation.sent.filter(({ message }) => message.type === 'sign_request').length;
    const before = asked();
    await world.rounds(5, [leader]);
    expect(asked()).toBe(before);
  });
});

describe('a step that is signed', () => {
  test('and was not sent before its node died is sent by the others, or by that node once it is back, and never made again', async () => {
    const [leader = 0] = order();
    const { bitcoin } = world.federation.at(leader).services.bridge;
    const { broadcast } = bitcoin;
    world.federation.meddle = ({ message }) => (message.type === 'announce_step' ? 'lost' : message);
    Object.assign(bitcoin, { broadcast: () => Promise.reject(new Error('the process dies here')) });
    const one = world.burn();
    await world.rounds(1, [leader]);
    expect(mempool()).toEqual([]);
    const [held] = listLine(world.db(leader)).rows;
    expect(held?.signedTx).not.toBeNull();
    Object.assign(bitcoin, { broadcast });
    await world.federation.restart(leader);
    await world.rounds(1, [leader]);
    expect(mempool()).toEqual([held?.txid ?? '']);
    world.mine(6);
    await world.untilAll(one, 'settled');
    expect(world.paymentsOf(one)).toHaveLength(1);
  });

  test('is announced to all, who keep it with its list', async () => {
    const one = world.burn();
    await world.untilAll(one, 'signed');
    for (const index of [0, 1, 2]) {
      const [step] = listLine(world.db(index)).rows;
      expect(step).toMatchObject({ kind: 'payout', burns: [{ burnTxid: one.burnTxid }] });
    }
  });
});

test('more burns that bear nothing than one plan looks at crowd out none that bears its share', async () => {
  for (const index of [0, 1, 2]) {
    for (let n = 0; n < 2_001; n++) {
      const record = { burnTxid: freshHash(), nullifier: freshHash(), address: someAddress(), amount: 5_000n, fee: 0n };
      recordBurn(world.db(index), { ...record, wireSeq: 0n, wireHeight: 1 }, 0);
    }
  }
  const one = world.burn();
  await world.until(() => world.paymentsOf(one).length === 1);
}, 60_000);

test('what waits is reported with its reason and what it needs', async () => {
  const poor = world.burn({ fee: 0n });
  const rich = world.burn({ amount: 5_000_000n });
  const held = world.burn();
  holdBurn(world.db(0), held.burnTxid, 'a list', 0);
  await world.rounds(1, [0]);
  const left = await steps(0).waiting(world.federation.key());
  const reasons = new Map(left.map(({ burnTxid, reason, remedy }) => [burnTxid, { reason, remedy }]));
  expect(reasons.get(poor.burnTxid)?.reason).toBe('fee_too_small');
  expect(reasons.get(rich.burnTxid)?.reason).toBe('no_funds');
  expect(reasons.get(held.burnTxid)).toMatchObject({
    reason: 'held',
    remedy: `this operator holds it: \`mpc_operator unhold ${held.burnTxid}\` releases it`,
  });
});
