// What a coordinator makes of refusals when nodes have bound the same burns to different inputs.
import { expect, test } from 'bun:test';
import { learn, noHints } from '../../operator/bridge/payout-plan.ts';

const [burnA, burnB] = ['a'.repeat(64), 'b'.repeat(64)];
const own = { txid: '1'.repeat(64), vout: 0 };
const theirs = { txid: '2'.repeat(64), vout: 0 };
const always = () => true;
const isOwn = ({ txid }: { txid: string }) => txid === own.txid;

test('an own anchor to which a peer has bound another burn takes that burn along', () => {
  const refusal = { reason: 'input_reserved' as const, data: { input: own, burns: [burnB] } };
  const learnt = learn(noHints, [refusal], [burnA], always, isOwn);
  expect([...(learnt?.only ?? [])]).toEqual([burnA, burnB]);
  expect(learnt?.avoided.size).toBe(0);
});

test('an input that nothing binds the payout to is left out instead', () => {
  const refusal = { reason: 'input_reserved' as const, data: { input: theirs, burns: [burnB] } };
  const learnt = learn(noHints, [refusal], [burnA], always, isOwn);
  expect(learnt?.only).toBeNull();
  expect([...(learnt?.avoided ?? [])]).toEqual([`${theirs.txid}:0`]);
});

test('a burn that was taken along brings its own anchor of that peer', () => {
  const taken = { ...noHints, only: new Set([burnA, burnB]) };
  const refusal = { reason: 'burn_conflict' as const, data: { burn_txid: burnB, anchor: theirs } };
  const learnt = learn(taken, [refusal], [burnA, burnB], always, isOwn);
  expect(learnt?.required).toEqual([theirs]);
  expect([...(learnt?.only ?? [])]).toEqual([burnA, burnB]);
});

test('whoever pays the burns of another payout besides, or shares its input, bids more than that one', () => {
  const reserved = { reason: 'input_reserved' as const, data: { input: own, burns: [burnB] } };
  expect(learn(noHints, [reserved], [burnA], always, isOwn)?.bids).toBe(1);
  const conflict = { reason: 'burn_conflict' as const, data: { burn_txid: burnA, anchor: theirs } };
  expect(learn(noHints, [conflict], [burnA], always, isOwn)?.bids).toBe(1);
  const avoided = { reason: 'input_reserved' as const, data: { input: theirs, burns: [burnB] } };
  expect(learn(noHints, [avoided], [burnA], always, isOwn)?.bids).toBe(0);
});

test('a fee that does not replace a payout whose burns are paid too is raised, a few times; one of the same burns is not', () => {
  const cheap = { reason: 'fee_rate_too_low' as const, data: { least: '500' } };
  let hints = noHints;
  for (let bids = 1; bids <= 4; bids++) {
    const learnt = learn(hints, [cheap], [burnA], always, isOwn);
    expect(learnt?.bids).toBe(bids);
    hints = learnt ?? noHints;
  }
  expect(learn(hints, [cheap], [burnA], always, isOwn)).toBeNull();
  expect(learn(noHints, [{ reason: 'fee_rate_too_low' as const }], [burnA], always, isOwn)).toBeNull();
});
