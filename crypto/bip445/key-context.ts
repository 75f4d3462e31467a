// What is computed once per threshold key and kept: parsed points, tweaked keys, interpolating values per set of
// signers, and R with the challenge per session. Every entry is a function of public data and is found under a name
// that commits to all of it, so a hit is always right.

import { bytesToHex, equalBytes } from '@noble/curves/utils.js';
import { BoundedCache } from '../bounded-cache.ts';
import type { GroupKey, SigningSession, Tweak } from '../scheme.ts';
import {
  Fn,
  multiplySecret,
  type Point,
  parsePoint,
  precompute,
  reduceScalar,
  type SecretScalar,
  sumOfProductsPublic,
  uintToBytes,
  ValueError,
} from '../secp256k1.ts';
import { taggedHash } from '../tagged-hash.ts';
import { interpolatingValues } from './lagrange.ts';
import { type Binding, bindSession, nonceCoefficientHash } from './session.ts';
import { requireSigningShare } from './signature.ts';
import { serializeIds } from './signers.ts';
import { applyTweak, type TweakContext, tweakContextInit } from './tweak.ts';

/** Most participants that a key may have. */
export const PARTICIPANTS_MAX = 64;
const TWEAKED_KEYS_MAX = 1024;
const SIGNER_SETS_MAX = 256;
const BINDINGS_MAX = 1024;

/** A checked set of signers. */
export interface SignerSet {
  readonly serializedIds: Uint8Array;
  /** Interpolating values by participant index. */
  readonly interpolating: ReadonlyMap<number, bigint>;
}

/** A key that was checked, with what is known about it. */
export interface KeyContext {
  readonly key: GroupKey;
  readonly untweaked: TweakContext;
  readonly shares: readonly Point[];
  readonly tweaked: BoundedCache<TweakContext>;
  readonly signerSets: BoundedCache<SignerSet>;
  readonly bindings: BoundedCache<Binding>;
  /** Per participant index, a digest of the signing share that proved to belong to it. */
  readonly shareDigests: Map<number, Uint8Array>;
}

/** Everything that a share of one session depends on. */
export interface BoundSession {
  readonly key: TweakContext;
  readonly signers: SignerSet;
  readonly binding: Binding;
}

/**
 * Whether n verifying shares and the public key lie on one polynomial of degree t − 1 "in the exponent". Then every t of
 * them interpolate to the key. One multi-scalar multiplication with a random word of the dual code (SCRAPE, Cascudo and
 * David 2017) instead of one interpolation per share; the word is drawn by a hash of the points.
 */
export function sharesInterpolate(publicKey: Point, shares: readonly Point[], threshold: number): boolean {
  const points = [publicKey, ...shares];
  const transcript = taggedHash(
    '0BTC/bip340/low degree',
    uintToBytes(threshold, 4),
    ...points.map((point) => point.toBytes(true)),
  );
  const coefficients = Array.from({ length: shares.length - threshold + 1 }, (_, i) =>
    reduceScalar(taggedHash('0BTC/bip340/low degree', transcript, uintToBytes(i, 4))),
  );
  const denominators = points.map((_, x) => {
    let denominator = 1n;
    for (let other = 0; other < points.length; other++) {
      if (other !== x) denominator = Fn.mul(denominator, Fn.create(BigInt(x - other)));
    }
    return denominator;
  });
  const word = Fn.invertBatch(denominators).map((inverse, x) => {
    const value = coefficients.reduceRight((sum, coefficient) => Fn.add(Fn.mul(sum, BigInt(x)), coefficient), 0n);
    return Fn.mul(inverse, value);
  });
  return sumOfProductsPublic(points, word).is0();
}

