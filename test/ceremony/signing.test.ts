// Signing with everybody well, and with some silent, slow, refusing, lying or confused.
import { describe, expect, test } from 'bun:test';
import type { SigningMessage } from '../../ceremony/messages.ts';
import type { SigningState } from '../../ceremony/signing/candidates.ts';
import type { DerivedMessage } from '../../ceremony/signing/participant.ts';
import { utf8 } from '../../crypto/bytes.ts';
import { bytesOf } from './federation.ts';
import { type Behaviour, desksOf, eventOf, type Scheme, SigningRoom } from './signing-desk.ts';

const SILENT: Behaviour = () => null;
const REFUSING: Behaviour = (message, honest) =>
  message.type === 'sign_request'
    ? { type: 'sign_refusal', body: { session: message.body.session, reason: 'policy', detail: 'not today' } }
    : honest();
const LYING: Behaviour = (_message, honest) => {
  const answer = honest();
  if (answer.type !== 'sign_response') return answer;
  const partials = answer.body.partials.map((_, i) => `${(i + 1).toString(16).padStart(2, '0')}${'00'.repeat(31)}`);
  return {
    ...answer,
    body: { ...answer.body, partials: partials.map((partial) => partial.split('').reverse().join('')) },
  };
};

function messagesFor(scheme: Scheme, count: number): DerivedMessage[] {
  return Array.from({ length: count }, (_, i) => ({
    message: scheme === 'bip340' ? bytesOf(`message/${i}`) : utf8(`message/${i}`),
    tweaks: scheme === 'bip340' ? [{ tweak: bytesOf(`tweak/${i}`), xOnly: true }] : [],
  }));
}

function expectSignatures(room: SigningRoom): Extract<SigningState['result'], { kind: 'signed' }> {
  const result = room.run();
  if (result?.kind !== 'signed') throw new Error(`not signed: ${JSON.stringify(result)}`);
  const { task } = room.state.start;
  expect(result.signatures).toHaveLength(task.messages.length);
  for (const [i, { message, tweaks }] of task.messages.entries()) {
    const signature = result.signatures[i] ?? new Uint8Array(0);
    expect(task.scheme.verify(task.scheme.outputKey(task.key, tweaks), message, signature)).toBe(true);
  }
  return result;
}

