// What this operator's policy refuses, at its boundaries: the largest payout, the hold window, approvals, and the day's limit.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { LineBurn } from '../../chain/line-intent.ts';
import { decidePayoutHere, payoutReport } from '../../operator/payouts/payout-requests.ts';
import { waitReport } from '../../operator/payouts/withdraw.ts';
import { listAudit } from '../../store/audit-log.ts';
import { DAY_CAP_MS } from '../../store/payout-limits.ts';
import { listPayoutRequests, PAYOUT_REQUEST_MS } from '../../store/payout-requests.ts';
import { deposit } from '../chain/line-steps.ts';
import { BridgeWorld } from './bridge-world.ts';
import { burn, LineDesk, NOW } from './line-desk.ts';

/** What `burn(n)` is paid, in sats. */
const PAYS = 10_000n;
const MINUTE_MS = 60_000;

let desk: LineDesk;
beforeEach(() => {
  desk = new LineDesk();
});
afterEach(() => desk.close());

const paying = (...burns: readonly LineBurn[]) =>
  desk.provide(desk.step({ step: 'payout', swept: [deposit(1, 900_000n)], burns }));

describe('a payout', () => {
  test('of exactly the largest amount is signed, and of one sat more refused by its name', async () => {
    desk.policy.withdrawalMaxSats = PAYS - 1n;
    const step = paying(burn(1));
    expect(await desk.refusal(step)).toMatchObject({
      ...{ reason: 'payout_too_large', data: { burn_txid: burn(1).burnTxid } },
    });
    desk.policy.withdrawalMaxSats = PAYS;
    expect(await desk.validate(step)).toBe('signed');
  });

  test('of the amount that is held is signed once it has been final here for the hold window, and not a moment sooner', async () => {
    Object.assign(desk.policy, { holdAboveSats: PAYS, holdMinutes: 30 });
    const step = paying(burn(1));
    expect((await desk.refusal(step)).reason).toBe('payout_on_hold');
    desk.now = NOW + 30 * MINUTE_MS - 1;
    expect((await desk.refusal(step)).reason).toBe('payout_on_hold');
    desk.now += 1;
    expect(await desk.validate(step)).toBe('signed');
    desk.policy.holdAboveSats = PAYS + 1n;
    expect(await desk.validate(paying(burn(2)))).toBe('signed');
  });

  test('of the amount that is held waits for the hold window, however the clock is set meanwhile', async () => {
    Object.assign(desk.policy, { holdAboveSats: PAYS, holdMinutes: 30 });
    desk.elapsed = 0;
    const step = paying(burn(1));
    const at = async (clock: number, elapsed: number) => {
      Object.assign(desk, { now: clock, elapsed });
      return desk.validate(step);
    };
    expect(await at(NOW, 0)).toBe('payout_on_hold');
    expect(await at(NOW - 365 * DAY_CAP_MS, 1)).toBe('payout_on_hold');
    expect(await at(NOW + 365 * DAY_CAP_MS, 2)).toBe('payout_on_hold');
    desk.now = NOW - 365 * DAY_CAP_MS;
    desk.payouts = desk.restarted();
    expect(await at(NOW - 365 * DAY_CAP_MS, 3)).toBe('payout_on_hold');
    desk.now = NOW + MINUTE_MS;
    desk.payouts = desk.restarted();
    expect(await at(NOW + MINUTE_MS, 4)).toBe('payout_on_hold');
    expect(await at(NOW - DAY_CAP_MS, 2 + 29 * MINUTE_MS)).toBe('payout_on_hold');
    expect(await at(NOW - DAY_CAP_MS, 3 + 29 * MINUTE_MS)).toBe('signed');
  });

  test('that became final by a clock that was far ahead waits for one hold window from the next start', async () => {
    Object.assign(desk.policy, { holdAboveSats: PAYS, holdMinutes: 30 });
    const step = paying(burn(1));
    desk.now = NOW + 365 * DAY_CAP_MS;
    expect(await desk.validate(step)).toBe('payout_on_hold');
    desk.now = NOW;
    desk.payouts = desk.restarted();
    expect(await desk.validate(step)).toBe('payout_on_hold');
    desk.now = NOW + 30 * MINUTE_MS - 1;
    expect(await desk.validate(step)).toBe('payout_on_hold');
    desk.now += 1;
    expect(await desk.validate(step)).toBe('signed');
  });

  test('that policy refuses now may be dropped by what replaces it', async () => {
    const both = paying(burn(1, 60_000n, 30_000n), burn(2, 40_000n, 30_000n));
    desk.wait(both);
    const one = desk.changed(both, { burns: [burn(2, 40_000n, 30_000n)] }, 7_500n);
    expect((await desk.refusal(one)).reason).toBe('sibling_waits');
    desk.policy.withdrawalMaxSats = PAYS;
    expect(await desk.validate(one)).toBe('signed');
  });
});

