// What a node learns of its peers' boots, what a fault or too much work does, and that the counters tell peers apart.
import { beforeAll, describe, expect, test } from 'bun:test';
import { Acceptor } from '../../operator/peers/accept.ts';
import type { OutMessage } from '../../operator/peers/peer-reply.ts';
import { PEER_REQUESTS_IN_FLIGHT_MAX } from '../../operator/peers/request-slots.ts';
import {
  boot,
  checkBody,
  headerOf,
  KNOWN_TYPES,
  listen,
  makeNode,
  peerOf,
  post,
  sealPing,
  sessionsOf,
  type TestNode,
} from './tls-federation.ts';

let alpha: TestNode;
let beta: TestNode;
let gamma: TestNode;

beforeAll(async () => {
  [alpha, beta, gamma] = await Promise.all([makeNode(0), makeNode(1), makeNode(2)]);
});

function acceptor(handle: () => Promise<readonly OutMessage[]>, faults: unknown[] = []): Acceptor {
  return new Acceptor({
    sessions: sessionsOf(alpha, [peerOf(beta), peerOf(gamma)]),
    knownTypes: KNOWN_TYPES,
    checkBody,
    handle,
    now: Date.now,
    onFault: (error) => faults.push(error),
  });
}

describe('boots', () => {
  test('a restart is followed at once, with a window of its own, and counted', async () => {
    const receiver = listen(alpha, [beta]);
    const [first, second] = [boot(beta, Date.now() - 1000), boot(beta)];
    for (const session of [first, second]) {
      expect((await post(beta, receiver, sealPing(session, 0, { seq: 1 }), headerOf(session))).status).toBe(200);
    }
    const [state] = receiver.sessions.states();
    expect(state).toMatchObject({ index: 1, boot: second.certificate.boot, restarts: 1, supersededMessages: 0 });
    await receiver.listener.stop();
  });

  test('two live copies of a node show as superseded messages of that peer', async () => {
    const receiver = listen(alpha, [beta, gamma]);
    const [original, copy] = [boot(beta, Date.now() - 1000), boot(beta)];
    await post(beta, receiver, sealPing(original, 0), headerOf(original));
    await post(beta, receiver, sealPing(copy, 0), headerOf(copy));
    for (const seq of [2, 3]) await post(beta, receiver, sealPing(original, 0, { seq }), headerOf(original));
    const [ofBeta, ofGamma] = receiver.sessions.states();
    expect(ofBeta?.supersededMessages).toBe(2);
    expect(ofBeta?.supersededAt).toBeGreaterThan(0);
    expect(ofGamma).toMatchObject({ index: 2, boot: null, supersededMessages: 0, supersededAt: null });
    expect(receiver.acceptor.rejections()).toEqual([{ reason: 'superseded_boot', peer: 1, count: 2 }]);
    await receiver.listener.stop();
  });

  test('a stolen certificate of an older boot raises no alarm while nothing is signed with its key', async () => {
    const receiver = listen(alpha, [beta]);
    const [older, newer] = [boot(beta, Date.now() - 1000), boot(beta)];
    await post(beta, receiver, sealPing(newer, 0), headerOf(newer));
    const forged = sealPing({ certificate: older.certificate, signer: gamma.identity }, 0, { seq: 2 });
    expect((await post(beta, receiver, forged, headerOf(older))).rejected).toBe('bad_signature');
    expect(receiver.sessions.states()[0]?.supersededMessages).toBe(0);
    await receiver.listener.stop();
  });

  test('a forged message moves neither the window nor the known boot', async () => {
    const receiver = listen(alpha, [beta]);
    const [current, newer] = [boot(beta, Date.now() - 1000), boot(beta)];
    await post(beta, receiver, sealPing(current, 0), headerOf(current));
    const forged = sealPing({ certificate: newer.certificate, signer: gamma.identity }, 0, { seq: 9_000_000 });
    await post(beta, receiver, forged, headerOf(newer));
    expect((await post(beta, receiver, sealPing(current, 0, { seq: 2 }), headerOf(current))).status).toBe(200);
    await receiver.listener.stop();
  });

  test('a replaced card with another identity key forgets the session, one with the same key keeps it', () => {
    const sessions = sessionsOf(alpha, [peerOf(beta)]);
    const session = boot(beta);
    const target = new Acceptor({
      sessions,
      knownTypes: KNOWN_TYPES,
      checkBody,
      handle: async () => [],
      now: Date.now,
      onFault: () => {},
    });
    return target.accept(sealPing(session, 0), headerOf(session)).then((verdict) => {
      expect(verdict.ok).toBe(true);
      sessions.replacePeers([{ ...peerOf(beta), address: '127.0.0.1:2' }]);
      expect(sessions.states()[0]?.boot).toBe(session.certificate.boot);
      sessions.replacePeers([{ ...peerOf(beta), identityKey: gamma.identity.publicKey }]);
      expect(sessions.states()[0]?.boot).toBeNull();
      sessions.replacePeers([]);
      expect(sessions.states()).toEqual([]);
    });
  });

  test('a list of peers that repeats an index or holds the own one is refused', () => {
    const sessions = sessionsOf(alpha, [peerOf(beta)]);
    expect(() => sessions.replacePeers([peerOf(beta), peerOf(beta)])).toThrow();
    expect(() => sessions.replacePeers([peerOf(alpha)])).toThrow();
    expect(sessions.peers()).toHaveLength(1);
  });
});

describe('handling', () => {
  test('a handler that throws gives a fault without its words, and the cause to the log', async () => {
    const faults: unknown[] = [];
    const cause = new Error('the database is on fire');
    const target = acceptor(async () => {
      throw cause;
    }, faults);
    const session = boot(beta);
    const verdict = await target.accept(sealPing(session, 0), headerOf(session));
    expect(verdict).toMatchObject({ ok: false, reason: 'fault' });
    expect(JSON.stringify(verdict)).not.toContain('fire');
    expect(faults).toEqual([cause]);
  });

  test('one peer with too many requests at once is answered busy until its own finish, while another is served', async () => {
    let release = (): void => {};
    const gate = new Promise<readonly OutMessage[]>((resolve) => {
      release = () => resolve([]);
    });
    const target = acceptor(() => gate);
    const [ofBeta, ofGamma] = [boot(beta), boot(gamma)];
    const send = (session: typeof ofBeta, seq: number): ReturnType<Acceptor['accept']> =>
      target.accept(sealPing(session, 0, { seq }), headerOf(session));
    const running = Array.from({ length: PEER_REQUESTS_IN_FLIGHT_MAX }, (_, i) => send(ofBeta, i + 1));
    expect(await send(ofBeta, 1000)).toMatchObject({ ok: false, reason: 'busy' });
    const other = send(ofGamma, 1);
    release();
    expect((await other).ok).toBe(true);
    expect((await Promise.all(running)).every((verdict) => verdict.ok)).toBe(true);
    expect((await send(ofBeta, 1001)).ok).toBe(true);
  });

  test('a request type named reply is a mistake of the caller', () => {
    const sessions = sessionsOf(alpha, []);
    const make = (): Acceptor =>
      new Acceptor({
        sessions,
        knownTypes: new Set(['reply']),
        checkBody,
        handle: async () => [],
        now: Date.now,
        onFault: () => {},
      });
    expect(make).toThrow();
  });
});
