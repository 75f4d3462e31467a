// What operators order of the line: paying now, raising a fee, holding a burn back, and making everything unmined worthless.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { requestId, requestShown } from '../../operator/payouts/void-requests.ts';
import { bump, hold, unhold, withdraw } from '../../operator/payouts/withdraw.ts';
import { lastingWaits } from '../../operator/status/lasting-waits.ts';
import { statusReport } from '../../operator/status/status-report.ts';
import { withdrawalReports } from '../../operator/withdrawal-reports.ts';
import { listAudit } from '../../store/audit-log.ts';
import { listRequests } from '../../store/requests.ts';
import { BridgeWorld } from './bridge-world.ts';
import { codeOf, freshHash } from './custody.ts';

let world: BridgeWorld;

beforeEach(async () => {
  world = await BridgeWorld.opened();
});
afterEach(() => world.close());

const quiet = (): void => {};
const signal = new AbortController().signal;
const services = (index = 0) => world.federation.at(index).services;
const pay = (burnTxids: readonly string[], index = 0) =>
  withdraw(services(index).bridge, services(index).autopilot.steps, { burn_txids: [...burnTxids] }, quiet, signal);
const raise = (params: { readonly fee_rate?: number } = {}) =>
  bump(services().bridge, services().autopilot.steps, params, quiet);
const requests = (index = 0) => services(index).autopilot.requests;
const mempool = () => [...world.chain.mempool.keys()];
const notices = (index: number) => {
  const { node, services: online } = world.federation.at(index);
  return lastingWaits(Object.assign({}, node, { online }), world.federation.key()).filter(({ code }) =>
    code.startsWith('request_'),
  );
};
const audited = (index: number) =>
  listAudit(world.db(index), { limit: 200 })
    .rows.map(({ kind }) => kind)
    .filter((kind) => kind.startsWith('request_') || kind.startsWith('burn_'))
    .reverse();

describe('withdraw', () => {
  test('pays the burns that are named and no others, and says so if they are being paid already', async () => {
    const [one, other] = [world.burn(), world.burn({ fee: 2_000n })];
    const made = await pay([one.burnTxid]);
    expect(made).toMatchObject({ status: 'new', step: { kind: 'payout', broadcast: true, swept: 0 } });
    expect(made.step.burns.map(({ burn_txid }) => burn_txid)).toEqual([one.burnTxid]);
    expect(mempool()).toEqual([made.step.txid]);
    expect(world.paymentsOf(other)).toHaveLength(0);
    expect(await pay([one.burnTxid])).toMatchObject({ status: 'under_way', step: { txid: made.step.txid } });
  });

  test('refuses by name what is not known, what is paid, and says why nothing can be paid', async () => {
    expect(await codeOf(pay([freshHash()]))).toBe('burn_unknown');
    const one = world.burn();
    await pay([one.burnTxid]);
    world.mine(1);
    await world.rounds(1);
    expect(await codeOf(pay([one.burnTxid]))).toBe('burn_already_paid');
    expect(await codeOf(pay([]))).toBe('no_burn_waits');
    const rich = world.burn({ amount: 9_000_000n });
    await expect(pay([rich.burnTxid])).rejects.toThrow(/no_funds/);
  });
});

