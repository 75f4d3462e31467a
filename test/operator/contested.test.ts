// Burns that a node left to the others when it was brought back: how it takes them up again, and when it must not.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { payoutIntentSchema } from '../../ceremony/intent.ts';
import type { TransactionStatus } from '../../chain/bitcoin-view.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { type PayoutIntent, payoutIntentJson } from '../../chain/payout-intent.ts';
import { buildPayout } from '../../chain/transaction.ts';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import { noHints, planFor } from '../../operator/bridge/payout-plan.ts';
import { tellDecisions } from '../../operator/guard/decisions-exchange.ts';
import type { Decisions } from '../../operator/guard/messages-guard.ts';
import { catchUp } from '../../operator/guard/recovery.ts';
import { releaseBurn } from '../../operator/guard/release.ts';
import { parseServiceMessage } from '../../operator/messages.ts';
import { statusReport } from '../../operator/reports.ts';
import type { PeerClient } from '../../operator/transport/deliver.ts';
import { isContested, listContested } from '../../store/contested-burns.ts';
import { getNodeState } from '../../store/node-state.ts';
import { getPayout } from '../../store/payout-listing.ts';
import { markUtxoSpent, recordUtxo } from '../../store/utxos.ts';
import { BridgeWorld } from './bridge-world.ts';
import { codeOf, freshHash } from './custody.ts';

let world: BridgeWorld;
beforeEach(async () => {
  world = await BridgeWorld.make();
});
afterEach(() => world.close());

const key = () => world.federation.key();
const txidOf = (intent: PayoutIntent): string => buildPayout(intent, key().bitcoin.publicKey).txid;
const problems = async () => (await statusReport(world.federation.at(2).node)).problems;

async function decideAt(index: number, intent: PayoutIntent): Promise<string> {
  const json = payoutIntentSchema.parse(payoutIntentJson(intent));
  const judgement = await world.federation.at(index).node.judge.judge(json, key().keyId, 'bip340');
  if (!judgement.ok) return judgement.reason;
  const decision = judgement.decide();
  return decision.ok ? 'ok' : decision.reason;
}

/** A payout that node 0 would make of a burn, from other coins than the avoided ones, and from the required ones. */
async function payoutWithout(
  due: WireBurn,
  avoided: readonly string[] = [],
  required: PayoutIntent['inputs'] = [],
): Promise<PayoutIntent> {
  const { burnTxid, address, amount, fee } = due;
  const order = { claims: [{ burnTxid, address, amount, fee }], test: false, feeRate: null, replaces: null };
  const hints = { ...noHints, avoided: new Set(avoided), required };
  return (await planFor(world.federation.at(0).services.bridge, key(), { ...order, hints })).intent;
}

/** Two coins, and a burn of which nodes 0 and 1 have each decided a payout from one of them. */
async function twoPayouts(): Promise<{ due: WireBurn; payouts: readonly [PayoutIntent, PayoutIntent] }> {
  await world.minted(500_000n);
  await world.minted(600_000n);
  for (const { config } of world.federation.members) Object.assign(config, { automatic: false });
  const due = world.burn();
  const first = await payoutWithout(due);
  const second = await payoutWithout(due, first.inputs.map(outpointName));
  expect([await decideAt(0, first), await decideAt(1, second)]).toEqual(['ok', 'ok']);
  return { due, payouts: [first, second] };
}

/** Another transaction spends the coins of a payout, so many blocks deep. */
async function outrun(payout: PayoutIntent, blocks: number): Promise<void> {
  world.chain.send(payout.inputs, [{ script: new Uint8Array([0x51]), amount: 1_000n }]);
  world.mine(blocks);
  await world.rounds(2, [2]);
}

/** The claim that keeps the burn contested at node 2, and the payout that it has taken over. */
function sides(due: WireBurn, payouts: readonly [PayoutIntent, PayoutIntent]) {
  const [contested] = listContested(world.db(2), 0);
  expect(contested?.burnTxid).toBe(due.burnTxid);
  const [claim] = contested?.claims ?? [];
  const [first, second] = payouts;
  return claim?.txid === txidOf(first) ? { claimed: first, kept: second } : { claimed: second, kept: first };
}

/** Node 2 is brought back and hears of what the others decided; `lie` changes what peer 1 tells. */
async function broughtBack(lie: (told: Decisions) => Decisions = (told) => told): Promise<void> {
  const { keys, bitcoin, judge, input, store } = world.federation.at(2).node;
  const { effects, log } = input;
  const client: PeerClient = {
    async send(to, { body }) {
      const asked = parseServiceMessage('decisions_request', body);
      if (asked === null || asked === false || asked.type !== 'decisions_request') throw new Error('not asked rightly');
      const told = tellDecisions(world.db(to), asked.body, 'live');
      const messages = [{ type: 'decisions', body: JSON.parse(JSON.stringify(to === 1 ? lie(told) : told)) }];
      return { ok: true, messages, boot: '', peerTime: 0, roundTripMs: 1 };
    },
  };
  const epoch = getNodeState(store.db).epoch + 1;
  const parts = { db: store.db, keys, bitcoin, judge, effects, log, client };
  expect(await catchUp(parts, { epoch, since: 0, peers: [0, 1], needed: 2, anyCounts: false })).toMatchObject({
    kind: 'recovered',
  });
}

