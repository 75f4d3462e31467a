// What heartbeats make of restored, copied and lying nodes.
import { afterEach, describe, expect, test } from 'bun:test';
import { sealEnvelope } from '../../crypto/envelope.ts';
import { signHead } from '../../crypto/head-statement.ts';
import { createSession, type Session } from '../../crypto/identity.ts';
import { LAST_WORDS_MS } from '../../operator/transport/peer-session.ts';
import { listAudit } from '../../store/audit-log.ts';
import { getNodeState, stateHead } from '../../store/node-state.ts';
import { getPeer } from '../../store/peers.ts';
import { INTERVAL_MS, NETWORK, Ring } from './heartbeat-ring.ts';

let ring: Ring | null = null;
function start(parties = 3, threshold = 2): Ring {
  ring = new Ring(parties, threshold);
  return ring;
}
afterEach(async () => {
  await ring?.close();
  ring = null;
});

const phases = (of: Ring): readonly string[] => of.nodes.map(({ index }) => of.phase(index));
const highestSeen = (of: Ring, at: number, peer: number) => getPeer(of.node(at).store.db, peer)?.head ?? null;

/** A session of a node's identity that no node of the ring runs. */
function otherStart(of: Ring, index: number, now: number): Session {
  const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
  const { identity } = of.node(index);
  return createSession({ identity, network: NETWORK, index, boot: random(16), seed: random(32), now });
}

describe('a federation', () => {
  test('is live after one beat of each, and every peer keeps the head of every other as its owner signed it', async () => {
    const of = start();
    expect(phases(of)).toEqual(['starting', 'starting', 'starting']);
    await of.rounds(1);
    expect(phases(of)).toEqual(['live', 'live', 'live']);
    of.decide(1, 'a');
    await of.rounds(1);
    expect(highestSeen(of, 0, 1)).toMatchObject(stateHead(of.node(1).store.db));
    expect(highestSeen(of, 2, 1)).toMatchObject(stateHead(of.node(1).store.db));
  });

  test('goes on with one of three dead, also when one of the two others is started again', async () => {
    const of = start();
    await of.rounds(2);
    of.down.add(2);
    await of.restart(1);
    of.decide(1, 'its first words lengthen its log');
    await of.rounds(1);
    expect(of.phase(1)).toBe('starting');
    await of.rounds(1);
    expect(of.phase(1)).toBe('live');
    await of.rounds(1);
    expect(highestSeen(of, 0, 1)).toMatchObject({ ...stateHead(of.node(1).store.db), epoch: 0 });
    expect(of.node(1).heartbeat.problems()).toEqual([]);
  });

  test('shows a decision to all peers at once, not only at the next beat', async () => {
    const of = start();
    await of.rounds(2);
    of.now += 300;
    const before = of.sent;
    of.node(0).heartbeat.changed();
    expect(of.sent).toBe(before);
    of.decide(0, 'a');
    of.node(0).heartbeat.changed();
    expect(of.sent).toBe(before + 2);
    of.node(0).heartbeat.changed();
    expect(of.sent).toBe(before + 2);
  });
});

