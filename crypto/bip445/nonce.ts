// Nonce generation and aggregation (BIP 445, NonceGen and NonceAgg).

import { concatBytes } from '@noble/curves/utils.js';
import { BoundedCache } from '../bounded-cache.ts';
import { toHex } from '../bytes.ts';
import {
  multiplySecretTwice,
  POINT_BYTES,
  type Point,
  parsePoint,
  parsePointOrInfinity,
  pointToBytes,
  pointToBytesOrInfinity,
  reduceSecret,
  requireLength,
  SCALAR_BYTES,
  type SecretScalar,
  sumTwoLists,
  uintToBytes,
} from '../secp256k1.ts';
import { taggedHash } from '../tagged-hash.ts';
import { InvalidContributionError } from './errors.ts';

/** Two compressed points. */
export const PUBLIC_NONCE_BYTES = 2 * POINT_BYTES;
/** Two scalars. */
export const SECRET_NONCE_BYTES = 2 * SCALAR_BYTES;

const NONCES_READ_MAX = 4096;
const AGGREGATES_MAX = 1024;
const NO_BYTES = new Uint8Array(0);

/** What a nonce may be bound to besides the randomness; each is optional defence in depth. */
export interface NonceInputs {
  /** 32 bytes. Hedges against a weak random number generator. */
  readonly signingShare?: Uint8Array | undefined;
  /** 33 bytes. */
  readonly verifyingShare?: Uint8Array | undefined;
  /** 32 bytes, x-only. */
  readonly thresholdPublicKey?: Uint8Array | undefined;
  /** Any length; an empty message is not the same as none. */
  readonly message?: Uint8Array | undefined;
  readonly extra?: Uint8Array | undefined;
}

/** A nonce for exactly one partial signature; `sign` zeroes `secret`. */
export interface Nonce {
  /** 64 bytes. */
  readonly secret: Uint8Array;
  /** 66 bytes. */
  readonly public: Uint8Array;
}

function hedgedRandomness(random: Uint8Array, signingShare: Uint8Array | undefined): Uint8Array {
  if (!signingShare) return random.slice();
  const hedged = taggedHash('BIP0445/aux', random);
  for (const [i, byte] of signingShare.entries()) hedged[i] = (hedged[i] ?? 0) ^ byte;
  return hedged;
}

/**
 * Generates a nonce from 32 fresh random bytes (BIP 445, NonceGen). Never call it twice with the same `random`.
 * Throws a ValueError on wrong lengths.
 */
export function nonceGen(random: Uint8Array, inputs: NonceInputs): Nonce {
  const { signingShare, verifyingShare = NO_BYTES, thresholdPublicKey = NO_BYTES, message, extra = NO_BYTES } = inputs;
  requireLength(random, SCALAR_BYTES, 'The randomness');
  if (signingShare) requireLength(signingShare, SCALAR_BYTES, 'The signing share');
  if (inputs.verifyingShare) requireLength(verifyingShare, POINT_BYTES, 'The verifying share');
  if (inputs.thresholdPublicKey) requireLength(thresholdPublicKey, SCALAR_BYTES, 'The threshold public key');
  const hedged = hedgedRandomness(random, signingShare);
  const scalarOf = (half: 0 | 1): SecretScalar => {
    const hash = taggedHash(
      'BIP0445/nonce',
      hedged,
      uintToBytes(verifyingShare.length, 1),
      verifyingShare,
      uintToBytes(thresholdPublicKey.length, 1),
      thresholdPublicKey,
      message ? uintToBytes(1, 1) : uintToBytes(0, 1),
      message ? uintToBytes(message.length, 8) : NO_BYTES,
      message ?? NO_BYTES,
      uintToBytes(extra.length, 4),
      extra,
      uintToBytes(half, 1),
    );
    const k = reduceSecret(hash);
    hash.fill(0);
    return k;
  };
  const scalars = [scalarOf(0), scalarOf(1)] as const;
  hedged.fill(0);
  // k = 0 cannot happen but with negligible probability; the multiplication then throws rather than publish infinity.
  const points = multiplySecretTwice(...scalars);
  const secret = new Uint8Array(SECRET_NONCE_BYTES);
  for (const [half, scalar] of scalars.entries()) {
    secret.set(scalar, half * SCALAR_BYTES);
    scalar.fill(0);
  }
  return { secret, public: concatBytes(...points.map(pointToBytes)) };
}

/** The two points of a public nonce. */
export type NoncePoints = readonly [Point, Point];

// By their bytes. Whoever combines, binds or verifies meets the same nonce several times, and a point is costly to read.
const noncesRead = new BoundedCache<NoncePoints>(NONCES_READ_MAX);
const aggregates = new BoundedCache<NoncePoints>(AGGREGATES_MAX);
// By the bytes of all that was added up, in order: the next session's can be added up before it begins.
const sums = new BoundedCache<Uint8Array>(AGGREGATES_MAX);

/** Reads a public nonce (66 bytes); null where it is malformed. */
export function readPublicNonce(publicNonce: Uint8Array): NoncePoints | null {
  if (publicNonce.length !== PUBLIC_NONCE_BYTES) return null;
  const name = toHex(publicNonce);
  const known = noncesRead.find(name);
  if (known) return known;
  const first = parsePoint(publicNonce.subarray(0, POINT_BYTES));
  const second = parsePoint(publicNonce.subarray(POINT_BYTES));
  if (!first || !second) return null;
  noncesRead.keep(name, [first, second]);
  return [first, second];
}

/** Reads an aggregate nonce (66 bytes), whose points may be infinity; null where it is malformed. */
export function readAggregateNonce(aggregateNonce: Uint8Array): NoncePoints | null {
  if (aggregateNonce.length !== PUBLIC_NONCE_BYTES) return null;
  const known = aggregates.find(toHex(aggregateNonce));
  if (known) return known;
  const first = parsePointOrInfinity(aggregateNonce.subarray(0, POINT_BYTES));
  const second = parsePointOrInfinity(aggregateNonce.subarray(POINT_BYTES));
  return first && second ? [first, second] : null;
}

/**
 * Adds up public nonces (66 bytes each) to the 66-byte aggregate nonce (BIP 445, NonceAgg). Throws an
 * InvalidContributionError that names the position of a malformed nonce in the list.
 */
export function nonceAgg(publicNonces: readonly Uint8Array[]): Uint8Array {
  return sums.get(publicNonces.map((publicNonce) => toHex(publicNonce)).join(), () => addUp(publicNonces)).slice();
}

function addUp(publicNonces: readonly Uint8Array[]): Uint8Array {
  const points = publicNonces.map((publicNonce, position) => {
    const read = readPublicNonce(publicNonce);
    if (!read) throw new InvalidContributionError(position, 'pubnonce');
    return read;
  });
  const [first, second] = sumTwoLists(
    points.map(([point]) => point),
    points.map(([, point]) => point),
  );
  const aggregate = concatBytes(pointToBytesOrInfinity(first), pointToBytesOrInfinity(second));
  // Whoever adds nonces up goes on to bind a session to the sum.
  aggregates.keep(toHex(aggregate), [first, second]);
  return aggregate;
}