function checkedContext(key: GroupKey): KeyContext {
  const { threshold, participants, publicKey, verifyingShares } = key;
  if (key.scheme !== 'bip340') throw new ValueError('The key is not of the bip340 scheme.');
  if (!(Number.isSafeInteger(participants) && participants >= 1 && participants <= PARTICIPANTS_MAX)) {
    throw new ValueError(`The number of participants must be between 1 and ${PARTICIPANTS_MAX}.`);
  }
  if (!(Number.isSafeInteger(threshold) && threshold >= 1 && threshold <= participants)) {
    throw new ValueError('The threshold must be 1 <= t <= n.');
  }
  if (verifyingShares.length !== participants)
    throw new ValueError('There must be one verifying share per participant.');
  const untweaked = tweakContextInit(publicKey);
  // A table for the key makes every verification under it, tweaked or not, as cheap as one by the generator.
  precompute(untweaked.publicKey);
  const shares = verifyingShares.map((bytes, index) => {
    const point = parsePoint(bytes);
    if (!point) throw new ValueError(`Invalid verifying share at index ${index}.`);
    return point;
  });
  if (!sharesInterpolate(untweaked.publicKey, shares, threshold)) {
    throw new ValueError('The verifying shares do not interpolate to the public key.');
  }
  return {
    key,
    untweaked,
    shares,
    tweaked: new BoundedCache(TWEAKED_KEYS_MAX),
    signerSets: new BoundedCache(SIGNER_SETS_MAX),
    bindings: new BoundedCache(BINDINGS_MAX),
    shareDigests: new Map(),
  };
}

const contexts = new WeakMap<GroupKey, KeyContext>();

/** The context of a key; the first call for a key object checks it and throws a ValueError that says what is wrong. */
export function keyContext(key: GroupKey): KeyContext {
  const known = contexts.get(key);
  if (known) return known;
  const context = checkedContext(key);
  contexts.set(key, context);
  return context;
}

/** The key after `tweaks`, in order. Throws a ValueError on a bad tweak. */
export function tweakedKey(context: KeyContext, tweaks: readonly Tweak[]): TweakContext {
  if (tweaks.length === 0) return context.untweaked;
  const name = tweaks.map(({ tweak, xOnly }) => (xOnly ? 'x' : 'p') + bytesToHex(tweak)).join('');
  return context.tweaked.get(name, () => tweaks.reduce(applyTweak, context.untweaked));
}

function signerSet({ key, signerSets }: KeyContext, signers: readonly number[]): SignerSet {
  return signerSets.get(signers.join(), () => {
    if (signers.length < key.threshold || signers.length > key.participants) {
      throw new ValueError('The number of signers must be between t and n.');
    }
    let previous = -1;
    for (const index of signers) {
      if (!(Number.isSafeInteger(index) && index > previous && index < key.participants)) {
        throw new ValueError('The signers must be participant indices in strictly ascending order.');
      }
      previous = index;
    }
    const values = interpolatingValues(signers);
    const interpolating = new Map(signers.map((index, position) => [index, values[position] ?? 0n]));
    return { serializedIds: serializeIds(signers), interpolating };
  });
}

/**
 * Validates a session and computes, or finds again, what its shares depend on. Throws a ValueError on invalid signers
 * or tweaks and an InvalidContributionError on a malformed aggregate nonce.
 */
export function boundSession(context: KeyContext, session: SigningSession): BoundSession {
  const signers = signerSet(context, session.signers);
  const key = tweakedKey(context, session.tweaks);
  const { nonceCommitment, message } = session;
  const hash = nonceCoefficientHash(signers.serializedIds, nonceCommitment, key.xOnly, message);
  const binding = context.bindings.get(bytesToHex(hash), () => bindSession(hash, nonceCommitment, key.xOnly, message));
  return { key, signers, binding };
}

/**
 * Makes sure that participant `index`'s signing share is the one behind its verifying share. The multiplication that
 * proves it is done once per share: a digest remembers it. Throws a ValueError where it is not.
 */
export function proveSigningShare(context: KeyContext, index: number, signingShare: SecretScalar): void {
  requireSigningShare(signingShare);
  const digest = taggedHash('0BTC/bip340/proven share', uintToBytes(index, 4), signingShare);
  const known = context.shareDigests.get(index);
  if (known && equalBytes(known, digest)) return;
  const expected = context.shares[index];
  if (!expected || !multiplySecret(signingShare).equals(expected)) {
    throw new ValueError("The signing share does not belong to the participant's verifying share.");
  }
  context.shareDigests.set(index, digest);
}
