// Which burns a payout leaves out that cannot be made for all: those alone that need not be paid with the others.
import { describe, expect, test } from 'bun:test';
import type { BurnClaim } from '../../chain/burn.ts';
import { leaveOut } from '../../operator/bridge/leave-out.ts';
import { noHints, type PlanHints } from '../../operator/bridge/payout-plan.ts';
import { recordBurn } from '../../store/burns.ts';
import { STALE_DECISION_MS } from '../../store/lapsed-bindings.ts';
import { decidePayout } from '../../store/payouts.ts';
import { burn, NOW, payout, withStore } from '../store/fixture.ts';

const STALE = NOW + STALE_DECISION_MS;
const FEES = { a: 10n, b: 40n, c: 20n, d: 30n, e: 5n };
type Name = keyof typeof FEES;

const claim = (name: Name): BurnClaim => ({ ...burn(name), fee: FEES[name] });
const txids = (names: readonly Name[]) => new Set(names.map((name) => claim(name).burnTxid));

/** What is tried after a plan for `asked`, narrowed to `only`, with these bound upon x at NOW, and those a moment ago. */
function tried(
  asked: readonly Name[],
  {
    lapsed = [],
    fresh = [],
    only = null,
    named = [],
  }: {
    readonly lapsed?: readonly Name[];
    readonly fresh?: readonly Name[];
    readonly only?: readonly Name[] | null;
    readonly named?: readonly Name[];
  },
): { readonly names: readonly string[]; readonly hints: PlanHints } | null {
  return withStore(({ db }) => {
    for (const name of asked) recordBurn(db, { ...burn(name), fee: FEES[name] }, NOW);
    if (lapsed.length > 0) decidePayout(db, payout(['x'], lapsed), NOW);
    if (fresh.length > 0) decidePayout(db, payout(['x', 'y'], [...lapsed, ...fresh]), STALE - 1);
    const hints: PlanHints = {
      ...noHints,
      avoided: new Set(['z:0']),
      bids: 2,
      only: only === null ? null : txids(only),
    };
    const fewer = leaveOut(db, asked.map(claim), hints, txids(named), STALE);
    if (fewer === null) return null;
    const names = asked.filter((name) => fewer.claims.some(({ burnTxid }) => burnTxid === burn(name).burnTxid));
    return { names, hints: fewer.hints };
  });
}

describe('of burns that cannot be paid together', () => {
  test('the half whose lapsed bindings bring most fees is kept, down to one', () => {
    const all: readonly Name[] = ['a', 'b', 'c', 'd', 'e'];
    const first = tried(all, { lapsed: all });
    expect(first?.names).toEqual(['b', 'd']);
    expect(first?.hints).toEqual({ ...noHints, avoided: new Set(['z:0']), bids: 2, unpayable: txids(['a', 'c', 'e']) });
    expect(tried(['b', 'd'], { lapsed: ['b', 'd'] })?.names).toEqual(['b']);
    expect(tried(['b'], { lapsed: ['b'] })).toBeNull();
  });

  test('those that were asked for come first', () => {
    const all: readonly Name[] = ['a', 'b', 'c', 'd'];
    expect(tried(all, { lapsed: all, named: ['a'] })?.names).toEqual(['a', 'b']);
  });

  test('none is left out that is bound to the input and has not lapsed, or that peers ask for', () => {
    expect(tried(['a', 'b', 'c'], { lapsed: ['b', 'c'], fresh: ['a'] })?.names).toEqual(['a', 'b']);
    expect(tried(['a', 'b'], { lapsed: ['b'], fresh: ['a'] })?.names).toEqual(['a']);
    expect(tried(['a', 'b'], { fresh: ['a', 'b'] })).toBeNull();
    expect(tried(['a', 'b'], {})).toBeNull();
  });

  test('those that a refusal has narrowed it to are left out, and the others tried as if nothing were learnt of bids', () => {
    const found = tried(['a', 'b', 'c'], { lapsed: ['a', 'b', 'c'], only: ['a'] });
    expect(found?.names).toEqual(['b']);
    expect(found?.hints).toEqual({ ...noHints, avoided: new Set(['z:0']), unpayable: txids(['a', 'c']) });
    expect(tried(['a', 'b'], { only: ['a'] })?.names).toEqual(['b']);
  });

  test('and not where the narrowed burn is bound and has not lapsed', () => {
    expect(tried(['a', 'b'], { lapsed: ['b'], fresh: ['a'], only: ['a'] })).toBeNull();
  });
});
