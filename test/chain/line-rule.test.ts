// What the line itself allows of a step: its ancestors, the burns that they pay or may pay, what they spent, the sums.
import { describe, expect, test } from 'bun:test';
import { compareBurns } from '../../chain/line.ts';
import type { LineBurn, LineIntent } from '../../chain/line-intent.ts';
import { type LinePlace, type LineRuling, rootPlace, ruleLine } from '../../chain/line-rule.ts';
import { custodyScript, taprootAddress } from '../../crypto/taproot.ts';
import { type HeldStep, MemoryHistory } from '../../simulation/memory-history.ts';
import {
  addressOf,
  built,
  burn,
  deposit,
  groupKey,
  hash,
  OTHER_ADDRESS,
  otherScript,
  root,
  stepOf,
  stray,
  terms,
} from './line-steps.ts';
import { singleSigner } from './single-signer.ts';

const script = (seed: number) => custodyScript(singleSigner(seed).groupKey, { kind: 'treasury' }).scriptPubKey;

/** A line with one step upon the root, held with or without its list. */
function after(first: LineIntent, isListed: boolean): { history: MemoryHistory; place: LinePlace; held: HeldStep } {
  const history = new MemoryHistory(terms);
  const held = history.hold(built(first).unsigned);
  if (held === null) throw new Error('a step upon the root is held');
  if (isListed && !history.list(held.parsed.txid, first.step, first.burns))
    throw new Error('the list is the right one');
  return { history, place: held.place, held };
}

/** A step upon a place, its sums right. */
function upon({ txid, vout, amount, surplus }: LinePlace, parts: Parameters<typeof stepOf>[0]): LineIntent {
  return stepOf({ ...parts, treasury: { txid, vout, amount } }, surplus);
}
const paying = (place: LinePlace, ...burns: LineBurn[]) =>
  upon(place, { step: 'payout', burns: burns.toSorted(compareBurns) });
const reason = (ruling: LineRuling) => (ruling.ok ? 'ok' : ruling.reason);

describe('the place of a step', () => {
  test('is the root, or output 0 of a step that is held', () => {
    const { history, place, held } = after(paying(rootPlace(root), burn(1)), true);
    const next = paying(place, burn(2));
    expect(ruleLine(history, terms, next)).toMatchObject({ ok: true, parent: held.place });
    expect(held.place).toMatchObject({ vout: 0, depth: 1, surplus: held.parsed.surplus });
    const another = { ...next, treasury: { ...next.treasury, txid: hash(5) } };
    expect(ruleLine(history, terms, another)).toMatchObject({ reason: 'parent_unknown', data: { txid: hash(5) } });
    for (const vout of [1, 2]) {
      expect(reason(ruleLine(history, terms, { ...next, treasury: { ...next.treasury, vout } }))).toBe(
        'parent_unknown',
      );
    }
    expect(reason(ruleLine(history, terms, { ...next, treasury: { ...root, vout: 1 } }))).toBe('parent_unknown');
  });

  test('is unknown to a node that lost the bytes of any ancestor', () => {
    const { history, place } = after(paying(rootPlace(root), burn(1)), true);
    const second = built(paying(place, burn(2))).unsigned;
    const third = history.hold(second);
    if (third === null) throw new Error('the second step is held');
    const next = paying(third.place, burn(3, 60_000n));
    expect(reason(ruleLine(history, terms, next))).toBe('ok');
    const restored = new MemoryHistory(terms);
    expect(restored.hold(second)).toBeNull();
    expect(reason(ruleLine(restored, terms, next))).toBe('parent_unknown');
  });

  test('holds the sats that its transaction says', () => {
    const { history, place } = after(paying(rootPlace(root), burn(1)), true);
    for (const wrong of [-1n, 1n]) {
      const amount = place.amount + wrong;
      const ruling = ruleLine(history, terms, paying({ ...place, amount }, burn(2)));
      expect(ruling).toMatchObject({ reason: 'bad_request', detail: expect.stringContaining(`${place.amount} sats`) });
    }
  });
});

