// What binds the signers of a FROST(Ed25519, SHA-512) session to each other: RFC 9591 sections 4.3 to 4.6.
//
// Commitments are checked, by everybody and always, to be canonical encodings of points that are not of small order, the
// identity among these. RFC 9591 section 6.1 has DeserializeElement check the prime order too. That check (half of what a
// signature costs) is left to the final signature, for a commitment with a small-order part gains its sender nothing:
// - No secret is ever multiplied by a commitment of somebody else. A share is z = d + ρ·e + λ·c·s (section 5.2), scalars
//   alone; commitments enter it as bytes that are hashed to ρ and c (sections 4.4 and 4.6). A small-order part makes other
//   bytes of them, which an adversary may choose freely anyway.
// - ρ covers the encoding of every commitment, small-order part included, so no part can be changed after ρ is known.
// - Verification is strict: z·B = R + c·Y without cofactor, and B and Y are of prime order (the key's points are checked
//   so). It therefore holds for no R with a small-order part: such a session fails, and where the parts of several
//   cancel out, the signature that comes out is an ordinary one.
// - Of a session that failed, `verifyPartial` holds each signer to z·B = D + ρ·E + λ·c·Y exactly. The sum of these is the
//   equation that failed, so at least one signer does not fit; an honest one fits, its own points being of prime order.
//   Hence a small-order part costs what any wrong share costs: one session, and its sender is named.
// Scalars therefore multiply points as they are, in [0, ℓ): k and ℓ − k are opposites only on points of prime order.
import type { EdwardsPoint } from '@noble/curves/abstract/edwards.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { concat, equal, sha512, toHex, utf8 } from './bytes.ts';
import { sumOfMultiples } from './ed25519-sum.ts';

const CONTEXT = utf8('FROST-ED25519-SHA512-v1');
const [RHO, MSG, COM] = [concat(CONTEXT, utf8('rho')), concat(CONTEXT, utf8('msg')), concat(CONTEXT, utf8('com'))];
const POINT_BYTES = 32;
const SCALAR_BYTES = 32;

const { Fn } = ed25519.Point;

/** What the signers are bound to. `nonceCommitment`: hiding ‖ binding, 64 bytes for each of `signers`, in their order. */
export interface BindingInput {
  readonly publicKey: Uint8Array;
  /** 0-based indices, ascending. */
  readonly signers: readonly number[];
  readonly nonceCommitment: Uint8Array;
  readonly message: Uint8Array;
}

/** What all shares of a session have in common. Lists are in the order of the signers. */
export interface Binding {
  readonly factors: readonly bigint[];
  readonly commitments: readonly NoncePoints[];
  /** The R of the signature, 32 bytes. */
  readonly R: Uint8Array;
  readonly challenge: bigint;
}

/** Where points of public nonces may be found. */
export interface KnownNonces {
  find(publicNonce: string): NoncePoints | undefined;
}

/** One signer's commitments. */
export interface NoncePoints {
  readonly hiding: EdwardsPoint;
  readonly binding: EdwardsPoint;
}

/** What every binding factor input begins with; it commits to the key, the message, the signers and their nonces. */
export function sessionPrefix(input: BindingInput): Uint8Array {
  const encoded = input.signers.map((index, position) => concat(identifier(index), slot(input, position)));
  return concat(input.publicKey, sha512(MSG, input.message), sha512(COM, ...encoded));
}

/** The input of each signer's binding factor, in their order (section 4.4: rho_input). */
export function bindingFactorInputs(input: BindingInput, prefix = sessionPrefix(input)): readonly Uint8Array[] {
  return input.signers.map((index) => concat(prefix, identifier(index)));
}

/** The binding factor of each signer, in their order: H1 of its input, reduced to a scalar. */
export function bindingFactors(input: BindingInput, prefix = sessionPrefix(input)): readonly bigint[] {
  return bindingFactorInputs(input, prefix).map((rho) => scalarOfHash(sha512(RHO, rho)));
}

