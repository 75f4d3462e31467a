// The one answer to the question whether a burn is paid.
import { expect, test } from 'bun:test';
import { burnPayments, listBurnPayments, listWaitingBurns, paymentOf, stepsOfBurn } from '../../store/burn-payments.ts';
import { recordBurn } from '../../store/burns.ts';
import { decideStep, recordStepSigned, takeBackStepsAbove } from '../../store/line.ts';
import { burn, NOW, storeBurns, withStore } from './fixture.ts';
import { beginLine, mine, step } from './line-fixture.ts';

const A = burn('a').burnTxid;
const WAITING = { state: 'waiting' } as const;

test('a burn waits until a step that pays it is signed, then is signed, mined and settled, and back', () => {
  withStore((store) => {
    const { db } = store;
    beginLine(store);
    const one = step({ burns: ['a'] });
    expect(paymentOf(db, A, 10)).toEqual(WAITING);
    decideStep(db, one, NOW);
    expect(paymentOf(db, A, 10)).toEqual(WAITING);
    recordStepSigned(db, one.txid, 'aa', NOW);
    const signed = { state: 'signed', txid: one.txid, height: null } as const;
    expect(paymentOf(db, A, 10)).toEqual(signed);
    mine(store, 7, one);
    expect(paymentOf(db, A, 6)).toEqual({ state: 'mined', txid: one.txid, height: 7 });
    expect(paymentOf(db, A, 7)).toEqual({ state: 'settled', txid: one.txid, height: 7 });
    takeBackStepsAbove(db, 6);
    expect(paymentOf(db, A, 7)).toEqual(signed);
  });
});

test('a mined step counts before a signed one, whichever is newer', () => {
  withStore((store) => {
    beginLine(store);
    const [mined, newer] = [step({ burns: ['a'] }), step({ burns: ['a', 'b'], salt: 1 })];
    mine(store, 7, mined);
    decideStep(store.db, newer, NOW + 1);
    recordStepSigned(store.db, newer.txid, 'aa', NOW + 1);
    expect(paymentOf(store.db, A, 6)).toMatchObject({ state: 'mined', txid: mined.txid });
    expect(stepsOfBurn(store.db, A)).toMatchObject([
      { txid: mined.txid, isPassed: false, height: 7 },
      { txid: newer.txid, isPassed: true, height: null },
    ]);
  });
});

test('of two signed steps the newer counts, and none that the line has passed, itself or by an ancestor', () => {
  withStore((store) => {
    const { db } = store;
    beginLine(store);
    const [older, newer] = [step({ burns: ['a'] }), step({ burns: ['a', 'b'], salt: 1 })];
    const child = step({ parent: newer, burns: ['c'] });
    for (const [index, one] of [older, newer, child].entries()) {
      decideStep(db, one, NOW + index);
      recordStepSigned(db, one.txid, 'aa', NOW);
    }
    expect(paymentOf(db, A, 6)).toMatchObject({ state: 'signed', txid: newer.txid });
    expect(paymentOf(db, burn('c').burnTxid, 6)).toMatchObject({ state: 'signed', txid: child.txid });
    mine(store, 7, older);
    expect(paymentOf(db, burn('b').burnTxid, 6)).toEqual(WAITING);
    expect(paymentOf(db, burn('c').burnTxid, 6)).toEqual(WAITING);
  });
});

test('the burns that wait are those that no mined step pays, the oldest on the Wire ledger first', () => {
  withStore((store) => {
    const { db } = store;
    beginLine(store);
    for (const [index, name] of ['c', 'a', 'b'].entries()) {
      recordBurn(db, { ...burn(name), wireSeq: BigInt(index) }, NOW);
    }
    mine(store, 7, step({ burns: ['a'] }));
    const other = step({ burns: ['b'], salt: 1 });
    decideStep(db, other, NOW);
    const waiting = () => listWaitingBurns(db).rows.map(({ burnTxid }) => burnTxid);
    expect(waiting()).toEqual([burn('c').burnTxid, burn('b').burnTxid]);
    expect(listWaitingBurns(db, { limit: 1, offset: 1 })).toMatchObject({
      rows: [{ burnTxid: burn('b').burnTxid }],
      total: 2,
    });
    takeBackStepsAbove(db, 6);
    expect(waiting()).toEqual(['c', 'a', 'b'].map((name) => burn(name).burnTxid));
  });
});

test('a burn is listed with every step that pays it, the newest last', () => {
  withStore((store) => {
    const { db } = store;
    storeBurns(store, 'a', 'b');
    beginLine(store);
    const [first, second] = [step({ burns: ['a'] }), step({ burns: ['a'], salt: 1 })];
    for (const [index, one] of [second, first].entries()) decideStep(db, one, NOW + index);
    const paid = burnPayments(db, A, 10);
    expect(paid).toMatchObject({ burn: { burnTxid: A }, payment: WAITING });
    expect(paid?.steps.map(({ txid }) => txid)).toEqual([second.txid, first.txid]);
    const listing = listBurnPayments(db, 10);
    expect(listing.total).toBe(2);
    expect(listing.rows.find(({ burn: { burnTxid } }) => burnTxid === A) ?? null).toEqual(paid);
    expect(burnPayments(db, burn('x').burnTxid, 10)).toBeNull();
  });
});
