// A payout is read twice: as a message may carry it, and by the judge, who takes less. Both readers know one form, and
// differ in how much of it they take alone.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  intentSchema,
  PAYOUT_MESSAGE_LIMITS,
  payoutChildIntentSchema,
  payoutIntentSchema,
} from '../../ceremony/intent.ts';
import { childIntentJson, parseChildIntent } from '../../chain/payout-child-intent.ts';
import { PAYOUT_LIMITS, parsePayoutIntent, payoutIntentJson } from '../../chain/payout-intent.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { SATS_MAX } from '../../crypto/json-fields.ts';
import { ADDRESS_CHARACTERS_MAX } from '../../crypto/payout-json.ts';

const SEED = 7;
const hash = 'a1'.repeat(32);
const hex = (bytesMax: number) =>
  fc.uint8Array({ minLength: 1, maxLength: bytesMax }).map((bytes) => Buffer.from(bytes).toString('hex'));
const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const amount = fc.bigInt(0n, SATS_MAX).map(String);
const vout = fc.oneof(fc.nat(3), fc.constant(0xffff_ffff));
const address = fc.oneof(fc.string({ minLength: 1, maxLength: 20 }), fc.constant('b'.repeat(ADDRESS_CHARACTERS_MAX)));
const leaf = fc.oneof(
  fc.record({ kind: fc.constant('deposit'), recipient: id }),
  fc.record({ kind: fc.constantFrom('change', 'reservoir', 'test') }),
);
const edges = [PAYOUT_LIMITS.scriptBytesMax, PAYOUT_LIMITS.scriptBytesMax + 1, PAYOUT_MESSAGE_LIMITS.scriptBytesMax];
const script = fc.oneof(
  hex(PAYOUT_LIMITS.scriptBytesMax),
  fc.constantFrom(...edges.map((bytes) => '5a'.repeat(bytes))),
);
const output = fc.record({ script, amount });
const kept = fc.record({
  burns: fc.record({ burn_txid: id, address, amount, fee: amount }),
  inputs: fc.record({ txid: id, vout, amount, leaf }),
  outputs: output,
});
/** How many of something: few, or about as many as either reader takes. */
const counts = (min: number, ...limits: readonly number[]) =>
  fc.oneof(fc.integer({ min, max: 3 }), fc.constantFrom(...limits.flatMap((limit) => [limit - 1, limit, limit + 1])));
const times = (one: Json, count: number) => Array.from({ length: count }, () => one);

/** Payouts of the right form, whatever their size. */
const payouts = fc
  .record({
    kept,
    burns: counts(0, PAYOUT_LIMITS.burnsMax, PAYOUT_MESSAGE_LIMITS.burnsMax),
    inputs: counts(0, PAYOUT_LIMITS.inputsMax, PAYOUT_MESSAGE_LIMITS.inputsMax),
    outputs: counts(0, PAYOUT_LIMITS.outputsMax, PAYOUT_MESSAGE_LIMITS.outputsMax),
    other: output,
    rest: fc.record({ test: fc.boolean(), lock_time: vout, fee: amount }),
  })
  .map(({ kept: one, burns, inputs, outputs, other, rest }) => ({
    kind: 'payout',
    burns: times(one.burns, burns),
    inputs: times(one.inputs, inputs),
    outputs: outputs === 0 ? [] : [...times(one.outputs, outputs - 1), other],
    ...rest,
  }));

type Payout = typeof payouts extends fc.Arbitrary<infer T> ? T : never;
type Limits = typeof PAYOUT_LIMITS;

function isWithin(limits: Limits, { burns, inputs, outputs }: Payout): boolean {
  const scripts = outputs.map((one) =>
    typeof one === 'object' && one !== null && 'script' in one ? one.script : null,
  );
  return (
    burns.length >= limits.burnsMin &&
    burns.length <= limits.burnsMax &&
    inputs.length >= 1 &&
    inputs.length <= limits.inputsMax &&
    outputs.length >= 1 &&
    outputs.length <= limits.outputsMax &&
    scripts.every((script) => typeof script === 'string' && script.length <= 2 * limits.scriptBytesMax)
  );
}

