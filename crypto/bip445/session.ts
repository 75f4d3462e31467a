// What a partial signature is bound to (BIP 445, "Session Context" and GetSessionValues).

import type { Tweak } from '../scheme.ts';
import { Fn, G, hasEvenY, type Point, reduceScalar, sumOfProductsPublic, xOnlyBytes } from '../secp256k1.ts';
import { taggedHash } from '../tagged-hash.ts';
import { InvalidContributionError } from './errors.ts';
import { interpolatingValue } from './lagrange.ts';
import { readAggregateNonce } from './nonce.ts';
import { type SignersContext, serializeIds, validateSignersContext } from './signers.ts';
import { shareSign, type TweakContext, tweakThresholdPublicKey } from './tweak.ts';

/** A signing session (BIP 445, Session Context). */
export interface SessionContext {
  /** 66 bytes, from `nonceAgg`. */
  readonly aggregateNonce: Uint8Array;
  readonly signers: SignersContext;
  readonly tweaks: readonly Tweak[];
  /** Any length. */
  readonly message: Uint8Array;
}

/** How nonces and challenge follow from the aggregate nonce, the signers, the key and the message. */
export interface Binding {
  /** The nonce coefficient. */
  readonly b: bigint;
  /** Whether R has an even y-coordinate; where it has not, signers negate their nonces. */
  readonly evenR: boolean;
  /** R, or −R where R has an odd y-coordinate: the point that a verifier reads out of the signature. */
  readonly liftedR: Point;
  /** The x-coordinate of R: the first half of the signature. */
  readonly xOnlyR: Uint8Array;
  /** The BIP 340 challenge, and the hash that it is read from, which commits to R, the key and the message. */
  readonly e: bigint;
  readonly challenge: Uint8Array;
}

/** The hash behind the nonce coefficient; it commits to everything that a `Binding` depends on. */
export function nonceCoefficientHash(
  serializedIds: Uint8Array,
  aggregateNonce: Uint8Array,
  xOnlyKey: Uint8Array,
  message: Uint8Array,
): Uint8Array {
  return taggedHash('BIP0445/noncecoef', serializedIds, aggregateNonce, xOnlyKey, message);
}

/**
 * R and the challenge of a session (BIP 445, GetSessionValues, from b on). Throws an InvalidContributionError that
 * blames the coordinator (signerIndex null) for a malformed aggregate nonce.
 */
export function bindSession(
  coefficientHash: Uint8Array,
  aggregateNonce: Uint8Array,
  xOnlyKey: Uint8Array,
  message: Uint8Array,
): Binding {
  const b = reduceScalar(coefficientHash);
  const points = readAggregateNonce(aggregateNonce);
  if (!points) throw new InvalidContributionError(null, 'aggnonce');
  const sum = sumOfProductsPublic(points, [1n, b]);
  // Infinity means that some signer lied; the generator lets the session run on, so that its share gets blamed.
  const r = sum.is0() ? G : sum;
  const xOnlyR = xOnlyBytes(r);
  const challenge = taggedHash('BIP0340/challenge', xOnlyR, xOnlyKey, message);
  const e = reduceScalar(challenge);
  const evenR = hasEvenY(r);
  return { b, evenR, liftedR: evenR ? r : r.negate(), xOnlyR, e, challenge };
}

/** Everything that signing, verifying and aggregating need of a session. */
export interface SessionValues {
  readonly key: TweakContext;
  readonly binding: Binding;
  /** The signers' verifying shares, in their order. */
  readonly shares: readonly Point[];
}

/** Validates a session and computes its values (BIP 445, GetSessionValues). Throws as its parts do. */
export function sessionValues(session: SessionContext): SessionValues {
  const { aggregateNonce, signers, tweaks, message } = session;
  const shares = validateSignersContext(signers);
  const key = tweakThresholdPublicKey(signers.thresholdPublicKey, tweaks);
  const hash = nonceCoefficientHash(serializeIds(signers.ids), aggregateNonce, key.xOnly, message);
  return { key, binding: bindSession(hash, aggregateNonce, key.xOnly, message), shares };
}

/** e · λ · g · gacc: by what the share of participant `id` is multiplied in its partial signature. */
export function shareCoefficient(values: SessionValues, ids: readonly number[], id: number): bigint {
  return coefficientOf(values.binding, values.key, interpolatingValue(ids, id));
}

/** The same from an interpolating value that is known already. */
export function coefficientOf(binding: Binding, key: TweakContext, interpolating: bigint): bigint {
  return Fn.mul(Fn.mul(binding.e, interpolating), shareSign(key));
}
