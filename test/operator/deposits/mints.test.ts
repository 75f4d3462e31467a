// Mints are followed until they are final on Wire, and handed in again where a reorganisation of Wire takes them back.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { outpointName } from '../../../chain/outpoint.ts';
import { getDeposit } from '../../../store/deposits.ts';
import { attestBy, type Claim, deposit } from '../custody.ts';
import { FederationInMemory } from '../federation-in-memory.ts';

let federation: FederationInMemory;

beforeEach(async () => {
  federation = await FederationInMemory.make();
  await federation.dkgByAll();
  federation.chain.mintConfirmations = 1;
}, 60_000);
afterEach(() => federation.close());

const statuses = (claim: Claim) =>
  federation.members.map(({ index }) => getDeposit(federation.at(index).node.store.db, claim)?.status);

function deepen(confirmations: number): void {
  for (const [name, mint] of federation.chain.minted) federation.chain.minted.set(name, { ...mint, confirmations });
}

describe('a deposit whose mint Wire has taken', () => {
  test('stays attested until the mint is final on Wire, at every node, and is minted then', async () => {
    const claim = deposit(federation);
    expect((await attestBy(federation, 0, claim)).submitted).toBe(true);
    await federation.settle();
    deepen(5);
    await federation.settle();
    expect(statuses(claim)).toEqual(['attested', 'attested', 'attested']);
    deepen(6);
    await federation.settle();
    expect(statuses(claim)).toEqual(['minted', 'minted', 'minted']);
  });

  test('is handed in again where Wire drops the mint before it is final', async () => {
    const claim = deposit(federation);
    await attestBy(federation, 0, claim);
    await federation.settle();
    federation.chain.minted.clear();
    await federation.settle();
    expect([...federation.chain.minted.keys()]).toEqual([outpointName(claim)]);
    expect(statuses(claim)).toEqual(['attested', 'attested', 'attested']);
  });
});

test('an attestation that a peer announced is handed in by another node only once no mint has followed for a while', async () => {
  const [own, other] = federation.chain.ledgers;
  if (own === undefined || other === undefined) throw new Error('there are three ledgers');
  own.postMint = async () => ({ ok: false, reason: 'wire_unavailable', detail: 'it is away' });
  let handedIn = 0;
  const post = other.postMint;
  other.postMint = (attestation) => {
    handedIn += 1;
    return post(attestation);
  };
  const claim = deposit(federation);
  expect((await attestBy(federation, 0, claim)).submitted).toBe(false);
  const roundOfOther = async (): Promise<void> => federation.at(1).services.follower.round();
  await federation.settle();
  expect(getDeposit(federation.at(1).node.store.db, claim)?.status).toBe('attested');
  const { takeoverS } = federation.member(1).config;
  federation.member(1).passedMs += takeoverS * 500;
  await roundOfOther();
  expect(handedIn).toBe(0);
  federation.member(1).passedMs += takeoverS * 500;
  await roundOfOther();
  expect(handedIn).toBe(1);
  expect([...federation.chain.minted.keys()]).toEqual([outpointName(claim)]);
});

test('of very many mints that wait, each round asks for two hundred, and in the end for all', async () => {
  const claims: Claim[] = [];
  for (let i = 0; i < 210; i++) claims.push(deposit(federation));
  for (const claim of claims) {
    // Signed before, as far as this node is concerned: what matters is how many are asked about.
    await attestBy(federation, 0, claim);
  }
  const ledger = federation.chain.ledgers[0];
  if (ledger === undefined) throw new Error('there are three ledgers');
  const ask = ledger.mint;
  const asked = new Set<string>();
  let inRound = 0;
  ledger.mint = (txid, vout) => {
    asked.add(txid);
    inRound += 1;
    return ask(txid, vout);
  };
  const perRound: number[] = [];
  for (let round = 0; round < 4; round++) {
    inRound = 0;
    await federation.at(0).services.follower.round();
    perRound.push(inRound);
  }
  expect(Math.max(...perRound)).toBe(200);
  expect(asked.size).toBe(210);
}, 120_000);
