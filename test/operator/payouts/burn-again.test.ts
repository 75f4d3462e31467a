// Wire takes a block back, and the burn in it comes again in another transaction, with the same nullifier.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { BridgeWorld } from '../bridge-world.ts';

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
