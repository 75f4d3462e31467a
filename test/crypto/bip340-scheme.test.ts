import { describe, expect, test } from 'bun:test';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import { PARTICIPANTS_MAX } from '../../crypto/bip445/key-context.ts';
import { tweakThresholdPublicKey } from '../../crypto/bip445.ts';
import type { GroupKey, SigningSession } from '../../crypto/scheme.ts';
import { Fn, scalarToBytes } from '../../crypto/secp256k1.ts';
import { aggregated, signAll } from './bip340-scheme-session.ts';
import { bytesOf, keyOf, one, runSession, subsets } from './chilldkg-session.ts';

const ALL_ONES = new Uint8Array(32).fill(0xff);

const THREE = keyOf(runSession(3, 2, 'three'));
const MESSAGE = bytesOf('message');
const TWEAK = { tweak: bytesOf('tweak'), xOnly: true };

describe('signing', () => {
  test('every t-subset of a key that ChillDKG made signs, untweaked and tweaked, under the output key', () => {
    const made = keyOf(runSession(5, 3, 'five'));
    for (const signers of subsets([0, 1, 2, 3, 4], 3)) {
      for (const tweaks of [[], [TWEAK]]) {
        const { session, partials } = signAll(made, signers, MESSAGE, tweaks);
        const outputKey = bip340Scheme.outputKey(made.key, tweaks);
        expect(bip340Scheme.verify(outputKey, MESSAGE, aggregated(made.key, session, partials))).toBe(true);
      }
    }
  });

  test('more than t signers sign as well', () => {
    const { session, partials } = signAll(THREE, [0, 1, 2], MESSAGE);
    const signature = aggregated(THREE.key, session, partials);
    expect(bip340Scheme.verify(bip340Scheme.outputKey(THREE.key, []), MESSAGE, signature)).toBe(true);
  });

  test('a signature for a tweaked key is none for the untweaked one', () => {
    const { session, partials } = signAll(THREE, [0, 2], MESSAGE, [TWEAK]);
    const signature = aggregated(THREE.key, session, partials);
    expect(bip340Scheme.verify(bip340Scheme.outputKey(THREE.key, [TWEAK]), MESSAGE, signature)).toBe(true);
    expect(bip340Scheme.verify(bip340Scheme.outputKey(THREE.key, []), MESSAGE, signature)).toBe(false);
    expect(bip340Scheme.verify(bip340Scheme.outputKey(THREE.key, [TWEAK, TWEAK]), MESSAGE, signature)).toBe(false);
  });

  test('a nonce is zeroed by signing, and a zeroed nonce throws', () => {
    const { key, shares } = THREE;
    const { session } = signAll(THREE, [0, 1], MESSAGE);
    const { secret } = bip340Scheme.generateNonce(key, 0, one(shares, 0), bytesOf('once'));
    expect(secret.some((byte) => byte !== 0)).toBe(true);
    bip340Scheme.sign(key, 0, one(shares, 0), secret, session);
    expect(secret).toEqual(new Uint8Array(64));
    expect(() => bip340Scheme.sign(key, 0, one(shares, 0), secret, session)).toThrow('first secnonce value');
  });

  test("another participant's signing share throws, and the nonce is gone all the same", () => {
    const { key, shares } = THREE;
    const { session } = signAll(THREE, [0, 1], MESSAGE);
    const { secret } = bip340Scheme.generateNonce(key, 0, one(shares, 0), bytesOf('once'));
    expect(() => bip340Scheme.sign(key, 0, one(shares, 1), secret, session)).toThrow('does not belong');
    expect(secret).toEqual(new Uint8Array(64));
  });

  test('a session whose message was changed in place is a new session, not a remembered one', () => {
    const message = MESSAGE.slice();
    const { session, partials } = signAll(THREE, [0, 1], message);
    message[0] = (message[0] ?? 0) ^ 1;
    const signature = aggregated(THREE.key, session, partials);
    expect(bip340Scheme.verify(bip340Scheme.outputKey(THREE.key, []), message, signature)).toBe(false);
    expect(bip340Scheme.verify(bip340Scheme.outputKey(THREE.key, []), MESSAGE, signature)).toBe(false);
  });

  test('the first tweak is right again after more tweaks than the cache keeps', () => {
    const { key } = THREE;
    const before = bip340Scheme.outputKey(key, [TWEAK]);
    for (let i = 1; i <= 1100; i++) bip340Scheme.outputKey(key, [{ tweak: scalarToBytes(BigInt(i)), xOnly: false }]);
    expect(bip340Scheme.outputKey(key, [TWEAK])).toEqual(before);
    expect(before).toEqual(tweakThresholdPublicKey(key.publicKey, [TWEAK]).xOnly);
  });

  test('a caller that writes into an output key does not change the key', () => {
    const before = bip340Scheme.outputKey(THREE.key, []);
    bip340Scheme.outputKey(THREE.key, []).fill(0);
    expect(bip340Scheme.outputKey(THREE.key, [])).toEqual(before);
  });
});