describe('a node that was put back to an older state', () => {
  async function restored(of: Ring): Promise<void> {
    await of.rounds(2);
    await of.backup(1);
    await of.rounds(2);
    of.decide(1, 'lost');
    of.decide(1, 'lost too');
    await of.rounds(1);
    await of.restore(1);
  }

  test('signs nothing, and both it and its peers raise the alarm', async () => {
    const of = start();
    await restored(of);
    of.down.add(2);
    await of.rounds(3);
    expect(of.phase(1)).toBe('catching_up');
    expect(of.node(1).heartbeat.maySign()).toMatchObject({ ok: false });
    expect(of.node(1).heartbeat.problems().join()).toContain('operator 0 has seen a newer state');
    expect(of.node(0).heartbeat.problems().join()).toContain('operator 1 shows an older state than it had');
    expect(of.node(0).log.join('\n')).toContain('error peer_state_regressed {"peer":1,"flaw":"regressed"');
  });

  test('is found out also when its log has grown past what its peers saw before the first beat', async () => {
    const of = start();
    await restored(of);
    const seen = highestSeen(of, 0, 1);
    for (const word of ['a', 'b', 'c', 'd']) of.decide(1, word);
    expect(stateHead(of.node(1).store.db).seq).toBeGreaterThan(seen?.seq ?? 0);
    await of.rounds(1);
    expect(of.phase(1)).toBe('catching_up');
    expect(highestSeen(of, 0, 1)).toEqual(seen);
    expect(highestSeen(of, 2, 1)).toEqual(seen);
  });

  test('continues in a higher epoch that its peers accept and write down, and is found out a second time as well', async () => {
    const of = start();
    await restored(of);
    await of.rounds(1);
    for (const epoch of [1, 2]) {
      expect(of.phase(1)).toBe('catching_up');
      of.now += INTERVAL_MS;
      of.node(1).heartbeat.tick();
      await of.node(1).heartbeat.standing.settled();
      await of.rounds(2);
      expect(of.phase(1)).toBe('live');
      expect(getNodeState(of.node(1).store.db).epoch).toBe(epoch);
      expect(highestSeen(of, 0, 1)).toMatchObject({ ...stateHead(of.node(1).store.db), epoch });
      expect(listAudit(of.node(0).store.db).rows[0]).toMatchObject({
        kind: 'peer_state_recovered',
        body: { index: 1 },
      });
      expect(listAudit(of.node(1).store.db).rows[0]).toMatchObject({ kind: 'state_recovered', body: { epoch } });
      await of.restore(1);
      await of.rounds(1);
    }
  });

  test('halts where what it is told contradicts what it has, and tries again where its peers have not told yet', async () => {
    const of = start();
    await restored(of);
    await of.rounds(1);
    for (const [kind, phase] of [
      ['waiting', 'catching_up'],
      ['contradiction', 'halted'],
    ] as const) {
      of.node(1).catchUp = async () => ({ kind, detail: `it is ${kind}` });
      of.now += INTERVAL_MS;
      of.node(1).heartbeat.tick();
      await of.node(1).heartbeat.standing.settled();
      expect(of.phase(1)).toBe(phase);
      expect(of.node(1).heartbeat.problems().join()).toContain(`it is ${kind}`);
    }
    await of.rounds(3);
    expect(of.phase(1)).toBe('halted');
  });

  test('asks for what was decided since its peers last agreed that its state was whole', async () => {
    const of = start();
    const wholeAt = () => getNodeState(of.node(1).store.db).wholeAt;
    await of.rounds(1);
    of.node(1).heartbeat.tick();
    // At their first beats none of them was live yet.
    expect(wholeAt()).toBeNull();
    of.now += 10_000;
    await of.rounds(1);
    of.node(1).heartbeat.tick();
    const first = of.now;
    expect(wholeAt()).toBe(first);
    await restored(of);
    await of.rounds(1);
    of.now += 3_600_000;
    of.node(1).heartbeat.tick();
    await of.node(1).heartbeat.standing.settled();
    expect(of.node(1).tasks).toMatchObject([{ needed: 2, peers: [0, 2], epoch: 1 }]);
    expect(of.node(1).tasks[0]?.since).toBeLessThan(first);
  });

  test('takes the word of peers that are not live for whole only after five minutes without enough of the others', async () => {
    const of = start();
    await restored(of);
    await of.rounds(1);
    of.node(1).catchUp = async () => ({ kind: 'waiting', detail: 'its peers have not told yet' });
    const asked = async (ms: number) => {
      of.idle(1, ms);
      await of.node(1).heartbeat.standing.settled();
      of.idle(1, INTERVAL_MS);
      await of.node(1).heartbeat.standing.settled();
      return of.node(1).tasks.at(-1)?.anyCounts;
    };
    expect(await asked(INTERVAL_MS)).toBe(false);
    expect(await asked(4.5 * 60_000)).toBe(false);
    // A clock that is set makes no difference.
    of.now += 3_600_000;
    expect(await asked(INTERVAL_MS)).toBe(false);
    expect(await asked(30_000)).toBe(true);
  });

  test('does not confirm the state of another one beside it, but where no other is left to confirm it', async () => {
    const of = start(5, 3);
    await of.rounds(2);
    await restored(of);
    await of.rounds(1);
    expect(of.phase(1)).toBe('catching_up');
    of.down.add(4);
    await of.restart(0);
    await of.rounds(1);
    // Operators 1, 2 and 3 agree, which would do if 1 were live.
    expect(of.phase(0)).toBe('starting');
    of.down.delete(4);
    await of.rounds(1);
    expect(of.phase(0)).toBe('live');
  });

  test('that only a dead peer has seen newer is found out when that peer is back, though it was live by then', async () => {
    const of = start();
    await of.rounds(2);
    await of.backup(1);
    of.down.add(0);
    await of.rounds(1);
    of.decide(1, 'seen by 2 alone');
    await of.rounds(1);
    await of.restore(1);
    of.down.delete(0);
    of.down.add(2);
    await of.rounds(3);
    expect(of.phase(1)).toBe('live');
    of.down.delete(2);
    await of.rounds(1);
    expect(of.phase(1)).toBe('catching_up');
  });
});

