// FROST(Ed25519, SHA-512) of RFC 9591 for the attestation key, on noble's ed25519 points. Secrets meet points only in
// noble's constant-time multiplication by the base point; everything else that multiplies points is public.
import { ed25519, ed25519_FROST } from '@noble/curves/ed25519.js';
import { BoundedCache } from './bounded-cache.ts';
import { concat, equal, sha512, toHex, u32be, utf8, zeroize } from './bytes.ts';
import { verifyEd25519 } from './ed25519.ts';
import { joinNonces, type NoncePoints, noncePoints, scalarOf, scalarOfHash } from './ed25519-binding.ts';
import { assertIndex, assertShape, boundSession, ed25519Context } from './ed25519-key.ts';
import { sumOfMultiples } from './ed25519-sum.ts';
import type { Blame, FrostScheme, GroupKey, NoncePair, Tweak } from './scheme.ts';

const POINT_BYTES = 32;
const SCALAR_BYTES = 32;
const PUBLIC_NONCE_BYTES = 2 * POINT_BYTES;
const SECRET_NONCE_BYTES = 2 * SCALAR_BYTES + PUBLIC_NONCE_BYTES;
const RANDOM_BYTES = 32;
const NONCE_DOMAIN = '0BTC_WIRE_ED25519_NONCE/v1';
const NONCE_HASH = utf8('FROST-ED25519-SHA512-v1nonce');

const { Fn, BASE } = ed25519.Point;

/** Enough for the nonces of some batches under way. */
const NONCES_FOUND_MAX = 8192;
/** Public nonces that were read ahead; each is forgotten when it is combined, for it serves one session. */
const noncesFound = new BoundedCache<NoncePoints>(NONCES_FOUND_MAX);

/**
 * A byte generator: SHA-512(domain ‖ random ‖ counter) block by block, so that everything a step draws follows
 * from its 32 random bytes. Good for one use: the same domain and random give the same bytes again.
 */
export function expandRandom(domain: string, random: Uint8Array): (length?: number) => Uint8Array<ArrayBuffer> {
  if (random.length !== RANDOM_BYTES) throw new Error('randomness has 32 bytes');
  let counter = 0;
  return (length = RANDOM_BYTES) => {
    const bytes = new Uint8Array(length);
    for (let offset = 0; offset < length; offset += 64) {
      const block = sha512(utf8(domain), new Uint8Array(1), random, u32be(counter++));
      bytes.set(block.subarray(0, Math.min(64, length - offset)), offset);
      zeroize(block);
    }
    return bytes;
  };
}

/** The identifier that noble and RFC 9591 know a 0-based index by: the scalar index + 1, 32 bytes in hexadecimal. */
export function frostIdentifier(index: number): string {
  return ed25519_FROST.Identifier.fromNumber(index + 1);
}

/**
 * `commit` of RFC 9591 section 5.1 with its two times 32 random bytes given: hiding first, then binding. The commitments
 * stand in the secret as well (128 bytes): a signer compares them with what a session holds and need not make them again.
 */
export function commitWithRandomness(
  signingShare: Uint8Array,
  hidingRandom: Uint8Array,
  bindingRandom: Uint8Array,
): NoncePair {
  return committed(signingShare, hidingRandom, bindingRandom).pair;
}

function committed(
  signingShare: Uint8Array,
  hidingRandom: Uint8Array,
  bindingRandom: Uint8Array,
): { readonly pair: NoncePair; readonly points: NoncePoints } {
  const [hiding, binding] = [nonceScalar(hidingRandom, signingShare), nonceScalar(bindingRandom, signingShare)];
  try {
    const points = { hiding: BASE.multiply(nonceAt(hiding, 0)), binding: BASE.multiply(nonceAt(binding, 0)) };
    const commitments = concat(points.hiding.toBytes(), points.binding.toBytes());
    return { pair: { secret: concat(hiding, binding, commitments), public: commitments }, points };
  } finally {
    zeroize(hiding, binding);
  }
}

/**
 * The scheme; see `FrostScheme`. A public nonce is two commitments, hiding ‖ binding; a secret nonce the two scalars and
 * then these commitments.
 */
