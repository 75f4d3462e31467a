// Attacks on the way messages travel: replays, other clocks, other senders, bodies that are too much. The attacker holds
// a certificate that the gate lets in.

import { heapStats } from 'bun:jsc';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { CLOCK_SKEW_MS_MAX, PEER_MESSAGE_BYTES_MAX, PEER_MESSAGE_DEPTH_MAX } from '../../crypto/envelope.ts';
import { READS_IN_FLIGHT_MAX } from '../../operator/peers/read-slots.ts';
import { PEER_REQUESTS_IN_FLIGHT_MAX } from '../../operator/peers/request-slots.ts';
import { headerOf } from './malicious-peer.ts';
import { ATTACKER, auditSeq, run } from './nodes.ts';
import { laySiege, type Siege } from './siege.ts';

const RETAINED_BYTES_MAX = 48 * 1024 * 1024;

let siege: Siege;
let decided: number;
beforeAll(async () => {
  siege = await laySiege();
  decided = auditSeq(siege.victim);
});
afterAll(() => siege.lift(), 20_000);

/** Nothing has been decided, and the honest sign. */
async function unhurt(): Promise<void> {
  expect(auditSeq(siege.victim)).toBe(decided);
  await siege.stillSigns();
}

/** How often the victim has counted a rejection of this peer. */
function counted(reason: string, peer: number | null): number {
  const all = siege.victim.online?.acceptor.rejections() ?? [];
  return all.find((one) => one.reason === reason && one.peer === peer)?.count ?? 0;
}

/** The same bytes again are rejected for this reason, and counted under the name they claim. */
async function rejected(reason: string, status: number, peer: number | null, post: Promise<unknown>): Promise<void> {
  const before = counted(reason, peer);
  expect(await post).toEqual({ status, rejected: reason });
  expect(counted(reason, peer)).toBe(before + 1);
}

describe('a message replayed', () => {
  test('to the same peer is a replay', async () => {
    const { mallory } = siege;
    const bytes = mallory.seal(0, {});
    expect(await mallory.post(0, bytes)).toEqual({ status: 200, rejected: null });
    await rejected('replay', 409, ATTACKER, mallory.post(0, bytes));
    await unhurt();
  });

  test('to the same peer after a thousand others is still a replay', async () => {
    const { mallory } = siege;
    const bytes = mallory.seal(0, { seq: 100 });
    expect((await mallory.post(0, bytes)).status).toBe(200);
    expect((await mallory.post(0, mallory.seal(0, { seq: 5_000 }))).status).toBe(200);
    await rejected('replay', 409, ATTACKER, mallory.post(0, bytes));
    await rejected('replay', 409, ATTACKER, mallory.post(0, mallory.seal(0, { seq: 101 })));
    for (let seq = 0; seq < 5_000; seq++) mallory.sessions.nextSequence(0);
    await unhurt();
  });

  test('of one peer to another is for a wrong_recipient, and turned to it a bad_signature', async () => {
    const { mallory, other } = siege;
    mallory.overheard.length = 0;
    await run(other, 'test-communication', { rounds: 1 });
    const heard = mallory.overheard.map(({ bytes }) => JSON.parse(new TextDecoder().decode(bytes)));
    const at = heard.findIndex(({ from, type }) => from === 1 && type === 'ping');
    const ping = mallory.overheard[at];
    if (ping === undefined) throw new Error('node 1 has pinged the attacker');
    await rejected('wrong_recipient', 400, 1, mallory.post(0, ping.bytes, ping.header));
    // RFC 8785 writes "to" before "type": the text can be turned without touching its form.
    const turned = new TextDecoder().decode(ping.bytes).replace(`"to":${ATTACKER}`, '"to":0');
    await rejected('bad_signature', 403, 1, mallory.post(0, new TextEncoder().encode(turned), ping.header));
    await unhurt();
  });

  test('under another ceremony, type or body is a bad_signature', async () => {
    const { mallory } = siege;
    const text = new TextDecoder().decode(mallory.seal(0, { ceremony: 'ceremony-a', type: 'dkg_not_joined' }));
    for (const [from, to] of [
      ['ceremony-a', 'ceremony-b'],
      ['dkg_not_joined', 'ping'],
      ['"body":{}', '"body":{"a":1}'],
      ['"seq":', '"seq":1'],
    ] as const) {
      const turned = new TextEncoder().encode(text.replace(from, to));
      await rejected('bad_signature', 403, ATTACKER, mallory.post(0, turned));
    }
    await unhurt();
  });

  test("with another peer's name and public session certificate is a bad_signature", async () => {
    const { mallory, other } = siege;
    const header = other.online?.acceptor.header ?? '';
    const boot = other.online?.boot ?? '';
    await rejected('bad_signature', 403, 1, mallory.post(0, mallory.seal(0, { from: 1, boot }), header));
    await rejected('bad_signature', 403, 1, mallory.post(0, mallory.seal(0, { from: 1 })));
    await unhurt();
  });

  test('from an index that is nobody, or the victim itself, is of an unknown_sender', async () => {
    const { mallory } = siege;
    for (const from of [3, 63, 0]) {
      await rejected('unknown_sender', 403, from, mallory.post(0, mallory.seal(0, { from })));
    }
    await unhurt();
  });

  test('as an answer where a request is due, or of a type that is none, is of an unknown_type', async () => {
    const { mallory } = siege;
    for (const type of ['reply', 'nonces', 'sign_response', 'pong', 'toString', 'dkg_']) {
      await rejected('unknown_type', 400, ATTACKER, mallory.post(0, mallory.seal(0, { type })));
    }
    await unhurt();
  });
});