for (const scheme of ['bip340', 'ed25519'] as const) {
  describe(`signing with ${scheme}`, () => {
    test('takes two round trips with empty pools and one with full ones', () => {
      const desks = desksOf(2, 3, scheme);
      const messages = messagesFor(scheme, 1);
      const first = new SigningRoom({ desks, messages });
      expectSignatures(first);
      expect(first.nonceRequests).toBe(3);
      const second = new SigningRoom({ desks, messages, pool: first.pool });
      const result = expectSignatures(second);
      expect([second.nonceRequests, second.requests, result.sessions]).toEqual([0, 2, 1]);
    });

    test('signs several messages in one session, each under its own tweak', () => {
      const room = new SigningRoom({ desks: desksOf(3, 5, scheme), messages: messagesFor(scheme, 5) });
      expect(expectSignatures(room).sessions).toBe(1);
      expect(room.requests).toBe(3);
    });

    test('prefers candidates in the order given', () => {
      const desks = desksOf(3, 5, scheme);
      const pool = new SigningRoom({ desks, messages: messagesFor(scheme, 1) });
      expectSignatures(pool);
      const room = new SigningRoom({
        desks,
        messages: messagesFor(scheme, 1),
        candidates: [4, 2, 0, 1, 3],
        pool: pool.pool,
      });
      expect(expectSignatures(room).signers).toEqual([0, 2, 4]);
    });

    test('names a refusing signer with its reason and signs with the others', () => {
      const desks = desksOf(2, 3, scheme);
      const room = new SigningRoom({ desks, messages: messagesFor(scheme, 2), behaviours: { 1: REFUSING } });
      const result = expectSignatures(room);
      expect(result.signers).toEqual([0, 2]);
      expect(result.sessions).toBe(2);
      expect(result.exclusions).toEqual([{ index: 1, reason: 'policy', detail: 'not today' }]);
    });

    test('names a lying signer and signs with the others', () => {
      const desks = desksOf(2, 3, scheme);
      const room = new SigningRoom({ desks, messages: messagesFor(scheme, 2), behaviours: { 1: LYING } });
      const result = expectSignatures(room);
      expect(result.signers).toEqual([0, 2]);
      expect(result.exclusions).toMatchObject([{ index: 1, reason: 'bad_share' }]);
    });

    test('names a signer whose share is no scalar or whose nonce is no point', () => {
      const desks = desksOf(3, 5, scheme);
      const noScalar: Behaviour = (_message, honest) => {
        const answer = honest();
        if (answer.type !== 'sign_response') return answer;
        return { ...answer, body: { ...answer.body, partials: answer.body.partials.map(() => 'ff'.repeat(32)) } };
      };
      const noPoint: Behaviour = (_message, honest) => {
        const answer = honest();
        if (answer.type !== 'nonces') return answer;
        const nonces = answer.body.nonces.map(({ id, nonce }) => ({ id, nonce: 'ff'.repeat(nonce.length / 2) }));
        return { ...answer, body: { ...answer.body, nonces } };
      };
      const behaviours = { 0: noScalar, 2: noPoint };
      const result = expectSignatures(new SigningRoom({ desks, messages: messagesFor(scheme, 2), behaviours }));
      expect(result.signers).toEqual([1, 3, 4]);
      expect(result.exclusions).toMatchObject([
        { index: 0, reason: 'bad_share' },
        { index: 2, reason: 'bad_nonce' },
      ]);
    });

    test('leaves out a silent signer after its time and signs with the others', () => {
      const desks = desksOf(2, 3, scheme);
      const messages = messagesFor(scheme, 1);
      const warm = new SigningRoom({ desks, messages });
      expectSignatures(warm);
      const room = new SigningRoom({ desks, messages, behaviours: { 1: SILENT }, pool: warm.pool });
      const result = expectSignatures(room);
      expect(result.signers).toEqual([0, 2]);
      expect(result.exclusions).toMatchObject([{ index: 1, reason: 'timeout' }]);
    });

    test('finishes with n − t bad signers of every kind, one extra session each at most', () => {
      const desks = desksOf(3, 5, scheme);
      const messages = messagesFor(scheme, 1);
      for (const behaviours of [
        { 1: SILENT, 2: LYING },
        { 0: REFUSING, 4: SILENT },
        { 3: LYING, 2: REFUSING },
        { 0: LYING, 1: LYING },
      ]) {
        const warm = new SigningRoom({ desks, messages });
        expectSignatures(warm);
        const room = new SigningRoom({ desks, messages, behaviours, pool: warm.pool });
        expect(expectSignatures(room).sessions).toBeLessThanOrEqual(3);
      }
    });

    test("fails with everybody's reasons where fewer than t remain", () => {
      const desks = desksOf(2, 3, scheme);
      const room = new SigningRoom({ desks, messages: messagesFor(scheme, 1), behaviours: { 1: REFUSING, 2: SILENT } });
      const result = room.run();
      expect(result?.kind).toBe('failed');
      expect(result?.exclusions).toMatchObject([
        { index: 1, reason: 'policy' },
        { index: 2, reason: 'timeout' },
      ]);
    });

    test('says how many candidates remain, one or more', () => {
      for (const [threshold, refusing, detail] of [
        [2, [1, 2], '1 candidate remains where 2 are needed'],
        [3, [1, 2, 4], '2 candidates remain where 3 are needed'],
      ] as const) {
        const behaviours = Object.fromEntries(refusing.map((index) => [index, REFUSING]));
        const desks = desksOf(threshold, 2 * threshold - 1, scheme);
        const result = new SigningRoom({ desks, messages: messagesFor(scheme, 1), behaviours }).run();
        expect(result).toMatchObject({ kind: 'failed', detail });
      }
    });

    test('drops the nonces, not the peer, after a restart of a participant', () => {
      const desks = desksOf(2, 3, scheme);
      const messages = messagesFor(scheme, 1);
      const warm = new SigningRoom({ desks, messages });
      expectSignatures(warm);
      const restarted = desks.map((desk) => (desk.owner.index === 1 ? { ...desk, boot: 'ab'.repeat(16) } : desk));
      const room = new SigningRoom({ desks: restarted, messages, candidates: [0, 1], pool: warm.pool });
      const result = expectSignatures(room);
      expect(result.signers).toEqual([0, 1]);
      expect(result.exclusions).toEqual([]);
    });

    test('names who gives malformed nonces or the wrong number of shares', () => {
      const desks = desksOf(3, 5, scheme);
      const badNonces: Behaviour = (_message, honest) => {
        const answer = honest();
        if (answer.type !== 'nonces') return answer;
        return {
          ...answer,
          body: { ...answer.body, nonces: answer.body.nonces.map((nonce) => ({ ...nonce, nonce: 'ff' })) },
        };
      };
      const tooFew: Behaviour = (_message, honest) => {
        const answer = honest();
        if (answer.type !== 'sign_response') return answer;
        return { ...answer, body: { ...answer.body, partials: answer.body.partials.slice(1) } };
      };
      const room = new SigningRoom({
        desks,
        messages: messagesFor(scheme, 2),
        behaviours: { 0: badNonces, 1: tooFew },
      });
      const result = expectSignatures(room);
      expect(result.signers).toEqual([2, 3, 4]);
      expect(result.exclusions).toMatchObject([
        { index: 0, reason: 'bad_nonce' },
        { index: 1, reason: 'malformed' },
      ]);
    });

    test('distinguishes a signer whose share is not live yet from one that gives too few nonces', () => {
      const giving =
        (count: number): Behaviour =>
        (_message, honest) => {
          const answer = honest();
          if (answer.type !== 'nonces') return answer;
          return { ...answer, body: { ...answer.body, nonces: answer.body.nonces.slice(0, count) } };
        };
      const room = new SigningRoom({
        desks: desksOf(3, 5, scheme),
        messages: messagesFor(scheme, 2),
        behaviours: { 0: giving(0), 1: giving(1) },
      });
      const result = expectSignatures(room);
      expect(result.signers).toEqual([2, 3, 4]);
      expect(result.exclusions).toMatchObject([
        { index: 0, reason: 'no_nonces' },
        { index: 1, reason: 'malformed' },
      ]);
    });
  });
}

