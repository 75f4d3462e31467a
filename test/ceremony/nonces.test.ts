// Nonces: handed out once, taken once, never two shares from one.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { type MessageBody, parseMessage } from '../../ceremony/messages.ts';
import { HeldNonces, IssuedNonces, NONCES_ISSUED_PER_PEER_MAX } from '../../ceremony/signing/nonce-pool.ts';
import { answerSignRequest, type ParticipantDesk } from '../../ceremony/signing/participant.ts';
import { atOnce } from '../../ceremony/steps.ts';
import { toHex } from '../../crypto/bytes.ts';
import type { FrostScheme } from '../../crypto/scheme.ts';
import { bytesOf } from './federation.ts';
import { desksOf, draw, SigningRoom } from './signing-desk.ts';

const MESSAGES = [{ message: bytesOf('message'), tweaks: [] }];

/** A request by index 0 to sign with the participants 0 and 1, with these nonce ids for participant 1. */
function requestWith(desks: readonly ParticipantDesk[], ids: readonly string[]): MessageBody<'sign_request'> {
  const [zero, one] = desks;
  if (zero === undefined || one === undefined) throw new Error('two desks');
  const own = ids.map(() => zero.nonces.issue(zero.owner, 0, 1, draw)[0]);
  const combined = one.owner.scheme.combineNonces(
    [0, 1],
    [zero, one].map(
      ({ owner }) => owner.scheme.generateNonce(owner.key, owner.index, owner.signingShare, draw(32)).public,
    ),
  );
  if (!combined.ok) throw new Error('the nonces are right');
  return {
    session: toHex(draw(16)),
    key_id: 'key-1',
    scheme: one.owner.scheme.name,
    intent: { kind: 'test_message', message: 'hello' },
    signers: [0, 1],
    boots: { 0: zero.boot, 1: one.boot },
    messages: ids.map((id, i) => ({
      nonce_ids: { 0: own[i]?.id ?? '', 1: id },
      nonce_commitment: toHex(combined.nonceCommitment),
    })),
  };
}

function setting() {
  const desks = desksOf(2, 3, 'bip340');
  const one = desks[1];
  if (one === undefined) throw new Error('three desks');
  const issue = (peer: number, count: number) => one.nonces.issue(one.owner, peer, count, draw).map(({ id }) => id);
  const ask = (request: MessageBody<'sign_request'>, from = 0, messages = MESSAGES) =>
    answerSignRequest(one, { from, request, messages });
  return { desks, one, issue, ask };
}

