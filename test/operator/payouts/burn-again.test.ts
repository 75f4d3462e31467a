// Wire takes a block back, and the burn in it comes again in another transaction, with the same nullifier.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { WireBurn } from '../../../chain/wire-ledger.ts';
import { BridgeWorld } from '../bridge-world.ts';
import { withdrawBy } from '../custody.ts';

let world: BridgeWorld;
beforeEach(async () => {
  world = await BridgeWorld.opened();
}, 60_000);
afterEach(() => world.close());

test('a burn that Wire takes back and that comes again under another txid, with its nullifier, is paid', async () => {
  const first = world.burn({ amount: 20_000n, fee: 5_000n, confirmations: 1 });
  await world.rounds(1);
  expect(world.statuses(first)).toEqual(['waiting', 'waiting', 'waiting']);
  for (const ledger of world.federation.chain.ledgers) ledger.known.length = 0;
  const again = world.burn({ amount: 20_000n, fee: 5_000n, nullifier: first.nullifier, address: first.address });
  await world.untilAll(again, 'signed');
  expect(world.paymentsOf(again)).toHaveLength(1);
}, 60_000);

describe('one nullifier that Wire has under two burn txids, both final, is paid once:', () => {
  const reasonFor = async ({ burnTxid }: WireBurn) => {
    const { services } = world.federation.at(0);
    const waiting = await services.autopilot.steps.waiting(world.federation.key(0));
    return waiting.find((one) => one.burnTxid === burnTxid) ?? null;
  };
  const neverPaid = (txid: string, { burnTxid }: WireBurn) => ({
    reason: 'nullifier_twice',
    remedy: `nothing: it can never be paid (step ${txid} has paid burn ${burnTxid}, which has the same nullifier: check your Wire nodes)`,
  });
  const twice = (): readonly [WireBurn, WireBurn] => {
    const first = world.burn({ amount: 20_000n, fee: 5_000n });
    return [first, world.burn({ amount: 30_000n, fee: 5_000n, nullifier: first.nullifier })];
  };

  test('the older one, and the other is named, while the first waits, once it is mined, and when its block is taken back', async () => {
    const [first, second] = twice();
    await world.untilAll(first, 'signed');
    expect(await reasonFor(second)).toMatchObject({ reason: 'nullifier_twice' });
    world.mine(1);
    await world.untilAll(first, 'mined');
    world.pass(601);
    await world.rounds(4);
    const [paid] = world.paymentsOf(first);
    expect(await reasonFor(second)).toMatchObject(neverPaid(paid?.txid ?? '', first));
    world.chain.reorganise(1, () => true, null);
    world.showTip();
    world.pass(601);
    await world.rounds(4);
    expect([world.paymentsOf(first).length, world.paymentsOf(second).length]).toEqual([1, 0]);
  }, 60_000);

  test('by hand too, with both named together, and the second alone where the first is paid', async () => {
    const [first, second] = twice();
    const pay = (...burns: readonly WireBurn[]) => withdrawBy(world.federation, 0, burns);
    const { step } = await pay(first, second);
    expect(step.burns.map(({ burn_txid }) => burn_txid)).toEqual([first.burnTxid]);
    await expect(pay(second)).rejects.toThrow(/nullifier_twice/);
    world.mine(1);
    await world.rounds(1);
    await expect(pay(second)).rejects.toThrow(neverPaid(step.txid, first).remedy);
    expect(world.paymentsOf(second)).toHaveLength(0);
  }, 60_000);
});