export const ed25519Scheme: FrostScheme = {
  name: 'ed25519',
  publicNonceBytes: PUBLIC_NONCE_BYTES,
  partialSignatureBytes: SCALAR_BYTES,

  validateKey(key: GroupKey): void {
    ed25519Context(key);
  },

  generateNonce(key: GroupKey, index: number, signingShare: Uint8Array, random: Uint8Array): NoncePair {
    const context = ed25519Context(key);
    assertIndex(key, index);
    const draw = expandRandom(NONCE_DOMAIN, random);
    const [hiding, binding] = [draw(RANDOM_BYTES), draw(RANDOM_BYTES)];
    try {
      const { pair, points } = committed(signingShare, hiding, binding);
      context.ownNonces.keep(toHex(pair.public), points);
      return pair;
    } finally {
      zeroize(hiding, binding);
    }
  },

  combineNonces(signers, publicNonces): { readonly ok: true; readonly nonceCommitment: Uint8Array } | Blame {
    if (signers.length !== publicNonces.length) throw new Error('one public nonce for each signer');
    const points: NoncePoints[] = [];
    for (const [position, index] of signers.entries()) {
      const read = readNonce(publicNonces[position], (name) => noncesFound.take(name));
      if (read === null) return { ok: false, culprit: index };
      points.push(read);
    }
    return { ok: true, nonceCommitment: joinNonces(publicNonces, points) };
  },

  prepareNonce(publicNonce): void {
    const read = readNonce(publicNonce, (name) => noncesFound.find(name));
    if (read !== null) noncesFound.keep(toHex(publicNonce), read);
  },

  prepareSession(key, session): void {
    const context = ed25519Context(key);
    try {
      boundSession(context, session);
    } catch {
      // Whoever signs or aggregates meets the same error, and says what it means.
    }
  },

  sign(key, index, signingShare, secretNonce, session): Uint8Array {
    if (secretNonce.length !== SECRET_NONCE_BYTES) throw new Error('a secret nonce has 128 bytes');
    const nonce = Uint8Array.from(secretNonce);
    zeroize(secretNonce);
    try {
      const context = ed25519Context(key);
      const { binding, interpolating } = boundSession(context, session);
      // Whatever comes of it, this nonce signs nothing else.
      context.ownNonces.take(toHex(nonce.subarray(2 * SCALAR_BYTES)));
      const position = session.signers.indexOf(index);
      const factor = binding.factors[position];
      const lambda = interpolating.get(index);
      if (factor === undefined || lambda === undefined) throw new Error('the participant is not among the signers');
      // Binding factors tie a share to the commitments in the list, so this nonce's own must stand there.
      const slot = session.nonceCommitment.subarray(position * PUBLIC_NONCE_BYTES, (position + 1) * PUBLIC_NONCE_BYTES);
      if (!equal(slot, nonce.subarray(2 * SCALAR_BYTES)))
        throw new Error('the session holds another commitment of this signer');
      const [d, e] = [nonceAt(nonce, 0), nonceAt(nonce, SCALAR_BYTES)];
      const coefficient = Fn.mul(lambda, binding.challenge);
      const z = Fn.add(Fn.add(d, Fn.mul(e, factor)), Fn.mul(coefficient, shareScalar(signingShare)));
      return Uint8Array.from(Fn.toBytes(z));
    } finally {
      zeroize(nonce);
    }
  },

  // z·B = D + ρ·E + λ·c·Y, exactly: a small-order part of D or E that does not cancel makes it fail.
  verifyPartial(key, index, publicNonce, session, partialSignature): boolean {
    const position = session.signers.indexOf(index);
    const z = scalarOf(partialSignature);
    if (position < 0 || z === null) return false;
    const slot = session.nonceCommitment.subarray(position * PUBLIC_NONCE_BYTES, (position + 1) * PUBLIC_NONCE_BYTES);
    if (!equal(slot, publicNonce)) return false;
    try {
      const context = ed25519Context(key);
      const { binding, interpolating } = boundSession(context, session);
      const [share, lambda] = [context.shares[index], interpolating.get(index)];
      const [factor, commitments] = [binding.factors[position], binding.commitments[position]];
      if (share === undefined || lambda === undefined || factor === undefined || commitments === undefined)
        return false;
      const terms = [
        { point: commitments.binding, scalar: factor },
        { point: share, scalar: Fn.mul(lambda, binding.challenge) },
      ];
      return BASE.multiplyUnsafe(z).equals(sumOfMultiples(terms, [commitments.hiding]));
    } catch {
      return false;
    }
  },

  aggregate(key, session, partialSignatures): { readonly ok: true; readonly signature: Uint8Array } | Blame {
    const { binding } = boundSession(ed25519Context(key), session);
    if (partialSignatures.length !== session.signers.length) throw new Error('one partial signature for each signer');
    let sum = Fn.ZERO;
    for (const [position, index] of session.signers.entries()) {
      const share = scalarOf(partialSignatures[position]);
      if (share === null) return { ok: false, culprit: index };
      sum = Fn.add(sum, share);
    }
    return { ok: true, signature: concat(binding.R, Fn.toBytes(sum)) };
  },

  outputKey(key: GroupKey, tweaks: readonly Tweak[]): Uint8Array {
    assertShape(key);
    if (tweaks.length > 0) throw new Error('the ed25519 key takes no tweaks');
    return Uint8Array.from(key.publicKey);
  },

  verifyTogether(key, signed): boolean {
    return signed.every(({ session, signature }) => verifyEd25519(key.publicKey, session.message, signature));
  },

  verify: verifyEd25519,
};

// nonce_generate of section 4.1: H3(random ‖ share).
function nonceScalar(random: Uint8Array, signingShare: Uint8Array): Uint8Array {
  if (random.length !== RANDOM_BYTES) throw new Error('nonce randomness is two times 32 bytes');
  if (signingShare.length !== SCALAR_BYTES) throw new Error('a signing share has 32 bytes');
  const hash = sha512(NONCE_HASH, random, signingShare);
  const bytes = Fn.toBytes(scalarOfHash(hash));
  zeroize(hash);
  return bytes;
}

// Throws on a used nonce, whose bytes are zero.
function nonceAt(nonce: Uint8Array, start: number): bigint {
  const scalar = secretScalar(nonce.subarray(start, start + SCALAR_BYTES));
  if (scalar === Fn.ZERO) throw new Error('the nonce has been used');
  return scalar;
}

// Throws on a share that was erased meanwhile: what it gave would be wrong, and its signer blamed for it.
function shareScalar(signingShare: Uint8Array): bigint {
  const scalar = secretScalar(signingShare);
  if (scalar === Fn.ZERO) throw new Error('the signing share has been erased');
  return scalar;
}

function secretScalar(bytes: Uint8Array): bigint {
  const copy = Uint8Array.from(bytes);
  try {
    return Fn.fromBytes(copy);
  } finally {
    zeroize(copy);
  }
}

// Null where a public nonce is malformed. `known`: points that were read before.
function readNonce(
  publicNonce: Uint8Array | undefined,
  known: (name: string) => NoncePoints | undefined,
): NoncePoints | null {
  if (publicNonce === undefined) return null;
  try {
    return known(toHex(publicNonce)) ?? noncePoints(publicNonce);
  } catch {
    return null;
  }
}