const payout = {
  kind: 'payout',
  test: false,
  burns: [{ burn_txid: hash, address: 'bcrt1q', amount: '500000', fee: '1000' }],
  inputs: [
    { txid: hash, vout: 0, amount: '600000', leaf: { kind: 'deposit', recipient: hash } },
    { txid: hash, vout: 1, amount: '0', leaf: { kind: 'change' } },
  ],
  outputs: [{ script: `5120${hash}`, amount: '499000' }],
  lock_time: 0,
  fee: '500',
};
const child = {
  kind: 'payout_child',
  parent_txid: hash,
  vout: 1,
  amount: '90000',
  output: { script: `5120${hash}`, amount: '89000' },
  fee: '1000',
};

const AMOUNTS_WRONG = [1, -1, null, '', '-1', '01', '1.0', '1e3', ' 1', '0x1', `${SATS_MAX + 1n}`, '9'.repeat(21)];
const HASHES_WRONG = [null, 1, '', hash.slice(1), `${hash}00`, hash.toUpperCase(), `${hash}\n`, 'g'.repeat(64)];
const U32_WRONG = [null, '0', -1, 0.5, 2 ** 32];
const SCRIPTS_WRONG = [null, 1, '', '5', '5G', 'AB', ' 51', '51\n', '51'.repeat(84)];
const ADDRESSES_WRONG = [null, 1, '', 'b'.repeat(ADDRESS_CHARACTERS_MAX + 1)];

/** What is wrong at which place; places are the steps to a value. */
const PAYOUT_WRONG: readonly (readonly [place: readonly (string | number)[], wrong: readonly Json[]])[] = [
  [['kind'], ['payout_child', 'sweep', null]],
  [['test'], [null, 0, 'false']],
  [['burns'], [null, {}]],
  [['burns', 0, 'burn_txid'], HASHES_WRONG],
  [['burns', 0, 'address'], ADDRESSES_WRONG],
  [['burns', 0, 'amount'], AMOUNTS_WRONG],
  [['burns', 0, 'fee'], AMOUNTS_WRONG],
  [['inputs'], [null, {}, []]],
  [['inputs', 0, 'txid'], HASHES_WRONG],
  [['inputs', 0, 'vout'], U32_WRONG],
  [['inputs', 0, 'amount'], AMOUNTS_WRONG],
  [
    ['inputs', 0, 'leaf'],
    [null, 'change', {}, { kind: 'deposit' }, { kind: 'other' }, { kind: 'test', recipient: hash }],
  ],
  [['inputs', 0, 'leaf', 'recipient'], HASHES_WRONG],
  [['outputs'], [null, {}, []]],
  [['outputs', 0, 'script'], SCRIPTS_WRONG],
  [['outputs', 0, 'amount'], AMOUNTS_WRONG],
  [['lock_time'], U32_WRONG],
  [['fee'], AMOUNTS_WRONG],
];
const CHILD_WRONG: typeof PAYOUT_WRONG = [
  [['kind'], ['payout', 'sweep', null]],
  [['parent_txid'], HASHES_WRONG],
  [['vout'], U32_WRONG],
  [['amount'], AMOUNTS_WRONG],
  [['output'], [null, [], {}]],
  [['output', 'script'], SCRIPTS_WRONG],
  [['output', 'amount'], AMOUNTS_WRONG],
  [['fee'], AMOUNTS_WRONG],
];

/** The value with what `change` makes of the value at a place; undefined leaves the member out. */
function changed(
  value: unknown,
  [step, ...rest]: readonly (string | number)[],
  change: (at: unknown) => unknown,
): unknown {
  if (step === undefined) return change(value);
  if (Array.isArray(value)) return value.map((item, at) => (at === step ? changed(item, rest, change) : item));
  if (typeof value !== 'object' || value === null) throw new Error('no such place');
  const members = Object.entries(value).map(([name, item]) => [
    name,
    name === step ? changed(item, rest, change) : item,
  ]);
  return Object.fromEntries(members.filter(([, item]) => item !== undefined));
}

/** Every value that has one thing wrong: a member that is wrong, missing, or too many. */
function spoilt(value: unknown, wrong: typeof PAYOUT_WRONG): readonly unknown[] {
  return wrong.flatMap(([place, bad]) => {
    const whole = place.slice(0, -1);
    const isMember = typeof place.at(-1) === 'string';
    return [
      ...bad.map((one) => changed(value, place, () => one)),
      ...(isMember ? [changed(value, place, () => undefined)] : []),
      ...(isMember ? [changed(value, whole, (at) => ({ ...Object(at), more: 1 }))] : []),
    ];
  });
}

