// The fee rule of the treasury line: what may be spent, at which rates, and what a refusal says.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { feeAt } from '../../chain/fee.ts';
import {
  type FeeRefusal,
  type FeeTerms,
  feeBudget,
  feeRange,
  surplusBudget,
  validateFee,
} from '../../chain/line-fee.ts';

/** A payout of 205 vbytes whose burns bear 4,000 sats, at an estimate of 5 sat/vB. */
const terms: FeeTerms = {
  kind: 'payout',
  vsize: 205,
  burnFees: 4_000n,
  surplusBefore: 10_000n,
  sweptStrays: 0n,
  payoutWaited: false,
  sweepFeeReplaced: 0n,
  sweepRateMax: 2_000n,
  estimate: 5_000n,
  cap: 100_000n,
  relay: { feeRateMin: 1_000n, dustRelayRate: 3_000n, incrementalRate: 1_000n },
  replaced: null,
  parent: null,
};
/** A sibling at 10 sat/vB with descendants that brought 1,000 sats more. */
const replaced = { fees: 3_050n, vsize: 405, rate: 10_000n };

function refused(changes: Partial<FeeTerms>, fee: bigint): FeeRefusal {
  const verdict = validateFee({ ...terms, ...changes }, fee);
  if (verdict.ok) throw new Error('it is signed');
  return verdict;
}

const range = (changes: Partial<FeeTerms>) => {
  const found = feeRange({ ...terms, ...changes });
  return found.ok ? [found.min, found.max] : found.data;
};

describe('what may be taken from the surplus', () => {
  test('is all of it up to 20,000 sats, and a quarter of a large one', () => {
    expect(surplusBudget(0n, 0n)).toBe(0n);
    expect(surplusBudget(12_000n, 7_000n)).toBe(19_000n);
    expect(surplusBudget(20_000n, 5_000n)).toBe(20_000n);
    expect(surplusBudget(300_000n, 100_000n)).toBe(100_000n);
  });

  test('never falls by a top-up, and is never more than there is', () => {
    const sats = fc.bigInt(0n, 1_000_000n);
    fc.assert(
      fc.property(sats, sats, sats, (surplus, strays, more) => {
        const before = surplusBudget(surplus, strays);
        expect(surplusBudget(surplus, strays + more)).toBeGreaterThanOrEqual(before);
        expect(before).toBeLessThanOrEqual(surplus + strays);
      }),
    );
  });
});

describe('what each kind may spend', () => {
  test('a payout spends the fees of its burns and nothing of the surplus', () => {
    expect(feeBudget(terms)).toBe(4_000n);
    expect(refused({ estimate: null }, 4_001n).reason).toBe('fee_too_high');
  });

  test('a payout spends B as well once one has waited in the own mempool', () => {
    expect(feeBudget({ ...terms, payoutWaited: true })).toBe(14_000n);
    expect(validateFee({ ...terms, payoutWaited: true, estimate: null }, 14_000n).ok).toBe(true);
  });

  test('a payout that replaces a sweep spends what that sweep might, and not B on top', () => {
    expect(feeBudget({ ...terms, sweepFeeReplaced: 9_000n })).toBe(13_000n);
    expect(feeBudget({ ...terms, sweepFeeReplaced: 9_000n, payoutWaited: true })).toBe(14_000n);
  });

  test('a sweep and a consolidation spend B, and no fees of burns', () => {
    for (const kind of ['sweep', 'consolidate'] as const) {
      expect(feeBudget({ ...terms, kind, surplusBefore: 200_000n, sweptStrays: 40_000n })).toBe(60_000n);
    }
  });

  test('a void step spends all the surplus', () => {
    expect(feeBudget({ ...terms, kind: 'void', surplusBefore: 200_000n })).toBe(200_000n);
  });
});

