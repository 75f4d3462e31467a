// Deposits of one block are attested together, and one that is refused holds up none beside it.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { outpointName } from '../../../chain/outpoint.ts';
import { attestBatch } from '../../../operator/deposits/attest-batch.ts';
import { getAttestation } from '../../../store/attestations.ts';
import { getDeposit } from '../../../store/deposits.ts';
import { BridgeWorld } from '../bridge-world.ts';
import { type Claim, deposit } from '../custody.ts';
import { FederationInMemory } from '../federation-in-memory.ts';

describe('deposits of one block', () => {
  let world: BridgeWorld;
  beforeEach(async () => {
    world = await BridgeWorld.make();
  }, 60_000);
  afterEach(() => world.close());

  test('are asked for together by one node, a hundred in a request, announced in as few messages, and minted everywhere', async () => {
    const paid = [];
    for (let i = 0; i < 130; i++) paid.push(world.pay(await world.recipient()));
    world.mine(6);
    world.federation.sent.length = 0;
    const asked = [0, 0, 0];
    for (const [index, ledger] of world.federation.chain.ledgers.entries()) {
      const { mint } = ledger;
      ledger.mint = (txid, vout) => {
        const isAttested = getDeposit(world.db(index), { txid, vout })?.status === 'attested';
        if (!isAttested) asked[index] = (asked[index] ?? 0) + 1;
        return mint(txid, vout);
      };
    }
    const last = paid.at(-1);
    if (last === undefined) throw new Error('there are deposits');
    await world.untilMinted(last);
    await world.rounds(2);
    for (const one of paid) {
      for (const index of [0, 1, 2]) expect(getDeposit(world.db(index), one)?.status).toBe('minted');
    }
    const requests = world.federation.sent.filter(({ message }) => message.type === 'sign_request');
    expect(new Set(requests.map(({ from }) => from)).size).toBe(1);
    expect(requests.length).toBeLessThanOrEqual(6);
    const told = world.federation.sent.filter(({ message }) => message.type === 'announce_attestations');
    expect(told.length).toBeLessThanOrEqual(4);
    // The node whose turn it is alone asks Wire whether they are minted before they are attested.
    expect(asked.filter((count) => count > 0)).toEqual([130]);
  }, 120_000);
});

describe('a batch', () => {
  let federation: FederationInMemory;
  beforeEach(async () => {
    federation = await FederationInMemory.make();
    await federation.dkgByAll();
  }, 60_000);
  afterEach(() => federation.close());

  const hideFrom = (index: number, { txid, vout }: Claim): void => {
    federation.chain.views[index]?.confirmed.delete(outpointName({ txid, vout }));
    federation.chain.views[index]?.withMempool.delete(outpointName({ txid, vout }));
  };
  const batch = (count: number): Claim[] => Array.from({ length: count }, () => deposit(federation));
  const attested = (claims: readonly Claim[]) =>
    claims.map((claim) => (getAttestation(federation.at(0).node.store.db, claim)?.signature ?? null) !== null);
  const run = (claims: readonly Claim[]) =>
    attestBatch(federation.at(0).services.bridge, federation.key(), [...claims]);
  const requests = (): number =>
    federation.sent.filter(({ from, message }) => from === 0 && message.type === 'sign_request').length;

  test('of which this node cannot see one goes on without it', async () => {
    const claims = batch(3);
    const [hidden] = claims;
    if (hidden === undefined) throw new Error('there are three');
    hideFrom(0, hidden);
    const { refused } = await run(claims);
    expect(refused.map(({ deposit: { txid }, error }) => [txid, error.code])).toEqual([[hidden.txid, 'deposit_spent']]);
    expect(attested(claims)).toEqual([false, true, true]);
  });

  test('of which all others refuse two goes on without them after one refusal', async () => {
    const claims = batch(5);
    for (const claim of claims.slice(0, 2)) for (const index of [1, 2]) hideFrom(index, claim);
    federation.sent.length = 0;
    const { refused } = await run(claims);
    expect(refused.map(({ deposit: { txid } }) => txid)).toEqual(claims.slice(0, 2).map(({ txid }) => txid));
    expect(attested(claims)).toEqual([false, false, true, true, true]);
    expect(requests()).toBeLessThanOrEqual(3);
  });

  test('of which each signer refuses another deposit is split, and all are attested', async () => {
    const claims = batch(6);
    const [one, two] = claims;
    if (one === undefined || two === undefined) throw new Error('there are six');
    hideFrom(1, one);
    hideFrom(2, two);
    expect((await run(claims)).refused).toEqual([]);
    expect(attested(claims)).toEqual(Array(6).fill(true));
  });

  test('one signer of which refuses everything is signed by the others without a second request', async () => {
    const claims = batch(4);
    for (const claim of claims) hideFrom(1, claim);
    expect((await run(claims)).refused).toEqual([]);
    expect(attested(claims)).toEqual(Array(4).fill(true));
  });

  test('that nobody can validation now fails whole, and refuses no single deposit', async () => {
    const claims = batch(2);
    for (const index of [1, 2]) {
      const view = federation.chain.views[index];
      if (view !== undefined) view.unavailable = true;
    }
    await expect(run(claims)).rejects.toThrow('bitcoin_unavailable');
    expect(attested(claims)).toEqual([false, false]);
    for (const view of federation.chain.views) view.unavailable = true;
    await expect(run(claims)).rejects.toThrow();
  });
});
