// Custody against liabilities, through a deposit, its mint, a burn and its payout: what custody has above what is
// owed is the treasury's floor and surplus, at every moment.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { TREASURY_SATS_MIN } from '../../chain/line.ts';
import { custodyReport } from '../../operator/custody-report.ts';
import { statusReport } from '../../operator/status/status-report.ts';
import { treasuryReport } from '../../operator/treasury-report.ts';
import { BridgeWorld } from './bridge-world.ts';

const DEPOSIT = 1_000_000n;
const ROOT = 300_000n;
let world: BridgeWorld;
beforeEach(async () => {
  world = await BridgeWorld.opened(ROOT);
});
afterEach(() => world.close());

function report() {
  const { node } = world.federation.at(0);
  const treasury = treasuryReport(node);
  const custody = custodyReport(node, treasury);
  if (custody === null) throw new Error('the treasury is open');
  return { custody, surplus: BigInt(treasury.surplus ?? 0) };
}

test('custody covers what is owed by the floor and the surplus, before and after a burn is paid', async () => {
  expect(report().custody).toEqual({
    ...{ total: `${ROOT}`, treasury: `${ROOT}`, unswept: '0', strays: '0' },
    ...{ owed: '0', attested: '0', redeemed: '0', excess: `${ROOT}`, is_complete: true },
  });
  await world.minted(DEPOSIT);
  const minted = report();
  expect(minted.custody).toMatchObject({ total: `${ROOT + DEPOSIT}`, unswept: `${DEPOSIT}`, owed: `${DEPOSIT}` });

  const burnt = world.burn();
  world.mine(6);
  await world.until(() => world.paymentsOf(burnt).length === 1);
  expect(report().custody).toMatchObject({ owed: `${DEPOSIT}`, redeemed: '0' });
  world.mine(1);
  await world.untilAll(burnt, 'mined');
  const paid = report();
  expect(BigInt(paid.custody.redeemed)).toBeGreaterThan(0n);
  expect(BigInt(paid.custody.owed)).toBe(DEPOSIT - BigInt(paid.custody.redeemed));
  expect(BigInt(paid.custody.excess)).toBe(TREASURY_SATS_MIN + paid.surplus);
  expect(paid.custody.is_complete).toBeTrue();

  const status = await statusReport(world.federation.at(0).node);
  expect(status).toMatchObject({ custody: paid.custody, burns_waiting: 0 });
});
