import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { verifyAuditLog } from '../../store/audit-log.ts';
import type { Store } from '../../store/open.ts';
import { getPayout, listPayouts, listWithdrawals, type Payout } from '../../store/payout-listing.ts';
import { recordPayoutConfirmed, recordPayoutReorganised, recordPayoutSettled } from '../../store/payout-progress.ts';
import { decidePayout, type PayoutDecision } from '../../store/payouts.ts';
import { id, NOW, payout, storeBurns, withStore } from './fixture.ts';

const INPUTS = ['p', 'q', 'r', 's', 't'];
const BURNS = ['a', 'b', 'c', 'd'];
const SEQUENCES = 30;

type Action = { readonly kind: 'decide' | 'confirm' | 'reorganise' | 'settle'; readonly decision: PayoutDecision };

const decision = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom(...INPUTS), { minLength: 1, maxLength: 3 }),
    fc.uniqueArray(fc.constantFrom(...BURNS), { maxLength: 3 }),
    fc.bigInt(1n, 2n),
  )
  .map(([inputs, burns, fee]) => payout(inputs, burns, fee));
const actions = fc.array(
  fc.record<Action>({
    kind: fc.constantFrom('decide', 'decide', 'decide', 'decide', 'confirm', 'reorganise', 'settle'),
    decision,
  }),
  { minLength: 15, maxLength: 35 },
);

function perform(store: Store, action: Action, decided: string[]): void {
  const { db } = store;
  if (action.kind === 'decide') {
    if (decidePayout(db, action.decision, NOW).ok) decided.push(action.decision.txid);
    return;
  }
  // Only what was decided can appear in the chain; which one, the generated transaction picks.
  const txid = decided[Number.parseInt(action.decision.txid.slice(0, 6), 16) % Math.max(1, decided.length)];
  if (txid === undefined) return;
  if (action.kind === 'confirm') recordPayoutConfirmed(db, txid, { height: 1, hash: id('block') }, NOW);
  if (action.kind === 'reorganise') recordPayoutReorganised(db, txid, NOW);
  if (action.kind === 'settle') recordPayoutSettled(db, txid, NOW);
}

const spends = (payouts: Payout, anchor: { txid: string; vout: number }) =>
  payouts.inputs.some(({ txid, vout }) => txid === anchor.txid && vout === anchor.vout);
const isMined = ({ status }: Payout) => status === 'confirmed' || status === 'settled';

function check({ db }: Store, decided: readonly string[]): void {
  const all = listPayouts(db, undefined, { limit: 500 }).rows;
  for (const { burn, payouts } of listWithdrawals(db).rows) {
    const { anchor } = burn;
    if (anchor === null) {
      expect(payouts).toEqual([]);
      continue;
    }
    expect(payouts.every((one) => spends(one, anchor))).toBe(true);
    expect(payouts.filter(isMined).length).toBeLessThanOrEqual(1);
    const ids = new Set(payouts.map(({ txid }) => txid));
    const strangers = all.filter((one) => one.status !== 'replaced' && spends(one, anchor) && !ids.has(one.txid));
    expect(strangers).toEqual([]);
  }
  for (const txid of decided) expect(getPayout(db, txid)).not.toBeNull();
  expect(verifyAuditLog(db).ok).toBe(true);
}

test('whatever is asked and mined: all transactions of a burn share its anchor, at most one is mined, and no live one spends an anchor without paying its burn', () => {
  let agreed = 0;
  let mined = 0;
  fc.assert(
    fc.property(actions, (sequence) => {
      withStore((store) => {
        storeBurns(store, ...BURNS);
        const decided: string[] = [];
        for (const action of sequence) perform(store, action, decided);
        check(store, decided);
        agreed += decided.length;
        mined += listPayouts(store.db, ['confirmed', 'settled']).total;
      });
    }),
    { numRuns: SEQUENCES },
  );
  // The property says nothing if nearly everything was refused.
  expect(agreed).toBeGreaterThan(SEQUENCES);
  expect(mined).toBeGreaterThan(SEQUENCES / 4);
});
