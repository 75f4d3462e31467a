// What binds the signers of a FROST(Ed25519, SHA-512) session to each other: RFC 9591 sections 4.3 to 4.6.
//
// Points are checked to be canonical encodings of curve points other than the identity, but not to be of prime order:
// nobody multiplies them by a secret. A signer uses the others' commitments for one thing, the bytes of R that it
// hashes, and an R with a small-order part is just another R its adversary may choose; its share is scalars alone. A
// session with such a commitment at most fails, for R is summed exactly and verification is without cofactor. Then the
// signer whose own commitments do not fit its share, small-order part included, is the one `verifyPartial` names.
// Scalars therefore multiply points as they are, in [0, ℓ): k and ℓ − k are opposites only on points of prime order.
import { mulAddUnsafe } from '@noble/curves/abstract/curve.js';
import type { EdwardsPoint } from '@noble/curves/abstract/edwards.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { concat, sha512, toHex, utf8 } from './bytes.ts';

const CONTEXT = utf8('FROST-ED25519-SHA512-v1');
const [RHO, MSG, COM] = [concat(CONTEXT, utf8('rho')), concat(CONTEXT, utf8('msg')), concat(CONTEXT, utf8('com'))];
const POINT_BYTES = 32;

const { Fn, ZERO } = ed25519.Point;

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

/** Binding factors, R and challenge of a session (sections 4.4 to 4.6). Throws where a commitment is no point. */
export function bindSession(input: BindingInput, prefix = sessionPrefix(input)): Binding {
  const factors = bindingFactors(input, prefix);
  const commitments = input.signers.map((_, position) => noncePoints(slot(input, position)));
  const R = sumOf(commitments, factors);
  const challenge = scalarOfHash(sha512(R, input.publicKey, input.message));
  return { factors, commitments, R, challenge };
}

/** The R of the signature, 32 bytes (section 4.5). All public, so the multiplications may take variable time. */
export function groupCommitment(input: BindingInput): Uint8Array {
  return bindSession(input).R;
}

/** Reads hiding ‖ binding; throws where one is not the canonical encoding of a point, or is the identity. */
export function noncePoints(publicNonce: Uint8Array): NoncePoints {
  const pointAt = (start: number): EdwardsPoint => {
    const point = ed25519.Point.fromBytes(Uint8Array.from(publicNonce.subarray(start, start + POINT_BYTES)));
    if (point.is0()) throw new Error('a nonce commitment is the identity');
    return point;
  };
  return { hiding: pointAt(0), binding: pointAt(POINT_BYTES) };
}

function sumOf(commitments: readonly NoncePoints[], factors: readonly bigint[]): Uint8Array {
  const hiding = commitments.reduce((sum, commitment) => sum.add(commitment.hiding), ZERO);
  const bindings = commitments.map((commitment) => commitment.binding);
  return hiding.add(mulAddUnsafe(ed25519.Point, bindings, [...factors])).toBytes();
}

/** A SHA-512 hash read as RFC 9591 section 6.1 does: 64 bytes, little endian, reduced. */
export function scalarOfHash(hash: Uint8Array): bigint {
  return Fn.create(BigInt(`0x${toHex(hash.toReversed())}`));
}

function identifier(index: number): Uint8Array {
  return Fn.toBytes(BigInt(index + 1));
}

function slot({ nonceCommitment }: BindingInput, position: number): Uint8Array {
  const start = 2 * POINT_BYTES * position;
  return nonceCommitment.subarray(start, start + 2 * POINT_BYTES);
}
