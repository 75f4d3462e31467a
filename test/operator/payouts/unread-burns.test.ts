// Burns that the own Wire nodes have, but on which they do not agree, so that this node cannot read them.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { BridgeWorld } from '../bridge-world.ts';

let world: BridgeWorld;
beforeEach(async () => {
  world = await BridgeWorld.opened();
}, 60_000);
afterEach(() => world.close());

const told = () => world.logged('autopilot_failed', 0).filter((line) => line.includes('"burns"'));

test('burns that the Wire nodes do not tell alike are named in the log, and those before them are paid', async () => {
  const first = world.burn({ amount: 20_000n, fee: 5_000n });
  const hidden = world.burn({ amount: 20_000n, fee: 5_000n });
  const [ledger] = world.federation.chain.ledgers;
  if (ledger === undefined) throw new Error('every member has a ledger');
  const { burns } = ledger;
  ledger.burns = async (after, limit) => (await burns(after, limit)).filter(({ seq }) => seq < hidden.seq);
  await world.untilAll(first, 'signed');
  expect(told()).toHaveLength(1);
  expect(told()[0]).toContain(`disagree about the burns after number ${first.seq}: none of them is read`);
}, 60_000);

test('nothing is said where all burns are read', async () => {
  const one = world.burn({ amount: 20_000n, fee: 5_000n });
  await world.untilAll(one, 'signed');
  expect(told()).toEqual([]);
}, 60_000);
