// Blocks that are read once more, for recipients that a node learnt late: beside its work, and whoever tells of recipients.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { getDeposit } from '../../store/deposits.ts';
import { BridgeWorld, type Paid } from './bridge-world.ts';
import { freshHash } from './custody.ts';

let world: BridgeWorld;
/** A deposit to a recipient that node 2 does not know, in a block that it has read. */
let late: Paid;

beforeEach(async () => {
  world = await BridgeWorld.opened();
  await world.rounds(1);
  // Whatever would tell node 2 of the deposit.
  const telling = /^(announce_recipient|recipients_request|announce_attestations|finished_request)$/;
  world.federation.meddle = ({ message }) => (telling.test(message.type) ? 'lost' : message);
  late = world.pay(await world.recipient(0));
  world.mine(8);
  await world.rounds(1);
});
afterEach(() => world.close());

const found = () => getDeposit(world.db(2), late)?.status;
/** What peer `from` tells node 2 of a recipient. */
const tell = (from: number, recipient: string, height: number | null) => {
  const key_id = world.federation.key(2).keyId;
  world.federation.at(2).services.recipients.take(from, [{ recipient, key_id, height }]);
};
const view = () => {
  const [, , fake] = world.federation.chain.views;
  if (fake === undefined) throw new Error('node 2 has a view');
  return fake;
};

const isAtTip = () => {
  const { federation } = world;
  return federation.at(2).services.autopilot.scan.catchUp(federation.key(2), new AbortController().signal);
};

describe('blocks that are read again', () => {
  test('hold up nothing, though a peer tells of another recipient with each of them, and the late deposit is found', async () => {
    expect(found()).toBeUndefined();
    const block = view().block;
    let reads = 0;
    view().block = (hash) => {
      reads += 1;
      // Lest a node that never comes to an end has this test run for ever.
      if (reads > 500) throw new Error('500 blocks were read again');
      tell(1, freshHash(), 0);
      // Its block has been read already in this pass.
      if (reads === 18) tell(0, late.recipient, null);
      world.pass(1);
      return block(hash);
    };
    tell(1, freshHash(), 0);
    expect(await isAtTip()).toBeTrue();
    for (let round = 0; round < 12 && found() === undefined; round++) await world.rounds(1, [2]);
    expect(found()).toBeDefined();
  });

  test('and cannot be had do not keep the node from its tip, and are read later', async () => {
    const block = view().block;
    let reads = 0;
    view().block = async () => {
      reads += 1;
      throw new BitcoinViewError('bitcoin_unavailable', 'a:8332: getblock: it does not answer');
    };
    tell(1, late.recipient, 0);
    await world.rounds(1, [2]);
    expect(await isAtTip()).toBeTrue();
    expect([reads > 0, found()]).toEqual([true, undefined]);
    view().block = block;
    await world.rounds(1, [2]);
    expect(found()).toBeDefined();
  });

  test('and were pruned are passed over: those that are still there are read', async () => {
    const block = view().block;
    let reads = 0;
    view().block = async (hash) => {
      reads += 1;
      if (reads > 12) return block(hash);
      throw new BitcoinViewError('bitcoin_unavailable', 'a:8332: getblock: Block not available (pruned data)');
    };
    tell(1, late.recipient, 0);
    await world.rounds(1, [2]);
    expect(found()).toBeDefined();
    expect(world.logged('late_blocks_pruned', 2).join()).toContain('"blocks":12');
  });
});
