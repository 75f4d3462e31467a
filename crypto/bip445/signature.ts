// Partial signatures: making, verifying and aggregating them (BIP 445, Sign, PartialSigVerify, PartialSigAgg).

import { concatBytes, equalBytes } from '@noble/curves/utils.js';
import type { Tweak } from '../scheme.ts';
import {
  Fn,
  G,
  isNonzeroScalar,
  multiplyAddSecret,
  multiplySecret,
  negateSecret,
  type Point,
  parseScalar,
  pointToBytes,
  SCALAR_BYTES,
  type SecretScalar,
  scalarToBytes,
  sumOfProductsPublic,
  ValueError,
} from '../secp256k1.ts';
import { InvalidContributionError } from './errors.ts';
import { nonceAgg, readPublicNonce, SECRET_NONCE_BYTES } from './nonce.ts';
import { type Binding, type SessionContext, sessionValues, shareCoefficient } from './session.ts';
import type { SignersContext } from './signers.ts';
import type { TweakContext } from './tweak.ts';

/** The two halves of a secret nonce. Whoever took them erases them. */
export type TakenNonce = readonly [SecretScalar, SecretScalar];

/**
 * Takes a secret nonce (64 bytes) out of its bytes and zeroes these, so that it can never make a second share.
 * Throws a ValueError if a half is zero, as it is after use, or out of range.
 */
export function takeSecretNonce(secretNonce: Uint8Array): TakenNonce {
  if (secretNonce.length !== SECRET_NONCE_BYTES) throw new ValueError('The secnonce must be a 64-byte array.');
  // Not views: see `zeroize`.
  const taken = [secretNonce.slice(0, SCALAR_BYTES), secretNonce.slice(SCALAR_BYTES)] as const;
  const wrong = taken.findIndex((half) => !isNonzeroScalar(half));
  if (wrong >= 0) {
    for (const half of taken) half.fill(0);
    throw new ValueError(`${wrong === 0 ? 'first' : 'second'} secnonce value is out of range.`);
  }
  secretNonce.fill(0);
  return taken;
}

/** Throws a ValueError unless a signing share (32 bytes) is a scalar that is not zero. */
export function requireSigningShare(signingShare: Uint8Array): void {
  if (!isNonzeroScalar(signingShare)) throw new ValueError("The signer's secret share value is out of range.");
}

/** k1 + b·k2 + coefficient·d, the nonce negated where R has an odd y-coordinate. */
export function partialSignature(
  binding: Binding,
  nonce: TakenNonce,
  coefficient: bigint,
  share: SecretScalar,
): Uint8Array {
  const [k1, k2] = nonce;
  const sum = multiplyAddSecret(scalarToBytes(binding.b), k2, k1);
  const signed = binding.evenR ? sum : negateSecret(sum);
  const partial = multiplyAddSecret(scalarToBytes(coefficient), share, signed);
  for (const secret of [sum, signed]) secret.fill(0);
  return partial;
}

/**
 * Whether s·G = ±(R1 + b·R2) + coefficient·share, the sign being that of R. Malformed data is false.
 * Variable-time: a partial signature is public.
 */
export function partialSignatureHolds(
  binding: Binding,
  publicNonce: Uint8Array,
  coefficient: bigint,
  share: Point,
  signature: Uint8Array,
): boolean {
  const s = parseScalar(signature);
  const nonce = readPublicNonce(publicNonce);
  if (s === null || !nonce) return false;
  const [r1, r2] = nonce;
  // Signs moved so that the nonce stays as it is: ±s·G − (±coefficient)·share − b·R2 = R1.
  const sign = (scalar: bigint): bigint => (binding.evenR ? scalar : Fn.neg(scalar));
  const scalars = [sign(s), Fn.neg(sign(coefficient)), Fn.neg(binding.b)];
  return sumOfProductsPublic([G, share, r2], scalars).equals(r1);
}

/**
 * Adds up partial signatures and the tweaks' part to the 64-byte BIP 340 signature. Throws an InvalidContributionError
 * that names the position of a partial signature that is no scalar; wrong ones are not noticed.
 */
export function aggregateSignature(
  binding: Binding,
  key: TweakContext,
  partialSignatures: readonly Uint8Array[],
): Uint8Array {
  let s = Fn.mul(binding.e, key.evenY ? key.tacc : Fn.neg(key.tacc));
  for (const [position, partial] of partialSignatures.entries()) {
    const scalar = parseScalar(partial);
    if (scalar === null) throw new InvalidContributionError(position, 'psig');
    s = Fn.add(s, scalar);
  }
  return concatBytes(binding.xOnlyR, scalarToBytes(s));
}

/**
 * One signer's partial signature, 32 bytes (BIP 445, Sign). Zeroes `secretNonce` before the share is computed.
 * BIP 445's optional check of the result is left to whoever aggregates.
 * Throws a ValueError on a broken precondition, a used nonce among them, and an InvalidContributionError with
 * signerIndex null on a malformed aggregate nonce; the latter leaves the nonce as it was.
 */
export function sign(
  secretNonce: Uint8Array,
  signingShare: Uint8Array,
  id: number,
  session: SessionContext,
): Uint8Array {
  const values = sessionValues(session);
  const { ids, verifyingShares } = session.signers;
  const nonce = takeSecretNonce(secretNonce);
  try {
    requireSigningShare(signingShare);
    const mine = pointToBytes(multiplySecret(signingShare));
    if (!verifyingShares.some((other) => equalBytes(other, mine))) {
      throw new ValueError("The signer's pubshare must be included in the list of pubshares.");
    }
    if (!ids.includes(id)) throw new ValueError("The signer's id must be present in the participant identifier list.");
    return partialSignature(values.binding, nonce, shareCoefficient(values, ids, id), signingShare);
  } finally {
    for (const half of nonce) half.fill(0);
  }
}

/**
 * Verifies the partial signature of the signer at `position` (BIP 445, PartialSigVerify). Throws a ValueError on a
 * broken precondition and an InvalidContributionError on a malformed public nonce.
 */
export function partialSigVerify(
  signature: Uint8Array,
  publicNonces: readonly Uint8Array[],
  signers: SignersContext,
  tweaks: readonly Tweak[],
  message: Uint8Array,
  position: number,
): boolean {
  if (publicNonces.length !== signers.ids.length) {
    throw new ValueError('The pubnonces and ids arrays must have the same length.');
  }
  const id = signers.ids[position];
  const publicNonce = publicNonces[position];
  if (id === undefined || !publicNonce) throw new ValueError('There is no signer at this position.');
  const values = sessionValues({ aggregateNonce: nonceAgg(publicNonces), signers, tweaks, message });
  const share = values.shares[position];
  if (!share) throw new ValueError('There is no verifying share at this position.');
  const coefficient = shareCoefficient(values, signers.ids, id);
  return partialSignatureHolds(values.binding, publicNonce, coefficient, share, signature);
}

/**
 * Aggregates the signers' partial signatures, in the order of `ids`, to a 64-byte BIP 340 signature (BIP 445,
 * PartialSigAgg). Does not verify it. Throws a ValueError on a broken precondition and an InvalidContributionError on
 * a partial signature that is no scalar.
 */
export function partialSigAgg(partialSignatures: readonly Uint8Array[], session: SessionContext): Uint8Array {
  const { binding, key } = sessionValues(session);
  if (partialSignatures.length !== session.signers.ids.length) {
    throw new ValueError('The psigs and ids arrays must have the same length.');
  }
  return aggregateSignature(binding, key, partialSignatures);
}
