// Burns that nodes have bound to different inputs, or to inputs that another payout has spent: they are paid all the same,
// once, and without a new coin.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { payoutIntentSchema } from '../../ceremony/intent.ts';
import { FEE_RATE_SATS_PER_KVB_MIN, feeAt, payoutWeight, virtualSize } from '../../chain/fee.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { payoutIntentJson } from '../../chain/payout-intent.ts';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { noHints, planFor } from '../../operator/bridge/payout-plan.ts';
import { tellDecisions } from '../../operator/guard/decisions-exchange.ts';
import { catchUp } from '../../operator/guard/recovery.ts';
import { parseServiceMessage } from '../../operator/messages.ts';
import type { PeerClient } from '../../operator/transport/deliver.ts';
import { getBurn } from '../../store/burns.ts';
import { isContested } from '../../store/contested-burns.ts';
import { listPayouts, listPayoutsOfBurn } from '../../store/payout-listing.ts';
import { BridgeWorld } from './bridge-world.ts';
import { codeOf, withdrawBy } from './custody.ts';

const TIMEOUT_MS = 60_000;

let world: BridgeWorld;
beforeEach(async () => {
  world = await BridgeWorld.make();
});
afterEach(() => world.close());

/** Has a node decide to pay a burn without these coins, as it does before it gives a share. Gives the txid. */
function decideAt(index: number, burn: WireBurn, without: readonly Outpoint[] = []): Promise<string> {
  return decideAllAt(index, [burn], without);
}

async function decideAllAt(index: number, burns: readonly WireBurn[], without: readonly Outpoint[]): Promise<string> {
  const { node, services } = world.federation.at(index);
  const key = world.federation.key(index);
  const hints = { ...noHints, avoided: new Set(without.map(outpointName)) };
  const claims = burns.map(({ burnTxid, address, amount, fee }) => ({ burnTxid, address, amount, fee }));
  const order = { claims, test: false, feeRate: null, replaces: null, hints };
  const { intent, txid } = await planFor(services.bridge, key, order);
  const judgement = await node.judge.judge(payoutIntentSchema.parse(payoutIntentJson(intent)), key.keyId, 'bip340');
  if (!judgement.ok) throw new Error(judgement.detail);
  expect(judgement.decide()).toEqual({ ok: true });
  return txid;
}

const anchorAt = (index: number, { burnTxid }: WireBurn) => getBurn(world.db(index), burnTxid)?.anchor ?? null;
const paymentsOf = (burns: readonly WireBurn[]) => burns.map((one) => world.paymentsOf(one).map(({ txid }) => txid));

/** Two coins that all nodes know, in the order of their outpoints. */
async function twoCoins(): Promise<readonly [Outpoint, Outpoint]> {
  const coins = [await world.minted(), await world.minted()].map(({ txid, vout }) => ({ txid, vout }));
  const [low, high] = coins.sort((a, b) => (outpointName(a) < outpointName(b) ? -1 : 1));
  if (low === undefined || high === undefined) throw new Error('two coins were minted');
  return [low, high];
}

/** Lets the nodes work by themselves: long enough for whatever may be on its way to have come, or never to come. */
async function hours(count: number): Promise<void> {
  for (const { config } of world.federation.members) Object.assign(config, { automatic: true });
  for (let hour = 0; hour < count; hour++) {
    world.pass(3_600);
    world.mine(6);
    await world.rounds(2);
  }
}

