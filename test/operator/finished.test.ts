// Work that the others finished while a node was away: it asks them, verifies, and lists what they list.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { finishedSchemas } from '../../operator/bridge/messages-finished.ts';
import { depositReports, withdrawalReports } from '../../operator/reports.ts';
import { getAttestation } from '../../store/attestations.ts';
import { listPayouts } from '../../store/payout-listing.ts';
import { BridgeWorld } from './bridge-world.ts';

let world: BridgeWorld;
beforeEach(async () => {
  world = await BridgeWorld.make();
});
afterEach(() => world.close());

const never = (): boolean => false;
const page = { limit: 50, offset: 0 };

/** What `deposits` and `withdrawals` say at a node, without the times, which are each node's own. */
async function lists(index: number) {
  const { node } = world.federation.at(index);
  const { deposits } = depositReports(node, page);
  const { withdrawals } = await withdrawalReports(node, page);
  const byTxid = (a: { txid: string }, b: { txid: string }) => (a.txid < b.txid ? -1 : 1);
  return {
    deposits: deposits
      .map(({ attested_at, minted_at, ...rest }) => ({
        ...rest,
        is: [attested_at, minted_at].map((at) => at !== null),
      }))
      .sort(byTxid),
    withdrawals: withdrawals.map(({ created_at: _, ...rest }) => rest).sort(byTxid),
  };
}

/** A deposit, its mint, a burn, a payout that is replaced and then settles: all without node 2. */
async function workWithout2(): Promise<void> {
  await world.minted(2_000_000n);
  const due = world.burn({ fee: 5_000n });
  await world.untilAll(due, 'broadcast');
  for (let blocks = 0; blocks < 12 && listPayouts(world.db(0)).total < 2; blocks++) {
    world.mine(1, never);
    await world.rounds(1);
    world.pass(31);
  }
  world.mine(7);
  await world.untilAll(due, 'settled');
}

describe('a node that was away', () => {
  test('lists the deposits and withdrawals that the others list, replaced versions too', async () => {
    await world.minted();
    await world.federation.stop(2);
    await workWithout2();
    await world.federation.start(2);
    await world.until(() => listPayouts(world.db(2), ['settled']).total === 1);
    await world.rounds(2);
    const [first, second, third] = [await lists(0), await lists(1), await lists(2)];
    expect(first.withdrawals).toHaveLength(2);
    expect(second).toEqual(first);
    expect(third).toEqual(first);
    expect(world.logged('announced_payout_contradicts')).toEqual([]);
  });

  test('without a connection for a while learns the rest as soon as it is back, in one process', async () => {
    await world.minted();
    world.federation.down.add(2);
    const only = [0, 1];
    const due = world.burn();
    for (let tries = 0; listPayouts(world.db(0), ['broadcast']).total === 0 && tries < 12; tries++) {
      await world.rounds(1, only);
      world.pass(11);
    }
    world.mine(7);
    await world.rounds(2);
    expect(listPayouts(world.db(2)).total).toBe(0);
    world.federation.down.delete(2);
    await world.untilAll(due, 'settled');
    await world.rounds(2);
    expect(await lists(2)).toEqual(await lists(0));
  });

  test('learns attestations that were not minted yet, also where it begins nothing by itself', async () => {
    const { federation } = world;
    Object.assign(federation.member(2).config, { automatic: false });
    const recipient = await world.recipient();
    await federation.stop(2);
    for (const ledger of federation.chain.ledgers) {
      ledger.postMint = async () => ({ ok: false, reason: 'wire_unavailable', detail: 'down' });
    }
    const paid = world.pay(recipient);
    world.mine(6);
    await world.until(() => getAttestation(world.db(0), paid)?.signature != null);
    await federation.start(2);
    await world.until(() => getAttestation(world.db(2), paid)?.signature != null);
    expect(getAttestation(world.db(2), paid)?.signature).toBe(getAttestation(world.db(0), paid)?.signature ?? '');
    expect(depositReports(federation.at(2).node, page).deposits[0]?.status).toBe('attested');
  });
});

describe('a peer that lies about what it finished', () => {
  test('makes nobody keep a payout or attestation that the group has not signed, and holds up nobody else', async () => {
    const { federation } = world;
    await world.minted();
    await federation.stop(2);
    const due = world.burn();
    await world.untilAll(due, 'broadcast');
    const [payout] = listPayouts(world.db(0)).rows;
    // An announcement that comes late would tell the truth.
    federation.meddle = ({ message }) => (message.type.startsWith('announce_') ? 'lost' : message);
    // Peer 0 shows the payout to be signed otherwise, and an attestation to somebody else, and says this was all.
    federation.meddleReply = ({ from, to, replies }) =>
      to !== 0 || from !== 2
        ? replies
        : replies.map((reply) => {
            if (reply.type !== 'finished') return reply;
            const text = JSON.stringify(reply.body)
              .replaceAll(/"transaction":"[0-9a-f]+"/g, '"transaction":"00"')
              .replaceAll(/"recipient":"[0-9a-f]{64}","signature"/g, `"recipient":"${'ab'.repeat(32)}","signature"`);
            return { type: 'finished', body: JSON.parse(text) };
          });
    federation.down.add(1);
    await federation.start(2);
    await world.rounds(4);
    expect(listPayouts(world.db(2)).total).toBe(0);
    federation.down.delete(1);
    world.pass(61);
    await world.until(() => listPayouts(world.db(2)).rows.some(({ txid }) => txid === payout?.txid));
    expect(world.logged('attested_otherwise', 2)).toEqual([]);
  });

  test('by what can never be confirmed does not hold up what it tells behind that', async () => {
    const { federation } = world;
    await world.minted();
    await federation.stop(2);
    const due = world.burn();
    await world.untilAll(due, 'broadcast');
    const [payout] = listPayouts(world.db(0)).rows;
    let told = 0;
    federation.meddleReply = ({ from, to, replies }) =>
      to !== 0 || from !== 2
        ? replies
        : replies.map((reply) => {
            if (reply.type !== 'finished') return reply;
            const page = finishedSchemas.finished.parse(reply.body);
            const invented = page.payouts.map(({ intent }) => ({
              intent: { ...intent, lock_time: 1 },
              transaction: null,
            }));
            told += invented.length;
            return { type: 'finished', body: { ...page, payouts: [...invented, ...page.payouts] } };
          });
    federation.down.add(1);
    await federation.start(2);
    await world.rounds(2);
    expect(told).toBeGreaterThan(0);
    expect(listPayouts(world.db(2)).rows.map(({ txid }) => txid)).toEqual([payout?.txid ?? '']);
    // What waits is asked for again after a restart.
    const before = told;
    await federation.restart(2);
    await world.rounds(1, [2]);
    expect(told).toBeGreaterThan(before);
  });

  test('is asked a bounded number of times at once, where it always has more', async () => {
    const { federation } = world;
    let asked = 0;
    let seq = 0;
    federation.meddleReply = ({ from, to, replies }) =>
      to !== 0 || from !== 2
        ? replies
        : replies.map((reply) => {
            if (reply.type !== 'finished') return reply;
            asked += 1;
            seq += 1;
            return {
              type: 'finished',
              body: { attestations: [], payouts: [], at: { epoch: seq % 2, seq }, more: true },
            };
          });
    world.pass(61);
    await world.rounds(1, [2]);
    expect(asked).toBeGreaterThan(1);
    expect(asked).toBeLessThanOrEqual(10);
  });
});
