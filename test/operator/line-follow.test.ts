// Following the line: what waits is sent again, the dearer sibling replaces, and what own nodes refuse is named.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { lineNow } from '../../operator/chain-state/line-view.ts';
import { problemText } from '../../operator/runtime/problems.ts';
import { statusReport } from '../../operator/status/status-report.ts';
import { childrenOf, getStep, minedTip } from '../../store/line.ts';
import { BridgeWorld } from './bridge-world.ts';

let world: BridgeWorld;

beforeEach(async () => {
  world = await BridgeWorld.opened();
}, 60_000);
afterEach(() => world.close());

const never = (): boolean => false;
const mempool = () => [...world.chain.mempool.keys()];
const follow = (index: number) =>
  world.federation.at(index).services.autopilot.follow.round(world.federation.key(index));

async function paid() {
  const one = world.burn();
  await world.untilAll(one, 'signed');
  const [txid = ''] = mempool();
  return { one, txid };
}

/** A second version of what waits, at twice the rate. */
async function bumped(before: string): Promise<string> {
  world.chain.feeRate *= 2n;
  for (let blocks = 0; blocks < 12 && mempool()[0] === before; blocks++) {
    world.mine(1, never);
    await world.rounds(1);
    world.pass(31);
  }
  return mempool()[0] ?? '';
}

describe('a signed step', () => {
  test('that fell out of every mempool is sent again by each node that holds it', async () => {
    const { txid } = await paid();
    for (const index of [0, 1, 2]) {
      world.chain.evict(txid);
      await follow(index);
      expect(mempool()).toEqual([txid]);
    }
  });

  test('that is dearer replaces its sibling where a node has only that one in its mempool, and the cheaper is not sent', async () => {
    const { txid: first } = await paid();
    const second = await bumped(first);
    expect(second).not.toBe(first);
    await world.rounds(1);
    world.chain.evict(second);
    const [view] = world.views;
    if (view === undefined) throw new Error('every node has a view');
    world.chain.broadcast(Buffer.from(getStep(world.db(0), first)?.signedTx ?? '', 'hex'), view.floor);
    expect(mempool()).toEqual([first]);
    await follow(1);
    expect(mempool()).toEqual([second]);
    await follow(0);
    expect(world.federation.at(0).services.autopilot.follow.refused()).toEqual([]);
  });

  test('that is dearer goes first where no mempool holds any of its siblings', async () => {
    const { txid: first } = await paid();
    const second = await bumped(first);
    expect(second).not.toBe(first);
    await world.rounds(1);
    world.chain.evict(second);
    expect(mempool()).toEqual([]);
    await follow(0);
    expect(mempool()).toEqual([second]);
    expect(world.federation.at(0).services.autopilot.follow.refused()).toEqual([]);
  }, 60_000);

  test('that own nodes refuse is named in status, until they take it', async () => {
    const { txid } = await paid();
    world.chain.evict(txid);
    const { bitcoin } = world.federation.at(0).services.bridge;
    const { broadcast } = bitcoin;
    const refusal = { ok: false, reason: 'rejected', detail: 'min relay fee not met' } as const;
    Object.assign(bitcoin, { broadcast: async () => refusal });
    await follow(0);
    const problems = async () => (await statusReport(world.federation.at(0).node)).problems.map(problemText).join('\n');
    const refused = () => world.federation.at(0).services.autopilot.follow.refused();
    expect(refused()).toMatchObject([{ txid, detail: refusal.detail }]);
    const [first] = refused();
    await follow(0);
    expect(refused()).toEqual(first === undefined ? [] : [first]);
    Object.assign(bitcoin, { broadcast });
    await follow(0);
    expect(await problems()).not.toContain(refusal.detail);
    expect(world.federation.at(0).services.autopilot.follow.refused()).toEqual([]);
    expect(mempool()).toEqual([txid]);
  });

  test('that a sibling has passed for good is forgotten, and not before', async () => {
    const { one, txid: first } = await paid();
    const second = await bumped(first);
    await world.rounds(1);
    world.mine(1);
    await world.rounds(1);
    expect(childrenOf(world.db(0), null)).toHaveLength(2);
    world.mine(10);
    await world.rounds(1);
    expect(getStep(world.db(0), first)).not.toBeNull();
    world.mine(3);
    await world.rounds(1);
    expect([getStep(world.db(0), first), getStep(world.db(0), second)?.height !== null]).toEqual([null, true]);
    expect(world.paymentsOf(one)).toHaveLength(1);
  });
});

