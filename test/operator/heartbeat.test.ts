// What heartbeats make of restored, copied and lying nodes.

import { afterEach, describe, expect, test } from 'bun:test';
import { sealEnvelope } from '../../crypto/envelope.ts';
import { signHead } from '../../crypto/head-statement.ts';
import { createSession, type Session } from '../../crypto/identity.ts';
import { LAST_WORDS_MS } from '../../operator/peers/peer-session.ts';
import { EPOCHS_NOTED_PER_HOUR_MAX, REGRESSION_SHOWN_MS } from '../../operator/rollback-guard/peer-heads.ts';
import { problemText } from '../../operator/runtime/problems.ts';
import { filterAudit, listAudit } from '../../store/audit-log.ts';
import { getNodeState, stateHead } from '../../store/node-state.ts';
import { getPeer } from '../../store/peers.ts';
import { enableService } from '../../store/service.ts';
import { INTERVAL_MS, NETWORK, Ring } from './heartbeat-ring.ts';

let ring: Ring | null = null;
function start(parties = 3, threshold = 2): Ring {
  ring = new Ring(parties, threshold);
  return ring;
}
afterEach(() => {
  ring?.close();
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

  test('hears from every peer whether its service is enabled, at once where that changes', async () => {
    const of = start();
    await of.rounds(1);
    const told = () =>
      of
        .node(0)
        .heartbeat.book.peers()
        .map(({ beat }) => beat?.service);
    expect(told()).toEqual(['off', 'off']);
    enableService(of.node(1).store.db, of.now);
    of.pass(300);
    of.node(1).heartbeat.changed();
    while (told()[0] !== 'enabled') await Bun.sleep(1);
    expect(told()).toEqual(['enabled', 'off']);
  });

  test('goes on with one of three dead, also when one of the two others is started again', async () => {
    const of = start();
    await of.rounds(2);
    of.down.add(2);
    of.restart(1);
    of.decide(1, 'its first words lengthen its log');
    await of.rounds(1);
    expect(of.phase(1)).toBe('live');
    await of.rounds(1);
    expect(highestSeen(of, 0, 1)).toMatchObject({ ...stateHead(of.node(1).store.db), epoch: 0 });
    expect(of.node(1).heartbeat.problems()).toEqual([]);
  });

  test('shows a decision to all peers at once, not only at the next beat', async () => {
    const of = start();
    await of.rounds(2);
    of.pass(300);
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

describe('a node whose clock was an hour ahead and is put right', () => {
  const HOUR_MS = 3_600_000;
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  test('is confirmed at its next beat where it had just started', async () => {
    const of = start();
    await of.rounds(2);
    for (const peer of [0, 2]) of.down.add(peer);
    of.now += HOUR_MS;
    of.restart(1);
    of.idle(1, INTERVAL_MS);
    await settled();
    expect(of.phase(1)).toBe('starting');
    of.now -= HOUR_MS;
    expect(of.node(1).heartbeat.problems().map(problemText).join()).toContain('was started while its clock was ahead');
    of.down.clear();
    of.idle(1, 500);
    await settled();
    expect(of.phase(1)).toBe('live');
  });

  test('beats on, and shows its decisions at once', async () => {
    const of = start();
    of.now += HOUR_MS;
    await of.rounds(3);
    of.idle(1, 70_000);
    await settled();
    of.now -= HOUR_MS;
    of.idle(1, INTERVAL_MS);
    await settled();
    const before = of.sent;
    of.idle(1, INTERVAL_MS);
    await settled();
    expect(of.sent).toBe(before + 2);
    of.pass(300);
    of.decide(1, 'a');
    of.node(1).heartbeat.changed();
    expect(of.sent).toBe(before + 4);
  });
});

describe('a node that was put back to an older state', () => {
  async function restored(of: Ring): Promise<void> {
    await of.rounds(2);
    of.backup(1);
    await of.rounds(2);
    of.decide(1, 'lost');
    of.decide(1, 'lost too');
    await of.rounds(1);
    of.restore(1);
  }

  test('is stopped by the first peer that has seen more, and goes on above what was shown once t − 1 have answered', async () => {
    const of = start();
    await restored(of);
    const seen = highestSeen(of, 0, 1);
    await of.node(1).heartbeat.beat(0);
    expect(of.phase(1)).toBe('starting');
    expect(of.node(1).heartbeat.maySign()).toMatchObject({ ok: false });
    expect(getNodeState(of.node(1).store.db).epoch).toBe(1);
    expect(listAudit(of.node(1).store.db).rows[0]).toMatchObject({
      kind: 'state_regressed',
      body: { epoch: 1, from: { epoch: 0 }, shown: { epoch: 0, seq: seen?.seq, hash: seen?.hash }, shown_by: 0 },
    });
    await of.rounds(2);
    expect(phases(of)).toEqual(['live', 'live', 'live']);
    expect(getNodeState(of.node(1).store.db).epoch).toBe(1);
    expect(highestSeen(of, 0, 1)).toMatchObject({ ...stateHead(of.node(1).store.db), epoch: 1 });
  });

  test('raises the alarm at itself, with the time and the witness, until it is started again', async () => {
    const of = start();
    await restored(of);
    of.down.add(2);
    await of.rounds(1);
    const since = new Date(of.now).toISOString();
    of.pass(3 * 24 * 3_600_000);
    await of.rounds(3);
    expect(of.phase(1)).toBe('live');
    const [own, ...more] = of.node(1).heartbeat.problems();
    expect(own).toMatchObject({ code: 'state_regressed', severity: 'critical', since });
    expect(own?.cause).toContain('operator 0 has seen a newer state of this node than its database has');
    expect(own?.action).toContain('restart the server, which ends this alarm');
    expect(more).toEqual([]);
    expect(of.node(1).log.join('\n')).toContain('error state_regressed {"shown_by":0,"shown_epoch":0');
    of.restart(1);
    await of.rounds(2);
    expect(of.node(1).heartbeat.problems()).toEqual([]);
  });

  test('that is shown more and more names who showed it first and when, and the epoch that it has come to', async () => {
    const of = start();
    await of.rounds(2);
    const { standing } = of.node(1).heartbeat;
    const since = new Date(of.now).toISOString();
    standing.regressed(2, { epoch: 0, seq: 1_000, hash: 'd1'.repeat(32) });
    of.pass(60_000);
    standing.regressed(0, { epoch: 4, seq: 1, hash: 'd2'.repeat(32) });
    await of.rounds(1);
    expect(of.phase(1)).toBe('live');
    const [told, ...more] = of.node(1).heartbeat.problems();
    expect(told?.since).toBe(since);
    expect(told?.cause).toContain(
      'operator 2 has seen a newer state of this node than its database has (it is now in epoch 5)',
    );
    expect(more).toEqual([]);
  });

  test('raises the alarm at its peers, with the time, for a day after the last sign of it', async () => {
    const of = start();
    await restored(of);
    await of.rounds(1);
    const since = new Date(of.now).toISOString();
    const says = () => of.node(2).heartbeat.problems().map(problemText).join();
    await of.rounds(2);
    expect(of.phase(1)).toBe('live');
    expect(says()).toContain(
      'operator 1: it showed an older state than before: a backup was restored, or it was copied',
    );
    expect(says()).toContain(`(since ${since})`);
    expect(of.node(2).log.join('\n')).toContain('error peer_state_regressed {"peer":1');
    const told = listAudit(of.node(2).store.db).rows.find(({ kind }) => kind === 'peer_state_regressed');
    expect(told).toMatchObject({ body: { index: 1, from: { epoch: 0 }, to: { epoch: 1 } } });
    of.pass(REGRESSION_SHOWN_MS - 10_000);
    await of.rounds(1);
    expect(says()).toContain('operator 1: it showed');
    // A clock that is set makes no difference.
    of.now -= 24 * 3_600_000;
    of.pass(10_000);
    await of.rounds(1);
    expect(
      of
        .node(2)
        .heartbeat.book.peers()
        .find(({ index }) => index === 1)?.regressedSince,
    ).toBeNull();
  });

  test('is found out also when its log has grown past what its peers saw before the first beat', async () => {
    const of = start();
    await restored(of);
    const seen = highestSeen(of, 0, 1);
    for (const word of ['a', 'b', 'c', 'd']) of.decide(1, word);
    expect(stateHead(of.node(1).store.db).seq).toBeGreaterThan(seen?.seq ?? 0);
    await of.node(1).heartbeat.beat(2);
    expect(of.phase(1)).toBe('starting');
    expect(highestSeen(of, 2, 1)).toEqual(seen);
    await of.rounds(2);
    expect(highestSeen(of, 2, 1)).toMatchObject({ epoch: 1 });
  });

  test('is found out a second time as well, in an epoch above both', async () => {
    const of = start();
    await restored(of);
    for (const epoch of [1, 2]) {
      await of.rounds(3);
      expect(of.phase(1)).toBe('live');
      expect(getNodeState(of.node(1).store.db).epoch).toBe(epoch);
      of.restore(1);
    }
  });

  test('starts over once only, however many peers show what it lost', async () => {
    const of = start(5, 3);
    await restored(of);
    await of.rounds(4);
    expect(of.phase(1)).toBe('live');
    expect(of.node(1).stops).toBe(1);
    expect(getNodeState(of.node(1).store.db).epoch).toBe(1);
  });

  test('has its secret nonces dropped at that moment, also where it had not begun to sign', async () => {
    const of = start();
    await restored(of);
    expect(of.node(1).stops).toBe(0);
    await of.node(1).heartbeat.beat(0);
    expect(of.node(1).stops).toBe(1);
  });

  test('waits anew for a living copy to show itself where a peer hears another start of it', async () => {
    const of = start();
    await restored(of);
    of.meddle = (_, __, beat) => ({ ...beat, other_start_ms: 0 });
    of.down.add(0);
    of.down.add(2);
    of.idle(1, 10 * INTERVAL_MS + LAST_WORDS_MS);
    of.down.clear();
    await of.rounds(3);
    expect(getNodeState(of.node(1).store.db).epoch).toBe(1);
    of.idle(1, 1.5 * INTERVAL_MS + LAST_WORDS_MS - 250);
    expect(of.phase(1)).toBe('starting');
    of.idle(1, 500);
    expect(of.phase(1)).toBe('live');
  });

  test('that only a dead peer has seen newer is found out when that peer is back, though it was live by then', async () => {
    const of = start();
    await of.rounds(2);
    of.backup(1);
    of.down.add(0);
    await of.rounds(1);
    of.decide(1, 'seen by 2 alone');
    await of.rounds(1);
    of.restore(1);
    of.down.delete(0);
    of.down.add(2);
    await of.rounds(3);
    expect(of.phase(1)).toBe('live');
    of.down.delete(2);
    await of.node(1).heartbeat.beat(2);
    expect(of.phase(1)).toBe('starting');
    expect(of.node(1).heartbeat.problems().map(problemText).join()).toContain('operator 2 has seen a newer state');
  });
});

describe('clocks that differ', () => {
  test('are named by how much at both ends, until they agree again', async () => {
    const of = start();
    of.skews.set(1, 61_000);
    of.restart(1);
    await of.rounds(1);
    const [own, ...more] = of.node(1).heartbeat.problems();
    expect(own?.cause).toContain('is ahead of the clock of operator 0 (61.0 s), operator 2 (61.0 s)');
    expect(more).toEqual([]);
    expect(of.node(0).heartbeat.problems().map(problemText).join()).toContain(
      'is behind the clock of operator 1 (61.0 s)',
    );
    of.skews.clear();
    await of.rounds(1);
    expect(of.node(0).heartbeat.problems()).toEqual([]);
    expect(of.node(1).heartbeat.problems()).toHaveLength(1);
    expect(of.node(1).heartbeat.problems().map(problemText).join()).toContain('was set back by 61.0 s while it ran');
    expect(of.node(1).heartbeat.clock.state().offsets).toEqual([
      { index: 0, offsetMs: 0 },
      { index: 2, offsetMs: 0 },
    ]);
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
      of.restart(1);
      await of.rounds(3);
      expect(of.phase(1)).toBe('live');
      expect(of.node(1).log.join('\n')).toContain('claim_without_evidence');
    }
  });

  test('cannot fill the audit log by one epoch after the other', async () => {
    const of = start();
    await of.rounds(1);
    let epoch = 0;
    const risen = () => {
      epoch += 1;
      const head = { epoch, seq: 1, hash: 'f'.repeat(64) };
      return { ...signHead(of.node(2).session, { head, follows: null, at: of.now }) };
    };
    of.meddle = (from, _, beat) => (from === 2 ? { ...beat, head: risen() } : beat);
    await of.rounds(30);
    expect(epoch).toBeGreaterThan(30);
    const { db } = of.node(1).store;
    expect(filterAudit(db, { kinds: ['peer_state_regressed'] }).total).toBe(EPOCHS_NOTED_PER_HOUR_MAX);
    expect(highestSeen(of, 1, 2)?.epoch).toBeGreaterThan(EPOCHS_NOTED_PER_HOUR_MAX);
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
    of.meddle = (_, __, beat) => ({ ...beat, duplicate: { later: { ...stranger, index: 1 }, earlier: null } });
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
      duplicateOf: (peer) => (peer === 1 ? { later: certificate, earlier: null, at: of.now } : null),
      earlierHeardAgo: () => null,
    };
    await of.rounds(1);
    expect(phases(of)).toEqual(['live', 'halted', 'live']);
    expect(of.node(1).stops).toBe(1);
    expect(of.node(1).heartbeat.problems().map(problemText).join()).toContain('two copies of it are alive');
    of.node(0).watch = { duplicateOf: () => null, earlierHeardAgo: () => null };
    await of.rounds(5);
    expect(of.phase(1)).toBe('halted');
    expect(of.node(0).heartbeat.problems().map(problemText).join()).toContain(
      'operator 1: it signs nothing: it has halted',
    );
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
      of.node(0).watch = { duplicateOf: (peer) => (peer === 1 ? sentAt(sent) : null), earlierHeardAgo: () => null };
      await of.rounds(1);
      expect(of.phase(1)).toBe(phase);
    }
  });
});