describe('blame', () => {
  const { key } = THREE;
  const { session, publicNonces, partials } = signAll(THREE, [0, 2], MESSAGE);

  test('a wrong share makes the signature fail and is found by index; the honest one holds', () => {
    const wrong = scalarToBytes(Fn.add(BigInt(`0x${Buffer.from(one(partials, 1)).toString('hex')}`), 1n));
    const signature = aggregated(key, session, [one(partials, 0), wrong]);
    expect(bip340Scheme.verify(bip340Scheme.outputKey(key, []), MESSAGE, signature)).toBe(false);
    expect(bip340Scheme.verifyPartial(key, 2, one(publicNonces, 1), session, wrong)).toBe(false);
    expect(bip340Scheme.verifyPartial(key, 0, one(publicNonces, 0), session, one(partials, 0))).toBe(true);
  });

  test('a partial signature that is no scalar is blamed on its participant, not on its position', () => {
    for (const bad of [ALL_ONES, scalarToBytes(1n).subarray(1)]) {
      expect(bip340Scheme.aggregate(key, session, [one(partials, 0), bad])).toEqual({ ok: false, culprit: 2 });
    }
  });

  test('a malformed public nonce is blamed on its participant', () => {
    const good = one(publicNonces, 0);
    const noPoint = good.slice();
    noPoint[33] = 4;
    for (const bad of [noPoint, good.subarray(1), new Uint8Array(66)]) {
      expect(bip340Scheme.combineNonces([0, 2], [good, bad])).toEqual({ ok: false, culprit: 2 });
    }
  });

  test('malformed shares and nonces are false, not errors; so is a participant who is not a signer', () => {
    const nonce = one(publicNonces, 0);
    const partial = one(partials, 0);
    const check = (index: number, n: Uint8Array, p: Uint8Array) =>
      bip340Scheme.verifyPartial(key, index, n, session, p);
    expect(check(0, nonce, partial)).toBe(true);
    expect(check(0, nonce, ALL_ONES)).toBe(false);
    expect(check(0, nonce, new Uint8Array(0))).toBe(false);
    expect(check(0, new Uint8Array(66), partial)).toBe(false);
    expect(check(0, nonce.subarray(1), partial)).toBe(false);
    expect(check(1, nonce, partial)).toBe(false);
    expect(check(7, nonce, partial)).toBe(false);
  });

  test('nonces that cancel each other out still let the liar be found', () => {
    const { shares } = THREE;
    const mine = bip340Scheme.generateNonce(key, 0, one(shares, 0), bytesOf('mine'));
    const negated = mine.public.slice();
    for (const at of [0, 33]) negated[at] = (negated[at] ?? 0) ^ 1;
    const combined = bip340Scheme.combineNonces([0, 2], [mine.public, negated]);
    if (!combined.ok) throw new Error('The nonces are well formed.');
    expect(combined.nonceCommitment).toEqual(new Uint8Array(66));
    const cancelled = { ...session, nonceCommitment: combined.nonceCommitment };
    const partial = bip340Scheme.sign(key, 0, one(shares, 0), mine.secret, cancelled);
    expect(bip340Scheme.verifyPartial(key, 0, mine.public, cancelled, partial)).toBe(true);
    expect(bip340Scheme.verifyPartial(key, 2, negated, cancelled, partial)).toBe(false);
  });
});

