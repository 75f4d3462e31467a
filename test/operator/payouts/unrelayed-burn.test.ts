// A burn whose address the operators' own Bitcoin nodes do not relay to, as some are set up for future witness versions.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { bech32m } from '@scure/base';
import { parseTransaction } from '../../../chain/raw-transactions.ts';
import { BridgeWorld } from '../bridge-world.ts';

let world: BridgeWorld;
beforeEach(async () => {
  world = await BridgeWorld.opened();
}, 60_000);
afterEach(() => world.close());

const OP_2 = 0x52;
const FUTURE = bech32m.encode('bcrt', [2, ...bech32m.toWords(new Uint8Array(32).fill(7))]);

test('a burn to an address that no own node relays to keeps no other from being paid', async () => {
  for (const { index } of world.federation.members) {
    const { bitcoin } = world.federation.at(index).services.bridge;
    const { testPolicy } = bitcoin;
    Object.assign(bitcoin, {
      testPolicy: async (bytes: Uint8Array) => {
        const read = parseTransaction(bytes);
        const scripts = Array.from({ length: read.outputOffsets.length }, (_, at) => read.script(at));
        if (scripts.some(([first]) => first === OP_2)) return { ok: false, reason: 'rejected', detail: 'scriptpubkey' };
        return testPolicy(bytes);
      },
    });
  }
  world.burn({ address: FUTURE, amount: 30_000n, fee: 6_000n });
  const one = world.burn({ amount: 20_000n, fee: 5_000n });
  await world.untilAll(one, 'signed');
  expect(world.paymentsOf(one)).toHaveLength(1);
}, 60_000);