describe('the limit of a day', () => {
  test('is met to the sat, and what was signed exactly 24 h ago counts no more', async () => {
    desk.policy.dayMaxSats = 2n * PAYS;
    expect(await desk.validate(paying(burn(1)))).toBe('signed');
    desk.now = NOW + 1_000;
    expect(await desk.validate(paying(burn(2)))).toBe('signed');
    const third = paying(burn(3));
    expect(await desk.refusal(third)).toMatchObject({
      ...{ reason: 'day_cap_reached', data: { burn_txid: burn(3).burnTxid } },
    });
    desk.now = NOW + DAY_CAP_MS - 1;
    expect((await desk.refusal(third)).reason).toBe('day_cap_reached');
    desk.now += 1;
    expect(await desk.validate(third)).toBe('signed');
    expect((await desk.refusal(paying(burn(4)))).reason).toBe('day_cap_reached');
  });

  test('is not emptied by a clock that is set ahead while the node runs', async () => {
    desk.policy.dayMaxSats = PAYS;
    desk.elapsed = 0;
    expect(await desk.validate(paying(burn(1)))).toBe('signed');
    desk.now = NOW + 2 * DAY_CAP_MS;
    expect(await desk.validate(paying(burn(2)))).toBe('day_cap_reached');
    desk.elapsed = DAY_CAP_MS;
    expect(await desk.validate(paying(burn(2)))).toBe('signed');
  });

  test('counts the burns of one step together, and names the first that exceeds it', async () => {
    desk.policy.dayMaxSats = 2n * PAYS - 1n;
    const step = paying(burn(1), burn(2));
    const [, second] = step.burns;
    expect(await desk.refusal(step)).toMatchObject({ data: { burn_txid: second?.burnTxid ?? '' } });
  });

  test('counts a burn once, however often its payout is replaced', async () => {
    desk.policy.dayMaxSats = PAYS;
    const step = paying(burn(1));
    expect(await desk.validate(step)).toBe('signed');
    expect(await desk.validate(desk.changed(step, {}, 6_000n))).toBe('signed');
  });

  test('holds between two requests that are validated at once', async () => {
    desk.policy.dayMaxSats = PAYS;
    const verdicts = [await desk.validation(paying(burn(1))), await desk.validation(paying(burn(2)))];
    const decided = verdicts.map((verdict) => (verdict.ok ? verdict.decide() : verdict));
    expect(decided).toMatchObject([{ ok: true }, { ok: false, reason: 'day_cap_reached' }]);
  });
});