describe('a peer that lies', () => {
  test('cannot stop a node by a head that the node never signed', async () => {
    const of = start();
    await of.rounds(1);
    const high = { epoch: 9, seq: 99, hash: 'f'.repeat(64) };
    const forged = signHead(of.node(2).session, { head: high, follows: null, at: of.now });
    const own = signHead(of.node(1).session, { head: high, follows: null, at: of.now });
    const altered = { ...own, statement: { ...own.statement, head: { ...high, seq: 100 } } };
    for (const seen of [
      forged,
      altered,
      { statement: own.statement, session: of.node(2).session.certificate },
      5,
      {},
    ]) {
      of.meddle = (from, _, beat) => (from === 2 ? { ...beat, seen: JSON.parse(JSON.stringify(seen)) } : beat);
      await of.restart(1);
      await of.rounds(3);
      expect(of.phase(1)).toBe('live');
      expect(of.node(1).log.join('\n')).toContain('claim_without_evidence');
    }
  });

  test('cannot hold up a start for longer than a living copy would need to show itself', async () => {
    const of = start();
    of.meddle = (_, __, beat) => ({ ...beat, other_start_ms: 0 });
    await of.rounds(3);
    expect(of.phase(1)).toBe('starting');
    of.idle(1, 1.5 * INTERVAL_MS + LAST_WORDS_MS);
    expect(of.phase(1)).toBe('starting');
    of.idle(1, 250);
    expect(of.phase(1)).toBe('live');
  });

  test('and a clock that is set forward do not make a start sign before a living copy would have shown itself', async () => {
    const of = start();
    of.meddle = (_, __, beat) => ({ ...beat, other_start_ms: 0 });
    await of.rounds(3);
    of.now += 3_600_000;
    of.idle(1, INTERVAL_MS);
    await of.rounds(1);
    expect(of.phase(1)).toBe('starting');
  });

  test('cannot pass its own session off as a copy of another node', async () => {
    const of = start();
    await of.rounds(1);
    const stranger = of.node(2).session.certificate;
    of.meddle = (_, __, beat) => ({ ...beat, twin: { later: { ...stranger, index: 1 }, earlier: null } });
    await of.rounds(1);
    expect(of.phase(1)).toBe('live');
  });
});

describe('a node that has a living copy', () => {
  test('halts for good on the certificate of a later start of its own', async () => {
    const of = start();
    await of.rounds(1);
    const { certificate } = otherStart(of, 1, of.now + 10);
    of.node(0).watch = {
      twinOf: (peer) => (peer === 1 ? { later: certificate, earlier: null, at: of.now } : null),
      earlierHeardAt: () => null,
    };
    await of.rounds(1);
    expect(phases(of)).toEqual(['live', 'halted', 'live']);
    expect(of.node(1).heartbeat.problems().join()).toContain('two copies of it are alive');
    of.node(0).watch = { twinOf: () => null, earlierHeardAt: () => null };
    await of.rounds(5);
    expect(of.phase(1)).toBe('halted');
    expect(of.node(0).heartbeat.problems().join()).toContain('operator 1 signs nothing: it has halted');
  });

  test('halts on a message that an earlier start sent after it began, and on none from before', async () => {
    const of = start();
    await of.rounds(1);
    const issued = of.node(1).session.certificate.issued_at;
    const earlier = otherStart(of, 1, issued - 60_000);
    const sentAt = (sent_at: number) => {
      const words = { network: NETWORK, from: 1, to: 0, ceremony: '', type: 'ping', seq: 1, body: {} };
      const { envelope } = sealEnvelope({ ...words, boot: earlier.certificate.boot, sent_at }, earlier.signer);
      return { later: of.node(1).session.certificate, earlier: { session: earlier.certificate, envelope }, at: of.now };
    };
    for (const [sent, phase] of [
      [issued - 5, 'live'],
      [issued + 5_000, 'halted'],
    ] as const) {
      of.node(0).watch = { twinOf: (peer) => (peer === 1 ? sentAt(sent) : null), earlierHeardAt: () => null };
      await of.rounds(1);
      expect(of.phase(1)).toBe(phase);
    }
  });
});