describe('a clock', () => {
  test('skewed by more than the limit, either way, is a clock_skew; within it, none', async () => {
    const { mallory } = siege;
    for (const off of [CLOCK_SKEW_MS_MAX + 5_000, -CLOCK_SKEW_MS_MAX - 5_000, -Date.now(), 2 ** 52]) {
      await rejected('clock_skew', 409, ATTACKER, mallory.post(0, mallory.seal(0, { sent_at: Date.now() + off })));
    }
    for (const off of [CLOCK_SKEW_MS_MAX - 5_000, -CLOCK_SKEW_MS_MAX + 5_000]) {
      expect((await mallory.post(0, mallory.seal(0, { sent_at: Date.now() + off }))).status).toBe(200);
    }
    await unhurt();
  });

  test('skewed in a session certificate, to shut out every later start, is a clock_skew', async () => {
    const { mallory } = siege;
    const future = mallory.anotherBoot(Date.now() + 3_600_000);
    const bytes = mallory.seal(0, { seq: 1 }, future);
    await rejected('clock_skew', 409, ATTACKER, mallory.post(0, bytes, headerOf(future)));
    expect((await mallory.post(0, mallory.seal(0, {}))).status).toBe(200);
    await unhurt();
  });
});

describe('an input that is', () => {
  const endless = (chunk: Uint8Array, chunks: number) => {
    let sent = 0;
    return new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent++ < chunks) controller.enqueue(chunk);
        else controller.close();
      },
    });
  };

  test('oversized, announced or not, is too_large', async () => {
    const { mallory } = siege;
    await rejected('too_large', 413, null, mallory.post(0, new Uint8Array(PEER_MESSAGE_BYTES_MAX + 1)));
    await rejected('too_large', 413, null, mallory.post(0, endless(new Uint8Array(64 * 1024), 20)));
    // What is far over it the runtime turns away by itself, with the same status or by hanging up.
    const huge = await mallory.post(0, new Uint8Array(4 * PEER_MESSAGE_BYTES_MAX)).catch(() => null);
    if (huge !== null) expect(huge.status).toBe(413);
    await unhurt();
  });

  test('deeply nested is malformed', async () => {
    const { mallory } = siege;
    for (const levels of [PEER_MESSAGE_DEPTH_MAX + 1, 10_000, 500_000]) {
      const nested = '['.repeat(levels) + ']'.repeat(levels);
      await rejected('malformed', 400, null, mallory.post(0, nested));
      const sealed = new TextDecoder().decode(mallory.seal(0, {})).replace('"body":{}', `"body":${nested}`);
      await rejected('malformed', 400, null, mallory.post(0, sealed));
    }
    await unhurt();
  });

  test('not canonical, twice spelled or no text is malformed', async () => {
    const { mallory } = siege;
    const text = new TextDecoder().decode(mallory.seal(0, {}));
    const bodies = [
      ...['', '{}', 'null', ` ${text}`, `${text} `, text.replace('{"body":{}', '{"body":{},"body":{}')],
      ...[text.replace('"v":1', '"v":1.0'), text.replace('"v":1', '"v":1,"w":1'), `\ufeff${text}`],
      Uint8Array.of(0xff, 0xfe, 0x7b),
    ];
    for (const body of bodies) await rejected('malformed', 400, null, mallory.post(0, body));
    await unhurt();
  });

  test('oversized in its session header is refused, and no session', async () => {
    const { mallory } = siege;
    for (const header of ['A'.repeat(3_000), Buffer.from('{}').toString('base64url'), '='.repeat(8)]) {
      await rejected('bad_signature', 403, ATTACKER, mallory.post(0, mallory.seal(0, {}), header));
    }
    const huge = await mallory.post(0, mallory.seal(0, {}), 'A'.repeat(200_000)).catch(() => null);
    if (huge !== null) expect(huge.status).toBeGreaterThanOrEqual(400);
    await unhurt();
  });
});

