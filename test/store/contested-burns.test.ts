// The claims that make a burn contested: kept once, whoever tells them, and what they leave a node to decide.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { contestBurn, isContested, openClaims, releaseClaim } from '../../store/contested-burns.ts';
import { openStore, type Store } from '../../store/open.ts';

const NOW = 1_700_000_000_000;
const hash = (digit: string): string => digit.repeat(64);
const [BURN, CLAIM, COIN] = [hash('b'), hash('c'), hash('d')];

let store: Store;
beforeEach(() => {
  store = openStore(':memory:');
});
afterEach(() => store.close());

test('a claim that two peers tell at once, or one tells again later, is kept once', () => {
  const claim = { txid: CLAIM, inputs: [{ txid: COIN, vout: 0 }] };
  contestBurn(store.db, BURN, [claim, { ...claim }], NOW);
  contestBurn(store.db, BURN, [claim], NOW + 1);
  expect(openClaims(store.db, BURN)).toEqual([claim]);
});

test('a burn is contested until its last claim is released, and a released claim is not opened again', () => {
  const claims = [CLAIM, hash('e')].map((txid, vout) => ({ txid, inputs: [{ txid: COIN, vout }] }));
  contestBurn(store.db, BURN, claims, NOW);
  for (const { txid } of claims) {
    expect(isContested(store.db, BURN)).toBe(true);
    releaseClaim(store.db, BURN, txid, 'spent', NOW);
  }
  expect(isContested(store.db, BURN)).toBe(false);
  contestBurn(store.db, BURN, claims, NOW + 1);
  expect(isContested(store.db, BURN)).toBe(false);
});