describe('a participant', () => {
  test('gives one share for a nonce and refuses the second time', () => {
    const { desks, issue, ask } = setting();
    const ids = issue(0, 1);
    expect(ask(requestWith(desks, ids)).ok).toBe(true);
    expect(ask(requestWith(desks, ids))).toMatchObject({ ok: false, reason: 'nonce_unknown' });
  });

  test('refuses a nonce that it issued to another coordinator, and keeps it for that one', () => {
    const { desks, one, issue, ask } = setting();
    const ids = issue(2, 1);
    expect(ask(requestWith(desks, ids), 0)).toMatchObject({ ok: false, reason: 'nonce_unknown' });
    expect(one.nonces.count(2, 'bip340', 'key-1')).toBe(1);
    expect(ask(requestWith(desks, ids), 2).ok).toBe(true);
  });

  test('refuses one nonce for two messages of a request', () => {
    const { desks, issue, ask } = setting();
    const [id = ''] = issue(0, 1);
    const messages = [...MESSAGES, { message: bytesOf('other'), tweaks: [] }];
    expect(ask(requestWith(desks, [id, id]), 0, messages)).toMatchObject({ ok: false, reason: 'nonce_unknown' });
  });

  test('refuses nonces of an earlier start', () => {
    const { desks, issue, ask } = setting();
    const request = requestWith(desks, issue(0, 1));
    const boots = { ...request.boots, 1: '00'.repeat(16) };
    expect(ask({ ...request, boots })).toMatchObject({ ok: false, reason: 'nonce_unknown' });
  });

  test('refuses what contradicts itself or the key', () => {
    const { desks, one, issue, ask } = setting();
    const right = requestWith(desks, issue(0, 1));
    const wrong: [Partial<MessageBody<'sign_request'>>, string][] = [
      [{ signers: [1, 0] }, 'bad_request'],
      [{ signers: [0, 0, 1] }, 'bad_request'],
      [{ signers: [1] }, 'bad_request'],
      [{ signers: [0, 2] }, 'bad_request'],
      [{ signers: [0, 1, 2] }, 'bad_request'],
      [{ signers: [1, 9] }, 'bad_request'],
      [{ boots: { 1: one.boot } }, 'bad_request'],
      [{ messages: [...right.messages, ...right.messages] }, 'bad_request'],
      [{ messages: right.messages.map((message) => ({ ...message, nonce_commitment: 'ff' })) }, 'bad_request'],
      [
        { messages: right.messages.map((message) => ({ ...message, nonce_ids: { 1: 'ab'.repeat(16) } })) },
        'bad_request',
      ],
      [{ key_id: 'key-2' }, 'unknown_key'],
      [{ scheme: 'ed25519' }, 'unknown_key'],
    ];
    for (const [change, reason] of wrong) expect(ask({ ...right, ...change })).toMatchObject({ ok: false, reason });
    // None of it has used up the nonce.
    expect(ask(right).ok).toBe(true);
  });

  test('uses up the nonces of a request whose commitment is no point, without a share', () => {
    const { desks, one, issue, ask } = setting();
    const request = requestWith(desks, issue(0, 1));
    const messages = request.messages.map((message) => ({ ...message, nonce_commitment: 'ff'.repeat(66) }));
    expect(ask({ ...request, messages })).toMatchObject({ ok: false, reason: 'bad_request' });
    expect(one.nonces.count(0, 'bip340', 'key-1')).toBe(0);
  });

  test('of the attestation key refuses a commitment without its own nonce', () => {
    const desks = desksOf(2, 3, 'ed25519');
    const one = desks[1];
    if (one === undefined) throw new Error('three desks');
    const ids = one.nonces.issue(one.owner, 0, 1, draw).map(({ id }) => id);
    const answer = answerSignRequest(one, { from: 0, request: requestWith(desks, ids), messages: MESSAGES });
    expect(answer).toMatchObject({ ok: false, reason: 'bad_request' });
  });

  test.each(['bip340', 'ed25519'] as const)(
    'whose %s share was erased meanwhile refuses, and is not taken for a liar',
    (name) => {
      const desks = desksOf(2, 3, name).map((desk) => {
        const signingShare = desk.owner.signingShare.slice();
        return { ...desk, owner: { ...desk.owner, signingShare } };
      });
      const messages = MESSAGES;
      const room = new SigningRoom({ desks, messages });
      desks[1]?.owner.signingShare.fill(0);
      const result = room.run();
      expect(result).toMatchObject({ kind: 'signed', signers: [0, 2] });
      expect(result?.exclusions).toMatchObject([{ index: 1, reason: 'unknown_key' }]);
    },
  );

  test('never signs twice with one secret nonce, whatever it is asked', () => {
    const { desks, one } = setting();
    fc.assert(
      fc.property(
        fc.array(fc.record({ peer: fc.nat(2), picks: fc.array(fc.nat(7), { minLength: 1, maxLength: 3 }) }), {
          maxLength: 20,
        }),
        (asks) => {
          const used = new Map<string, number>();
          const scheme: FrostScheme = {
            ...one.owner.scheme,
            sign: (_key, _index, _share, secret) => {
              const name = toHex(secret);
              used.set(name, (used.get(name) ?? 0) + 1);
              return new Uint8Array(32);
            },
          };
          const nonces = new IssuedNonces();
          const desk: ParticipantDesk = { ...one, nonces, owner: { ...one.owner, scheme } };
          const issued = [0, 1, 2].map((peer) => nonces.issue(desk.owner, peer, 4, draw).map(({ id }) => id));
          const all = issued.flat();
          for (const { peer, picks } of asks) {
            const ids = picks.map((pick) => all[(pick + 4 * peer) % all.length] ?? '');
            const messages = ids.map((_, i) => ({ message: bytesOf(`m/${i}`), tweaks: [] }));
            answerSignRequest(desk, { from: peer, request: requestWith(desks, ids), messages });
          }
          for (const times of used.values()) expect(times).toBe(1);
        },
      ),
      { numRuns: 15 },
    );
  }, 60_000);
});

