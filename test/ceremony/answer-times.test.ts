// How long signers are waited for, from how long they took.
import { describe, expect, test } from 'bun:test';
import type { Intent } from '../../ceremony/intent.ts';
import {
  AnswerTimes,
  allowanceMs,
  PATIENCE_MS_MAX,
  PATIENCE_MS_MIN,
  PATIENCE_UNKNOWN_MS,
} from '../../ceremony/signing/answer-times.ts';
import { ANSWER_TIMEOUT_MS } from '../../operator/signing/coordinator.ts';

const QUORUM = 2;

// Node 0 of five, of which three sign, and what its peers took.
function timesOf(answers: Readonly<Record<number, readonly number[]>>): AnswerTimes {
  const times = new AnswerTimes(0, QUORUM);
  for (const [index, took] of Object.entries(answers)) {
    for (const ms of took) times.note(Number(index), 'attestation', ms, 0);
  }
  return times;
}

const often = (ms: number): readonly number[] => Array.from({ length: 15 }, () => ms);

describe('a signer', () => {
  test('of which nothing is known is waited for as long as a far one', () => {
    expect(timesOf({}).patienceMs(1, 'attestation')).toBe(PATIENCE_UNKNOWN_MS);
    expect(timesOf({}).expectedMs(1)).toBe(null);
  });

  test('is waited for longer than it usually takes, near or far', () => {
    for (const usual of [1, 20, 100, 300, 1_000]) {
      const times = timesOf({ 1: often(usual), 2: often(usual) });
      expect(times.expectedMs(1)).toBe(usual);
      expect(times.patienceMs(1, 'attestation')).toBeGreaterThanOrEqual(Math.max(PATIENCE_MS_MIN, usual * 1.25));
      expect(times.patienceMs(1, 'attestation')).toBeLessThanOrEqual(Math.max(PATIENCE_MS_MIN, usual * 1.25 + 50));
    }
  });

  test('whose times vary is waited for longer than one whose times do not', () => {
    const steady = timesOf({ 1: often(200), 2: often(200) });
    const varying = [140, 260, 140, 260, 200, 140, 260];
    expect(timesOf({ 1: varying, 2: varying }).patienceMs(1, 'attestation')).toBeGreaterThan(
      steady.patienceMs(1, 'attestation'),
    );
  });

  test('that stalled once, or had to be connected to first, is waited for no longer', () => {
    const well = timesOf({ 1: often(100), 2: often(100) });
    expect(timesOf({ 1: [900, 100, 100], 2: often(100) }).patienceMs(1, 'attestation')).toBe(
      well.patienceMs(1, 'attestation'),
    );
    expect(timesOf({ 1: [100, 100, 100, 9_000], 2: often(100) }).patienceMs(1, 'attestation')).toBe(
      well.patienceMs(1, 'attestation'),
    );
  });

  test('is waited for by what it is asked: what takes long to validation does not change the rest', () => {
    const times = timesOf({ 1: often(100), 2: often(100) });
    for (const index of [1, 2]) for (const ms of often(600)) times.note(index, 'line', ms, 0);
    expect(times.patienceMs(1, 'attestation')).toBe(150);
    expect(times.patienceMs(1, 'line')).toBe(750);
    expect([times.isSlow(1, 0), times.isSlow(2, 0)]).toEqual([false, false]);
    expect(times.expectedMs(1)).toBe(600);
  });

  test('of which only the round trip is known gets the time that an unknown one gets, or more where it is far', () => {
    const times = new AnswerTimes(0, QUORUM);
    times.note(1, 'nonces', 20, 0);
    times.note(2, 'nonces', 400, 0);
    expect(times.patienceMs(1, 'line')).toBe(PATIENCE_UNKNOWN_MS);
    expect(times.patienceMs(2, 'line')).toBe(500);
  });

  test('cannot make others wait by being slow always: a fifth longer than the fastest quorum, no more', () => {
    const times = timesOf({ 1: often(100), 2: often(100), 3: often(100), 4: often(4_000) });
    expect(times.patienceMs(4, 'attestation')).toBeLessThanOrEqual(times.patienceMs(1, 'attestation') * 1.2);
    expect(times.isSlow(4, 0)).toBe(true);
    expect([1, 2, 3].map((index) => times.isSlow(index, 0))).toEqual([false, false, false]);
  });

  test('that was slow gets another chance after a while', () => {
    const times = timesOf({ 1: often(100), 2: often(100), 4: often(4_000) });
    expect(times.isSlow(4, 9 * 60_000)).toBe(true);
    expect(times.isSlow(4, 10 * 60_000)).toBe(false);
  });

  test('is not held against the quorum while fewer have answered than it needs', () => {
    expect(timesOf({ 4: often(800) }).isSlow(4, 0)).toBe(false);
    expect(timesOf({ 4: often(800) }).patienceMs(4, 'attestation')).toBeGreaterThan(800);
  });

  test('is never waited for without end', () => {
    expect(timesOf({ 1: often(60_000), 2: often(60_000) }).patienceMs(1, 'attestation')).toBe(PATIENCE_MS_MAX);
  });

  test('of this node’s own index is no peer of the quorum: it answers itself in no time', () => {
    const times = timesOf({ 0: often(1), 1: often(300), 2: often(300) });
    expect(times.patienceMs(1, 'attestation')).toBeGreaterThan(300);
    expect(times.isSlow(1, 0)).toBe(false);
  });
});

describe('more work', () => {
  const line = (burns: number): Intent => ({
    kind: 'line',
    step: 'payout',
    test: false,
    treasury: { txid: 'aa'.repeat(32), vout: 0, amount: '100000' },
    swept: [],
    burns: Array.from({ length: burns }, () => ({
      burn_txid: 'bb'.repeat(32),
      nullifier: 'cc'.repeat(32),
      address: 'bcrt1q',
      amount: '900',
      fee: '10',
    })),
    destination: null,
    fee: '10',
    surplus: '0',
  });

  test('than one message of one burn earns a signer more time, for each message and for each burn', () => {
    expect(allowanceMs(1, { kind: 'test_message', message: 'x' })).toBe(0);
    expect(allowanceMs(100, { kind: 'test_message', message: 'x' })).toBe(99 * 15);
    expect([line(0), line(1)].map((intent) => allowanceMs(1, intent))).toEqual([0, 0]);
    expect(allowanceMs(1, line(2))).toBeGreaterThan(0);
    expect(allowanceMs(128, line(1_000))).toBe(allowanceMs(128, line(1)) + allowanceMs(1, line(1_000)));
  });

  test('never earns more than a signer has to answer at all, even for the largest step', () => {
    expect(PATIENCE_MS_MAX + allowanceMs(128, line(1_000))).toBeLessThan(ANSWER_TIMEOUT_MS);
  });
});