describe('burns that two nodes have bound crosswise', () => {
  test(
    'are paid by one transaction that spends all their anchors, with the third node dead and no coin left',
    async () => {
      const [low, high] = await twoCoins();
      const [first, second] = [world.burn(), world.burn()];
      await decideAt(0, first, [high]);
      await decideAt(1, first, [low]);
      await decideAt(1, second, [high]);
      expect([anchorAt(0, first), anchorAt(1, first), anchorAt(1, second)]).toEqual([low, high, low]);
      expect(anchorAt(0, second)).toBeNull();
      await world.federation.stop(2);
      const paid = await withdrawBy(world.federation, 0, [first]);
      expect(paid.burns.map(({ burn_txid }) => burn_txid).sort()).toEqual([first.burnTxid, second.burnTxid].sort());
      expect(paymentsOf([first, second])).toEqual([[paid.txid], [paid.txid]]);
    },
    TIMEOUT_MS,
  );

  test(
    'are paid by themselves, whoever begins',
    async () => {
      const [low, high] = await twoCoins();
      const burns = [world.burn(), world.burn(), world.burn()];
      const [first, second, third] = burns;
      if (first === undefined || second === undefined || third === undefined) throw new Error('three burns');
      await decideAt(0, first, [high]);
      await decideAt(0, second, [low]);
      await decideAt(1, second, [high]);
      await decideAt(1, third, [low]);
      await decideAt(2, third, [high]);
      await decideAt(2, first, [low]);
      await world.until(() => paymentsOf(burns).every(({ length }) => length === 1));
      world.mine(6);
      for (const one of burns) await world.untilAll(one, 'settled');
      expect(paymentsOf(burns).every(({ length }) => length === 1)).toBe(true);
    },
    TIMEOUT_MS,
  );
});

describe('a burn that a liar had bound crosswise together with others that bring no fee', () => {
  test(
    'is paid all the same, with the liar silent',
    async () => {
      const [low, high] = await twoCoins();
      for (const { config } of world.federation.members) Object.assign(config, { automatic: false });
      const due = world.burn({ fee: 1_000n });
      const idle = () => Array.from({ length: 20 }, () => world.burn({ amount: 400n, fee: 0n }));
      await decideAllAt(0, [due, ...idle()], [high]);
      await decideAllAt(1, [due, ...idle()], [low]);
      await world.federation.stop(2);
      await hours(6);
      expect(world.paymentsOf(due)).toHaveLength(1);
    },
    TIMEOUT_MS,
  );

  test(
    'is paid all the same where those others alone are bound crosswise',
    async () => {
      const [low, high] = await twoCoins();
      for (const { config } of world.federation.members) Object.assign(config, { automatic: false });
      const [due, also] = [world.burn({ fee: 1_000n }), world.burn({ fee: 1_000n })];
      const idle = Array.from({ length: 20 }, () => world.burn({ amount: 400n, fee: 0n }));
      await decideAllAt(0, [due, ...idle], [high]);
      await decideAllAt(1, [also, ...idle], [low]);
      await world.federation.stop(2);
      await hours(8);
      expect([due, also].map((one) => world.paymentsOf(one).length)).toEqual([1, 1]);
    },
    TIMEOUT_MS,
  );
});

test(
  'a burn that two nodes have bound crosswise, and whose fee covers one input and not two, is paid once others took a coin',
  async () => {
    const [low, high] = await twoCoins();
    for (const { config } of world.federation.members) Object.assign(config, { automatic: false });
    const one = virtualSize(payoutWeight(1, [34, 34]));
    const due = world.burn({ fee: feeAt(one, FEE_RATE_SATS_PER_KVB_MIN) });
    await decideAt(0, due, [high]);
    await decideAt(1, due, [low]);
    await world.federation.stop(2);
    await hours(3);
    expect(world.paymentsOf(due)).toHaveLength(0);
    const others: WireBurn[] = [];
    // Bound anew it may be bound crosswise again, where the node that was not asked first begins.
    while (world.paymentsOf(due).length === 0 && others.length < 8) {
      others.push(world.burn({ amount: 100_000n }));
      await hours(4);
    }
    expect(world.paymentsOf(due)).toHaveLength(1);
    expect(others.every((burn) => world.paymentsOf(burn).length === 1)).toBe(true);
  },
  TIMEOUT_MS,
);

