// Finding the list of burns that a step commits to, from its bytes and what Wire tells of burns.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { burnOutput } from '../../chain/burn.ts';
import { compareBurns, type ParsedLine, parseLine } from '../../chain/line.ts';
import type { LineBurn, LineIntent } from '../../chain/line-intent.ts';
import { checkList, type ListCandidate, listOf } from '../../chain/line-list.ts';
import {
  anyStep,
  built,
  burn,
  groupKey,
  hash,
  OTHER_ADDRESS,
  root,
  stepOf,
  steps,
  stray,
  terms,
} from './line-steps.ts';

function parsed(intent: LineIntent): ParsedLine {
  const line = parseLine(built(intent).unsigned, groupKey);
  if (line === null) throw new Error('a step that was built is read back');
  return line;
}

function candidate(one: LineBurn): ListCandidate {
  const verdict = burnOutput(terms, one);
  if (!verdict.ok) throw new Error(verdict.detail);
  return { burnTxid: one.burnTxid, nullifier: one.nullifier, ...verdict.output };
}

const listed = (burns: readonly LineBurn[]) => burns.map(({ burnTxid, nullifier }) => ({ burnTxid, nullifier }));
const payout = (burns: readonly LineBurn[]) => stepOf({ step: 'payout', burns: burns.toSorted(compareBurns) });
/** Burns of the same amount to the same address, the txids in no order. */
const alike = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ ...burn(n + 1, 1_400n, 100n), burnTxid: hash((n * 7919) % 65_537, 'b') }));

describe('the list of a step', () => {
  test('is found for every kind among burns that it does not pay', () => {
    const others = [7, 8, 9].map((n) => candidate(burn(n, 51_000n, 1_000n)));
    fc.assert(
      fc.property(anyStep, (any) => {
        const intent = { ...any, test: false };
        const { step, burns } = intent;
        const found = listOf(parsed(intent), terms, [...others, ...burns.map(candidate).toReversed()]);
        expect(found).toEqual({ kind: step, burns: listed(burns) });
      }),
      { numRuns: 100 },
    );
  });

  test('is found without any candidate where there are no burns', () => {
    const paidByStrays = stepOf({ step: 'void', swept: [stray(4, 9_000n)] });
    for (const intent of [steps.sweep, steps.consolidate, steps.void, paidByStrays]) {
      expect(listOf(parsed(intent), terms, [])).toEqual({ kind: intent.step, burns: [] });
    }
  });

  test('is not found where one of its burns is unknown, or known by another nullifier, amount or address', () => {
    const burns = [burn(1), burn(2, 60_000n), burn(3, 70_000n)];
    const [first = burn(1), ...rest] = burns;
    const line = parsed(payout(burns));
    expect(listOf(line, terms, burns.map(candidate))).not.toBeNull();
    expect(listOf(line, terms, rest.map(candidate))).toBeNull();
    for (const wrong of [
      { nullifier: hash(9) },
      { burnTxid: hash(9) },
      { amount: 9_000n },
      { address: OTHER_ADDRESS },
    ]) {
      expect(listOf(line, terms, [{ ...first, ...wrong }, ...rest].map(candidate))).toBeNull();
    }
  });

  test('is not found on another network, under another key or from another root', () => {
    const line = parsed(steps.payout);
    const candidates = steps.payout.burns.map(candidate);
    expect(listOf(line, terms, candidates)).not.toBeNull();
    for (const other of [
      { ...terms, network: 'signet' as const },
      { ...terms, keyId: hash(3) },
      { ...terms, root: { ...root, vout: 1 } },
    ]) {
      expect(listOf(line, other, candidates)).toBeNull();
      expect(listOf(parsed(steps.void), other, candidates)).toBeNull();
    }
  });

  test('is found at once where hundreds of burns look alike and the first of them were paid', () => {
    const burns = alike(400);
    const paid = burns.slice(0, 60);
    expect(listOf(parsed(payout(paid)), terms, burns.map(candidate))).toEqual({
      kind: 'payout',
      burns: listed(paid.toSorted(compareBurns)),
    });
  });

  test('is found whichever of a few burns that look alike were paid, in two kinds of look-alikes at once', () => {
    const one = alike(8);
    const two = [20, 21, 22, 23, 24].map((n) => burn(n, 90_000n));
    fc.assert(
      fc.property(fc.subarray(one, { minLength: 1 }), fc.subarray(two), (from, and) => {
        const paid = [...from, ...and].sort(compareBurns);
        const found = listOf(parsed(payout(paid)), terms, [...one, ...two].map(candidate));
        expect(found).toEqual({ kind: 'payout', burns: listed(paid) });
      }),
      { numRuns: 60 },
    );
  });

  test('is given up where too many look alike', () => {
    const burns = alike(1_200);
    // The last ones in the order of the candidates: the search would come to them at the very end.
    const line = parsed(payout(burns.slice(-600)));
    expect(listOf(line, terms, burns.map(candidate))).toBeNull();
  });

  test('a burn that is listed twice does not serve for two outputs', () => {
    const line = parsed(payout([burn(1), burn(2)]));
    expect(listOf(line, terms, [burn(1), burn(1)].map(candidate))).toBeNull();
    expect(listOf(line, terms, [burn(1), burn(1), burn(2)].map(candidate))).not.toBeNull();
  });
});

describe('a list that is told', () => {
  const { payout: paying, sweep, consolidate, void: nothing } = steps;

  test('holds for the step that commits to it, and for no other list, kind or order', () => {
    const line = parsed(paying);
    const list = listed(paying.burns);
    expect(checkList(line, terms, 'payout', list)).toBe(true);
    expect(checkList(line, terms, 'payout', list.toReversed())).toBe(false);
    expect(checkList(line, terms, 'payout', list.slice(1))).toBe(false);
    expect(checkList(line, terms, 'payout', [])).toBe(false);
    expect(checkList(line, terms, 'payout', [...list, ...listed([burn(3)])])).toBe(false);
    for (const kind of ['sweep', 'void', 'consolidate'] as const) {
      expect(checkList(line, terms, kind, [])).toBe(false);
      expect(checkList(line, terms, kind, list)).toBe(false);
    }
    expect(checkList(parsed(sweep), terms, 'sweep', [])).toBe(true);
    expect(checkList(parsed(sweep), terms, 'void', [])).toBe(false);
    expect(checkList(parsed(consolidate), terms, 'consolidate', [])).toBe(true);
    expect(checkList(parsed(nothing), terms, 'void', [])).toBe(true);
    expect(checkList(parsed(nothing), terms, 'sweep', [])).toBe(false);
  });

  test('does not hold for a transaction whose form its kind forbids, whatever its note says', () => {
    const line = parsed(paying);
    const list = listed(paying.burns);
    const more = { ...line, outputs: [...line.outputs, ...line.outputs.slice(2, 3)] };
    expect(checkList(more, terms, 'payout', list)).toBe(false);
    const empty = parsed(nothing);
    expect(checkList({ ...parsed(sweep), inputs: [line.treasury] }, terms, 'sweep', [])).toBe(false);
    expect(checkList({ ...empty, outputs: line.outputs }, terms, 'void', [])).toBe(false);
  });
});