describe('the surplus of a step', () => {
  test('follows from the step before, to the sat', () => {
    const { history, place } = after(paying(rootPlace(root), burn(1)), true);
    const next = upon(place, { step: 'sweep', swept: [stray(1, 50_000n)] });
    expect(reason(ruleLine(history, terms, next))).toBe('ok');
    for (const wrong of [-1n, 1n, -next.surplus]) {
      const ruling = ruleLine(history, terms, { ...next, surplus: next.surplus + wrong });
      expect(ruling).toMatchObject({
        reason: 'surplus_wrong',
        detail: expect.stringContaining(`${next.surplus} sats`),
      });
    }
  });

  test('is never overdrawn, though the treasury holds enough', () => {
    // The deposit belongs to those who hold wBTC for it.
    const { history, place } = after(stepOf({ step: 'sweep', swept: [deposit(1, 900_000n)] }), true);
    const all = upon(place, { step: 'void', fee: place.surplus });
    expect(reason(ruleLine(history, terms, all))).toBe('ok');
    const more = { ...all, fee: place.surplus + 1n };
    for (const surplus of [0n, 1n])
      expect(reason(ruleLine(history, terms, { ...more, surplus }))).toBe('surplus_wrong');
  });
});

describe('a burn', () => {
  const first = paying(rootPlace(root), burn(1), burn(2, 60_000n, 1_500n, OTHER_ADDRESS));

  test('that a listed ancestor pays is refused, by its txid and by its nullifier, at any depth', () => {
    const { history, held } = after(first, true);
    let { place } = held;
    for (let depth = 1; depth <= 4; depth++) {
      for (const again of [burn(1), { ...burn(1), nullifier: hash(9) }, { ...burn(1, 9_000n), burnTxid: hash(9) }]) {
        expect(ruleLine(history, terms, paying(place, again, burn(50)))).toMatchObject({
          reason: 'burn_already_paid',
          data: { burn_txid: again.burnTxid, txid: held.parsed.txid },
        });
      }
      const next = upon(place, { step: 'void', fee: BigInt(depth) });
      place = history.hold(built(next).unsigned)?.place ?? place;
      history.list(place.txid, 'void', []);
      expect(place.depth).toBe(depth + 1);
    }
  });

  test('that a sibling pays is not refused: one of the two at most is mined', () => {
    const { history, held } = after(first, true);
    const replacing = { ...first, fee: 900n, surplus: first.surplus - 500n };
    expect(reason(ruleLine(history, terms, replacing))).toBe('ok');
    expect(reason(ruleLine(history, terms, paying(held.place, burn(1))))).toBe('burn_already_paid');
  });

  test('is refused where an ancestor of unknown list has an output that could be its payment, and only there', () => {
    const { history, held } = after(first, false);
    const on = (...burns: LineBurn[]) => ruleLine(history, terms, paying(held.place, ...burns));
    expect(on(burn(50, 9_000n), burn(1))).toMatchObject({
      reason: 'burn_may_be_paid',
      data: { burn_txid: burn(1).burnTxid, txid: held.parsed.txid },
    });
    // It looks like the first, whatever it is called, and however address and amounts are written.
    expect(reason(on(burn(50)))).toBe('burn_may_be_paid');
    expect(reason(on({ ...burn(50), address: burn(50).address.toUpperCase() }))).toBe('burn_may_be_paid');
    expect(reason(on(burn(50, 50_001n, 1_001n)))).toBe('burn_may_be_paid');
    expect(reason(on(burn(50, 50_000n, 1_001n)))).toBe('ok');
    expect(reason(on(burn(50, 50_000n, 1_000n, OTHER_ADDRESS)))).toBe('ok');
    expect(reason(ruleLine(history, terms, upon(held.place, { step: 'void' })))).toBe('ok');
    history.list(held.parsed.txid, 'payout', first.burns);
    expect(reason(on(burn(50)))).toBe('ok');
    expect(reason(on(burn(1)))).toBe('burn_already_paid');
  });

  test('is refused where it names the treasury of any key on the line, and may name a deposit address', () => {
    const history = new MemoryHistory(terms);
    const other = singleSigner(21).groupKey;
    const to = (address: string) => paying(rootPlace(root), burn(1, 50_000n, 1_000n, address));
    const own = taprootAddress(script(5), 'regtest');
    expect(ruleLine(history, terms, to(own))).toMatchObject({
      reason: 'burn_pays_treasury',
      data: { burn_txid: burn(1).burnTxid },
    });
    expect(reason(ruleLine(history, terms, to(own.toUpperCase())))).toBe('burn_pays_treasury');
    const next = taprootAddress(script(21), 'regtest');
    expect(reason(ruleLine(history, terms, to(next)))).toBe('ok');
    expect(reason(ruleLine(history, terms, to(next), [groupKey, other]))).toBe('burn_pays_treasury');
    const back = custodyScript(groupKey, { kind: 'deposit', recipient: new Uint8Array(32) }).scriptPubKey;
    expect(reason(ruleLine(history, terms, to(addressOf(back))))).toBe('ok');
  });

  test('that no address or amount can pay is refused as the form refuses it', () => {
    const history = new MemoryHistory(terms);
    const on = (one: LineBurn) => reason(ruleLine(history, terms, paying(rootPlace(root), one)));
    expect(on({ ...burn(1), address: 'nothing' })).toBe('address_invalid');
    expect(on(burn(1, 1_000n, 1_000n))).toBe('fee_above_amount');
    expect(on(burn(1, 1_100n, 1_000n))).toBe('below_dust');
  });
});

