// What a node does and shows while its own Bitcoin nodes are in trouble: what depends on the trouble waits, the rest goes on,
// and the operator is told.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { MempoolSource } from '../../chain/mempool-source.ts';
import { parseTransaction } from '../../chain/raw-transactions.ts';
import type { Dependent } from '../../chain/tips.ts';
import { chainProblems } from '../../operator/bridge/chain-report.ts';
import type { Services } from '../../operator/services.ts';
import { listPayouts } from '../../store/payout-listing.ts';
import { BridgeWorld } from './bridge-world.ts';
import { freshHash } from './custody.ts';

let world: BridgeWorld;
/** What stops now, at every node, and why. */
let trouble: { readonly what: Dependent; readonly why: string } | null;
/** By outpoint, what another of the nodes' mempools spends it with. */
let rivals: Map<string, string>;

beforeEach(async () => {
  world = await BridgeWorld.make();
  [trouble, rivals] = [null, new Map()];
  for (const { index } of world.federation.members) Object.assign(bridgeOf(index), { chain: watch() });
});
afterEach(() => world.close());

const servicesOf = (index: number): Services => world.federation.at(index).services;
const bridgeOf = (index: number) => servicesOf(index).bridge;
const statuses = () => listPayouts(world.db(0)).rows.map(({ status }) => status);

/** A watch over nodes as the test has them. */
function watch() {
  const mempools: MempoolSource = {
    txids: async () => new Set(world.chain.mempool.keys()),
    transactions: async (txids) =>
      new Map(
        txids.flatMap((txid) => {
          const known = world.chain.mempool.has(txid) ? world.chain.known.get(txid) : undefined;
          return known === undefined ? [] : [[txid, parseTransaction(known.raw)] as const];
        }),
      ),
    spenders: async (outpoints) =>
      outpoints.map(({ txid, vout }) => rivals.get(`${txid}:${vout}`) ?? []).map((by) => [by].flat()),
  };
  return {
    ready: async () => {},
    look: async () => {},
    reorganised: () => {},
    confirmations: () => 6,
    isForked: () => false,
    problems: () => [],
    mempools: () => mempools,
    stops: (what: Dependent) => (trouble?.what === what ? trouble.why : null),
  };
}

/** What the operator of node 0 is shown. */
function shown(): string {
  const { node } = world.federation.at(0);
  return chainProblems(Object.assign({}, node, { online: servicesOf(0) })).join('\n');
}

describe('while the index is behind', () => {
  test('a payout that cannot be found any more stays confirmed; with a whole index it left the chain', async () => {
    await world.minted();
    const burn = world.burn({ amount: 400_000n, fee: 20_000n });
    world.pass(100_000);
    await world.untilAll(burn, 'broadcast');
    world.mine(1);
    await world.untilAll(burn, 'confirmed');
    const { bitcoin } = bridgeOf(0);
    Object.assign(bitcoin, { transaction: async () => ({ state: 'unknown' }) });
    trouble = { what: 'history', why: 'the index ends at block 3' };
    await servicesOf(0).follower.round();
    expect(statuses()).toEqual(['confirmed']);
    trouble = null;
    await servicesOf(0).follower.round();
    expect(statuses()).not.toEqual(['confirmed']);
  });
});

describe('while the fee estimate is absurd', () => {
  test('no payout takes its fee from it; deposits are attested, and the payout follows once the estimate is sane', async () => {
    await world.minted();
    trouble = { what: 'fee_estimates', why: 'the node estimates 0 sats' };
    const burn = world.burn({ amount: 400_000n, fee: 20_000n });
    world.pass(100_000);
    const paid = world.pay(await world.recipient());
    world.mine(6);
    await world.untilMinted(paid);
    for (let tries = 0; tries < 12; tries++) {
      await world.rounds(1);
      world.pass(11);
    }
    expect(statuses()).toEqual([]);
    trouble = null;
    await world.untilAll(burn, 'broadcast');
  });
});

describe('a deposit in the mempool', () => {
  test('whose coin another node sees spent otherwise is shown, and is no more once it is mined', async () => {
    const spends = { txid: freshHash(), vout: 0 };
    const paid = world.pay(await world.recipient(), 1_000_000n, spends);
    await world.rounds(1, [0]);
    expect(shown()).toBe('');
    const by = freshHash();
    rivals.set(`${spends.txid}:0`, by);
    await world.rounds(1, [0]);
    expect(shown()).toContain(paid.txid);
    expect(shown()).toContain(by);
    rivals.clear();
    world.mine(1);
    await world.rounds(1, [0]);
    expect(shown()).toBe('');
  });
});

describe('a long absence', () => {
  test('is shown with what is left to read until it is caught up', async () => {
    await world.rounds(1, [0]);
    const view = world.federation.chain.views[0];
    if (view === undefined) throw new Error('every member has a view');
    const read = view.block;
    view.block = () => Promise.reject(new Error('the node hands out no blocks'));
    world.mine(20);
    await world.rounds(1, [0]);
    expect(shown()).toMatch(/catching up: 20 blocks to read/);
    view.block = read;
    await world.rounds(1, [0]);
    expect(shown()).toBe('');
  });
});