describe('the line now', () => {
  const now = async (index = 0) => {
    const standing = await lineNow(world.federation.at(index).services.bridge, world.federation.key(index));
    if (!standing.ok) return standing.reason;
    const { tip, waiting, child } = standing.line;
    return { depth: tip.depth, waiting: waiting?.step.txid ?? null, child: child?.step.txid ?? null };
  };

  test('has its tip in the chain, and falls back with a reorganisation', async () => {
    const { txid } = await paid();
    expect(await now()).toEqual({ depth: 0, waiting: txid, child: null });
    world.mine(1);
    await world.rounds(1);
    expect(await now()).toEqual({ depth: 1, waiting: null, child: null });
    world.chain.reorganise(1, never, null);
    world.showTip();
    await world.rounds(1);
    expect(minedTip(world.db(0))).toBeNull();
    expect(await now()).toEqual({ depth: 0, waiting: txid, child: null });
  });

  test('takes a step of others from the own mempool, without its list', async () => {
    world.federation.meddle = ({ to, message }) =>
      to === 2 && ['announce_step', 'sign_request'].includes(message.type) ? 'lost' : message;
    const one = world.burn();
    for (let tries = 0; mempool().length === 0 && tries < 12; tries++) {
      await world.rounds(1, [0, 1]);
      world.pass(11);
    }
    const [txid = ''] = mempool();
    await world.federation.at(2).services.autopilot.scan.catchUp(world.federation.key(2), new AbortController().signal);
    expect(await now(2)).toMatchObject({ waiting: txid });
    expect(getStep(world.db(2), txid)).toMatchObject({ burns: null, height: null });
    expect(world.paymentsOf(one)).toHaveLength(1);
  });

  test('has no step as mined whose block left the chain while it was being read', async () => {
    const { txid } = await paid();
    const { autopilot, bridge } = world.federation.at(0).services;
    const scan = () => autopilot.scan.catchUp(world.federation.key(), new AbortController().signal);
    world.mine(1);
    await scan();
    const { block } = bridge.bitcoin;
    const left = async (hash: string) => {
      const read = await block(hash);
      Object.assign(bridge.bitcoin, { block });
      world.chain.reorganise(1, never, null);
      world.showTip();
      await scan();
      return read;
    };
    Object.assign(bridge.bitcoin, { block: left });
    await now();
    expect(minedTip(world.db(0))).toBeNull();
    expect(await now()).toEqual({ depth: 0, waiting: txid, child: null });
  }, 60_000);

  test('has what waits on the tip, and what waits on that, as after a reorganisation', async () => {
    const { txid: first } = await paid();
    world.mine(1);
    await world.rounds(1);
    const { txid: second } = await paid();
    world.chain.reorganise(1, never, null);
    world.showTip();
    await world.rounds(1);
    expect(await now()).toEqual({ depth: 0, waiting: first, child: second });
  }, 60_000);

  test('takes the signatures of a step from the own mempool if no peer sent them', async () => {
    world.federation.meddle = ({ message }) =>
      ['announce_step', 'line_request'].includes(message.type) ? 'lost' : message;
    const one = world.burn();
    for (let tries = 0; mempool().length === 0 && tries < 12; tries++) {
      await world.rounds(1);
      world.pass(11);
    }
    const [txid = ''] = mempool();
    await world.rounds(1);
    const steps = [0, 1, 2].flatMap((index) => getStep(world.db(index), txid) ?? []);
    expect(steps.filter(({ decidedAt }) => decidedAt !== null).length).toBeGreaterThanOrEqual(2);
    expect(steps.map(({ signedTx }) => signedTx !== null)).toEqual([true, true, true]);
    expect(world.paymentsOf(one)).toHaveLength(1);
  }, 60_000);

  test('is not reported while the chain holds another block than was read, at the same height', async () => {
    world.mine(1);
    await world.rounds(1);
    world.chain.reorganise(1, never, null);
    const [view] = world.views;
    const { parent } = world.chain.best;
    if (view === undefined || parent === null) throw new Error('every node has a view');
    expect(parent.height).toBe(view.tip.height);
    view.tip = parent;
    expect(await now()).toBe('chain_behind');
  }, 60_000);

  test('is not reported while the scan is behind, or the own nodes are silent', async () => {
    world.mine(1);
    expect(await now()).toBe('chain_behind');
    await world.rounds(1);
    expect(await now()).toMatchObject({ depth: 0 });
    const [view] = world.views;
    if (view === undefined) throw new Error('every node has a view');
    view.isDown = true;
    expect(await now()).toBe('bitcoin_unavailable');
  });

  test('stops if a transaction spends the treasury and is not a step', async () => {
    const standing = await lineNow(world.federation.at(0).services.bridge, world.federation.key());
    if (!standing.ok) throw new Error(standing.detail);
    const { txid, vout } = standing.line.root;
    world.chain.send([{ txid, vout }], [{ script: Uint8Array.of(0x51), amount: 1_000n }]);
    expect(await now()).toBe('foreign_spend');
    world.mine(1);
    await world.rounds(1);
    expect(await now()).toBe('foreign_spend');
  });
});
