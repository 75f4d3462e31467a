// The JSON of a step: it comes back as it was, and what has not its form is no step.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { type LineIntent, lineJson, parseLineIntent } from '../../chain/line-intent.ts';
import { canonicalBytes, type Json, parseCanonicalJson } from '../../crypto/canonical-json.ts';
import { LINE_BURNS_MAX, LINE_INPUTS_MAX, lineSchema } from '../../crypto/line-json.ts';
import { addressOf, anyStep, built, burn, deposit, hash, otherScript, stepOf, steps } from './line-steps.ts';

/** As a peer gets it. */
function travelled(intent: LineIntent): Json {
  const read = parseCanonicalJson(canonicalBytes(lineJson(intent)), { bytesMax: 1_000_000, depthMax: 10 });
  if (!read.ok) throw new Error(read.reason);
  return read.value;
}

describe('the JSON of a step', () => {
  test('comes back as the same intent, and that as the same JSON and transaction', () => {
    fc.assert(
      fc.property(anyStep, (intent) => {
        const back = parseLineIntent(travelled(intent));
        if (back === null) throw new Error('the JSON of a step is one');
        expect(back).toEqual(intent);
        expect(lineJson(back)).toEqual(lineJson(intent));
        expect(built(back).txid).toBe(built(intent).txid);
      }),
      { numRuns: 100 },
    );
  });

  test('is this one, written down once', () => {
    const json: Json = JSON.parse(
      JSON.stringify(lineJson(stepOf({ step: 'payout', swept: [deposit(1, 7n)], burns: [burn(1)] }))),
    );
    expect(json).toEqual({
      kind: 'line',
      step: 'payout',
      test: false,
      treasury: { txid: hash(1), vout: 0, amount: '2000000' },
      swept: [{ txid: hash(1, 'd'), vout: 1, amount: '7', leaf: { kind: 'deposit', recipient: hash(1, '7') } }],
      burns: [
        {
          ...{ burn_txid: hash(1, 'b'), nullifier: hash(1, 'c'), address: burn(1).address },
          ...{ amount: '50000', fee: '1000' },
        },
      ],
      destination: null,
      fee: '400',
      surplus: '1990600',
    });
  });

  test('of the largest step fits a message, and one burn or input more is none', () => {
    const address = addressOf(otherScript(3));
    const burns = Array.from({ length: LINE_BURNS_MAX }, (_, n) => burn(n, 1_400n, 100n, address));
    const swept = Array.from({ length: LINE_INPUTS_MAX - 1 }, (_, n) => deposit(n, 1_000n));
    const largest = stepOf({ step: 'payout', burns, swept });
    expect(parseLineIntent(travelled(largest))).toEqual(largest);
    const json = lineJson(largest);
    expect(parseLineIntent({ ...json, burns: [...json.burns, ...json.burns.slice(0, 1)] })).toBeNull();
    expect(parseLineIntent({ ...json, swept: [...json.swept, ...json.swept.slice(0, 1)] })).toBeNull();
  });
});

describe('what is no step', () => {
  const json: { readonly [key: string]: Json } = JSON.parse(JSON.stringify(lineJson(steps.payout)));

  test('lacks any member, or has one more', () => {
    expect(parseLineIntent(json)).not.toBeNull();
    for (const name of Object.keys(json)) {
      expect(parseLineIntent(Object.fromEntries(Object.entries(json).filter(([key]) => key !== name)))).toBeNull();
    }
    expect(parseLineIntent({ ...json, lock_time: 0 })).toBeNull();
    expect(parseLineIntent({ ...json, outputs: [] })).toBeNull();
  });

  test('has amounts that are no sats', () => {
    for (const wrong of [
      '',
      '-1',
      '01',
      '1.0',
      '1e3',
      ' 1',
      '1 ',
      '0x1',
      '２',
      '2100000000000001',
      '9'.repeat(5_000),
      1,
      null,
    ]) {
      expect(parseLineIntent({ ...json, fee: wrong })).toBeNull();
      expect(parseLineIntent({ ...json, surplus: wrong })).toBeNull();
      expect(parseLineIntent({ ...json, treasury: { txid: hash(1), vout: 0, amount: wrong } })).toBeNull();
    }
  });

  test('has another kind, step or leaf', () => {
    for (const wrong of ['payout', 'rotate', '', null, 1, ['line']]) {
      expect(parseLineIntent({ ...json, kind: wrong })).toBeNull();
      if (wrong !== 'payout') expect(parseLineIntent({ ...json, step: wrong })).toBeNull();
    }
    const swept = (leaf: Json) => ({ ...json, swept: [{ txid: hash(1), vout: 0, amount: '7', leaf }] });
    expect(parseLineIntent(swept({ kind: 'treasury' }))).not.toBeNull();
    for (const kind of ['change', 'reservoir', 'test', 'Treasury']) expect(parseLineIntent(swept({ kind }))).toBeNull();
    for (const recipient of ['', hash(1).slice(2), `${hash(1)}00`, hash(1, 'A')]) {
      expect(parseLineIntent(swept({ kind: 'deposit', recipient }))).toBeNull();
    }
    expect(parseLineIntent(swept({ kind: 'treasury', recipient: hash(1) }))).toBeNull();
  });

  test('names hashes in capitals, too short or too long, and outputs beyond 32 bits', () => {
    for (const txid of [hash(1).slice(1), `${hash(1)}0`, hash(1, 'B'), `${hash(1)}\n`]) {
      expect(parseLineIntent({ ...json, treasury: { txid, vout: 0, amount: '1' } })).toBeNull();
    }
    for (const vout of [-1, 0.5, 2 ** 32, '0', null]) {
      expect(parseLineIntent({ ...json, treasury: { txid: hash(1), vout, amount: '1' } })).toBeNull();
    }
  });

  test('has a destination of no bytes, half a byte or 35 bytes', () => {
    for (const script of ['', '6', '6A', '00'.repeat(35)]) {
      expect(parseLineIntent({ ...json, destination: { script, amount: '1' } })).toBeNull();
    }
    expect(lineSchema.safeParse({ ...json, destination: { script: '00'.repeat(34), amount: '1' } }).success).toBe(true);
  });
});