describe('a flood', () => {
  test('of bodies that never end leaves the honest their answers', async () => {
    const { mallory } = siege;
    const sockets = await Promise.all(Array.from({ length: READS_IN_FLIGHT_MAX + 8 }, () => mallory.stall(0)));
    try {
      await unhurt();
      // Also where they keep coming.
      sockets.push(...(await Promise.all(Array.from({ length: 64 }, () => mallory.stall(0)))));
      await unhurt();
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    await unhurt();
  }, 60_000);

  test('of oversized and of malformed messages keeps nothing in memory', async () => {
    const { mallory } = siege;
    const big = new Uint8Array(PEER_MESSAGE_BYTES_MAX).fill(0x20);
    const wave = () => Promise.all(Array.from({ length: 32 }, () => mallory.post(0, big).catch(() => null)));
    await wave();
    Bun.gc(true);
    const before = heapStats();
    for (let i = 0; i < 6; i++) await wave();
    Bun.gc(true);
    const after = heapStats();
    expect(after.heapSize + after.extraMemorySize - before.heapSize - before.extraMemorySize).toBeLessThan(
      RETAINED_BYTES_MAX,
    );
    await unhurt();
  }, 60_000);

  test('of well-formed messages from one peer makes that peer wait, not the others', async () => {
    const { mallory } = siege;
    const flood = Array.from({ length: 4 * PEER_REQUESTS_IN_FLIGHT_MAX }, () =>
      mallory.send(0, { type: 'ping', body: {} }),
    );
    await unhurt();
    const answers = await Promise.all(flood);
    for (const answer of answers) if (!answer.ok) expect(['busy', null]).toContain(answer.rejection);
    await unhurt();
  }, 60_000);

  test('of requests that take long to validation is refused as overloaded, and takes nobody else their turn', async () => {
    const { mallory, coordinator, besieged } = siege;
    const expiry = `${Math.floor(Date.now() / 1000) + 86_400}`;
    const item = { txid: 'ee'.repeat(32), vout: 0, recipient: 'cc'.repeat(32), amount: '50000', expiry };
    const prepared = await coordinator.prepare(0, 'ed25519', { kind: 'attestation', test: false, items: [item] });
    const body = JSON.parse(JSON.stringify(prepared.request));
    besieged.world.delayMs = 250;
    try {
      const flood = Array.from({ length: 48 }, () => mallory.ask(0, { type: 'sign_request', body }));
      await unhurt();
      const reasons = (await Promise.all(flood)).map(([answer]) => JSON.parse(JSON.stringify(answer?.body)).reason);
      expect(new Set(reasons)).toEqual(new Set(['deposit_not_found', 'overloaded']));
    } finally {
      besieged.world.delayMs = 0;
    }
    await unhurt();
  }, 60_000);

  test('of announcements that nothing stands behind is forgotten, and changes nothing', async () => {
    const { mallory, victim } = siege;
    const attestations = Array.from({ length: 100 }, () => ({ id: 'ee'.repeat(32), padding: 'x'.repeat(128) }));
    for (let i = 0; i < 40; i++) {
      await mallory.ask(0, { type: 'announce_attestations', body: { attestations } });
    }
    const rounds = [victim.online?.follower.round(), victim.online?.follower.settled()];
    await Promise.all(rounds);
    await unhurt();
  });
});

describe('a message replayed across boots', () => {
  test('is of a superseded_boot once a newer start is known, and a bad_signature under its certificate', async () => {
    const { mallory } = siege;
    const old = mallory.seal(0, {});
    const newer = mallory.anotherBoot(Date.now() + 1);
    expect((await mallory.post(0, mallory.seal(0, { seq: 1 }, newer), headerOf(newer))).status).toBe(200);
    await rejected('bad_signature', 403, ATTACKER, mallory.post(0, old, headerOf(newer)));
    await rejected('superseded_boot', 409, ATTACKER, mallory.post(0, old));
    await rejected('bad_signature', 403, ATTACKER, mallory.post(0, mallory.seal(0, {}), null));
    const states = siege.victim.online?.sessions.states() ?? [];
    expect(states.find(({ index }) => index === ATTACKER)).toMatchObject({ restarts: 1, supersededMessages: 1 });
    await unhurt();
  });
});
