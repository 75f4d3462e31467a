// Every shortcut of FROST(Ed25519, SHA-512) that saves work, held against the plain formula or noble's own result, and
// what a commitment with a small-order part does: fail its session and name its signer (RFC 9591 section 6.1).
import { describe, expect, test } from 'bun:test';
import type { EdwardsPoint } from '@noble/curves/abstract/edwards.js';
import { ED25519_TORSION_SUBGROUP, ed25519, ed25519_FROST } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { deal } from '../../bench/deal.ts';
import { concat, sha256, toHex, u32be } from '../../crypto/bytes.ts';
import { groupCommitment } from '../../crypto/ed25519-binding.ts';
import { ed25519Scheme, frostIdentifier } from '../../crypto/ed25519-frost.ts';
import { interpolates } from '../../crypto/ed25519-key.ts';
import { sumOfMultiples } from '../../crypto/ed25519-sum.ts';
import type { NoncePair } from '../../crypto/scheme.ts';

const fresh = (...numbers: number[]) => sha256(...numbers.map(u32be));
const defined = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('missing');
  return value;
};
const check = <T>(property: fc.IProperty<T>, numRuns = 30) => fc.assert(property, { seed: 20_300, numRuns });

describe('FROST on Ed25519', () => {
  const { key, shares } = deal('ed25519', 2, 3);
  const signers = [0, 2];
  const message = fresh(9);
  const noncesOf = (seed: number) =>
    signers.map((index) => ed25519Scheme.generateNonce(key, index, defined(shares[index]), fresh(seed, index)));

  test('a partial signature is the one that noble makes of the same nonces', () => {
    check(
      fc.property(fc.nat(), (seed) => {
        const nonces = noncesOf(seed);
        const session = { signers, nonceCommitment: concat(...nonces.map((n) => n.public)), message, tweaks: [] };
        const commitments = signers.map((index, position) => ({
          identifier: frostIdentifier(index),
          hiding: Uint8Array.from(defined(nonces[position]).public.subarray(0, 32)),
          binding: Uint8Array.from(defined(nonces[position]).public.subarray(32)),
        }));
        const verifyingShares = Object.fromEntries(
          key.verifyingShares.map((share, index) => [frostIdentifier(index), Uint8Array.from(share)]),
        );
        const pub = { signers: { min: 2, max: 3 }, commitments: [Uint8Array.from(key.publicKey)], verifyingShares };
        for (const [position, index] of signers.entries()) {
          const { secret } = defined(nonces[position]);
          const halves = { hiding: secret.slice(0, 32), binding: secret.slice(32, 64) };
          const own = { identifier: frostIdentifier(index), signingShare: Uint8Array.from(defined(shares[index])) };
          const plain = ed25519_FROST.signShare(own, pub, halves, commitments, Uint8Array.from(message));
          const fast = ed25519Scheme.sign(key, index, defined(shares[index]), secret, session);
          expect(toHex(fast)).toBe(toHex(plain));
        }
      }),
      10,
    );
  });

  /** A nonce with small-order points added to its commitments; its owner knows the scalars and signs with them. */
  const dirtied = (nonce: NoncePair, toHiding: EdwardsPoint, toBinding: EdwardsPoint): NoncePair => {
    const point = (at: number) => ed25519.Point.fromBytes(Uint8Array.from(nonce.public.subarray(at, at + 32)));
    const dirty = concat(point(0).add(toHiding).toBytes(), point(32).add(toBinding).toBytes());
    return { secret: concat(nonce.secret.subarray(0, 64), dirty), public: dirty };
  };
  const smallOrder = ED25519_TORSION_SUBGROUP.map((hex) => ed25519.Point.fromHex(hex));
  const zero = ed25519.Point.ZERO;
  const signedWith = (nonces: readonly NoncePair[]) => {
    const publicNonces = nonces.map((nonce) => nonce.public);
    const combined = ed25519Scheme.combineNonces(signers, publicNonces);
    if (!combined.ok) throw new Error('a nonce was refused');
    const session = { signers, nonceCommitment: combined.nonceCommitment, message, tweaks: [] };
    const partials = signers.map((index, position) =>
      ed25519Scheme.sign(key, index, defined(shares[index]), defined(nonces[position]).secret, session),
    );
    const made = ed25519Scheme.aggregate(key, session, partials);
    const isRight = made.ok && ed25519Scheme.verify(key.publicKey, message, made.signature);
    const fits = signers.map((index, position) =>
      ed25519Scheme.verifyPartial(key, index, defined(publicNonces[position]), session, defined(partials[position])),
    );
    return { isRight, fits };
  };

  test('a commitment with a small-order part fails the session, and exactly its signer is named', () => {
    for (const [i, small] of smallOrder.entries()) {
      if (small.is0()) continue;
      const [honest, own] = noncesOf(1000 + i);
      const attack = dirtied(defined(own), small, zero);
      expect(signedWith([defined(honest), attack])).toEqual({ isRight: false, fits: [true, false] });
    }
    // In the other commitment it counts ρ times, which may be 0 times: then there is nothing wrong.
    for (let seed = 0; seed < 8; seed++) {
      const [honest, own] = noncesOf(2000 + seed);
      const { isRight, fits } = signedWith([defined(honest), dirtied(defined(own), zero, defined(smallOrder[1]))]);
      expect(fits).toEqual([true, isRight]);
    }
  });

  test('small-order parts that cancel out leave an ordinary signature', () => {
    for (const [i, small] of smallOrder.entries()) {
      const [first, second] = noncesOf(3000 + i);
      const attack = [dirtied(defined(first), small, zero), dirtied(defined(second), small.negate(), zero)];
      expect(signedWith(attack)).toEqual({ isRight: true, fits: [small.is0(), small.is0()] });
    }
  });

  test('points that were read while combining serve the bytes they were read of and no others', () => {
    const [first, second] = noncesOf(4000);
    const [other] = noncesOf(4001);
    const combined = ed25519Scheme.combineNonces(signers, [defined(first).public, defined(second).public]);
    if (!combined.ok) throw new Error('the nonces are fine');
    const { nonceCommitment } = combined;
    const input = { publicKey: key.publicKey, signers, message };
    const R = (bytes: Uint8Array) => toHex(groupCommitment({ ...input, nonceCommitment: bytes }));
    expect(R(nonceCommitment)).toBe(R(nonceCommitment.slice()));
    nonceCommitment.set(defined(other).public);
    expect(R(nonceCommitment)).toBe(R(concat(defined(other).public, defined(second).public)));
  });

  test('a sum of multiples is the one that the plain formula gives, for any points and scalars of the curve', () => {
    const { Fn, BASE } = ed25519.Point;
    const edges = [0n, 1n, 2n, 15n, 16n, 17n, 31n, 2n ** 252n, Fn.ORDER - 1n, Fn.ORDER - 2n, (Fn.ORDER - 1n) / 2n];
    const scalars = fc.oneof(
      fc.constantFrom(...edges),
      fc.bigInt({ min: 0n, max: Fn.ORDER - 1n }),
      fc.nat({ max: 252 }).map((bit) => 2n ** BigInt(bit) - 1n),
    );
    const points = fc
      .record({ factor: fc.oneof(fc.constantFrom(0n, 1n), scalars), small: fc.nat({ max: 7 }) })
      .map(({ factor, small }) => BASE.multiplyUnsafe(factor).add(defined(smallOrder[small])));
    const term = fc.record({ point: points, scalar: scalars });
    check(
      fc.property(fc.array(term, { maxLength: 4 }), fc.array(points, { maxLength: 3 }), (terms, added) => {
        const multiples = terms.map(({ point, scalar }) => point.multiplyUnsafe(scalar));
        const plain = [...multiples, ...added].reduce((sum, point) => sum.add(point), zero);
        const made = sumOfMultiples(terms, added);
        expect(made.toHex()).toBe(plain.toHex());
        // On the curve with the right T, so that noble computes on with it.
        expect(made.add(BASE).toHex()).toBe(plain.add(BASE).toHex());
      }),
      200,
    );
    for (const scalar of [-1n, Fn.ORDER]) expect(() => sumOfMultiples([{ point: BASE, scalar }])).toThrow();
  });

  test('a signer that made its nonce itself, and one that only has its bytes, sign alike', () => {
    const elsewhere = { ...key };
    for (let seed = 5000; seed < 5003; seed++) {
      const [first, second] = noncesOf(seed);
      const nonceCommitment = concat(defined(first).public, defined(second).public);
      const session = { signers, nonceCommitment, message: fresh(seed), tweaks: [] };
      const sign = (own: typeof key) => {
        const secret = defined(first).secret.slice();
        return toHex(ed25519Scheme.sign(own, 0, defined(shares[0]), secret, session));
      };
      expect(sign(key)).toBe(sign(elsewhere));
    }
  });

  test('shares are found to interpolate exactly where they do', () => {
    const points = key.verifyingShares.map((share) => ed25519.Point.fromBytes(Uint8Array.from(share)));
    const publicKey = ed25519.Point.fromBytes(Uint8Array.from(key.publicKey));
    const [a, b, c] = [defined(points[0]), defined(points[1]), defined(points[2])];
    expect(interpolates(publicKey, [a, b, c], 2)).toBe(true);
    expect(interpolates(publicKey, [a, b, c], 3)).toBe(true);
    expect(interpolates(publicKey, [b, a, c], 2)).toBe(false);
    expect(interpolates(publicKey, [a, b, a], 2)).toBe(false);
    expect(interpolates(a, [a, b, c], 2)).toBe(false);
  });
});
