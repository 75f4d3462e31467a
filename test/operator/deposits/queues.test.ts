// Queues of deposits: what is refused, for a while or for good, costs those behind it nothing, and what is too small never
// stands in one.
import { afterEach, describe, expect, test } from 'bun:test';
import type { MintVerdict } from '../../../chain/wire-ledger.ts';
import { getAttestation } from '../../../store/attestations.ts';
import { recordDeposit } from '../../../store/deposits.ts';
import { BridgeWorld } from '../bridge-world.ts';
import { attestBy, type Claim, codeOf, deposit, freshHash } from '../custody.ts';
import { FederationInMemory } from '../federation-in-memory.ts';

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

async function federationWithKeys(): Promise<FederationInMemory> {
  const federation = await FederationInMemory.make();
  endings.push(() => federation.close());
  await federation.dkgByAll();
  return federation;
}

async function bridgeWorld(): Promise<BridgeWorld> {
  const world = await BridgeWorld.make();
  endings.push(() => world.close());
  return world;
}

describe('a mint that Wire refuses', () => {
  const refusal = (code: string): MintVerdict => ({ ok: false, reason: 'mint_refused', code, detail: code });

  /** Node 0's Wire node refuses every mint; gives how often it was handed one in. */
  function refusing(federation: FederationInMemory, code: string): () => number {
    const ledger = federation.chain.ledgers[0];
    if (ledger === undefined) throw new Error('there are three ledgers');
    let asked = 0;
    ledger.mint = async () => null;
    ledger.postMint = async () => {
      asked += 1;
      return refusal(code);
    };
    return () => asked;
  }

  async function roundsAfter(federation: FederationInMemory, seconds: readonly number[], asked: () => number) {
    const counts: number[] = [];
    for (const passed of seconds) {
      federation.member(0).passedMs += passed * 1000;
      const before = asked();
      await federation.at(0).services.follower.round();
      counts.push(asked() - before);
    }
    return counts;
  }

  test('for a while is handed in again after a rest, which grows', async () => {
    const federation = await federationWithKeys();
    const asked = refusing(federation, 'deposit_unknown');
    await attestBy(federation, 0, deposit(federation));
    expect(await roundsAfter(federation, [0, 1, 30, 31, 30], asked)).toEqual([1, 0, 1, 0, 1]);
  });

  test('for good is handed in once a day, and logged once as an error', async () => {
    const federation = await federationWithKeys();
    const asked = refusing(federation, 'bad_signature');
    await attestBy(federation, 0, deposit(federation));
    expect(await roundsAfter(federation, [0, 60, 3_600, 80_000], asked)).toEqual([1, 0, 0, 0]);
    const told = federation.member(0).log.filter((line) => line.includes('"mint_refused_for_good"'));
    expect(told).toHaveLength(1);
  });
});

describe('a deposit', () => {
  test('behind very many that are refused is attested', async () => {
    const world = await bridgeWorld();
    const block = freshHash();
    for (let i = 0; i < 900; i++) {
      // No Bitcoin node knows them.
      const lost = { txid: freshHash(), vout: 0, recipient: freshHash(), amount: 5_000n, height: 1, blockHash: block };
      for (const { index } of world.federation.members) recordDeposit(world.db(index), lost, Date.now());
    }
    const paid = world.pay(await world.recipient());
    world.mine(6);
    await world.untilMinted(paid);
  }, 120_000);

  test('below the least of the federation is attested neither by itself nor at an operator’s word', async () => {
    const world = await bridgeWorld();
    const least = world.federation.member(0).config.policy.depositMinSats;
    const small = world.pay(await world.recipient(), least - 1n);
    const good = world.pay(await world.recipient(), least);
    world.mine(6);
    await world.untilMinted(good);
    expect(world.running().map((index) => getAttestation(world.db(index), small))).toEqual([null, null, null]);
    expect(world.logged('work_failed')).toEqual([]);
    const claim: Claim = { ...small, amount: `${small.amount}`, test: false };
    expect(await codeOf(attestBy(world.federation, 0, claim))).toBe('deposit_too_small');
    expect(await codeOf(attestBy(world.federation, 0, { ...claim, amount: '0' }))).toBe('deposit_too_small');
  });
});
