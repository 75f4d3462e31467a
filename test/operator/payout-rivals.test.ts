// Payouts that several operators ask for within milliseconds: whatever the federation signs then, each that is complete
// can take the place of those which it conflicts with, so that no burn is left bound to an input that another takes.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { payoutIntentSchema } from '../../ceremony/intent.ts';
import { FEE_RATE_SATS_PER_KVB_MIN, feeAt } from '../../chain/fee.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { type PayoutIntent, payoutIntentJson } from '../../chain/payout-intent.ts';
import { type BuiltPayout, buildPayout } from '../../chain/transaction.ts';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import { noHints, planFor } from '../../operator/bridge/payout-plan.ts';
import { PAYOUT_FRESH_MS } from '../../operator/judge/payout-rivals.ts';
import { STALE_DECISION_MS } from '../../store/lapsed-bindings.ts';
import { listPayouts, type Payout } from '../../store/payout-listing.ts';
import { listSpendableUtxos } from '../../store/utxos.ts';
import { BridgeWorld } from './bridge-world.ts';
import { withdrawBy } from './custody.ts';

const TIMEOUT_MS = 60_000;

let world: BridgeWorld;
beforeEach(async () => {
  world = await BridgeWorld.make();
});
afterEach(() => world.close());

/** Coins of these amounts in the order of their outpoints, with all nodes doing nothing by themselves from then on. */
async function coins(...amounts: readonly bigint[]): Promise<readonly Outpoint[]> {
  for (const amount of amounts) await world.minted(amount);
  for (const { config } of world.federation.members) Object.assign(config, { automatic: false });
  const rows = listSpendableUtxos(world.db(0), { limit: 10 }).rows.map(({ txid, vout }) => ({ txid, vout }));
  return rows.sort((a, b) => (outpointName(a) < outpointName(b) ? -1 : 1));
}

const built = (intent: PayoutIntent): BuiltPayout => buildPayout(intent, world.federation.key().bitcoin.publicKey);

/** What node 0 would pay these burns with, without the coins that are avoided, outbidding so many others. */
async function plan(
  burns: readonly WireBurn[],
  { avoided = [], bids = 0 }: { readonly avoided?: readonly Outpoint[]; readonly bids?: number } = {},
): Promise<BuiltPayout> {
  const claims = burns.map(({ burnTxid, address, amount, fee }) => ({ burnTxid, address, amount, fee }));
  const hints = { ...noHints, bids, avoided: new Set(avoided.map(outpointName)) };
  const order = { claims, test: false, feeRate: null, replaces: null, hints };
  return built((await planFor(world.federation.at(0).services.bridge, world.federation.key(), order)).intent);
}

/** What a node says of a payout: `ok`, then it has decided it, or the refusal. */
async function decide({ intent }: BuiltPayout, at = 1) {
  const json = payoutIntentSchema.parse(payoutIntentJson(intent));
  const { judge } = world.federation.at(at).node;
  const judgement = await judge.judge(json, world.federation.key(at).keyId, 'bip340');
  const verdict = judgement.ok ? judgement.decide() : judgement;
  return verdict.ok ? 'ok' : { reason: verdict.reason, data: verdict.data };
}

const leastOver = (payout: BuiltPayout, earlier: BuiltPayout): bigint =>
  earlier.intent.fee + feeAt(payout.vsize, FEE_RATE_SATS_PER_KVB_MIN);

describe('beside a payout that was decided a moment ago', () => {
  test(
    'one of other burns that spends any of its coins is refused, with those burns, and signed once it is old',
    async () => {
      const [low, high] = await coins(200_000n, 200_000n);
      if (low === undefined || high === undefined) throw new Error('two coins were minted');
      const [large, small] = [world.burn({ amount: 300_000n }), world.burn({ amount: 60_000n })];
      const both = await plan([large]);
      expect(both.intent.inputs.map(outpointName)).toEqual([low, high].map(outpointName));
      const second = await plan([small], { avoided: [low] });
      expect(await decide(both)).toBe('ok');
      const { txid, vout } = high;
      const data = { input: { txid, vout }, burns: [large.burnTxid] };
      expect(await decide(second)).toEqual({ reason: 'input_reserved', data });
      world.pass(PAYOUT_FRESH_MS / 1000 - 1);
      expect(await decide(second)).toEqual({ reason: 'input_reserved', data });
      world.pass(1);
      expect(await decide(second)).toBe('ok');
    },
    TIMEOUT_MS,
  );

  test(
    'one that leaves some of its burns out is signed where their binding has lapsed, and one of other burns is not',
    async () => {
      await coins(500_000n);
      const [due, idle, other] = [world.burn(), world.burn(), world.burn()];
      expect(await decide(await plan([due, idle]))).toBe('ok');
      world.pass(STALE_DECISION_MS / 1000 - 1);
      const both = [due.burnTxid, idle.burnTxid].sort();
      expect(await decide(await plan([due]))).toMatchObject({ reason: 'input_reserved', data: { burns: both } });
      world.pass(1);
      // Another version a moment ago: it may be on its way, to whoever has begun it.
      expect(await decide(await plan([due, idle], { bids: 1 }))).toBe('ok');
      expect(await decide(await plan([other]))).toMatchObject({ reason: 'input_reserved', data: { burns: both } });
      expect(await decide(await plan([due]))).toBe('ok');
    },
    TIMEOUT_MS,
  );

  test(
    'one that pays its burns as well is signed at a fee that replaces it, and refused below with the least',
    async () => {
      await coins(500_000n);
      const [first, second] = [world.burn(), world.burn()];
      const [alone, cheap] = [await plan([first]), await plan([first, second])];
      const dear = await plan([first, second], { bids: 1 });
      expect(await decide(alone)).toBe('ok');
      const least = leastOver(cheap, alone);
      expect(await decide(cheap)).toEqual({ reason: 'fee_rate_too_low', data: { least: `${least}` } });
      expect(dear.intent.fee).toBeGreaterThanOrEqual(least);
      expect(await decide(dear)).toBe('ok');
    },
    TIMEOUT_MS,
  );

  test(
    'one whose burns cannot bear the fee that replaces it is signed all the same',
    async () => {
      await coins(500_000n);
      world.chain.feeRate = FEE_RATE_SATS_PER_KVB_MIN;
      const [first, second] = [world.burn({ fee: 150n }), world.burn({ fee: 150n })];
      const [alone, cheap] = [await plan([first]), await plan([first, second], { bids: 1 })];
      expect(leastOver(cheap, alone)).toBeGreaterThan(300n);
      expect(await decide(alone)).toBe('ok');
      expect(await decide(cheap)).toBe('ok');
    },
    TIMEOUT_MS,
  );

  test(
    'and beside what came of it, it is signed again itself',
    async () => {
      await coins(500_000n);
      const [first, second] = [world.burn(), world.burn()];
      const alone = await plan([first]);
      expect(await decide(alone)).toBe('ok');
      expect(await decide(await plan([first, second], { bids: 1 }))).toBe('ok');
      expect(await decide(alone)).toBe('ok');
    },
    TIMEOUT_MS,
  );
});

