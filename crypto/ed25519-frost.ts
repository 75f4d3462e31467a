// FROST(Ed25519, SHA-512) of RFC 9591 for the attestation key, on noble's ed25519_FROST. noble zeroes and caches inside
// the objects it is given; this file hands it copies, so nothing of that is felt outside.
import { ed25519, ed25519_FROST } from '@noble/curves/ed25519.js';
import { concat, equal, sha512, u32be, utf8, zeroize } from './bytes.ts';
import { isPrimeOrderPoint, verifyEd25519 } from './ed25519.ts';
import { groupCommitment } from './ed25519-binding.ts';
import type { Blame, FrostScheme, GroupKey, NoncePair, SigningSession, Tweak } from './scheme.ts';

type FrostPublic = Parameters<typeof ed25519_FROST.aggregate>[0];
type NonceCommitments = Parameters<typeof ed25519_FROST.aggregate>[1][number];

const POINT_BYTES = 32;
const SCALAR_BYTES = 32;
const PUBLIC_NONCE_BYTES = 2 * POINT_BYTES;
const SECRET_NONCE_BYTES = 2 * SCALAR_BYTES;
const RANDOM_BYTES = 32;
const NONCE_DOMAIN = '0BTC_WIRE_ED25519_NONCE/v1';

const Fn = ed25519.Point.Fn;
const publicPackages = new WeakMap<GroupKey, FrostPublic>();

/**
 * A byte generator for noble: SHA-512(domain ‖ random ‖ counter) block by block, so that everything a step draws follows
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

/** `commit` of RFC 9591 section 5.1 with its two times 32 random bytes given: hiding first, then binding. */
export function commitWithRandomness(
  index: number,
  signingShare: Uint8Array,
  hidingRandom: Uint8Array,
  bindingRandom: Uint8Array,
): NoncePair {
  const draws = [hidingRandom, bindingRandom].map((draw) => Uint8Array.from(draw));
  const secret = { identifier: frostIdentifier(index), signingShare: Uint8Array.from(signingShare) };
  try {
    const { nonces, commitments } = ed25519_FROST.commit(secret, () => {
      const draw = draws.shift();
      if (draw === undefined || draw.length !== RANDOM_BYTES) throw new Error('nonce randomness is two times 32 bytes');
      return draw;
    });
    const pair = {
      secret: concat(nonces.hiding, nonces.binding),
      public: concat(commitments.hiding, commitments.binding),
    };
    zeroize(nonces.hiding, nonces.binding);
    return pair;
  } finally {
    zeroize(secret.signingShare);
  }
}

/** The scheme; see `FrostScheme`. A secret nonce is hiding ‖ binding, a public nonce their two commitments. */
export const ed25519Scheme: FrostScheme = {
  name: 'ed25519',
  publicNonceBytes: PUBLIC_NONCE_BYTES,
  partialSignatureBytes: SCALAR_BYTES,

  validateKey(key: GroupKey): void {
    assertShape(key);
    for (const point of [key.publicKey, ...key.verifyingShares]) {
      if (point.length !== POINT_BYTES || !isPrimeOrderPoint(point)) throw new Error('malformed point in ed25519 key');
    }
    assertInterpolates(key);
  },

  generateNonce(key: GroupKey, index: number, signingShare: Uint8Array, random: Uint8Array): NoncePair {
    assertShape(key);
    assertIndex(key, index);
    const draw = expandRandom(NONCE_DOMAIN, random);
    const [hiding, binding] = [draw(RANDOM_BYTES), draw(RANDOM_BYTES)];
    try {
      return commitWithRandomness(index, signingShare, hiding, binding);
    } finally {
      zeroize(hiding, binding);
    }
  },

  combineNonces(signers, publicNonces): { readonly ok: true; readonly nonceCommitment: Uint8Array } | Blame {
    if (signers.length !== publicNonces.length) throw new Error('one public nonce for each signer');
    for (const [position, index] of signers.entries()) {
      const nonce = publicNonces[position];
      if (nonce === undefined || !isPublicNonce(nonce)) return { ok: false, culprit: index };
    }
    return { ok: true, nonceCommitment: concat(...publicNonces) };
  },

  sign(key, index, signingShare, secretNonce, session): Uint8Array {
    if (secretNonce.length !== SECRET_NONCE_BYTES) throw new Error('a secret nonce has 64 bytes');
    const nonces = { hiding: secretNonce.slice(0, SCALAR_BYTES), binding: secretNonce.slice(SCALAR_BYTES) };
    zeroize(secretNonce);
    const secret = { identifier: frostIdentifier(index), signingShare: Uint8Array.from(signingShare) };
    try {
      assertIndex(key, index);
      const commitments = commitmentsOf(key, session);
      return Uint8Array.from(
        ed25519_FROST.signShare(secret, publicPackage(key), nonces, commitments, Uint8Array.from(session.message)),
      );
    } finally {
      zeroize(secret.signingShare, nonces.hiding, nonces.binding);
    }
  },

  verifyPartial(key, index, publicNonce, session, partialSignature): boolean {
    const position = session.signers.indexOf(index);
    if (position < 0 || partialSignature.length !== SCALAR_BYTES) return false;
    const slot = session.nonceCommitment.subarray(position * PUBLIC_NONCE_BYTES, (position + 1) * PUBLIC_NONCE_BYTES);
    if (!equal(slot, publicNonce)) return false;
    try {
      return ed25519_FROST.verifyShare(
        publicPackage(key),
        commitmentsOf(key, session),
        Uint8Array.from(session.message),
        frostIdentifier(index),
        Uint8Array.from(partialSignature),
      );
    } catch {
      return false;
    }
  },

  // noble's own aggregation verifies the signature slowly and then every share; that is the caller's, once and natively.
  aggregate(key, session, partialSignatures): { readonly ok: true; readonly signature: Uint8Array } | Blame {
    assertSession(key, session);
    if (partialSignatures.length !== session.signers.length) throw new Error('one partial signature for each signer');
    let sum = Fn.ZERO;
    for (const [position, index] of session.signers.entries()) {
      const share = scalarOf(partialSignatures[position]);
      if (share === null) return { ok: false, culprit: index };
      sum = Fn.add(sum, share);
    }
    const R = groupCommitment({ publicKey: key.publicKey, ...session });
    return { ok: true, signature: concat(R, Fn.toBytes(sum)) };
  },

  outputKey(key: GroupKey, tweaks: readonly Tweak[]): Uint8Array {
    assertShape(key);
    if (tweaks.length > 0) throw new Error('the ed25519 key takes no tweaks');
    return Uint8Array.from(key.publicKey);
  },

  verify: verifyEd25519,
};