describe('refusals', () => {
  const { key, shares } = THREE;
  const { session } = signAll(THREE, [0, 1], MESSAGE);
  const signWith = (change: Partial<SigningSession>, index = 0) => {
    const { secret } = bip340Scheme.generateNonce(key, 0, one(shares, 0), bytesOf('refused'));
    return bip340Scheme.sign(key, index, one(shares, 0), secret, { ...session, ...change });
  };

  test('signers must be ascending indices of the key, between t and n of them', () => {
    for (const signers of [
      [1, 0],
      [0, 0],
      [0, 3],
      [-1, 0],
      [0, 0.5],
    ]) {
      expect(() => signWith({ signers })).toThrow('strictly ascending');
    }
    for (const signers of [[], [0], [0, 1, 2, 3]]) expect(() => signWith({ signers })).toThrow('between t and n');
    expect(() => signWith({}, 2)).toThrow('not among the signers');
  });

  test('an aggregate nonce that is not two points throws and blames the coordinator', () => {
    for (const nonceCommitment of [new Uint8Array(65), new Uint8Array(67), new Uint8Array(66).fill(4)]) {
      expect(() => signWith({ nonceCommitment })).toThrow('Invalid aggnonce from the coordinator.');
    }
  });

  test('counts that do not match the signers throw', () => {
    expect(() => bip340Scheme.combineNonces([0, 1], [])).toThrow('one public nonce per signer');
    expect(() => bip340Scheme.aggregate(key, session, [])).toThrow('one partial signature per signer');
  });

  test('randomness of zeroes or of a wrong length makes no nonce, nor does an unknown participant', () => {
    const nonce = (index: number, random: Uint8Array) => bip340Scheme.generateNonce(key, index, one(shares, 0), random);
    expect(() => nonce(0, new Uint8Array(32))).toThrow('all zeroes');
    expect(() => nonce(0, bytesOf('x').subarray(1))).toThrow('32 bytes');
    expect(() => nonce(3, bytesOf('x'))).toThrow('no participant');
  });

  test('a key whose parts do not fit together is refused, each with its reason', () => {
    const verifyingShares = key.verifyingShares;
    const swapped = [one(verifyingShares, 1), one(verifyingShares, 0), one(verifyingShares, 2)];
    const cases: [Partial<GroupKey>, string][] = [
      [{ scheme: 'ed25519' }, 'not of the bip340 scheme'],
      [{ participants: 0 }, 'number of participants'],
      [{ participants: PARTICIPANTS_MAX + 1 }, 'number of participants'],
      [{ threshold: 0 }, '1 <= t <= n'],
      [{ threshold: 4 }, '1 <= t <= n'],
      [{ threshold: 1 }, 'do not interpolate'],
      [{ participants: 4 }, 'one verifying share per participant'],
      [{ publicKey: new Uint8Array(33) }, 'not a valid point'],
      [{ publicKey: one(verifyingShares, 0) }, 'do not interpolate'],
      [{ verifyingShares: swapped }, 'do not interpolate'],
      [{ verifyingShares: [...verifyingShares.slice(0, 2), new Uint8Array(33)] }, 'Invalid verifying share at index 2'],
    ];
    for (const [change, reason] of cases) {
      expect(() => bip340Scheme.validateKey({ ...key, ...change })).toThrow(reason);
    }
    expect(() => bip340Scheme.validateKey({ ...key })).not.toThrow();
  });

  test('verification is false on lengths that cannot be', () => {
    expect(bip340Scheme.verify(new Uint8Array(31), MESSAGE, new Uint8Array(64))).toBe(false);
    expect(bip340Scheme.verify(new Uint8Array(32), MESSAGE, new Uint8Array(63))).toBe(false);
  });
});