test(
  'a burn that is bound for another coordinator while it is being signed is planned anew at once',
  async () => {
    const [low, high] = await coins(200_000n, 200_000n);
    if (low === undefined || high === undefined) throw new Error('two coins were minted');
    const due = world.burn();
    const rival = await plan([due], { avoided: [low] });
    const ours = await plan([due], { avoided: [high] });
    const { signing } = world.federation.at(0).services.bridge;
    const { coordinate } = signing;
    const tried: string[] = [];
    signing.coordinate = async (task, candidates) => {
      tried.push(JSON.stringify(task.intent));
      if (tried.length === 1) {
        const bound = tried[0]?.includes(low.txid) === true ? rival : ours;
        for (const at of [0, 1, 2]) expect(await decide(bound, at)).toBe('ok');
      }
      return coordinate.call(signing, task, candidates);
    };
    const paid = await withdrawBy(world.federation, 0, [due]);
    expect(tried.length).toBeGreaterThan(1);
    expect(world.paymentsOf(due).map(({ txid }) => txid)).toEqual([paid.txid]);
  },
  TIMEOUT_MS,
);

describe('burns asked for at all operators within milliseconds', () => {
  /** Numbers below a bound that are the same in every run. */
  function drawing(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((state / 2_147_483_648) * below);
    };
  }

  /** Complete payouts of all nodes. */
  function complete(): readonly Payout[] {
    const all = world.running().flatMap((at) => listPayouts(world.db(at), ['signed', 'broadcast']).rows);
    return [...new Map(all.map((payout) => [payout.txid, payout])).values()];
  }

  /** Pairs of complete payouts that conflict, of which neither takes the other's place and pays its burns. */
  function stranding(): readonly string[] {
    const payouts = [...complete()].sort((a, b) => Number(a.fee - b.fee));
    return payouts.flatMap((dear, at) =>
      payouts.slice(0, at).flatMap((cheap) => {
        const names = new Set(dear.inputs.map(outpointName));
        if (!cheap.inputs.some((input) => names.has(outpointName(input)))) return [];
        const paid = new Set(dear.burns.map(({ burnTxid }) => burnTxid));
        const isSame = paid.size === cheap.burns.length;
        const paysAll = cheap.burns.every(({ burnTxid }) => paid.has(burnTxid));
        const relay = BigInt(Math.ceil(Number(dear.fee) / dear.feeRate));
        return paysAll && (isSame || dear.fee >= cheap.fee + relay) ? [] : [`${cheap.txid} beside ${dear.txid}`];
      }),
    );
  }

  for (const [seed, amounts] of [
    [7, [1_000_000n]],
    [8, [1_000_000n]],
    [9, [200_000n, 201_000n, 202_000n, 203_000n, 204_000n]],
    [10, [200_000n, 201_000n, 202_000n, 203_000n, 204_000n]],
  ] as const) {
    test(
      `from ${amounts.length} coin(s), answers late as in ${seed}, are paid so that each payout replaces what it conflicts with`,
      async () => {
        await coins(...amounts);
        world.chain.feeRate = FEE_RATE_SATS_PER_KVB_MIN;
        const draw = drawing(seed);
        for (const { running } of world.federation.members) {
          if (running === null) throw new Error('all members run');
          const { services } = running;
          const handle = services.handle.bind(services);
          services.handle = async (request) => {
            await Bun.sleep(draw(12));
            return handle(request);
          };
        }
        for (let round = 0; round < 3; round++) {
          const burns = [0, 1, 2].map(() => world.burn({ amount: BigInt(50_000 + draw(140_000)), fee: 3_000n }));
          const asked = burns.map(async (one, at) => {
            await Bun.sleep(draw(30));
            return withdrawBy(world.federation, at, [one]);
          });
          const results = await Promise.allSettled(asked);
          expect(stranding()).toEqual([]);
          const paid = burns.filter((one) => world.paymentsOf(one).length > 0);
          for (const [at, { status }] of results.entries()) {
            const one = burns[at];
            if (one !== undefined && status === 'fulfilled') expect(paid).toContain(one);
          }
          world.pass(60);
          world.mine(7);
          await world.federation.settle(2);
        }
      },
      TIMEOUT_MS,
    );
  }
});