describe('an approval', () => {
  const config = () => ({ myIndex: 0, policy: desk.policy });
  const at = () => ({ db: desk.store.db, config: config(), now: desk.now });
  const request = () => {
    const [found] = listPayoutRequests(desk.store.db).rows;
    if (found === undefined) throw new Error('nothing is asked');
    return found;
  };
  const approve = () => decidePayoutHere(at(), request().id, 'approved', null);

  test('is asked for above the amount, once, and lets the payout be signed for 24 h', async () => {
    desk.policy.approveAboveSats = PAYS;
    expect(await desk.validate(paying(burn(1)))).toBe('signed');
    desk.policy.approveAboveSats = PAYS - 1n;
    const step = paying(burn(2));
    expect((await desk.refusal(step)).reason).toBe('approval_needed');
    expect((await desk.refusal(step)).data).toEqual({ burn_txid: burn(2).burnTxid });
    expect(listPayoutRequests(desk.store.db).total).toBe(1);
    expect(approve()).toEqual({ ok: true });
    expect(approve()).toEqual({ ok: false, reason: 'request_decided' });
    expect((await desk.validation(step)).ok).toBeTrue();
    desk.now = NOW + PAYOUT_REQUEST_MS;
    expect((await desk.refusal(step)).reason).toBe('approval_needed');
    expect(request()).toMatchObject({ decision: null, createdAt: desk.now });
  });

  test('is void once the policy changes, and the request waits again', async () => {
    desk.policy.approveAboveSats = 0n;
    const step = paying(burn(1));
    await desk.refusal(step);
    approve();
    desk.policy.dayMaxSats = 1_000_000n;
    expect(payoutReport(at(), request())).toMatchObject({ decision: null, outcome: { state: 'open' } });
    expect((await desk.refusal(step)).reason).toBe('approval_needed');
    const kinds = listAudit(desk.store.db, { limit: 20 }).rows.map(({ kind }) => kind);
    expect(kinds).toContain('payout_approval_voided');
    expect(approve()).toEqual({ ok: true });
    expect(await desk.validate(step)).toBe('signed');
  });

  test('that was refused keeps the payout from being signed until it is asked anew', async () => {
    desk.policy.approveAboveSats = 0n;
    const step = paying(burn(1));
    await desk.refusal(step);
    decidePayoutHere(at(), request().id, 'refused', 'an unknown payee');
    expect((await desk.refusal(step)).detail).toContain('has refused it until');
    expect(approve()).toEqual({ ok: false, reason: 'request_decided' });
    desk.now = NOW + PAYOUT_REQUEST_MS;
    await desk.refusal(step);
    expect(approve()).toEqual({ ok: true });
  });
});

describe('burns that policy refuses', () => {
  test('wait with a reason and a remedy, and others are paid', async () => {
    const world = await BridgeWorld.opened();
    try {
      const nodes = [0, 1, 2].map((index) => world.federation.at(index).node);
      for (const { config } of nodes) {
        Object.assign(config.policy, { withdrawalMaxSats: 60_000n, dayMaxSats: 100_000n, approveAboveSats: 50_000n });
      }
      const large = world.burn({ amount: 70_000n });
      const asked = world.burn({ amount: 60_000n });
      const small = [world.burn({ amount: 50_000n }), world.burn({ amount: 50_000n })];
      const beyond = world.burn({ amount: 40_000n });
      await world.until(() => small.every((one) => world.paymentsOf(one).length === 1));
      expect([large, asked, beyond].map((one) => world.paymentsOf(one).length)).toEqual([0, 0, 0]);
      const key = world.federation.key();
      const reports = await Promise.all(
        nodes.map(async (node, index) => {
          const { steps } = world.federation.at(index).services.autopilot;
          return (await steps.waiting(key)).map((why) => waitReport(node, key, why));
        }),
      );
      const reasons = reports.map((left) => new Map(left.map(({ burn_txid, reason }) => [burn_txid, reason])));
      for (const one of reasons) expect(one.get(large.burnTxid)).toBe('payout_too_large');
      for (const one of reasons) expect(one.get(asked.burnTxid)).toBe('approval_needed');
      // The cap counts what a node has signed itself: two of three have signed what was paid.
      expect(reasons.filter((one) => one.get(beyond.burnTxid) === 'day_cap_reached').length).toBeGreaterThanOrEqual(2);
      const [left = []] = reports;
      expect(left.find(({ burn_txid }) => burn_txid === asked.burnTxid)?.remedy).toContain('requests approve');
    } finally {
      await world.close();
    }
  });
});