describe('an output that is swept', () => {
  test('was not spent by an ancestor, neither as a deposit nor as the treasury output', () => {
    const { history, place, held } = after(
      stepOf({ step: 'sweep', swept: [deposit(1, 9_000n), stray(2, 9_000n)] }),
      true,
    );
    const on = (...swept: LineIntent['swept']) => ruleLine(history, terms, upon(place, { step: 'sweep', swept }));
    expect(reason(on(deposit(3, 9_000n)))).toBe('ok');
    for (const again of [deposit(1, 9_000n), stray(2, 9_000n), { ...root, leaf: { kind: 'treasury' } as const }]) {
      expect(on(again)).toMatchObject({
        reason: 'input_spent',
        data: { txid: again.txid, vout: again.vout, spent_by: held.parsed.txid },
      });
    }
    // A sibling may spend the same: one of the two at most is mined.
    const sibling = stepOf({ step: 'sweep', swept: [deposit(1, 9_000n)] });
    expect(reason(ruleLine(history, terms, sibling))).toBe('ok');
  });
});

test('a consolidation does not pay the treasury of any key on the line', () => {
  const history = new MemoryHistory(terms);
  const to = (destination: Uint8Array) =>
    stepOf({ step: 'consolidate', destination: { script: destination, amount: 500_000n } });
  const keys = [groupKey, singleSigner(21).groupKey];
  expect(reason(ruleLine(history, terms, to(otherScript(4)), keys))).toBe('ok');
  for (const seed of [5, 21]) expect(reason(ruleLine(history, terms, to(script(seed)), keys))).toBe('bad_request');
});

describe('what a node holds of the line, in the model', () => {
  test('takes a list only where the step commits to it, and no test step', () => {
    const intent = paying(rootPlace(root), burn(1), burn(2));
    const { history, held } = after(intent, false);
    expect(history.list(held.parsed.txid, 'payout', [burn(1)])).toBe(false);
    expect(history.list(hash(9), 'payout', intent.burns)).toBe(false);
    expect(history.unlisted(held.place)).toHaveLength(1);
    expect(history.list(held.parsed.txid, 'payout', intent.burns)).toBe(true);
    expect(history.unlisted(held.place)).toEqual([]);
    expect(history.hold(built({ ...intent, test: true }).unsigned)).toBeNull();
  });

  test('a test step is ruled on like any other, its burns included', () => {
    const { history, place } = after(paying(rootPlace(root), burn(1)), true);
    expect(reason(ruleLine(history, terms, { ...paying(place, burn(1)), test: true }))).toBe('burn_already_paid');
    expect(reason(ruleLine(history, terms, { ...paying(place, burn(2)), test: true }))).toBe('ok');
  });
});
