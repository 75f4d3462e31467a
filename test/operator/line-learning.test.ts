// What a coordinator learns from refusals of a step of the treasury line.
import { describe, expect, test } from 'bun:test';
import { NOTHING_LEARNT } from '../../operator/payouts/line-inputs.ts';
import { learnFrom, narrow } from '../../operator/payouts/line-learning.ts';

const asked = { participants: 3, threshold: 2, alone: false, isChild: true };
const unrelayed = { reason: 'relay_refused', data: { detail: 'too-long-mempool-chain', fee_rate_min: '1000' } };

describe('a child that mempools do not take', () => {
  test('is tried at their rate first; where that is no answer, no child is planned', () => {
    const rate = learnFrom(NOTHING_LEARNT, [unrelayed, unrelayed], asked);
    expect(rate).toMatchObject({ rateNeeded: 1_000n, childRefused: false });
    if (rate === null) throw new Error('the rate is learnt');
    expect(learnFrom(rate, [unrelayed, unrelayed], asked)).toMatchObject({ childRefused: true });
  });

  test('a step on the tip that they do not take teaches the rate alone', () => {
    const onTip = { ...asked, isChild: false };
    const rate = learnFrom(NOTHING_LEARNT, [unrelayed, unrelayed], onTip);
    if (rate === null) throw new Error('the rate is learnt');
    expect(learnFrom(rate, [unrelayed, unrelayed], onTip)).toBeNull();
  });
});

describe('a step that nodes do not relay, and do not say why', () => {
  const asked = { participants: 3, threshold: 2, alone: false, isChild: false };

  test('is tried with half of the burns that need not be in it, until one is found', () => {
    const refusals = [unrelayed, unrelayed];
    const half = narrow(NOTHING_LEARNT, refusals, asked, ['a', 'b', 'c']);
    expect([half?.found, [...(half?.learnt.refusedBurns ?? [])]]).toEqual([null, ['c']]);
    const known = half?.learnt ?? NOTHING_LEARNT;
    const found = narrow(known, refusals, asked, ['a']);
    expect([found?.found, [...(found?.learnt.refusedBurns ?? [])]]).toEqual(['a', ['a']]);
    expect(narrow(known, refusals, asked, [])).toBeNull();
  });

  test('keeps its burns where another refusal is what stops it', () => {
    const other = { reason: 'chain_behind' };
    expect(narrow(NOTHING_LEARNT, [other, other], asked, ['a', 'b'])).toBeNull();
    expect(narrow(NOTHING_LEARNT, [unrelayed, other, other], asked, ['a', 'b'])).toBeNull();
  });
});

describe('a sweep that signers find too dear', () => {
  const range = (least: string, most: string) => ({
    reason: 'fee_too_high',
    data: { fee_rate_min: least, fee_rate_max: most, missing: '0' },
  });
  const two = [range('1000', '2000'), range('1000', '3000')];
  const onTip = { participants: 3, threshold: 2, alone: false, isChild: false };

  test('is planned at the highest rate that enough of them sign', () => {
    expect(learnFrom(NOTHING_LEARNT, two, { ...onTip, isSweep: true })).toMatchObject({ sweepRateMost: 3_000n });
    const three = { ...onTip, threshold: 3, isSweep: true };
    expect(learnFrom(NOTHING_LEARNT, two, three)).toMatchObject({ sweepRateMost: 2_000n });
  });

  test('teaches nothing twice, nor by one that signs no rate at all; nor does another step', () => {
    const known = { ...NOTHING_LEARNT, sweepRateMost: 3_000n };
    expect(learnFrom(known, two, { ...onTip, isSweep: true })).toBeNull();
    expect(learnFrom(NOTHING_LEARNT, [range('5000', '20')], { ...onTip, isSweep: true })).toBeNull();
    expect(learnFrom(NOTHING_LEARNT, two, onTip)).toBeNull();
  });
});

test('a consolidation leaves what enough signers keep', () => {
  const keeps = (fee_reserve: string) => ({ reason: 'policy', data: { fee_reserve } });
  const asked = { participants: 3, threshold: 2, alone: false, isChild: false };
  const learnt = learnFrom(NOTHING_LEARNT, [keeps('150000'), keeps('120000')], asked);
  expect(learnt).toMatchObject({ reserveNeeded: 120_000n });
  if (learnt === null) throw new Error('the reserve is learnt');
  expect(learnFrom(learnt, [keeps('120000'), keeps('110000')], asked)).toBeNull();
});
