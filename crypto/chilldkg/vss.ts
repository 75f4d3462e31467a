// Feldman's verifiable secret sharing, as ChillDKG uses it: a polynomial f of degree t − 1 derived from a seed, shares
// f(i + 1), commitments f_j·G; and the commitment of a threshold key to an unspendable Taproot script path.

import {
  G,
  isScalar,
  multiplyAddSecret,
  multiplyPublic,
  multiplySecret,
  multiplySmallPublic,
  type Point,
  parsePoint,
  parseScalar,
  pointsToBytes,
  pointToBytes,
  SCALAR_BYTES,
  type SecretScalar,
  uintToBytes,
  ValueError,
  xOnlyBytes,
} from '../secp256k1.ts';
import { taggedHash } from '../tagged-hash.ts';
import { dkgHash } from './encoding.ts';

/** Commitments to the t coefficients, constant term first. Infinity is allowed, or sums could be made invalid. */
export type VssCommitment = readonly Point[];

/** Coefficients of a polynomial, constant term first: all secret. */
export type Polynomial = readonly SecretScalar[];

/** Derives the polynomial of `threshold` coefficients from a 32-byte seed. */
export function generatePolynomial(seed: Uint8Array, threshold: number): Polynomial {
  return Array.from({ length: threshold }, (_, i) => {
    const coefficient = dkgHash('vss coeffs', seed, uintToBytes(i, 4));
    if (!isScalar(coefficient)) throw new Error('A coefficient is not below the group order: probability 2^-128.');
    return coefficient;
  });
}

/** The share f(index + 1) of the participant with this 0-based index; f(0), the secret, cannot be asked for. */
export function shareFor(polynomial: Polynomial, index: number): SecretScalar {
  if (!(Number.isSafeInteger(index) && index >= 0)) throw new ValueError('Invalid participant index.');
  const x = uintToBytes(index + 1, SCALAR_BYTES);
  return polynomial.reduceRight((value, coefficient) => {
    const next = multiplyAddSecret(value, x, coefficient);
    value.fill(0);
    return next;
  }, new Uint8Array(SCALAR_BYTES));
}

/** Commits to a polynomial. */
export function commit(polynomial: Polynomial): Point[] {
  return polynomial.map((coefficient) => multiplySecret(coefficient));
}

/** The verifying share f(index + 1)·G, by Horner's rule: x is small, so each step takes a few additions only. */
export function verifyingShareFor(commitment: VssCommitment, index: number): Point {
  const x = index + 1;
  const [constant, ...rest] = commitment;
  if (!constant) throw new ValueError('A commitment has at least one coefficient.');
  const last = rest.pop();
  if (!last) return constant;
  const inner = rest.reduceRight((value, point) => multiplySmallPublic(x, value).add(point), last);
  return multiplySmallPublic(x, inner).add(constant);
}

/** Whether a share belongs to a verifying share. */
export function shareMatches(share: SecretScalar, verifyingShare: Point): boolean {
  return multiplySecret(share).equals(verifyingShare);
}

/**
 * The tweak that commits a threshold public key (33 bytes) to an unspendable script path: the 32-byte BIP 341 TapTweak
 * hash of its x-coordinate and no merkle root, to be added to the key and to every share.
 *
 * Without it, a participant of the DKG could choose its contribution last and hide a Taproot script path of its own
 * in the sum; after it, whatever was hidden is behind a hash. It is BIP 341's advice for keys without script paths, and
 * ChillDKG applies it inside: keys that come out of it are tweaked already, and any address tweak goes on top. Like the
 * reference it adds to the key as it is, whatever the parity of its y-coordinate.
 * Throws a ValueError if `publicKey` is not a compressed point.
 */
export function deriveUnspendableTaprootTweak(publicKey: Uint8Array): Uint8Array {
  const point = parsePoint(publicKey);
  if (!point) throw new ValueError('The threshold public key is not a valid point.');
  return taggedHash('TapTweak', xOnlyBytes(point));
}

/** A commitment whose key commits to an unspendable script path; its shares are those of the old one plus `tweak`. */
export interface UnspendableCommitment {
  readonly commitment: VssCommitment;
  readonly tweak: bigint;
  /** tweak·G. */
  readonly tweakPoint: Point;
}

/** Applies `deriveUnspendableTaprootTweak` to a commitment. Throws a ValueError if it commits to the zero secret. */
export function commitToUnspendable(commitment: VssCommitment): UnspendableCommitment {
  const [constant, ...rest] = commitment;
  if (!constant || constant.is0()) throw new ValueError('The commitments sum to the point at infinity.');
  const tweak = parseScalar(deriveUnspendableTaprootTweak(pointToBytes(constant)));
  if (tweak === null) throw new Error('The tweak is not below the group order: probability 2^-128.');
  const tweakPoint = multiplyPublic(tweak, G);
  return { commitment: [constant.add(tweakPoint), ...rest], tweak, tweakPoint };
}

/** What a DKG gives: the same for all but the signing share. */
export interface DkgOutput {
  /** 32 bytes; null for the coordinator. Secret. */
  readonly signingShare: Uint8Array | null;
  /** 33 bytes: the threshold public key, committed to an unspendable script path. */
  readonly publicKey: Uint8Array;
  /** 33 bytes for each participant, in index order. */
  readonly verifyingShares: readonly Uint8Array[];
}

/**
 * The verifying share of this participant is the point at infinity. Whoever knows the shares that the others sent it, and
 * may speak last, can choose its own part so; by chance it happens to nobody.
 */
export class InfiniteShareError extends Error {
  override readonly name: string = 'InfiniteShareError';
  readonly participantId: number;

  constructor(participantId: number) {
    super(`The verifying share of participant ${participantId} is the point at infinity`);
    this.participantId = participantId;
  }
}

/**
 * The output that belongs to a tweaked commitment of a DKG with n participants. Throws an InfiniteShareError where a
 * verifying share is no key.
 */
export function dkgOutput(
  commitment: VssCommitment,
  participants: number,
  signingShare: SecretScalar | null,
): DkgOutput {
  const [publicKey] = commitment;
  if (!publicKey) throw new ValueError('A commitment has at least one coefficient.');
  const shares = Array.from({ length: participants }, (_, i) => verifyingShareFor(commitment, i));
  const infinite = shares.findIndex((share) => share.is0());
  if (infinite >= 0) throw new InfiniteShareError(infinite);
  return { signingShare, publicKey: pointToBytes(publicKey), verifyingShares: pointsToBytes(shares) };
}