describe('rates', () => {
  test('lie between half and twice the own estimate', () => {
    expect(range({})).toEqual([feeAt(205, 2_500n), feeAt(205, 10_000n)]);
    expect(validateFee(terms, 513n).ok).toBe(true);
    expect(refused({}, 512n).reason).toBe('fee_rate_too_low');
    expect(validateFee(terms, 2_050n).ok).toBe(true);
    expect(refused({}, 2_051n).reason).toBe('fee_too_high');
  });

  test('go from the relay floor up to the cap where there is no estimate', () => {
    expect(range({ estimate: null, burnFees: 1_000_000n })).toEqual([205n, 20_500n]);
  });

  test('of a sweep go down to the relay floor, whatever the estimate', () => {
    expect(range({ kind: 'sweep', estimate: 20_000n, sweepRateMax: null })).toEqual([205n, 8_200n]);
  });

  test('of a sweep that no burn needs go up to the cheap rate, or to what relaying takes, and replace nothing', () => {
    for (const estimate of [null, 500n, 50_000n]) {
      expect(range({ kind: 'sweep', estimate, sweepRateMax: 3_000n })).toEqual([205n, 615n]);
    }
    const relay = { ...terms.relay, feeRateMin: 12_000n };
    expect(range({ kind: 'sweep', sweepRateMax: 3_000n, relay })).toEqual([2_460n, 2_460n]);
    const refusal = refused({ kind: 'sweep', sweepRateMax: 3_000n, replaced }, 3_255n);
    expect([refusal.reason, refusal.data.missing]).toEqual(['fee_too_high', '0']);
    expect(refusal.detail).toContain('a sweep that no burn needs');
  });

  test('are never below what the own node relays, even above twice the estimate', () => {
    const relay = { ...terms.relay, feeRateMin: 12_000n };
    expect(range({ relay })).toEqual([2_460n, 2_460n]);
    expect(refused({ relay }, 2_459n).data.fee_rate_min).toBe('12000');
  });

  test('are never above the cap, not even for a replacement', () => {
    expect(range({ cap: 6_000n })).toEqual([513n, 1_230n]);
    const refusal = refused({ cap: 6_000n, replaced }, 3_255n);
    expect(refusal.reason).toBe('fee_too_high');
    expect(refusal.data.missing).toBe('0');
  });

  test('of a child count together with its unmined parent', () => {
    const parent = { fee: 1_000n, vsize: 1_000 };
    expect(range({ parent, burnFees: 100_000n })).toEqual([
      feeAt(1_205, 2_500n) - 1_000n,
      feeAt(1_205, 10_000n) - 1_000n,
    ]);
  });

  test('of a child are what the own node relays where the parent pays enough for both', () => {
    expect(range({ parent: { fee: 50_000n, vsize: 1_000 } })).toEqual([205n, 205n]);
  });
});

describe('a replacement', () => {
  test('pays for all that it evicts and for its own bytes', () => {
    expect(range({ replaced })).toEqual([3_255n, 4_000n]);
    expect(refused({ replaced }, 3_254n).reason).toBe('fee_rate_too_low');
  });

  test('has a higher rate than the sibling, also where the fees alone would do', () => {
    const cheap = { ...replaced, fees: 2_060n };
    expect(range({ replaced: cheap, vsize: 400, burnFees: 9_000n })).toEqual([feeAt(400, 10_001n), 5_001n]);
  });

  test('may pay a quarter more than it takes where that is above twice the estimate', () => {
    expect(range({ replaced, burnFees: 100_000n })).toEqual([3_255n, 3_255n + 813n]);
  });

  test('that costs more than may be spent is refused with the missing sats and the rate it takes', () => {
    const refusal = refused({ replaced, burnFees: 2_000n }, 2_000n);
    expect(refusal.reason).toBe('fee_too_high');
    expect(refusal.data).toEqual({ fee_rate_min: '15879', fee_rate_max: '9756', missing: '1255' });
  });

  test('by a void step names the top-up that is missing', () => {
    const refusal = refused({ kind: 'void', vsize: 162, surplusBefore: 3_000n, replaced }, 3_000n);
    expect(refusal.data.missing).toBe(`${3_050n + 162n - 3_000n}`);
  });
});

