// What the form of the treasury line refuses, each flaw by its name, and that no part of an intent can be changed unseen.
import { describe, expect, test } from 'bun:test';
import { buildLine, IMPOSSIBLE_VOUT, TREASURY_SATS_MIN } from '../../chain/line.ts';
import { LINE_BURNS_MAX, LINE_INPUTS_MAX, type LineIntent } from '../../chain/line-intent.ts';
import { type LineHistory, rootPlace, ruleLine } from '../../chain/line-rule.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { SATS_MAX } from '../../crypto/json-fields.ts';
import {
  built,
  burn,
  deposit,
  hash,
  OTHER_ADDRESS,
  otherScript,
  root,
  stepOf,
  steps,
  stray,
  terms,
} from './line-steps.ts';

const many = <Item>(count: number, of: (n: number) => Item): Item[] => Array.from({ length: count }, (_, n) => of(n));
const { payout, sweep, consolidate, void: nothing } = steps;
const target = { script: otherScript(11), amount: 500_000n };
const to = (script: string, amount = 500_000n): LineIntent => ({
  ...consolidate,
  destination: { script: fromHex(script), amount },
});

/** A flaw: the intent that has it, the reason, and a piece of the sentence. */
const flaws: Readonly<Record<string, readonly [LineIntent, string, string]>> = {
  'too many inputs': [{ ...sweep, swept: many(LINE_INPUTS_MAX, (n) => deposit(n, 900n)) }, 'bad_request', '128 inputs'],
  'too many inputs by the input of a test': [
    { ...sweep, test: true, swept: many(LINE_INPUTS_MAX - 1, (n) => deposit(n, 900n)) },
    'bad_request',
    '128 inputs',
  ],
  'too many burns': [{ ...payout, burns: many(LINE_BURNS_MAX + 1, (n) => burn(n)) }, 'bad_request', '1000 burns'],
  'swept outputs out of order': [{ ...sweep, swept: sweep.swept.toReversed() }, 'bad_request', 'swept outputs'],
  'an output swept twice': [{ ...sweep, swept: [deposit(1, 9_000n), deposit(1, 9_000n)] }, 'bad_request', 'ascending'],
  'swept outputs of one transaction out of order': [
    { ...sweep, swept: [10, 9].map((vout) => ({ ...stray(1, 900n), vout })) },
    'bad_request',
    'ascending',
  ],
  'burns out of order': [{ ...payout, burns: payout.burns.toReversed() }, 'bad_request', 'burns are not in ascending'],
  'a burn listed twice': [{ ...payout, burns: [burn(1), burn(1)] }, 'bad_request', 'burns are not in ascending'],
  'a nullifier under two burns': [
    { ...payout, burns: [burn(1), { ...burn(2), nullifier: burn(1).nullifier }] },
    'bad_request',
    'nullifier is listed twice',
  ],
  'the treasury output swept as well': [
    { ...sweep, swept: [{ ...root, leaf: { kind: 'treasury' } }] },
    'bad_request',
    'swept as well',
  ],
  'an output that no transaction can have swept': [
    { ...sweep, swept: [{ ...stray(1, 900n), vout: IMPOSSIBLE_VOUT }] },
    'bad_request',
    'cannot exist',
  ],
  'a payout without burns': [{ ...payout, burns: [] }, 'bad_request', 'a payout pays burns'],
  'a sweep with burns': [{ ...sweep, burns: [burn(1)] }, 'bad_request', 'nothing else does'],
  'a void step with burns': [{ ...nothing, burns: [burn(1)] }, 'bad_request', 'nothing else does'],
  'a consolidation with burns': [{ ...consolidate, burns: [burn(1)] }, 'bad_request', 'nothing else does'],
  'a consolidation without a destination': [{ ...consolidate, destination: null }, 'bad_request', 'has a destination'],
  'a payout with a destination': [{ ...payout, destination: target }, 'bad_request', 'nothing else has'],
  'a sweep with a destination': [{ ...sweep, destination: target }, 'bad_request', 'nothing else has'],
  'a void step with a destination': [{ ...nothing, destination: target }, 'bad_request', 'nothing else has'],
  'a sweep of nothing': [{ ...sweep, swept: [] }, 'bad_request', 'a sweep sweeps'],
  'a void step that sweeps a deposit': [{ ...nothing, swept: [deposit(1, 900n)] }, 'bad_request', 'sweeps no deposit'],
  'a treasury below the floor': [{ ...nothing, fee: root.amount - TREASURY_SATS_MIN + 1n }, 'treasury_too_low', '9999'],
  'a negative surplus': [{ ...nothing, surplus: -1n }, 'bad_request', 'surplus'],
  'a surplus beyond all bitcoin': [{ ...nothing, surplus: SATS_MAX + 1n }, 'bad_request', 'surplus'],
  'a surplus beyond 64 bits': [{ ...nothing, surplus: 1n << 64n }, 'bad_request', 'surplus'],
  'a negative fee': [{ ...nothing, fee: -1n }, 'bad_request', 'fee'],
  'a negative amount swept': [{ ...sweep, swept: [stray(1, -1n)] }, 'bad_request', 'swept'],
  'a treasury beyond all bitcoin': [
    { ...sweep, swept: [deposit(1, SATS_MAX), deposit(2, SATS_MAX)] },
    'bad_request',
    '21 million',
  ],
  'a burn to no address': [
    { ...payout, burns: [{ ...burn(1), address: 'bc1qnothing' }] },
    'address_invalid',
    'decoded',
  ],
  'a burn to an address of another network': [
    { ...payout, burns: [{ ...burn(1), address: 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4' }] },
    'address_invalid',
    'another network',
  ],
  'a burn whose fee eats it up': [
    { ...payout, burns: [burn(1, 500n, 500n)] },
    'fee_above_amount',
    'is not smaller than the amount',
  ],
  'a burn with a negative fee': [
    { ...payout, burns: [burn(1, 5_000n, -5n)] },
    'fee_above_amount',
    'is not smaller than the amount',
  ],
  'a burn below dust': [{ ...payout, burns: [burn(1, 1_329n, 1_000n)] }, 'below_dust', '330'],
  'a consolidation below dust': [to(toHex(target.script), 329n), 'below_dust', '330'],
  'a consolidation to data': [to('6a0401020304'), 'address_invalid', 'destination'],
  'a consolidation to a script that ends in the middle of a push': [to('4c'), 'address_invalid', 'destination'],
  'a consolidation to a script with a broken multisig': [to('51210000ae'), 'address_invalid', 'destination'],
};

describe('the form refuses', () => {
  for (const [name, [intent, reason, words]] of Object.entries(flaws)) {
    test(name, () => {
      expect(buildLine(terms, intent)).toMatchObject({ ok: false, reason, detail: expect.stringContaining(words) });
    });
  }

  test('nothing at the limits themselves', () => {
    const swept = many(LINE_INPUTS_MAX - 1, (n) => deposit(n, 1_000n));
    for (const intent of [
      stepOf({ step: 'payout', swept, burns: many(LINE_BURNS_MAX, (n) => burn(n, 1_330n, 1_000n)) }),
      stepOf({ step: 'sweep', test: true, swept: swept.slice(1) }),
      stepOf({ step: 'void', fee: root.amount - TREASURY_SATS_MIN }),
      to(toHex(target.script), 330n),
      ...Object.values(steps),
    ]) {
      expect(buildLine(terms, intent)).toMatchObject({ ok: true });
    }
  });
});

describe('no part of an intent changes unseen', () => {
  const empty: LineHistory = {
    root,
    place: ({ txid, vout }) => (txid === root.txid && vout === root.vout ? rootPlace(root) : null),
    payersOf: () => [],
    unlisted: () => [],
    spendersOf: () => [],
  };
  const [first, second] = payout.burns;
  const [coin, other] = payout.swept;
  if (first === undefined || second === undefined || coin === undefined || other === undefined)
    throw new Error('two each');
  const burns = (change: Partial<typeof first>) => ({ ...payout, burns: [{ ...first, ...change }, second] });
  const swept = (change: Partial<typeof coin>) => ({ ...payout, swept: [{ ...coin, ...change }, other] });
  const changes: Readonly<Record<string, LineIntent>> = {
    test: { ...payout, test: true },
    'treasury txid': { ...payout, treasury: { ...payout.treasury, txid: hash(77) } },
    'treasury vout': { ...payout, treasury: { ...payout.treasury, vout: 1 } },
    'treasury amount': { ...payout, treasury: { ...payout.treasury, amount: root.amount + 1n } },
    'treasury amount and fee': {
      ...payout,
      treasury: { ...payout.treasury, amount: root.amount + 1n },
      fee: payout.fee + 1n,
    },
    'swept txid': swept({ txid: hash(8, 'd') }),
    'swept vout': swept({ vout: 7 }),
    'swept amount': swept({ amount: coin.amount + 1n }),
    'swept amount and fee': { ...swept({ amount: coin.amount + 1n }), fee: payout.fee + 1n },
    'two swept amounts': {
      ...payout,
      swept: [
        { ...coin, amount: coin.amount + 1n },
        { ...other, amount: other.amount - 1n },
      ],
    },
    'swept leaf': swept({ leaf: { kind: 'treasury' } }),
    'recipient of a swept deposit': swept({ leaf: { kind: 'deposit', recipient: fromHex(hash(3, '7')) } }),
    'a swept output less': { ...payout, swept: [coin] },
    'burn txid': burns({ burnTxid: hash(0, 'b') }),
    nullifier: burns({ nullifier: hash(0, 'c') }),
    address: burns({ address: OTHER_ADDRESS }),
    'burn amount': burns({ amount: first.amount + 1n }),
    'burn fee': burns({ fee: first.fee + 1n }),
    'burn amount and fee': burns({ amount: first.amount + 1n, fee: first.fee + 1n }),
    'burn amount, fee and surplus': {
      ...burns({ amount: first.amount + 1n, fee: first.fee + 1n }),
      surplus: payout.surplus + 1n,
    },
    'a burn less': { ...payout, burns: [first] },
    fee: { ...payout, fee: payout.fee + 1n },
    'fee and surplus': { ...payout, fee: payout.fee + 1n, surplus: payout.surplus - 1n },
    surplus: { ...payout, surplus: payout.surplus - 1n },
    'kind and burns': { ...payout, step: 'sweep', burns: [] },
    'kind of the same outputs': { ...payout, step: 'consolidate', burns: [], destination: target },
  };
  const meaning = (intent: LineIntent): string[] | null => {
    const ruling = ruleLine(empty, terms, intent);
    return ruling.ok ? ruling.built.messages.map(({ message, outputKey }) => toHex(message) + toHex(outputKey)) : null;
  };
  const honest = meaning(payout);

  test('an honest intent is ruled in', () => {
    expect(honest).toHaveLength(3);
    expect(ruleLine(empty, terms, payout)).toMatchObject({ ok: true, built: { txid: built(payout).txid } });
  });

  for (const [name, intent] of Object.entries(changes)) {
    test(`${name}: it is refused, or every signature is another one`, () => {
      const changed = meaning(intent);
      for (const message of changed ?? []) expect(honest ?? []).not.toContain(message);
    });
  }
});