describe('a burn whose anchor others have spent for another burn', () => {
  /** Node 0 has bound `stranded` to the only coin; the others, who do not know, have paid `other` with it. */
  async function stranded(): Promise<{ readonly stranded: WireBurn; readonly given: string }> {
    await world.minted();
    const [left, other] = [world.burn(), world.burn()];
    const given = await decideAt(0, left);
    world.federation.down.add(0);
    await withdrawBy(world.federation, 1, [other]);
    world.mine(1);
    world.federation.down.delete(0);
    await world.federation.stop(2);
    return { stranded: left, given };
  }

  test(
    'is released once that is as deep as this node ever asks for, and no block earlier, and paid from the change',
    async () => {
      const { stranded: left, given } = await stranded();
      world.mine(10);
      await world.rounds(2);
      expect(anchorAt(0, left)).not.toBeNull();
      expect(await codeOf(withdrawBy(world.federation, 1, [left]))).not.toBe('no error');
      world.mine(1);
      await world.until(() => world.paymentsOf(left).length === 1);
      expect(listPayoutsOfBurn(world.db(0), left.burnTxid).find(({ txid }) => txid === given)?.status).toBe('replaced');
      world.mine(6);
      await world.untilAll(left, 'settled');
      expect(world.logged('anchor_released', 0)).toHaveLength(1);
      expect(world.logged('anchor_released', 1)).toHaveLength(0);
    },
    TIMEOUT_MS,
  );

  test(
    'is not released upon the database alone: the block must hold the spending transaction',
    async () => {
      await world.minted();
      const left = world.burn();
      await decideAt(0, left);
      const anchor = anchorAt(0, left);
      if (anchor === null) throw new Error('the burn is bound');
      // As if a branch that this node never read had held it.
      world.federation
        .at(0)
        .node.store.db.run(
          `UPDATE utxos SET status = 'spent', spent_by = '${'5'.repeat(64)}', spent_height = 2 WHERE txid = '${anchor.txid}'`,
        );
      world.mine(12);
      await world.rounds(2, [0]);
      expect(anchorAt(0, left)).toEqual(anchor);
      expect(world.logged('anchor_not_spent_there', 0).length).toBeGreaterThan(0);
      expect(listPayouts(world.db(0), ['decided']).total).toBeLessThanOrEqual(1);
    },
    TIMEOUT_MS,
  );
});

test(
  'a node restored to a time before it released a burn decides no payout beside what it may have signed since',
  async () => {
    await world.minted();
    const [left, other] = [world.burn(), world.burn()];
    await decideAt(0, left);
    const before = anchorAt(0, left);
    world.federation.down.add(0);
    await withdrawBy(world.federation, 1, [other]);
    world.mine(12);
    await world.rounds(2, [1, 2]);
    const since = await withdrawBy(world.federation, 1, [left]);
    // Node 0 does not remember: it may have been among those who signed.
    expect(anchorAt(0, left)).toEqual(before);
    const client: PeerClient = {
      async send(to, { body }) {
        const asked = parseServiceMessage('decisions_request', body);
        if (asked === null || asked === false || asked.type !== 'decisions_request')
          throw new Error('not asked rightly');
        const told: Json = JSON.parse(JSON.stringify(tellDecisions(world.db(to), asked.body, 'live')));
        const messages = [{ type: 'decisions', body: told }];
        return { ok: true, messages, boot: '', peerTime: 0, roundTripMs: 1 };
      },
    };
    const { keys, bitcoin, judge, input } = world.federation.at(0).node;
    const { effects, log } = input;
    const task = { epoch: 1, since: 0, peers: [1, 2], needed: 2, anyCounts: false };
    const verdict = await catchUp({ db: world.db(0), keys, bitcoin, judge, effects, log, client }, task);
    expect(verdict).toMatchObject({ kind: 'recovered' });
    expect(isContested(world.db(0), left.burnTxid)).toBe(true);
    world.federation.down.delete(0);
    world.mine(1);
    await world.rounds(3);
    expect(world.paymentsOf(left).map(({ txid }) => txid)).toEqual([since.txid]);
  },
  TIMEOUT_MS,
);
