// What nodes do by themselves when the chain does not do as expected: steps that do not confirm, versions that win
// against newer ones, reorganisations before and after attestation.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { ChainReadiness } from '../../operator/chain-state/chain-watch.ts';
import { lineNow } from '../../operator/chain-state/line-view.ts';
import { problemText } from '../../operator/runtime/problems.ts';
import { statusReport } from '../../operator/status/status-report.ts';
import { Validation } from '../../operator/validation/validation.ts';
import { getDeposit } from '../../store/deposits.ts';
import { getStep, listLine, minedTip } from '../../store/line.ts';
import { exposedDeposits } from '../../store/reorganisation.ts';
import { getUtxo } from '../../store/utxos.ts';
import { BridgeWorld } from './bridge-world.ts';
import { askAttestation } from './custody.ts';

let world: BridgeWorld;

beforeEach(async () => {
  world = await BridgeWorld.opened();
});
afterEach(() => world.close());

const TIMEOUT_MS = 30_000;

const never = (): boolean => false;
const txidsOf = (index: number) => listLine(world.db(index)).rows.map(({ txid }) => txid);

/** Fees rise, and blocks are mined without the payouts, until a newer version is in the mempool. */
async function untilReplaced(before: string): Promise<string> {
  world.chain.feeRate *= 2n;
  for (let blocks = 0; blocks < 12; blocks++) {
    world.mine(1, never);
    await world.rounds(1);
    world.pass(31);
    const [newest] = [...world.chain.mempool.keys()];
    if (newest !== undefined && newest !== before) return newest;
  }
  throw new Error(`nothing replaces it:\n${world.federation.logLines().slice(-20).join('\n')}`);
}

test('a node that has read another block at the height of the tip gives no place of the line', async () => {
  const { bridge } = world.federation.at(0).services;
  const key = world.federation.key(0);
  expect((await lineNow(bridge, key)).ok).toBe(true);
  const tip = await bridge.bitcoin.agreedTip();
  bridge.bitcoin.agreedTip = async () => ({ ...tip, hash: 'ab'.repeat(32) });
  expect(await lineNow(bridge, key)).toMatchObject({ ok: false, reason: 'chain_behind' });
});

describe('a payout that does not confirm', () => {
  test('is replaced after so many blocks also where the nodes are started again in between, each time', async () => {
    const one = world.burn({ fee: 2_000n });
    await world.untilAll(one, 'signed');
    const { afterBlocks } = world.federation.at(0).node.config.payoutBump;
    const [first = ''] = [...world.chain.mempool.keys()];
    world.chain.feeRate *= 2n;
    for (let blocks = 0; blocks < afterBlocks; blocks++) {
      await world.rounds(1);
      world.mine(1, never);
      for (const { index } of world.federation.members) await world.federation.restart(index);
    }
    for (let tries = 0; tries < 4; tries++) {
      await world.rounds(1);
      world.pass(31);
    }
    const [newest = ''] = [...world.chain.mempool.keys()];
    expect(newest).not.toBe(first);
  });

  test('is replaced at a higher fee by one that spends the same treasury output, and so on', async () => {
    const one = world.burn({ fee: 2_000n });
    await world.untilAll(one, 'signed');
    const [first = ''] = [...world.chain.mempool.keys()];
    const second = await untilReplaced(first);
    const third = await untilReplaced(second);
    const versions = [first, second, third].map((txid) => world.chain.known.get(txid));
    const [a, b, c] = versions.map((version) => version?.fee ?? 0n);
    expect([(a ?? 0n) < (b ?? 0n), (b ?? 0n) < (c ?? 0n)]).toEqual([true, true]);
    for (const version of versions) expect(version?.inputs[0]).toEqual(versions[0]?.inputs[0] ?? { txid: '', vout: 0 });
    expect(world.chain.mempool.size).toBe(1);
    world.mine(6);
    await world.untilAll(one, 'settled');
    expect(world.paymentsOf(one)).toHaveLength(1);
  }, 60_000);

  test('and was replaced settles all the same when miners take the earlier version', async () => {
    const one = world.burn({ fee: 5_000n });
    await world.untilAll(one, 'signed');
    const [first = ''] = [...world.chain.mempool.keys()];
    const second = await untilReplaced(first);
    await world.rounds(2);
    const earlier = world.chain.known.get(first);
    if (earlier === undefined) throw new Error('the first version was broadcast');
    world.chain.reorganise(1, never, earlier);
    world.mine(6);
    await world.untilAll(one, 'settled');
    for (const index of [0, 1, 2]) {
      expect(minedTip(world.db(index))?.txid).toBe(first);
      expect(getStep(world.db(index), second)?.height ?? null).toBeNull();
    }
    expect(world.paymentsOf(one)).toHaveLength(1);
  });
});

