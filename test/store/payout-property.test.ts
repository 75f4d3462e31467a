import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { listLostAnchors, releaseAnchor, releasedAnchors } from '../../store/anchor-releases.ts';
import { verifyAuditLog } from '../../store/audit-log.ts';
import type { Outpoint } from '../../store/database.ts';
import { STALE_DECISION_MS } from '../../store/lapsed-bindings.ts';
import type { Store } from '../../store/open.ts';
import { getPayout, listPayouts, listWithdrawals, type Payout } from '../../store/payout-listing.ts';
import { recordPayoutConfirmed, recordPayoutReorganised, recordPayoutSettled } from '../../store/payout-progress.ts';
import { decidePayout, type PayoutDecision } from '../../store/payouts.ts';
import { getUtxo, markUtxoSpent, markUtxoUnspent, recordUtxo } from '../../store/utxos.ts';
import { id, NOW, outpoint, payout, storeBurns, withStore } from './fixture.ts';

const INPUTS = ['p', 'q', 'r', 's', 't'];
const BURNS = ['a', 'b', 'c', 'd'];
const SEQUENCES = 30;
const HEIGHT = 10;
const DEPTH = 6;

type Kind = 'decide' | 'confirm' | 'reorganise' | 'settle' | 'steal';
type Action = { readonly kind: Kind; readonly decision: PayoutDecision; readonly after: number };

const decision = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom(...INPUTS), { minLength: 1, maxLength: 3 }),
    fc.uniqueArray(fc.constantFrom(...BURNS), { maxLength: 3 }),
    fc.bigInt(1n, 2n),
  )
  .map(([inputs, burns, fee]) => payout(inputs, burns, fee));
const actions = fc.array(
  fc.record<Action>({
    kind: fc.constantFrom('decide', 'decide', 'decide', 'decide', 'confirm', 'reorganise', 'settle', 'steal'),
    decision,
    after: fc.constantFrom(0, 0, 0, STALE_DECISION_MS - 1, STALE_DECISION_MS),
  }),
  { minLength: 15, maxLength: 35 },
);

function spend(store: Store, txid: string, inputs: readonly Outpoint[]): void {
  for (const input of inputs) markUtxoSpent(store.db, input, txid, HEIGHT, NOW);
}

interface Tally {
  /** Burns left out by transactions that spend their anchors. */
  leftOut: number;
}

// Burns bound to an input of this decision that it does not pay.
function unpaidAt({ db }: Store, { inputs, burns }: PayoutDecision): number {
  const paid = new Set(burns.map(({ burnTxid }) => burnTxid));
  return listWithdrawals(db).rows.filter(
    ({ burn: { burnTxid, anchor }, status }) =>
      anchor !== null &&
      status === 'decided' &&
      !paid.has(burnTxid) &&
      inputs.some(({ txid, vout }) => txid === anchor.txid && vout === anchor.vout),
  ).length;
}

function perform(store: Store, { kind, decision: given }: Action, decided: string[], now: number, tally: Tally): void {
  const { db } = store;
  if (kind === 'decide') {
    const left = unpaidAt(store, given);
    if (!decidePayout(db, given, now).ok) return;
    decided.push(given.txid);
    tally.leftOut += left;
    return;
  }
  if (kind === 'steal') {
    // Others have signed it: this node has not. What is spent already stays so.
    const [input] = given.inputs;
    if (input !== undefined && getUtxo(db, input)?.status === 'unspent') spend(store, id('stranger'), [input]);
    return;
  }
  // Only what was decided can appear in the chain; which one, the generated transaction picks.
  const txid = decided[Number.parseInt(given.txid.slice(0, 6), 16) % Math.max(1, decided.length)];
  const known = txid === undefined ? null : getPayout(db, txid);
  if (known === null) return;
  const isMinable = known.inputs.every((input) => [null, known.txid].includes(getUtxo(db, input)?.spentBy ?? null));
  if (kind === 'confirm' && isMinable && known.status !== 'replaced') {
    recordPayoutConfirmed(db, known.txid, { height: HEIGHT, hash: id('block') }, NOW);
    spend(store, known.txid, known.inputs);
  }
  if (kind === 'reorganise' && recordPayoutReorganised(db, known.txid, NOW).ok) {
    for (const input of known.inputs) markUtxoUnspent(db, input, known.txid, NOW);
  }
  if (kind === 'settle') recordPayoutSettled(db, known.txid, NOW);
}

// What counts as deep here is spent by a settled payout or by others.
function release({ db }: Store): number {
  const deep = listLostAnchors(db, HEIGHT).filter(({ spentBy }) => {
    const own = getPayout(db, spentBy);
    return own === null || own.status === 'settled';
  });
  const ground = { blockHash: id('block'), tipHeight: HEIGHT + DEPTH - 1, depth: DEPTH };
  return deep.filter((lost) => releaseAnchor(db, lost, ground, NOW)).length;
}

const spends = (payouts: Payout, anchor: Outpoint) =>
  payouts.inputs.some(({ txid, vout }) => txid === anchor.txid && vout === anchor.vout);
const isMined = ({ status }: Payout) => status === 'confirmed' || status === 'settled';

function check({ db }: Store, decided: readonly string[]): void {
  for (const { burn, payouts } of listWithdrawals(db).rows) {
    const { anchor } = burn;
    const released = releasedAnchors(db, burn.burnTxid);
    for (const one of payouts) {
      if (anchor !== null && spends(one, anchor)) continue;
      // It can never be mined.
      expect(one.status).toBe('replaced');
      expect(released.some((outpoint) => spends(one, outpoint))).toBe(true);
    }
    expect(payouts.filter(isMined).length).toBeLessThanOrEqual(1);
  }
  for (const txid of decided) expect(getPayout(db, txid)).not.toBeNull();
  expect(verifyAuditLog(db).ok).toBe(true);
}

test('whatever is asked, mined and released: all transactions of a burn that can be mined share its anchor, and at most one is mined', () => {
  let agreed = 0;
  let mined = 0;
  let released = 0;
  const tally: Tally = { leftOut: 0 };
  fc.assert(
    fc.property(actions, (sequence) => {
      withStore((store) => {
        storeBurns(store, ...BURNS);
        for (const name of INPUTS) {
          recordUtxo(store.db, { ...outpoint(name), amount: 9n, leaf: { kind: 'change' }, height: 1 }, NOW);
        }
        const decided: string[] = [];
        let now = NOW;
        for (const action of sequence) {
          now += action.after;
          perform(store, action, decided, now, tally);
          released += release(store);
        }
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
  expect(released).toBeGreaterThan(SEQUENCES / 4);
  expect(tally.leftOut).toBeGreaterThan(SEQUENCES / 4);
}, 60_000);
