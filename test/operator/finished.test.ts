// Attestations that the others finished while a node was away: it asks them, verifies, and lists what they list.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { depositReports } from '../../operator/deposit-reports.ts';
import { finishedSchemas } from '../../operator/peers/messages-finished.ts';
import { getAttestation } from '../../store/attestations.ts';
import { BridgeWorld } from './bridge-world.ts';

let world: BridgeWorld;
beforeEach(async () => {
  world = await BridgeWorld.make();
});
afterEach(() => world.close());

const page = { limit: 50, offset: 0 };

/** What `deposits` says at a node, without the times, which are each node's own. */
function deposits(index: number) {
  const listed = depositReports(world.federation.at(index).node, page).deposits;
  return listed
    .map(({ attested_at, minted_at, waits_for: _, ...rest }) => ({
      ...rest,
      is: [attested_at, minted_at].map((at) => at !== null),
    }))
    .sort((a, b) => (a.txid < b.txid ? -1 : 1));
}

/** What the others attest from now on is learnt by asking alone, and no Wire node mints. */
function silent(): void {
  const { federation } = world;
  for (const ledger of federation.chain.ledgers) {
    ledger.postMint = async () => ({ ok: false, reason: 'wire_unavailable', detail: 'down' });
  }
  federation.meddle = ({ message }) => (message.type.startsWith('announce_attestation') ? 'lost' : message);
}

/** Deposits to one recipient that the others have attested without node 2. */
async function attestedWithout2(count: number) {
  const recipient = await world.recipient();
  await world.federation.stop(2);
  const paid = Array.from({ length: count }, () => world.pay(recipient));
  world.mine(6);
  await world.until(() => paid.every((one) => getAttestation(world.db(0), one)?.signature != null));
  return paid;
}

describe('a node that was away', () => {
  test('lists the deposits that the others list', async () => {
    await world.minted();
    await world.federation.stop(2);
    await world.minted(2_000_000n);
    await world.federation.start(2);
    await world.until(() => deposits(2).length === 2 && deposits(2).every(({ status }) => status === 'minted'));
    expect(deposits(1)).toEqual(deposits(0));
    expect(deposits(2)).toEqual(deposits(0));
  });

  test('without a connection for a while learns the rest as soon as it is back, in one process', async () => {
    silent();
    const recipient = await world.recipient();
    world.federation.down.add(2);
    const paid = world.pay(recipient);
    world.mine(6);
    await world.until(() => getAttestation(world.db(0), paid)?.signature != null);
    expect(getAttestation(world.db(2), paid)?.signature ?? null).toBeNull();
    world.federation.down.delete(2);
    world.pass(61);
    await world.until(() => getAttestation(world.db(2), paid)?.signature != null);
    expect(deposits(2)).toEqual(deposits(0));
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
  test('makes nobody keep an attestation that the group has not signed, and holds up nobody else', async () => {
    const { federation } = world;
    silent();
    const [paid = { txid: '', vout: 0 }] = await attestedWithout2(1);
    const other = 'ab'.repeat(32);
    // It asks for no signature by itself.
    Object.assign(federation.member(2).config, { automatic: false });
    let lies = 0;
    // Peer 0 shows it to be attested to somebody else, and says this was all.
    federation.meddleReply = ({ from, to, replies }) =>
      to !== 0 || from !== 2
        ? replies
        : replies.map((reply) => {
            if (reply.type !== 'finished') return reply;
            const told = finishedSchemas.finished.parse(reply.body);
            lies += told.attestations.length;
            const attestations = told.attestations.map((one) => ({ ...one, recipient: other }));
            return { type: 'finished', body: { ...told, attestations } };
          });
    federation.down.add(1);
    await federation.start(2);
    await world.until(() => lies > 0);
    await world.rounds(4);
    expect(getAttestation(world.db(2), paid)?.signature ?? null).toBeNull();
    federation.down.delete(1);
    world.pass(61);
    await world.until(() => getAttestation(world.db(2), paid)?.signature != null);
    expect(getAttestation(world.db(2), paid)?.recipient).not.toBe(other);
    expect(world.logged('attested_otherwise', 2)).toEqual([]);
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
              body: { attestations: [], at: { epoch: seq % 2, seq }, more: true },
            };
          });
    world.pass(61);
    await world.rounds(1, [2]);
    expect(asked).toBeGreaterThan(1);
    expect(asked).toBeLessThanOrEqual(10);
  });
});
