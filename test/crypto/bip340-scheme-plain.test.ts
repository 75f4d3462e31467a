import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import { sharesInterpolate } from '../../crypto/bip445/key-context.ts';
import {
  deriveThresholdPublicKey,
  nonceAgg,
  partialSigAgg,
  partialSigVerify,
  type SignersContext,
  sign,
  tweakThresholdPublicKey,
} from '../../crypto/bip445.ts';
import type { GroupKey } from '../../crypto/scheme.ts';
import { G, type Point, parsePoint } from '../../crypto/secp256k1.ts';
import { aggregated, signAll } from './bip340-scheme-session.ts';
import { dealtKey, dealtKeys, forAll, messages, one, randoms, subsets, tweakLists } from './chilldkg-session.ts';

function pointOf(bytes: Uint8Array): Point {
  const point = parsePoint(bytes);
  if (!point) throw new Error('Not a point.');
  return point;
}

/** The signers as BIP 445 has them. */
function signersOf(key: GroupKey, ids: readonly number[]): SignersContext {
  return {
    participants: key.participants,
    threshold: key.threshold,
    ids,
    verifyingShares: ids.map((id) => one(key.verifyingShares, id)),
    thresholdPublicKey: key.publicKey,
  };
}

describe('against BIP 445 in its plain form', () => {
  test('nonces, partial signatures, the signature and the output key are the same, also from warm caches', () => {
    forAll(
      fc.property(dealtKeys, tweakLists, messages, randoms, (dealt, tweaks, message, random) => {
        const made = dealtKey(dealt.polynomial, dealt.participants);
        const { key, shares } = made;
        const ids = dealt.signers;
        const signers = signersOf(key, ids);
        const fast = signAll(made, ids, message, tweaks, random);
        const aggregateNonce = nonceAgg(fast.publicNonces);
        expect(fast.session.nonceCommitment).toEqual(aggregateNonce);
        const session = { aggregateNonce, signers, tweaks, message };
        const plain = ids.map((id, i) => sign(one(fast.secretNonces, i), one(shares, id), id, session));
        expect(fast.partials).toEqual(plain);
        const signature = partialSigAgg(plain, session);
        const outputKey = tweakThresholdPublicKey(key.publicKey, tweaks).xOnly;
        expect(aggregated(key, fast.session, plain)).toEqual(signature);
        expect(bip340Scheme.outputKey(key, tweaks)).toEqual(outputKey);
        expect(bip340Scheme.verify(outputKey, message, signature)).toBe(true);
        for (const [i, id] of ids.entries()) {
          const partial = one(plain, i);
          const nonce = one(fast.publicNonces, i);
          expect(partialSigVerify(partial, fast.publicNonces, signers, tweaks, message, i)).toBe(true);
          expect(bip340Scheme.verifyPartial(key, id, nonce, fast.session, partial)).toBe(true);
        }
        expect(signAll(made, ids, message, tweaks, random).partials).toEqual(plain);
      }),
      { seed: 445, numRuns: 25 },
    );
  });

  test('a changed partial signature is refused by both, a changed message by both', () => {
    forAll(
      fc.property(dealtKeys, tweakLists, messages, fc.nat(), (dealt, tweaks, message, pick) => {
        const made = dealtKey(dealt.polynomial, dealt.participants);
        const { key } = made;
        const ids = dealt.signers;
        const { session, publicNonces, partials } = signAll(made, ids, message, tweaks);
        const i = pick % ids.length;
        const id = one(ids, i);
        const nonce = one(publicNonces, i);
        const wrong = one(partials, i).slice();
        wrong[31] = (wrong[31] ?? 0) ^ 1;
        const signers = signersOf(key, ids);
        const other = Uint8Array.of(...message, 0);
        expect(bip340Scheme.verifyPartial(key, id, nonce, session, wrong)).toBe(false);
        expect(partialSigVerify(wrong, publicNonces, signers, tweaks, message, i)).toBe(false);
        expect(bip340Scheme.verifyPartial(key, id, nonce, { ...session, message: other }, one(partials, i))).toBe(
          false,
        );
        expect(partialSigVerify(one(partials, i), publicNonces, signers, tweaks, other, i)).toBe(false);
      }),
      { seed: 446, numRuns: 15 },
    );
  });

  test('the one check of all verifying shares agrees with interpolating every t-subset of them', () => {
    forAll(
      fc.property(dealtKeys, fc.nat(), fc.boolean(), (dealt, pick, spoil) => {
        const { key } = dealtKey(dealt.polynomial, dealt.participants);
        const publicKey = pointOf(key.publicKey);
        const shares = key.verifyingShares.map(pointOf);
        const spoilt = shares.map((share, i) => (spoil && i === pick % shares.length ? share.add(G) : share));
        const indices = shares.map((_, i) => i);
        const plain = subsets(indices, key.threshold).every((subset) =>
          deriveThresholdPublicKey(
            subset,
            subset.map((i) => one(spoilt, i)),
          ).equals(publicKey),
        );
        expect(plain).toBe(!spoil);
        expect(sharesInterpolate(publicKey, spoilt, key.threshold)).toBe(plain);
        expect(sharesInterpolate(publicKey.add(G), shares, key.threshold)).toBe(false);
      }),
      { seed: 447, numRuns: 25 },
    );
  });
});