describe('the pool of issued nonces', () => {
  test('keeps a bounded number for each peer and erases the oldest', () => {
    const { one } = setting();
    const secrets: Uint8Array[] = [];
    const scheme: FrostScheme = {
      ...one.owner.scheme,
      generateNonce: () => {
        const secret = draw(32);
        secrets.push(secret);
        return { secret, public: new Uint8Array(66) };
      },
    };
    const nonces = new IssuedNonces();
    const first = nonces.issue({ ...one.owner, scheme }, 0, 10, draw);
    nonces.issue({ ...one.owner, scheme }, 0, NONCES_ISSUED_PER_PEER_MAX, draw);
    expect(nonces.count(0, 'bip340', 'key-1')).toBe(NONCES_ISSUED_PER_PEER_MAX);
    const claim = { peer: 0, scheme: 'bip340' as const, keyId: 'key-1', ids: first.map(({ id }) => id) };
    expect(nonces.take(claim)).toBeNull();
    expect(secrets.slice(0, 10).every((secret) => secret.every((byte) => byte === 0))).toBe(true);
    nonces.dropAll();
    expect(secrets.every((secret) => secret.every((byte) => byte === 0))).toBe(true);
  });

  test('that is dropped while nonces are being issued erases those too, and gives none of them out', () => {
    const { one } = setting();
    const secrets: Uint8Array[] = [];
    const scheme: FrostScheme = {
      ...one.owner.scheme,
      generateNonce: () => {
        const secret = draw(32);
        secrets.push(secret);
        return { secret, public: new Uint8Array(66) };
      },
    };
    const owner = { ...one.owner, scheme };
    const nonces = new IssuedNonces();
    const steps = nonces.issueInSteps(owner, 0, 40, draw);
    steps.next();
    steps.next();
    nonces.dropAll();
    expect(atOnce(steps)).toEqual([]);
    expect(secrets.length).toBeGreaterThan(0);
    expect(secrets.every((secret) => secret.every((byte) => byte === 0))).toBe(true);
    expect(nonces.count(0, 'bip340', 'key-1')).toBe(0);
    // What is made afterwards is kept, and can be taken.
    const ids = nonces.issue(owner, 0, 3, draw).map(({ id }) => id);
    expect(nonces.take({ peer: 0, scheme: 'bip340', keyId: 'key-1', ids })).toHaveLength(3);
  });

  test('loses the nonces of one key alone where that key has ended, also those that are being made', () => {
    const { one } = setting();
    const secrets = new Map<string, Uint8Array[]>([
      ['ended', []],
      ['other', []],
    ]);
    const ownerOf = (keyId: string) => {
      const generateNonce = () => {
        const secret = draw(32);
        secrets.get(keyId)?.push(secret);
        return { secret, public: new Uint8Array(66) };
      };
      return { ...one.owner, keyId, scheme: { ...one.owner.scheme, generateNonce } };
    };
    const nonces = new IssuedNonces();
    const [ended, other] = [ownerOf('ended'), ownerOf('other')];
    nonces.issue(ended, 0, 3, draw);
    const kept = nonces.issue(other, 0, 3, draw).map(({ id }) => id);
    atOnce(nonces.stockInSteps(ended, 2, draw));
    atOnce(nonces.stockInSteps(other, 2, draw));
    const [issuing, stocking] = [nonces.issueInSteps(ended, 2, 40, draw), nonces.stockInSteps(ended, 9, draw)];
    issuing.next();
    stocking.next();
    nonces.dropKey('ended');
    expect(atOnce(issuing)).toEqual([]);
    atOnce(stocking);
    expect(secrets.get('ended')?.filter((secret) => secret.some((byte) => byte !== 0))).toEqual([]);
    expect([nonces.count(0, 'bip340', 'ended'), nonces.stocked(ended), nonces.stocked(other)]).toEqual([0, 0, 2]);
    expect(nonces.take({ peer: 0, scheme: 'bip340', keyId: 'other', ids: kept })).toHaveLength(3);
    expect(secrets.get('other')?.every((secret) => secret.some((byte) => byte !== 0))).toBe(true);
  });

  test('makes no nonce twice under a random source that gives one value again and again', () => {
    const { one } = setting();
    for (const { owner } of [one, ...desksOf(2, 3, 'ed25519').slice(0, 1)]) {
      const stuck = (bytes: number) => new Uint8Array(bytes).fill(7);
      let id = 0;
      const onlyIdsDiffer = (bytes: number) => (bytes === 16 ? new Uint8Array(16).fill(++id) : stuck(bytes));
      const issued = new IssuedNonces().issue(owner, 0, 5, onlyIdsDiffer);
      expect(new Set(issued.map(({ nonce }) => nonce)).size).toBe(5);
    }
  });
});