const situations: fc.Arbitrary<FeeTerms> = fc.record({
  kind: fc.constantFrom('payout', 'sweep', 'consolidate', 'void'),
  vsize: fc.integer({ min: 162, max: 100_000 }),
  burnFees: fc.bigInt(0n, 500_000n),
  surplusBefore: fc.bigInt(0n, 200_000n),
  sweptStrays: fc.bigInt(0n, 50_000n),
  payoutWaited: fc.boolean(),
  sweepFeeReplaced: fc.constant(0n),
  sweepRateMax: fc.option(fc.bigInt(1_000n, 20_000n)),
  estimate: fc.option(fc.bigInt(100n, 60_000n)),
  cap: fc.bigInt(5_000n, 100_000n),
  relay: fc.record({
    feeRateMin: fc.bigInt(100n, 8_000n),
    dustRelayRate: fc.constant(3_000n),
    incrementalRate: fc.bigInt(100n, 1_000n),
  }),
  replaced: fc.option(
    fc.record({
      fees: fc.bigInt(200n, 200_000n),
      vsize: fc.integer({ min: 162, max: 50_000 }),
      rate: fc.bigInt(100n, 60_000n),
    }),
  ),
  parent: fc.option(fc.record({ fee: fc.bigInt(162n, 100_000n), vsize: fc.integer({ min: 162, max: 50_000 }) })),
});

describe('in any situation', () => {
  test('exactly the fees of the range are signed, and a refusal says which rates would be', () => {
    fc.assert(
      fc.property(situations, fc.bigInt(0n, 300_000n), (situation, fee) => {
        const allowed = feeRange(situation);
        const verdict = validateFee(situation, fee);
        expect(verdict.ok).toBe(allowed.ok && allowed.min <= fee && fee <= allowed.max);
        if (verdict.ok || !allowed.ok) return;
        const again = feeAt(situation.vsize, BigInt(verdict.data.fee_rate_min));
        expect(again).toBeGreaterThanOrEqual(allowed.min);
        expect((again - allowed.min) * 1000n).toBeLessThanOrEqual(BigInt(situation.vsize) + 1000n);
      }),
      { numRuns: 500 },
    );
  });

  test('no sweep that no burn needs is signed above the cheap rate and what the own node relays', () => {
    fc.assert(
      fc.property(situations, fc.bigInt(1_000n, 20_000n), (situation, cheap) => {
        const sweep = { ...situation, kind: 'sweep' as const, sweepRateMax: cheap };
        const allowed = feeRange(sweep);
        if (!allowed.ok) return;
        const { vsize, parent, relay } = sweep;
        const most = parent === null ? feeAt(vsize, cheap) : feeAt(parent.vsize + vsize, cheap) - parent.fee;
        const relayed = feeAt(vsize, relay.feeRateMin);
        expect(allowed.max).toBeLessThanOrEqual(most > relayed ? most : relayed);
      }),
      { numRuns: 300 },
    );
  });

  test('no fee is signed that the own node would not relay, that does not replace what waits, or above the budget', () => {
    fc.assert(
      fc.property(situations, (situation) => {
        const { vsize, relay, replaced: sibling } = situation;
        const allowed = feeRange(situation);
        if (!allowed.ok) return;
        expect(allowed.max).toBeLessThanOrEqual(feeBudget(situation));
        expect(allowed.min * 1000n).toBeGreaterThanOrEqual(BigInt(vsize) * relay.feeRateMin);
        if (sibling === null) return;
        expect((allowed.min - sibling.fees) * 1000n).toBeGreaterThanOrEqual(BigInt(vsize) * relay.incrementalRate);
        expect((allowed.min * 1000n) / BigInt(vsize)).toBeGreaterThan(sibling.rate);
      }),
      { numRuns: 500 },
    );
  });
});
