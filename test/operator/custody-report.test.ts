// Custody against liabilities, through a deposit, its mint, a burn and its payout: what custody has above what is
// owed is the treasury's floor and surplus, at every moment.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { TREASURY_SATS_MIN } from '../../chain/line.ts';
import { custodyProblems, custodyReport } from '../../operator/custody-report.ts';
import { statusReport } from '../../operator/status/status-report.ts';
import { treasuryReport } from '../../operator/treasury-report.ts';
import { recordDeposit, setDepositStatus } from '../../store/deposits.ts';
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

test('custody that does not cover what is owed is an alarm, and not only a figure', async () => {
  await world.minted(DEPOSIT);
  const { node } = world.federation.at(0);
  const short = async () => (await statusReport(node)).problems.filter(({ code }) => code === 'custody_short');
  expect(await short()).toEqual([]);
  // Another million that was attested, and that no output of custody holds.
  const lost = { txid: 'ab'.repeat(32), vout: 0, recipient: '11'.repeat(32), amount: DEPOSIT };
  recordDeposit(node.store.db, { ...lost, height: 1, blockHash: 'cd'.repeat(32) }, 1);
  setDepositStatus(node.store.db, lost, 'attested', 1);
  expect(await short()).toMatchObject([
    { severity: 'critical', subject: 'custody', cause: expect.stringContaining(`${DEPOSIT - ROOT} sats less than`) },
  ]);
});

test('custody is not called short while burns that were paid are not known here', () => {
  const facts = { total: '5', treasury: '5', unswept: '0', strays: '0', owed: '9', attested: '9', redeemed: '0' };
  const problems = (is_complete: boolean) => custodyProblems({ ...facts, excess: '-4', is_complete }, 7);
  expect(problems(false)).toEqual([]);
  expect(problems(true)).toHaveLength(1);
  expect(custodyProblems(null, 7)).toEqual([]);
});