function publicPackage(key: GroupKey): FrostPublic {
  const known = publicPackages.get(key);
  if (known !== undefined) return known;
  assertShape(key);
  const verifyingShares: Record<string, Uint8Array<ArrayBuffer>> = {};
  for (const [index, share] of key.verifyingShares.entries()) {
    verifyingShares[frostIdentifier(index)] = Uint8Array.from(share);
  }
  // Of the commitments, signing, verification and aggregation read the first alone: the group public key.
  const built = {
    signers: { min: key.threshold, max: key.participants },
    commitments: [Uint8Array.from(key.publicKey)],
    verifyingShares,
  };
  publicPackages.set(key, built);
  return built;
}

function assertSession(key: GroupKey, { signers, nonceCommitment, tweaks }: SigningSession): void {
  if (tweaks.length > 0) throw new Error('the ed25519 key takes no tweaks');
  if (signers.length < key.threshold || signers.length > key.participants) throw new Error('wrong number of signers');
  if (nonceCommitment.length !== signers.length * PUBLIC_NONCE_BYTES) throw new Error('one 64-byte nonce per signer');
  let before = -1;
  for (const index of signers) {
    assertIndex(key, index);
    if (index <= before) throw new Error('signers must be in ascending order');
    before = index;
  }
}

function commitmentsOf(key: GroupKey, session: SigningSession): NonceCommitments[] {
  assertSession(key, session);
  return session.signers.map((index, position) => {
    const start = position * PUBLIC_NONCE_BYTES;
    return {
      identifier: frostIdentifier(index),
      hiding: Uint8Array.from(session.nonceCommitment.subarray(start, start + POINT_BYTES)),
      binding: Uint8Array.from(session.nonceCommitment.subarray(start + POINT_BYTES, start + PUBLIC_NONCE_BYTES)),
    };
  });
}

// The polynomial of degree t - 1 through the first t shares must give the group key at 0 and every further share.
function assertInterpolates(key: GroupKey): void {
  const xs = Array.from({ length: key.threshold }, (_, i) => BigInt(i + 1));
  const points = key.verifyingShares.map((share) => ed25519.Point.fromBytes(share));
  const expectAt = (x: bigint, expected: typeof ed25519.Point.BASE | undefined) => {
    const value = xs.reduce((sum, xi, i) => {
      const others = xs.filter((xj) => xj !== xi);
      const numerator = others.reduce((product, xj) => Fn.mul(product, Fn.create(x - xj)), 1n);
      const denominator = others.reduce((product, xj) => Fn.mul(product, Fn.create(xi - xj)), 1n);
      return sum.add((points[i] ?? ed25519.Point.ZERO).multiplyUnsafe(Fn.div(numerator, denominator)));
    }, ed25519.Point.ZERO);
    if (expected === undefined || !value.equals(expected))
      throw new Error('shares do not interpolate to the ed25519 key');
  };
  expectAt(0n, ed25519.Point.fromBytes(key.publicKey));
  for (let i = key.threshold; i < key.participants; i++) expectAt(BigInt(i + 1), points[i]);
}

function assertShape(key: GroupKey): void {
  const { scheme, threshold, participants, verifyingShares } = key;
  if (scheme !== 'ed25519') throw new Error('not an ed25519 key');
  if (!Number.isInteger(threshold) || threshold < 2 || threshold > participants) throw new Error('wrong threshold');
  if (verifyingShares.length !== participants) throw new Error('one verifying share for each participant');
}

function assertIndex(key: GroupKey, index: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= key.participants)
    throw new Error('no participant of that index');
}

function isPublicNonce(bytes: Uint8Array): boolean {
  return (
    bytes.length === PUBLIC_NONCE_BYTES &&
    isPrimeOrderPoint(bytes.subarray(0, POINT_BYTES)) &&
    isPrimeOrderPoint(bytes.subarray(POINT_BYTES))
  );
}

function scalarOf(bytes: Uint8Array | undefined): bigint | null {
  if (bytes?.length !== SCALAR_BYTES) return null;
  try {
    return Fn.fromBytes(Uint8Array.from(bytes));
  } catch {
    return null;
  }
}