describe('a burn that was left to the others', () => {
  test('is named by status, with what to do, and is decided here again once no other payout of it can be mined', async () => {
    const { due, payouts } = await twoPayouts();
    await broughtBack();
    const { claimed, kept } = sides(due, payouts);
    expect((await problems()).join()).toContain(`release-burn --burn ${due.burnTxid}`);
    for (const one of payouts) expect(await decideAt(2, one)).toBe('burn_conflict');
    await outrun(claimed, 11);
    expect(isContested(world.db(2), due.burnTxid)).toBe(true);
    world.mine(1);
    await world.rounds(2, [2]);
    expect(isContested(world.db(2), due.burnTxid)).toBe(false);
    expect((await problems()).join()).not.toContain('release-burn');
    expect(await decideAt(2, kept)).toBe('ok');
  });

  test('is decided here by a payout that conflicts with each that it may have signed, and then by nothing else', async () => {
    const { due, payouts } = await twoPayouts();
    await broughtBack();
    const both = await payoutWithout(due, [], payouts[1].inputs);
    expect(both.inputs.map(outpointName).sort()).toEqual(
      payouts.flatMap(({ inputs }) => inputs.map(outpointName)).sort(),
    );
    expect(await decideAt(2, both)).toBe('ok');
    for (const one of payouts) expect(await decideAt(2, one)).toBe('burn_conflict');
  });

  test('is no matter of the operator any more once it is paid deep in the chain, and is never paid again', async () => {
    const { due, payouts } = await twoPayouts();
    await broughtBack();
    const [paid] = payouts;
    const { outputs, inputs } = paid;
    world.chain.send(inputs, outputs);
    world.mine(3);
    await world.rounds(2, [2]);
    expect((await problems()).join()).toContain(due.burnTxid);
    world.mine(9);
    await world.rounds(2, [2]);
    expect((await problems()).join()).not.toContain(due.burnTxid);
    for (const one of payouts) expect(await decideAt(2, one)).toBe('burn_already_paid');
  });

  test('is not released by its operator while a payout that was told of may still be mined', async () => {
    const { due, payouts } = await twoPayouts();
    await broughtBack();
    const { claimed } = sides(due, payouts);
    const { bridge } = world.federation.at(2).services;
    const told = await releaseBurn(bridge, { burn_txid: due.burnTxid });
    expect(told.released).toEqual([]);
    expect(told.left.map(({ txid }) => txid)).toEqual([txidOf(claimed)]);
    for (const one of payouts) expect(await decideAt(2, one)).toBe('burn_conflict');
    expect(await codeOf(releaseBurn(bridge, { burn_txid: freshHash() }))).toBe('not_contested');
  });
});

describe('a node that was brought back', () => {
  test('hears of a payout that was given up, until what outran it is too deep for any reorganisation that counts', async () => {
    for (const amount of [500_000n, 600_000n, 700_000n]) await world.minted(amount);
    for (const { config } of world.federation.members) Object.assign(config, { automatic: false });
    const due = world.burn();
    const single = await payoutWithout(due);
    const second = await payoutWithout(due, single.inputs.map(outpointName));
    const signed = await payoutWithout(due, [], [...single.inputs, ...second.inputs]);
    const apart = await payoutWithout(due, signed.inputs.map(outpointName));
    // Nodes 0 and 2 have signed it, and node 2 forgets. Another transaction takes one coin of it, not the burn's anchor.
    expect(await decideAt(0, signed)).toBe('ok');
    const taken = signed.inputs.slice(1);
    world.chain.send(taken, [{ script: new Uint8Array([0x51]), amount: 1_000n }]);
    world.mine(6);
    await world.rounds(2, [0, 1, 2]);
    expect(getPayout(world.db(0), txidOf(signed))?.status).toBe('replaced');
    await broughtBack();
    expect(await decideAt(2, apart)).toBe('burn_conflict');
    world.mine(6);
    await world.rounds(2, [2]);
    expect(await decideAt(2, apart)).toBe('ok');
  });
});

