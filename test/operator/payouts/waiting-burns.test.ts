// Which burns the planner is shown, and what is said of the others.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { treasuryScript } from '../../../chain/line.ts';
import { toHex, u32be } from '../../../crypto/bytes.ts';
import { taprootAddress } from '../../../crypto/taproot.ts';
import { holdBurn } from '../../../store/holds.ts';
import { BridgeWorld } from '../bridge-world.ts';

let world: BridgeWorld;
beforeEach(async () => {
  world = await BridgeWorld.opened();
}, 60_000);
afterEach(() => world.close());

const waitingAt = (index: number) =>
  world.federation.at(index).services.autopilot.steps.waiting(world.federation.key(index));

test('thousands of burns that can never be paid, and are older, keep no other from being paid', async () => {
  const treasury = taprootAddress(treasuryScript(world.federation.key().bitcoin.publicKey), 'regtest');
  const { address } = world.burn({ amount: 20_000n, fee: 5_000n });
  const poor = [
    { address, amount: 2_000n, fee: 1n },
    { address, amount: 200n, fee: 100n },
    { address: treasury, amount: 20_000n, fee: 5_000n },
    { address: treasury.toUpperCase(), amount: 20_000n, fee: 5_000n },
  ];
  for (let i = 0; i < 2_400; i++) {
    const name = toHex(u32be(i)).repeat(8);
    world.burn({ burnTxid: name, nullifier: name, ...poor[i % poor.length] });
  }
  const one = world.burn({ amount: 20_000n, fee: 5_000n });
  await world.untilAll(one, 'signed');
}, 60_000);

test('a burn that the own Wire nodes do not call final yet is listed with what it waits for', async () => {
  const one = world.burn({ amount: 20_000n, fee: 5_000n, confirmations: 1 });
  await world.rounds(1);
  const waiting = await waitingAt(0);
  expect(waiting).toMatchObject([{ burnTxid: one.burnTxid, reason: 'burn_unconfirmed' }]);
  const [{ remedy } = { remedy: '' }] = waiting;
  expect(remedy).toContain('1 of');
}, 60_000);

test('a burn that cannot be paid stays listed while it is left alone', async () => {
  const one = world.burn({ address: 'nowhere', amount: 20_000n, fee: 5_000n });
  await world.rounds(2);
  for (let looks = 0; looks < 2; looks++) {
    expect(await waitingAt(0)).toMatchObject([{ burnTxid: one.burnTxid, reason: 'address_invalid' }]);
  }
}, 60_000);

test('a burn whose fee is above its amount is listed as one that can never be paid, and none is paid for it', async () => {
  const bad = world.burn({ amount: 5_000n, fee: 5_001n });
  const good = world.burn({ amount: 20_000n, fee: 5_000n });
  await world.untilAll(good, 'signed');
  for (const index of world.running()) {
    const [why] = await waitingAt(index);
    expect(why).toMatchObject({ burnTxid: bad.burnTxid, reason: 'fee_above_amount', missing: 0n, rate: null });
    expect(why?.remedy).toBe(
      `nothing: it can never be paid (burn ${bad.burnTxid}: the fee 5001 is not smaller than the amount 5000)`,
    );
  }
  expect(world.statuses(bad)).toEqual(['waiting', 'waiting', 'waiting']);
}, 60_000);

test.each([
  ['an address that is none', { address: 'nowhere' }],
  ['dust', { amount: 500n, fee: 300n }],
  ['a fee of all of it', { amount: 5_000n, fee: 5_000n }],
])(
  'a burn with %s is listed with what would let it go on: nothing',
  async (_what, changes) => {
    world.burn({ amount: 20_000n, fee: 5_000n, ...changes });
    await world.rounds(1);
    const [why] = await waitingAt(0);
    expect(why?.remedy).toStartWith('nothing: it can never be paid (burn ');
  },
  60_000,
);

test('a burn that this operator holds is shown as held, whatever else speaks against it', async () => {
  const bad = world.burn({ address: 'nowhere', amount: 20_000n, fee: 5_000n });
  const young = world.burn({ amount: 20_000n, fee: 5_000n, confirmations: 1 });
  await world.rounds(1);
  for (const { burnTxid } of [bad, young]) holdBurn(world.db(0), burnTxid, 'a list', 0);
  const waiting = await waitingAt(0);
  expect(waiting.map(({ burnTxid, reason }) => [burnTxid, reason])).toEqual([
    [bad.burnTxid, 'held'],
    [young.burnTxid, 'held'],
  ]);
  expect(waiting[0]?.remedy).toBe(`this operator holds it: \`mpc_operator unhold ${bad.burnTxid}\` releases it`);
}, 60_000);