/**
 * Binding factors, R and challenge of a session (sections 4.4 to 4.6). Throws where a commitment is no point. `known`:
 * points of public nonces by their bytes in hexadecimal, which are not read again.
 */
export function bindSession(input: BindingInput, prefix = sessionPrefix(input), known?: KnownNonces): Binding {
  const factors = bindingFactors(input, prefix);
  const commitments = pointsOf(input, known);
  const R = sumOf(commitments, factors);
  const challenge = scalarOfHash(sha512(R, input.publicKey, input.message));
  return { factors, commitments, R, challenge };
}

/** The R of the signature, 32 bytes (section 4.5). All public, so the multiplications may take variable time. */
export function groupCommitment(input: BindingInput): Uint8Array {
  return bindSession(input).R;
}

/**
 * Reads hiding ‖ binding; throws where one is not the canonical encoding of a point, or is of small order (the identity
 * is). Whether a point has a small-order part beside another is not looked at: see above.
 */
export function noncePoints(publicNonce: Uint8Array): NoncePoints {
  if (publicNonce.length !== 2 * POINT_BYTES) throw new Error('a public nonce has 64 bytes');
  const pointAt = (start: number): EdwardsPoint => {
    const point = ed25519.Point.fromBytes(Uint8Array.from(publicNonce.subarray(start, start + POINT_BYTES)));
    if (point.isSmallOrder()) throw new Error('a nonce commitment is of small order');
    return point;
  };
  return { hiding: pointAt(0), binding: pointAt(POINT_BYTES) };
}

/**
 * Joins public nonces whose points have been read, and remembers the points for as long as the bytes are in use: whoever
 * combined the nonces also needs their R.
 */
export function joinNonces(publicNonces: readonly Uint8Array[], points: readonly NoncePoints[]): Uint8Array {
  const nonceCommitment = concat(...publicNonces);
  joined.set(nonceCommitment, { bytes: nonceCommitment.slice(), points });
  return nonceCommitment;
}

const joined = new WeakMap<Uint8Array, { readonly bytes: Uint8Array; readonly points: readonly NoncePoints[] }>();

function pointsOf(input: BindingInput, known?: KnownNonces): readonly NoncePoints[] {
  const read = joined.get(input.nonceCommitment);
  // Byte strings can be written to: what is remembered is of the bytes that were read.
  if (read !== undefined && equal(read.bytes, input.nonceCommitment)) return read.points;
  return input.signers.map((_, position) => {
    const publicNonce = slot(input, position);
    return known?.find(toHex(publicNonce)) ?? noncePoints(publicNonce);
  });
}

function sumOf(commitments: readonly NoncePoints[], factors: readonly bigint[]): Uint8Array {
  const terms = commitments.map(({ binding }, position) => ({ point: binding, scalar: factors[position] ?? Fn.ZERO }));
  const hiding = commitments.map((commitment) => commitment.hiding);
  return sumOfMultiples(terms, hiding).toBytes();
}

/** A SHA-512 hash read as RFC 9591 section 6.1 does: 64 bytes, little endian, reduced. */
export function scalarOfHash(hash: Uint8Array): bigint {
  return Fn.create(BigInt(`0x${toHex(hash.toReversed())}`));
}

/** A scalar from its 32 bytes, little endian; null where there are not 32, or they are not below the group order. */
export function scalarOf(bytes: Uint8Array | undefined): bigint | null {
  if (bytes?.length !== SCALAR_BYTES) return null;
  try {
    return Fn.fromBytes(Uint8Array.from(bytes));
  } catch {
    return null;
  }
}

function identifier(index: number): Uint8Array {
  return Fn.toBytes(BigInt(index + 1));
}

function slot({ nonceCommitment }: BindingInput, position: number): Uint8Array {
  const start = 2 * POINT_BYTES * position;
  return nonceCommitment.subarray(start, start + 2 * POINT_BYTES);
}