describe('a burn left to the others for a payout whose coin nobody knows', () => {
  /** Node 2 hears of a payout from a coin that never was. Gives the burn, that payout, and one that can be made. */
  async function missed(): Promise<{ due: WireBurn; told: PayoutIntent; honest: PayoutIntent; coin: Outpoint }> {
    await world.minted(500_000n);
    for (const { config } of world.federation.members) Object.assign(config, { automatic: false });
    const due = world.burn();
    const honest = await payoutWithout(due);
    expect(await decideAt(0, honest)).toBe('ok');
    const told = { ...honest, inputs: honest.inputs.map((input) => ({ ...input, txid: freshHash() })) };
    const lie = payoutIntentSchema.parse(payoutIntentJson(told));
    await broughtBack((decisions) => ({ ...decisions, payouts: [{ intent: lie, transaction: null }] }));
    expect(isContested(world.db(2), due.burnTxid)).toBe(true);
    const [coin] = told.inputs;
    if (coin === undefined) throw new Error('a payout spends a coin');
    return { due, told, honest, coin: { txid: coin.txid, vout: coin.vout } };
  }

  const release = ({ burnTxid }: WireBurn) =>
    releaseBurn(world.federation.at(2).services.bridge, { burn_txid: burnTxid });
  const blocksLeft = async (due: WireBurn) => (await release(due)).left.map(({ blocks_left }) => blocks_left);

  async function mine(blocks: number): Promise<void> {
    world.mine(blocks);
    await world.rounds(2, [2]);
  }

  /** What node 2's Bitcoin nodes say of the coin's transaction from now on. */
  function say(coin: Outpoint, status: TransactionStatus): void {
    const view = world.federation.chain.views[2];
    if (view === undefined) throw new Error('every member has a view');
    const asked = view.transaction.bind(view);
    view.transaction = async (txid, outputs) => (txid === coin.txid ? status : asked(txid, outputs));
  }

  test('is released by its operator once that has lasted as long as a deep block is waited for, and not before', async () => {
    const { due, told, honest } = await missed();
    const [first] = (await release(due)).left;
    expect(first).toMatchObject({ txid: txidOf(told), blocks_left: 12 });
    expect(first?.reason).toContain('ask again in 12 blocks');
    await mine(11);
    expect(await release(due)).toMatchObject({ released: [], left: [{ blocks_left: 1 }] });
    expect(await decideAt(2, honest)).toBe('burn_conflict');
    await mine(1);
    expect(await release(due)).toEqual({ burn_txid: due.burnTxid, released: [txidOf(told)], left: [] });
    expect(isContested(world.db(2), due.burnTxid)).toBe(false);
    expect(await decideAt(2, honest)).toBe('ok');
    expect(await decideAt(2, { ...honest, inputs: told.inputs })).not.toBe('ok');
  });

  test('is counted from its operator asking, not from before', async () => {
    const { due } = await missed();
    await mine(20);
    expect(await blocksLeft(due)).toEqual([12]);
  });

  test('is counted anew where the coin was seen meanwhile, in a mempool too', async () => {
    const { due, coin } = await missed();
    expect(await blocksLeft(due)).toEqual([12]);
    say(coin, { state: 'mempool', outputs: null });
    await mine(6);
    say(coin, { state: 'unknown' });
    await mine(6);
    expect(await blocksLeft(due)).toEqual([12]);
    await mine(12);
    say(coin, { state: 'confirmed', confirmations: 1, outputs: 1 });
    expect(await release(due)).toMatchObject({ released: [], left: [{ blocks_left: null }] });
  });

  test('is counted anew where the block from which it was counted has left the chain', async () => {
    const { due } = await missed();
    expect(await blocksLeft(due)).toEqual([12]);
    await mine(2);
    world.chain.reorganise(4, () => true, null);
    await mine(9);
    expect(await blocksLeft(due)).toEqual([12]);
  });

  test('is not counted while one of its own Bitcoin nodes does not answer', async () => {
    const { due } = await missed();
    const { bridge } = world.federation.at(2).services;
    const silent = { problem: 'node_unavailable', node: 'b', detail: 'node b is silent', stops: [] } as const;
    const chain = { ready: () => Promise.resolve(), problems: () => [silent] };
    const parts = { ...bridge, chain };
    expect(await codeOf(releaseBurn(parts, { burn_txid: due.burnTxid }))).toBe('bitcoin_unavailable');
    await mine(12);
    expect(await blocksLeft(due)).toEqual([12]);
    await mine(12);
    expect(await codeOf(releaseBurn(parts, { burn_txid: due.burnTxid }))).toBe('bitcoin_unavailable');
    expect(isContested(world.db(2), due.burnTxid)).toBe(true);
  });

  test('is left to them again where that coin comes back after all, and is released no second time', async () => {
    const { due, honest, coin } = await missed();
    await release(due);
    await mine(12);
    await release(due);
    const back = { ...coin, amount: 500_000n, leaf: { kind: 'change' }, height: 3 };
    recordUtxo(world.db(2), back, 1);
    expect(isContested(world.db(2), due.burnTxid)).toBe(true);
    expect(await decideAt(2, honest)).toBe('burn_conflict');
    expect((await problems()).join()).toContain(due.burnTxid);
    expect(await release(due)).toMatchObject({ released: [], left: [{ blocks_left: null }] });
    markUtxoSpent(world.db(2), coin, freshHash(), 4, 1);
    expect(await decideAt(2, honest)).toBe('ok');
  });
});