describe('a reorganisation', () => {
  test('before attestation withdraws the deposit, which is attested when it is deep again', async () => {
    const paid = world.pay(await world.recipient());
    world.mine(4);
    await world.rounds(1);
    expect(getDeposit(world.db(0), paid)?.height).not.toBeNull();
    world.chain.reorganise(5, never, null);
    world.showTip();
    await world.rounds(1);
    for (const index of [0, 1, 2]) {
      expect(getDeposit(world.db(index), paid)).toMatchObject({ height: null, status: 'seen' });
      expect(getUtxo(world.db(index), paid)?.height).toBeNull();
    }
    world.pass(300);
    await world.rounds(2);
    expect(world.federation.chain.minted.size).toBe(0);
    world.mine(6);
    await world.untilMinted(paid);
  });

  test('before attestation, with the coin spent elsewhere, leaves it withdrawn for ever', async () => {
    const coin = { txid: 'ee'.repeat(32), vout: 3 };
    const paid = world.pay(await world.recipient(), 500_000n, coin);
    world.mine(4);
    await world.rounds(1);
    const rival = world.chain.send([coin], [{ script: Uint8Array.of(0x51), amount: 400_000n }]);
    world.chain.reorganise(5, never, rival);
    world.mine(8);
    world.pass(300);
    await world.rounds(3);
    expect(getDeposit(world.db(1), paid)?.status).toBe('seen');
    expect(world.federation.chain.minted.size).toBe(0);
  });

  test('after attestation is an alarm that names the sats, and stops mints for this recipient until it is mined again', async () => {
    const paid = world.pay(await world.recipient(), 700_000n);
    world.mine(6);
    await world.untilMinted(paid);
    world.chain.reorganise(7, never, null);
    world.showTip();
    const again = world.pay(paid.recipient, 300_000n);
    world.mine(7, ({ txid }) => txid !== paid.txid);
    world.pass(300);
    await world.rounds(3);
    for (const index of [0, 1, 2]) {
      expect(exposedDeposits(world.db(index)).map(({ amount }) => amount)).toEqual([700_000n]);
      const { problems } = await statusReport(world.federation.at(index).node);
      expect(problems.map(problemText).join('\n')).toContain('700000 sats are exposed');
      expect(getDeposit(world.db(index), again)?.status).toBe('confirmed');
    }
    const item = { txid: again.txid, vout: 0, recipient: again.recipient, amount: '300000' };
    const expiry = `${Math.floor(Date.now() / 1000) + 300 + 86_400}`;
    const intent = { kind: 'attestation', test: false, items: [{ ...item, expiry }] } as const;
    const said = await askAttestation(world.federation, 0, { ...intent, items: [...intent.items] }, [1, 2]);
    expect(said).toEqual(['1: policy', '2: policy']);
    world.mine(6);
    await world.untilMinted(again);
    expect(exposedDeposits(world.db(0))).toEqual([]);
    expect(world.logged('attested_deposit_taken_back')).toHaveLength(3);
  });

  test(
    'after attestation holds up no other recipient, however many deposits the one whose mints stopped has besides',
    async () => {
      const paid = world.pay(await world.recipient(), 700_000n);
      const other = await world.recipient();
      world.mine(6);
      await world.untilMinted(paid);
      world.chain.reorganise(7, never, null);
      world.showTip();
      for (let more = 0; more < 210; more++) world.pay(paid.recipient, 1_000n);
      world.mine(1, ({ txid }) => txid !== paid.txid);
      const next = world.pay(other, 300_000n);
      world.mine(6, ({ txid }) => txid !== paid.txid);
      world.pass(300);
      await world.rounds(1);
      await world.untilMinted(next);
      expect(exposedDeposits(world.db(0))).toHaveLength(1);
    },
    TIMEOUT_MS,
  );

  test('that throws settled steps out has them sent again, one after the other, and none made again', async () => {
    const burns = [];
    for (let steps = 0; steps < 3; steps++) {
      const one = world.burn();
      burns.push(one);
      await world.untilAll(one, 'signed');
      world.mine(1);
      await world.rounds(1);
    }
    world.mine(6);
    for (const one of burns) await world.untilAll(one, 'settled');
    const line = txidsOf(0);
    expect(line).toHaveLength(3);
    world.chain.reorganise(9, never, null);
    for (const txid of [...line].reverse()) world.chain.evict(txid);
    world.showTip();
    expect(world.chain.mempool.size).toBe(0);
    for (const index of [0, 1, 2]) await world.federation.restart(index);
    await world.rounds(2);
    expect([...world.chain.mempool.keys()].sort()).toEqual([...line].sort());
    expect(minedTip(world.db(0))).toBeNull();
    world.mine(6);
    world.pass(300);
    for (const one of burns) await world.untilAll(one, 'settled');
    expect(burns.map((one) => world.paymentsOf(one).length)).toEqual([1, 1, 1]);
    expect(txidsOf(0)).toEqual(line);
    const { problems } = await statusReport(world.federation.at(0).node);
    expect(problems.map(problemText).join('\n')).not.toContain('refuse it');
  });
});

describe('trouble with the own Bitcoin nodes', () => {
  const standing = (confirmations: number, why: string | null): ChainReadiness => ({
    ready: () => Promise.resolve(),
    confirmations: () => confirmations,
    stops: () => why,
  });

  test('keeps a node from signing, with the trouble in the refusal; a fork asks for more confirmations', async () => {
    const paid = world.pay(await world.recipient());
    world.mine(6);
    const { config, store, keys, bitcoin, wire, input: node } = world.federation.at(0).node;
    const { effects, log } = node;
    const { keyId } = world.federation.key();
    const expiry = `${Math.floor(Date.now() / 1000) + 86_400}`;
    const item = { txid: paid.txid, vout: 0, recipient: paid.recipient, amount: `${paid.amount}`, expiry };
    const validatedWith = (chain: ChainReadiness) => {
      const input = { config, db: store.db, keys, bitcoin, wire, verifyProof: null, effects, log };
      const validation = new Validation({ ...input, chain: chain });
      return validation.validate({ kind: 'attestation', test: false, items: [item] }, keyId, 'ed25519');
    };
    expect(await validatedWith(standing(6, null))).toMatchObject({ ok: true });
    expect(await validatedWith(standing(12, null))).toMatchObject({
      ok: false,
      reason: 'deposit_too_few_confirmations',
    });
    expect(await validatedWith(standing(6, 'the last block is old'))).toEqual({
      ...{ ok: false, reason: 'bitcoin_unavailable', detail: 'the last block is old' },
    });
  });
});
