// The bitcoin key's threshold signature scheme: BIP 445 (FROST3 → BIP 340) behind crypto/scheme.ts. It does what
// crypto/bip445.ts does, with everything that belongs to a key, a set of signers or a session computed once and kept.

import { schnorr } from '@noble/curves/secp256k1.js';
import { bytesToHex } from '@noble/curves/utils.js';
import { InvalidContributionError } from './bip445/errors.ts';
import {
  type BoundSession,
  boundSession,
  type KeyContext,
  keyContext,
  proveSigningShare,
  tweakedKey,
} from './bip445/key-context.ts';
import { nonceAgg, nonceGen, PUBLIC_NONCE_BYTES, readPublicNonce } from './bip445/nonce.ts';
import { coefficientOf } from './bip445/session.ts';
import { aggregateSignature, partialSignature, partialSignatureHolds, takeSecretNonce } from './bip445/signature.ts';
import { derivedKeyVerifies, expectedPoint, meetsExpected, type TweakContext } from './bip445/tweak.ts';
import { sessionSignaturesHold } from './bip445/verify-together.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { FrostScheme } from './scheme.ts';
import { type Point, SCALAR_BYTES, SIGNATURE_BYTES, ValueError } from './secp256k1.ts';

const DERIVED_KEYS_MAX = 1024;
const EXPECTATIONS_MAX = 256;

/** Runs `contribute`; turns blame for the signer at a position of `signers` into blame for that participant. */
function blaming<Result extends { readonly ok: true }>(
  signers: readonly number[],
  contribute: () => Result,
): Result | { readonly ok: false; readonly culprit: number } {
  try {
    return contribute();
  } catch (error) {
    const culprit =
      error instanceof InvalidContributionError && error.signerIndex !== null ? signers[error.signerIndex] : undefined;
    if (culprit === undefined) throw error;
    return { ok: false, culprit };
  }
}

/** What participant `index`'s share is multiplied by in this session; null if it is not among the signers. */
function coefficient({ binding, key, signers }: BoundSession, index: number): bigint | null {
  const interpolating = signers.interpolating.get(index);
  return interpolating === undefined ? null : coefficientOf(binding, key, interpolating);
}

// Output keys that this process derived, by their bytes: what BIP 340 verifies under them can use the key behind them.
const derivedKeys = new BoundedCache<{ readonly context: KeyContext; readonly tweaked: TweakContext }>(
  DERIVED_KEYS_MAX,
);

// R + e·Q of sessions that were prepared. The name commits to Q, R and the message, and so to e: what a signature with
// this R has to meet follows from it alone, whoever made it.
const expectations = new BoundedCache<Point>(EXPECTATIONS_MAX);

function expectationName(outputKey: Uint8Array, xOnlyR: Uint8Array, message: Uint8Array): string {
  return bytesToHex(outputKey) + bytesToHex(xOnlyR) + bytesToHex(message);
}

/** BIP 445 as a `FrostScheme`. Treat keys as frozen: see crypto/scheme.ts. */
export const bip340Scheme: FrostScheme = {
  name: 'bip340',
  publicNonceBytes: PUBLIC_NONCE_BYTES,
  partialSignatureBytes: SCALAR_BYTES,

  validateKey(key) {
    keyContext(key);
  },

  generateNonce(key, index, signingShare, random) {
    const context = keyContext(key);
    const verifyingShare = key.verifyingShares[index];
    if (!verifyingShare) throw new ValueError('There is no participant with this index.');
    // The hedge would make the same nonce every time from a generator that is stuck at zero.
    if (random.every((byte) => byte === 0)) throw new ValueError('The randomness must not be all zeroes.');
    return nonceGen(random, { signingShare, verifyingShare, thresholdPublicKey: context.untweaked.xOnly });
  },

  combineNonces(signers, publicNonces) {
    if (signers.length !== publicNonces.length) throw new ValueError('There must be one public nonce per signer.');
    return blaming(signers, () => ({ ok: true, nonceCommitment: nonceAgg(publicNonces) }));
  },

  prepareNonce(publicNonce) {
    readPublicNonce(publicNonce);
  },

  prepareSession(key, session) {
    const context = keyContext(key);
    try {
      const { binding, key: tweaked } = boundSession(context, session);
      const name = expectationName(tweaked.xOnly, binding.xOnlyR, session.message);
      expectations.get(name, () => expectedPoint(context.untweaked, tweaked, binding.liftedR, binding.e));
    } catch {
      // Whoever signs or aggregates meets the same error, and says what it means.
    }
  },

  sign(key, index, signingShare, secretNonce, session) {
    const context = keyContext(key);
    const bound = boundSession(context, session);
    const factor = coefficient(bound, index);
    if (factor === null) throw new ValueError('The participant is not among the signers.');
    const nonce = takeSecretNonce(secretNonce);
    try {
      proveSigningShare(context, index, signingShare);
      return partialSignature(bound.binding, nonce, factor, signingShare);
    } finally {
      for (const half of nonce) half.fill(0);
    }
  },

  verifyPartial(key, index, publicNonce, session, partial) {
    const context = keyContext(key);
    const bound = boundSession(context, session);
    const factor = coefficient(bound, index);
    const share = context.shares[index];
    if (factor === null || !share) return false;
    return partialSignatureHolds(bound.binding, publicNonce, factor, share, partial);
  },

  aggregate(key, session, partialSignatures) {
    const { signers } = session;
    if (signers.length !== partialSignatures.length) {
      throw new ValueError('There must be one partial signature per signer.');
    }
    const bound = boundSession(keyContext(key), session);
    return blaming(signers, () => ({
      ok: true,
      signature: aggregateSignature(bound.binding, bound.key, partialSignatures),
    }));
  },

  outputKey(key, tweaks) {
    const context = keyContext(key);
    const tweaked = tweakedKey(context, tweaks);
    derivedKeys.get(bytesToHex(tweaked.xOnly), () => ({ context, tweaked }));
    return tweaked.xOnly.slice();
  },

  verifyTogether(key, signed) {
    const context = keyContext(key);
    return sessionSignaturesHold(
      context.untweaked,
      signed.map(({ session, signature }) => ({ ...boundSession(context, session), signature })),
    );
  },

  verify(outputKey, message, signature) {
    if (outputKey.length !== SCALAR_BYTES || signature.length !== SIGNATURE_BYTES) return false;
    const expected = expectations.find(expectationName(outputKey, signature.subarray(0, SCALAR_BYTES), message));
    if (expected) return meetsExpected(expected, signature);
    const derived = derivedKeys.find(bytesToHex(outputKey));
    if (!derived) return schnorr.verify(signature, message, outputKey);
    return derivedKeyVerifies(derived.context.untweaked, derived.tweaked, message, signature);
  },
};