describe('the pool of held nonces', () => {
  const key = { peer: 1, scheme: 'bip340' as const, keyId: 'key-1' };
  const nonce = (name: string) => ({ id: toHex(bytesOf(name).slice(0, 16)), nonce: '00' });

  test('hands each nonce out once', () => {
    const pool = new HeldNonces();
    pool.add(key, 'a', [nonce('1'), nonce('2'), nonce('1')]);
    expect(pool.count(key)).toBe(2);
    expect(pool.take(key, 1)?.nonces).toEqual([nonce('1')]);
    expect(pool.take(key, 2)).toBeNull();
    expect(pool.take(key, 1)?.nonces).toEqual([nonce('2')]);
  });

  test('forgets the nonces of one key alone where that key has ended', () => {
    const pool = new HeldNonces();
    const other = { ...key, keyId: 'key-2' };
    pool.add(key, 'a', [nonce('1')]);
    pool.add({ ...key, peer: 2 }, 'a', [nonce('2')]);
    pool.add(other, 'a', [nonce('3')]);
    pool.dropKey('key-1');
    expect([pool.count(key), pool.count({ ...key, peer: 2 }), pool.count(other)]).toEqual([0, 0, 1]);
  });

  test('forgets the nonces of an earlier start of a peer', () => {
    const pool = new HeldNonces();
    pool.add(key, 'a', [nonce('1')]);
    pool.add(key, 'b', [nonce('2')]);
    expect(pool.take(key, 1)).toEqual({ boot: 'b', nonces: [nonce('2')] });
    pool.add(key, 'b', [nonce('3')]);
    pool.dropOtherBoots(1, 'c');
    expect(pool.count(key)).toBe(0);
  });
});

describe('a message from outside', () => {
  test('of no known type or with a wrong body is a verdict, not an exception', () => {
    expect(parseMessage('toString', {})).toMatchObject({ ok: false, reason: 'unknown_type' });
    expect(parseMessage('dkg_start', { attempt: 'AB'.repeat(16) })).toMatchObject({ ok: false, reason: 'bad_body' });
    expect(parseMessage('dkg_start', { attempt: 'ab'.repeat(16), more: 1 })).toMatchObject({ reason: 'bad_body' });
    expect(parseMessage('dkg_done', { attempt: 'ab'.repeat(16) }).ok).toBe(true);
    expect(parseMessage('nonce_request', { scheme: 'bip340', key_id: 'k', count: 513 })).toMatchObject({ ok: false });
  });
});
