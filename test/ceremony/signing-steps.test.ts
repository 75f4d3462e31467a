// Signing a step at a time: the same results as at once, and no secret left behind where it is ended early.
import { describe, expect, test } from 'bun:test';
import { type SigningEvent, signingStepInSteps, startSigningInSteps } from '../../ceremony/signing/coordinator.ts';
import { HeldNonces, IssuedNonces, NONCES_STOCKED_MAX } from '../../ceremony/signing/nonce-pool.ts';
import {
  answerSignRequest,
  answerSignRequestInSteps,
  type ValidatedRequest,
} from '../../ceremony/signing/participant.ts';
import { atOnce, type Steps } from '../../ceremony/steps.ts';
import { toHex } from '../../crypto/bytes.ts';
import type { FrostScheme } from '../../crypto/scheme.ts';
import { bytesOf } from './federation.ts';
import { desksOf, draw, eventOf, honestAnswer, type Scheme, SigningRoom } from './signing-desk.ts';

// More than are verified together, and no multiple of that.
const COUNT = 18;
const MESSAGES = Array.from({ length: COUNT }, (_, i) => ({ message: bytesOf(`message ${i}`), tweaks: [] }));
const NOTHING = new Uint8Array(64);

/** Does work and counts where it gave way. */
function counted<Result>(work: Steps<Result>): { readonly result: Result; readonly pauses: number } {
  for (let pauses = 0; ; pauses++) {
    const step = work.next();
    if (step.done === true) return { result: step.value, pauses };
  }
}

/** A request to participant 1, which can be given to it any number of times: its nonces are made anew each time. */
function requestOf(name: Scheme) {
  const desks = desksOf(2, 3, name);
  const [zero, one] = desks;
  if (zero === undefined || one === undefined) throw new Error('two desks');
  const entropies = MESSAGES.map((_, i) => bytesOf(`nonce of ${name} ${i}`));
  const nonceOf = (desk: typeof one, random: Uint8Array) =>
    desk.owner.scheme.generateNonce(desk.owner.key, desk.owner.index, desk.owner.signingShare, random);
  const others = MESSAGES.map(() => nonceOf(zero, draw(32)).public);
  const fresh = () => {
    const secrets: Uint8Array[] = [];
    let made = 0;
    const scheme: FrostScheme = {
      ...one.owner.scheme,
      generateNonce: () => {
        const pair = nonceOf(one, entropies[made++] ?? NOTHING);
        secrets.push(pair.secret);
        return pair;
      },
    };
    const owner = { ...one.owner, scheme };
    const nonces = new IssuedNonces();
    const issued = nonces.issue(owner, 0, COUNT, draw);
    const commitments = issued.map(({ nonce }, i) => {
      const combined = scheme.combineNonces([0, 1], [others[i] ?? NOTHING, Uint8Array.from(Buffer.from(nonce, 'hex'))]);
      if (!combined.ok) throw new Error('the nonces are right');
      return toHex(combined.nonceCommitment);
    });
    const validated: ValidatedRequest = {
      from: 0,
      messages: MESSAGES,
      request: {
        session: toHex(bytesOf('session').slice(0, 16)),
        key_id: 'key-1',
        scheme: name,
        intent: { kind: 'test_message', message: 'hello' },
        signers: [0, 1],
        boots: { 0: zero.boot, 1: one.boot },
        messages: issued.map(({ id }, i) => ({
          nonce_ids: { 0: toHex(draw(16)), 1: id },
          nonce_commitment: commitments[i] ?? '',
        })),
      },
    };
    return { desk: { ...one, owner, nonces }, validated, secrets };
  };
  return fresh;
}

describe.each(['bip340', 'ed25519'] as const)('a participant that signs %s step by step', (name) => {
  test('gives the shares that it gives at once, one step for each message', () => {
    const fresh = requestOf(name);
    const [first, second] = [fresh(), fresh()];
    const atATime = counted(answerSignRequestInSteps(first.desk, first.validated));
    expect(atATime.pauses).toBe(COUNT - 1);
    expect(atATime.result).toEqual(answerSignRequest(second.desk, second.validated));
    expect(atATime.result.ok).toBe(true);
  });

  test('has no nonce left for a second request between two steps', () => {
    const { desk, validated } = requestOf(name)();
    const work = answerSignRequestInSteps(desk, validated);
    work.next();
    expect(answerSignRequest(desk, validated)).toMatchObject({ ok: false, reason: 'nonce_unknown' });
    expect(atOnce(work).ok).toBe(true);
  });

  test('erases every nonce that it took where it is ended early', () => {
    const { desk, validated, secrets } = requestOf(name)();
    const work = answerSignRequestInSteps(desk, validated);
    work.next();
    expect(secrets.some((secret) => secret.some((byte) => byte !== 0))).toBe(true);
    expect(() => work.throw(new Error('closing'))).toThrow('closing');
    expect(secrets).toHaveLength(COUNT);
    expect(secrets.every((secret) => secret.every((byte) => byte === 0))).toBe(true);
  });
});