describe('bump', () => {
  test('replaces what waits at the rate that is asked for, within what signers allow', async () => {
    const one = world.burn({ fee: 3_000n });
    const first = await pay([one.burnTxid]);
    const second = await raise({ fee_rate: 4 });
    expect(mempool()).toEqual([second.step.txid]);
    expect(second.step.fee_rate).toBeGreaterThanOrEqual(4);
    expect(BigInt(second.step.miner_fee)).toBeGreaterThan(BigInt(first.step.miner_fee));
    expect(second.step.burns).toEqual(first.step.burns);
  });

  test('leaves a step that is listed as replaced, then as passed; status counts steps as the list shows them', async () => {
    const one = world.burn({ fee: 3_000n });
    const first = await pay([one.burnTxid]);
    const second = await raise({ fee_rate: 4 });
    const shown = async () => {
      const { node } = world.federation.at(0);
      const { withdrawals } = withdrawalReports(node, { limit: 50, offset: 0 });
      const { withdrawals: counts } = await statusReport(node);
      const listed = Object.entries(counts).map(
        ([state]) => withdrawals.filter(({ status }) => status === state).length,
      );
      expect(Object.values(counts)).toEqual(listed);
      return withdrawals.map(({ txid, status, replaced_by }) => [txid, status, replaced_by]);
    };
    const [old, now] = [first.step.txid, second.step.txid];
    expect(await shown()).toEqual([
      [now, 'signed', null],
      [old, 'replaced', now],
    ]);
    world.mine(1);
    await world.rounds(1, [0]);
    expect(await shown()).toEqual([
      [now, 'mined', null],
      [old, 'passed', now],
    ]);
    world.mine(5);
    await world.rounds(1, [0]);
    expect((await shown())[0]).toEqual([now, 'settled', null]);
  });

  test('says so where nothing waits, or where the rate is more than can be spent', async () => {
    await expect(raise()).rejects.toThrow(/nothing_waits/);
    const one = world.burn({ fee: 1_000n });
    const { step } = await pay([one.burnTxid]);
    expect(await codeOf(raise({ fee_rate: 90 }))).toBe('fee_too_high');
    expect(mempool()).toEqual([step.txid]);
  });

  test('at a rate out of range is refused by name, in sat/vB, whatever burns wait for something else', async () => {
    const [one, held] = [world.burn({ fee: 20_000n }), world.burn()];
    hold(services().bridge, { burn_txid: held.burnTxid, reason: 'a list' });
    const { step } = await pay([one.burnTxid]);
    const refused = async (rate: number) => {
      const told = await raise({ fee_rate: rate }).catch((error: Error) => error.message);
      return `${await codeOf(raise({ fee_rate: rate }))}: ${told}`;
    };
    expect(await refused(90)).toMatch(
      /^fee_too_high: no step is made at 90 sat\/vB: this node signs from 3\.\d\d to 4\.00 sat\/vB \(/,
    );
    expect(await refused(2.5)).toMatch(
      /^fee_rate_too_low: no step is made at 2\.5 sat\/vB: this node signs from 3\.\d\d to 4\.00 sat\/vB \(/,
    );
    expect(mempool()).toEqual([step.txid]);
    expect((await raise({ fee_rate: 4 })).step.fee_rate).toBeCloseTo(4, 1);
  });

  test('at a rate that the other signers do not sign is refused by name, with the rates that each of them signs', async () => {
    const one = world.burn({ fee: 20_000n });
    const { step } = await pay([one.burnTxid]);
    for (const index of [1, 2]) {
      const view = world.federation.chain.views[index];
      if (view !== undefined) view.feeRate = async () => 1_600n;
    }
    const refused = raise({ fee_rate: 4 });
    expect(await codeOf(refused)).toBe('fee_too_high');
    const said = await refused.catch((error: Error) => error.message);
    expect(said).toMatch(
      /operator 1 signs from 3\.\d\d to 3\.\d\d sat\/vB; operator 2 signs from 3\.\d\d to 3\.\d\d sat\/vB/,
    );
    expect(mempool()).toEqual([step.txid]);
  });
});

describe('hold', () => {
  test('keeps this node from paying a burn, and unhold lets it go; both are in the audit log, once', async () => {
    const one = world.burn();
    const { bridge } = services();
    expect(hold(bridge, { burn_txid: one.burnTxid, reason: 'a list' })).toEqual({
      burn_txid: one.burnTxid,
      held: true,
      known: false,
      signed_step: null,
      holds_needed: 2,
    });
    expect(() => hold(bridge, { burn_txid: one.burnTxid, reason: 'a list' })).toThrow(/held already/);
    await expect(pay([one.burnTxid])).rejects.toThrow(/held/);
    expect(unhold(bridge, { burn_txid: one.burnTxid })).toEqual({ burn_txid: one.burnTxid, held: false });
    expect(() => unhold(bridge, { burn_txid: one.burnTxid })).toThrow(/not held/);
    expect(await pay([one.burnTxid])).toMatchObject({ status: 'new' });
    expect(audited(0)).toEqual(['burn_held', 'burn_let_go']);
  });

  test('of a burn that a signed step pays names that step, and of an unknown one says that it is unknown', async () => {
    const one = world.burn();
    const { step } = await pay([one.burnTxid]);
    const { bridge } = services();
    expect(hold(bridge, { burn_txid: one.burnTxid, reason: 'too late' }).signed_step).toBe(step.txid);
    expect(hold(bridge, { burn_txid: 'cd'.repeat(32), reason: 'mistyped' })).toMatchObject({ known: false });
  });

  test('by as many nodes as keep t from signing keeps the federation from paying it', async () => {
    const one = world.burn();
    for (const index of [1, 2]) hold(services(index).bridge, { burn_txid: one.burnTxid, reason: 'a list' });
    await expect(pay([one.burnTxid])).rejects.toThrow();
    expect(world.paymentsOf(one)).toHaveLength(0);
  });
});

describe('void', () => {
  /** A payout that waits, and a request to make it worthless. */
  async function asked() {
    const one = world.burn({ fee: 2_000n });
    const { step } = await pay([one.burnTxid]);
    const told = await requests().void({ reason: 'a wrong estimate' }, quiet);
    await Bun.sleep(20);
    return { one, payout: step.txid, told };
  }

  test("is made once enough signers' operators have approved, and a later step pays the burns of what it made worthless", async () => {
    const { one, payout, told } = await asked();
    expect(told).toMatchObject({ step: null, request: { decision: 'approved', asked_by: 0, kind: 'void' } });
    expect(mempool()).toEqual([payout]);
    const [request] = listRequests(world.db(1)).rows;
    expect(request).toMatchObject({ id: told.request.id, askedBy: 0, decision: null, reason: 'a wrong estimate' });
    requests(1).decide(told.request.id, 'approved', null);
    world.pass(31);
    await world.rounds(1, [0]);
    const [voiding = ''] = mempool();
    expect(mempool()).not.toEqual([payout]);
    expect(world.paymentsOf(one)).toHaveLength(0);
    world.mine(1);
    await world.untilAll(one, 'signed');
    expect(world.chain.known.get(mempool()[0] ?? '')?.inputs[0]).toEqual({ txid: voiding, vout: 0 });
    expect([audited(0), audited(1)]).toEqual([
      ['request_recorded', 'request_decided'],
      ['request_recorded', 'request_decided'],
    ]);
  });

  test('that a block overtakes is over, for the asker and for the others, and can no longer be approved', async () => {
    const { payout, told } = await asked();
    const { id } = told.request;
    const outcomes = () =>
      [0, 1]
        .map((index) => requestShown(world.federation.at(index).node, { id }).request)
        .map(({ outcome }) => outcome);
    expect(outcomes()).toEqual([
      { state: 'open', txid: null },
      { state: 'open', txid: null },
    ]);
    expect(notices(0)).toMatchObject([{ code: 'request_open', subject: `request ${id}` }]);
    expect(notices(1)).toMatchObject([{ code: 'request_waits' }]);
    world.mine(1);
    await world.rounds(1);
    expect(outcomes()).toEqual([
      { state: 'overtaken', txid: payout },
      { state: 'overtaken', txid: payout },
    ]);
    expect([...notices(0), ...notices(1)]).toEqual([]);
    expect(() => requests(1).decide(id, 'approved', null)).toThrow(`request ${id} is over: step ${payout} was mined`);
  });

  test('that is made is shown as signed, then as mined; one that nobody approves as expired', async () => {
    const { told } = await asked();
    const outcome = () => requestShown(world.federation.at(0).node, { id: told.request.id }).request.outcome;
    const id = requestId(world.federation.at(1).node.store.db, told.request.id.slice(0, 8));
    requests(1).decide(id, 'approved', null);
    world.pass(31);
    await world.rounds(1, [0]);
    const [voiding = ''] = mempool();
    expect(outcome()).toEqual({ state: 'signed', txid: voiding });
    world.mine(1);
    await world.rounds(1);
    expect(outcome()).toEqual({ state: 'done', txid: voiding });
    const again = await requests().void({ reason: 'once more' }, quiet);
    world.pass(86_401);
    const shown = requestShown(world.federation.at(0).node, { id: again.request.id }).request;
    expect(shown.outcome).toEqual({ state: 'expired', txid: null });
    expect(notices(0)).toEqual([]);
  });

  test('is not made where the others refuse, nor by an approval of another treasury output', async () => {
    const { payout, told } = await asked();
    for (const index of [1, 2]) requests(index).decide(told.request.id, 'refused', 'the payout is right');
    world.pass(31);
    await world.rounds(1, [0]);
    expect(mempool()).toEqual([payout]);
    expect(() => requests(1).decide(told.request.id, 'approved', null)).toThrow(/decided already/);
    expect(() => requests(1).decide('ab'.repeat(16), 'approved', null)).toThrow(/no request/);
  });

  test('cannot be approved, and an approval counts no longer, once a day has passed', async () => {
    const { payout, told } = await asked();
    requests(1).decide(told.request.id, 'approved', null);
    world.pass(86_401);
    expect(() => requests(2).decide(told.request.id, 'approved', null)).toThrow(/expired/);
    await world.rounds(2, [0]);
    expect(mempool()).toEqual([payout]);
  });
});
