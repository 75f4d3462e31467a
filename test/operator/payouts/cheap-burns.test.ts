// Burns that could be paid at a lower rate than today's, and are older: they wait for it, and nobody waits for them.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { toHex, u32be } from '../../../crypto/bytes.ts';
import { BridgeWorld } from '../bridge-world.ts';

let world: BridgeWorld;
beforeEach(async () => {
  world = await BridgeWorld.opened();
}, 60_000);
afterEach(() => world.close());

test('thousands of older burns whose fee pays for the relay rate but not for the present rate keep no other burn from being paid', async () => {
  const { address } = world.burn({ amount: 20_000n, fee: 5_000n });
  for (let i = 0; i < 2_100; i++) {
    const name = toHex(u32be(i)).repeat(8);
    world.burn({ burnTxid: name, nullifier: name, address, amount: 1_000n, fee: 50n });
  }
  const one = world.burn({ amount: 20_000n, fee: 5_000n });
  await world.untilAll(one, 'signed');
  expect(world.paymentsOf(one)).toHaveLength(1);
}, 60_000);