describe.each(['bip340', 'ed25519'] as const)('a coordinator of %s signatures', (name) => {
  test('makes the same signatures step by step, and lets other work run between the messages', () => {
    const desks = desksOf(2, 3, name);
    const room = new SigningRoom({ desks, messages: MESSAGES });
    room.run();
    const [{ owner }] = [desks[0] ?? { owner: null }];
    if (owner === null || room.state.result?.kind !== 'signed') throw new Error('signed at once');
    const pool = new HeldNonces();
    const { task } = room.state.start;
    const start = { task, candidates: [0, 1, 2], random: draw(32), now: 0, patienceMs: 1_000, deadline: 30_000 };
    let step = atOnce(startSigningInSteps(start, pool));
    const outgoing = [...step.outgoing];
    const pauses: number[] = [];
    for (let message = outgoing.shift(); message !== undefined; message = outgoing.shift()) {
      const desk = desks[message.to];
      if (desk === undefined) throw new Error('a desk');
      const event: SigningEvent | null = eventOf(message.to, honestAnswer(desk, message, MESSAGES), 0);
      if (event === null) throw new Error('an answer');
      const done = counted(signingStepInSteps(step.state, event, pool));
      pauses.push(done.pauses);
      step = done.result;
      outgoing.push(...step.outgoing);
    }
    const { result } = step.state;
    if (result?.kind !== 'signed') throw new Error('signed in steps');
    expect(result.signatures).toHaveLength(COUNT);
    for (const [i, signature] of result.signatures.entries()) {
      const message = MESSAGES[i]?.message ?? NOTHING;
      expect(owner.scheme.verify(owner.scheme.outputKey(owner.key, []), message, signature)).toBe(true);
    }
    // Once for opening the session, once for finishing it.
    expect(pauses.filter((count) => count > 0)).toEqual([COUNT - 1, COUNT - 1]);
  });
});

describe('the stock of nonces', () => {
  const [, one] = desksOf(2, 3, 'bip340');
  if (one === undefined) throw new Error('two desks');
  const { owner } = one;

  test('is issued first, each nonce once, and made anew beyond', () => {
    const nonces = new IssuedNonces();
    atOnce(nonces.stockInSteps(owner, 3, draw));
    expect(nonces.stocked(owner)).toBe(3);
    const first = nonces.issue(owner, 0, 2, draw);
    const second = nonces.issue(owner, 2, 2, draw);
    expect(nonces.stocked(owner)).toBe(0);
    expect(new Set([...first, ...second].map(({ nonce }) => nonce)).size).toBe(4);
    const claim = { peer: 0, scheme: 'bip340' as const, keyId: 'key-1' };
    expect(nonces.take({ ...claim, ids: second.map(({ id }) => id) })).toBeNull();
    expect(nonces.take({ ...claim, ids: first.map(({ id }) => id) })).toHaveLength(2);
  });

  test('is bounded, and erased with everything else', () => {
    const secrets: Uint8Array[] = [];
    const generateNonce = () => {
      const secret = draw(32);
      secrets.push(secret);
      return { secret, public: new Uint8Array(66) };
    };
    const nonces = new IssuedNonces();
    const counting = { ...owner, scheme: { ...owner.scheme, generateNonce } };
    atOnce(nonces.stockInSteps(counting, NONCES_STOCKED_MAX * 2, draw));
    expect(nonces.stocked(counting)).toBe(NONCES_STOCKED_MAX);
    nonces.dropAll();
    expect(nonces.stocked(counting)).toBe(0);
    expect(secrets).toHaveLength(NONCES_STOCKED_MAX);
    expect(secrets.every((secret) => secret.every((byte) => byte === 0))).toBe(true);
  });
});