describe('the two readers of a payout', () => {
  test('take what is of the form and within their limits, each its own, and nothing else', () => {
    const seen = { both: 0, messagesAlone: 0, none: 0 };
    fc.assert(
      fc.property(payouts, (value) => {
        const [carried, judged] = [payoutIntentSchema.safeParse(value).success, parsePayoutIntent(value) !== null];
        expect([carried, judged]).toEqual([isWithin(PAYOUT_MESSAGE_LIMITS, value), isWithin(PAYOUT_LIMITS, value)]);
        seen[judged ? 'both' : carried ? 'messagesAlone' : 'none'] += 1;
      }),
      { seed: SEED, numRuns: 400 },
    );
    expect(Object.values(seen).every((count) => count > 10)).toBe(true);
  });

  test('have limits of which the judge’s are never the wider: what it reads, a message can carry', () => {
    const { burnsMin, ...maxima } = PAYOUT_LIMITS;
    expect(burnsMin).toBeGreaterThanOrEqual(PAYOUT_MESSAGE_LIMITS.burnsMin);
    expect(maxima.burnsMax).toBeLessThanOrEqual(PAYOUT_MESSAGE_LIMITS.burnsMax);
    expect(maxima.inputsMax).toBeLessThanOrEqual(PAYOUT_MESSAGE_LIMITS.inputsMax);
    expect(maxima.outputsMax).toBeLessThanOrEqual(PAYOUT_MESSAGE_LIMITS.outputsMax);
    expect(maxima.scriptBytesMax).toBeLessThanOrEqual(PAYOUT_MESSAGE_LIMITS.scriptBytesMax);
  });

  test('understand the same by it: what is read and written again is what was read', () => {
    fc.assert(
      fc.property(payouts, (value) => {
        const judged = parsePayoutIntent(value);
        if (judged === null) return;
        const carried = payoutIntentSchema.parse(value);
        expect(payoutIntentJson(judged)).toEqual(JSON.parse(JSON.stringify(carried)));
        expect(payoutIntentJson(judged)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  test('refuse each thing that is wrong, at every place', () => {
    expect([payoutIntentSchema.safeParse(payout).success, parsePayoutIntent(payout) !== null]).toEqual([true, true]);
    const all = spoilt(payout, PAYOUT_WRONG);
    expect(all.length).toBeGreaterThan(120);
    for (const wrong of all) {
      const taken = {
        wrong,
        carried: intentSchema.safeParse(wrong).success,
        judged: parsePayoutIntent(wrong) !== null,
      };
      expect(taken).toEqual({ wrong, carried: false, judged: false });
    }
  });
});

describe('the two readers of a child', () => {
  test('refuse each thing that is wrong, at every place', () => {
    expect([payoutChildIntentSchema.safeParse(child).success, parseChildIntent(child) !== null]).toEqual([true, true]);
    const all = spoilt(child, CHILD_WRONG);
    expect(all.length).toBeGreaterThan(60);
    for (const wrong of all) {
      const taken = { wrong, carried: intentSchema.safeParse(wrong).success, judged: parseChildIntent(wrong) !== null };
      expect(taken).toEqual({ wrong, carried: false, judged: false });
    }
  });

  test('understand the same by it, and differ in the script that they take alone', () => {
    const children = fc.record({ parent_txid: id, vout, amount, output, fee: amount });
    const seen = { both: 0, messagesAlone: 0 };
    fc.assert(
      fc.property(children, (members) => {
        const value = { kind: 'payout_child', ...members };
        const judged = parseChildIntent(value);
        expect(payoutChildIntentSchema.safeParse(value).success).toBe(true);
        expect(judged !== null).toBe(value.output.script.length <= 2 * PAYOUT_LIMITS.scriptBytesMax);
        if (judged !== null) expect(childIntentJson(judged)).toEqual(value);
        seen[judged === null ? 'messagesAlone' : 'both'] += 1;
      }),
      { seed: SEED, numRuns: 200 },
    );
    expect(Object.values(seen).every((count) => count > 10)).toBe(true);
  });
});
