// A second node that is asked to pay a burn while the first one's payout waits for its block.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { withdrawOnce } from '../../operator/bridge/withdraw-once.ts';
import { codeOf, burn as makeBurn, minted, withdrawBy } from './custody.ts';
import { FederationInMemory } from './federation-in-memory.ts';

let federation: FederationInMemory;
beforeAll(async () => {
  federation = await FederationInMemory.make();
  await federation.dkgByAll();
});
afterAll(() => federation.close());

function once(by: number, burnTxids: readonly string[]) {
  const { bridge, follower } = federation.at(by).services;
  return withdrawOnce(bridge, follower, { burn_txids: [...burnTxids] }, () => {});
}

test('is told that the burn is being paid, and by which transaction', async () => {
  await minted(federation);
  const burn = makeBurn(federation);
  const first = await withdrawBy(federation, 0, [burn], 3);
  // Nobody has taken in the announcement yet: neither who signed nor who did not can pay it again.
  for (const index of [1, 2]) {
    expect(await once(index, [burn.burnTxid])).toMatchObject({
      ...{ txid: first.txid, status: 'under_way', broadcast: true, signing: { signers: [] } },
      detail: `being paid by transaction ${first.txid}, which is unconfirmed: nothing to do`,
    });
  }
  expect(federation.chain.taken.filter(({ id }) => id === first.txid)).toHaveLength(1);
});

test('hears of it a moment later, where the announcement is on its way still', async () => {
  await minted(federation);
  const burn = makeBurn(federation);
  const held: (() => void)[] = [];
  const restore: (() => void)[] = [];
  for (const index of [1, 2]) {
    const { follower } = federation.at(index).services;
    const take = follower.take.bind(follower);
    restore.push(() => {
      follower.take = take;
    });
    follower.take = (from, message) => void held.push(() => take(from, message));
  }
  const first = await withdrawBy(federation, 0, [burn], 3);
  const asked = [1, 2].map((index) => once(index, [burn.burnTxid]));
  await Bun.sleep(10);
  for (const release of held) release();
  const answers = await Promise.all(asked);
  for (const again of restore) again();
  for (const { txid, status } of answers) expect([txid, status]).toEqual([first.txid, 'under_way']);
});

test('is refused as before where no payout is under way', async () => {
  await minted(federation);
  const poor = makeBurn(federation, { fee: 100n });
  expect(await codeOf(once(1, [poor.burnTxid]))).toBe('fee_too_high');
  const due = makeBurn(federation);
  federation.down.add(0).add(2);
  expect(await codeOf(once(1, [due.burnTxid]))).toBe('not_signed');
  federation.down.clear();
});