describe('a slow signer', () => {
  test('does not hold up a session with others, and its late answer still counts', () => {
    const desks = desksOf(2, 3, 'bip340');
    const messages = messagesFor('bip340', 1);
    const warm = new SigningRoom({ desks, messages });
    expectSignatures(warm);
    const late: SigningMessage[] = [];
    const slow: Behaviour = (message, honest) => {
      if (message.type !== 'sign_request') return honest();
      late.push(honest());
      return null;
    };
    const room = new SigningRoom({ desks, messages, behaviours: { 1: slow, 2: SILENT }, pool: warm.pool });
    room.drain();
    expect(room.requests).toBe(2);
    room.now += 1_000;
    room.feed({ kind: 'tick', now: room.now });
    room.drain();
    // A second session with candidates 0 and 2 is under way; 2 says nothing, and then 1 does answer.
    expect(room.requests).toBe(4);
    const [answer] = late;
    const event = answer === undefined ? null : eventOf(1, answer, room.now + 700);
    if (event === null) throw new Error('the slow one has answered');
    room.feed(event);
    const result = expectSignatures(room);
    expect(result.signers).toEqual([0, 1]);
    expect(result.exclusions).toEqual([]);
  });

  test('may sign in a later session', () => {
    const desks = desksOf(3, 5, 'ed25519');
    const messages = messagesFor('ed25519', 1);
    const warm = new SigningRoom({ desks, messages });
    expectSignatures(warm);
    const late: SigningMessage[] = [];
    let asked = 0;
    const slowOnce: Behaviour = (message, honest) => {
      if (message.type !== 'sign_request' || asked++ > 0) return honest();
      late.push(honest());
      return null;
    };
    const behaviours = { 0: SILENT, 1: slowOnce, 4: REFUSING };
    const room = new SigningRoom({ desks, messages, behaviours, pool: warm.pool, candidates: [0, 1, 2, 3, 4] });
    room.drain();
    const [answer] = late;
    const event = answer === undefined ? null : eventOf(1, answer, room.now + 900);
    room.now += 1_000;
    room.feed({ kind: 'tick', now: room.now });
    if (event === null) throw new Error('the slow one has answered');
    room.feed(event);
    const result = expectSignatures(room);
    expect(result.signers).toEqual([1, 2, 3]);
    expect(result.exclusions.map(({ index }) => index)).toContain(0);
  });

  test('is waited for again, and longer, where nobody else is left', () => {
    const desks = desksOf(2, 2, 'bip340');
    const messages = messagesFor('bip340', 1);
    const warm = new SigningRoom({ desks, messages });
    expectSignatures(warm);
    const late: SigningMessage[] = [];
    const slow: Behaviour = (message, honest) => {
      if (message.type !== 'sign_request') return honest();
      late.push(honest());
      return null;
    };
    const room = new SigningRoom({ desks, messages, behaviours: { 1: slow }, pool: warm.pool });
    room.drain();
    room.now += 20_000;
    room.feed({ kind: 'tick', now: room.now });
    expect(room.state.result).toBeNull();
    const [answer] = late;
    const event = answer === undefined ? null : eventOf(1, answer, room.now);
    if (event === null) throw new Error('the slow one has answered');
    room.feed(event);
    expect(expectSignatures(room).sessions).toBe(1);
  });

  test('whose transport has given up is left out by name', () => {
    const desks = desksOf(2, 2, 'bip340');
    const messages = messagesFor('bip340', 1);
    const room = new SigningRoom({ desks, messages, behaviours: { 1: SILENT } });
    room.drain();
    room.feed({ kind: 'timeout', now: room.now, from: 1 });
    expect(room.state.result).toMatchObject({ kind: 'failed', exclusions: [{ index: 1, reason: 'timeout' }] });
  });
});
