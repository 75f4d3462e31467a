// The claims that make a burn contested: kept once, whoever tells them, and what they leave a node to decide.
import { expect, test } from 'bun:test';
import { contestBurn, isContested, openClaims, releaseClaim } from '../../store/contested-burns.ts';
import { NOW, withStore } from './fixture.ts';

const hash = (digit: string): string => digit.repeat(64);
const [BURN, CLAIM, COIN] = [hash('b'), hash('c'), hash('d')];

test('a claim that two peers tell at once, or one tells again later, is kept once', () => {
  withStore(({ db }) => {
    const claim = { txid: CLAIM, inputs: [{ txid: COIN, vout: 0 }] };
    contestBurn(db, BURN, [claim, { ...claim }], NOW);
    contestBurn(db, BURN, [claim], NOW + 1);
    expect(openClaims(db, BURN)).toEqual([claim]);
  });
});

test('a burn is contested until its last claim is released, and a released claim is not opened again', () => {
  withStore(({ db }) => {
    const claims = [CLAIM, hash('e')].map((txid, vout) => ({ txid, inputs: [{ txid: COIN, vout }] }));
    contestBurn(db, BURN, claims, NOW);
    for (const { txid } of claims) {
      expect(isContested(db, BURN)).toBe(true);
      releaseClaim(db, BURN, txid, 'spent', NOW);
    }
    expect(isContested(db, BURN)).toBe(false);
    contestBurn(db, BURN, claims, NOW + 1);
    expect(isContested(db, BURN)).toBe(false);
  });
});
