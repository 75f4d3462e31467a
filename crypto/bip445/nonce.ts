// Nonce generation and aggregation (BIP 445, NonceGen and NonceAgg).

import {
  INFINITY,
  multiplySecret,
  POINT_BYTES,
  parsePoint,
  pointToBytes,
  pointToBytesOrInfinity,
  reduceScalar,
  requireLength,
  SCALAR_BYTES,
  scalarToBytes,
  uintToBytes,
} from '../secp256k1.ts';
import { taggedHash } from '../tagged-hash.ts';
import { InvalidContributionError } from './errors.ts';

/** Two compressed points. */
export const PUBLIC_NONCE_BYTES = 2 * POINT_BYTES;
/** Two scalars. */
export const SECRET_NONCE_BYTES = 2 * SCALAR_BYTES;

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
  return taggedHash('BIP0445/aux', random).map((byte, i) => byte ^ (signingShare[i] ?? 0));
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
  const secret = new Uint8Array(SECRET_NONCE_BYTES);
  const publicNonce = new Uint8Array(PUBLIC_NONCE_BYTES);
  for (const half of [0, 1]) {
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
    const k = reduceScalar(hash);
    hash.fill(0);
    // k = 0 cannot happen but with negligible probability; pointToBytes then throws rather than publish infinity.
    publicNonce.set(pointToBytes(multiplySecret(k)), half * POINT_BYTES);
    const bytes = scalarToBytes(k);
    secret.set(bytes, half * SCALAR_BYTES);
    bytes.fill(0);
  }
  hedged.fill(0);
  return { secret, public: publicNonce };
}

/**
 * Adds up public nonces (66 bytes each) to the 66-byte aggregate nonce (BIP 445, NonceAgg). Throws an
 * InvalidContributionError that names the position of a malformed nonce in the list.
 */
export function nonceAgg(publicNonces: readonly Uint8Array[]): Uint8Array {
  const aggregate = new Uint8Array(PUBLIC_NONCE_BYTES);
  for (const half of [0, 1]) {
    let sum = INFINITY;
    for (const [position, publicNonce] of publicNonces.entries()) {
      const point =
        publicNonce.length === PUBLIC_NONCE_BYTES
          ? parsePoint(publicNonce.subarray(half * POINT_BYTES, (half + 1) * POINT_BYTES))
          : null;
      if (!point) throw new InvalidContributionError(position, 'pubnonce');
      sum = sum.add(point);
    }
    aggregate.set(pointToBytesOrInfinity(sum), half * POINT_BYTES);
  }
  return aggregate;
}
