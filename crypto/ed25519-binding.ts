// What binds the signers of a FROST(Ed25519, SHA-512) session to each other: RFC 9591 sections 4.3 to 4.5. noble computes
// this inside its own functions; the coordinator needs it alone, to put a signature together without verifying it there.
import { mulAddUnsafe } from '@noble/curves/abstract/curve.js';
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

/** The input of each signer's binding factor, in their order (section 4.4: rho_input). */
export function bindingFactorInputs(input: BindingInput): readonly Uint8Array[] {
  const identifiers = input.signers.map((index) => Fn.toBytes(BigInt(index + 1)));
  const encoded = identifiers.map((id, position) => concat(id, hidingOf(input, position), bindingOf(input, position)));
  const prefix = concat(input.publicKey, sha512(MSG, input.message), sha512(COM, ...encoded));
  return identifiers.map((id) => concat(prefix, id));
}

/** The binding factor of each signer, in their order: H1 of its input, reduced to a scalar. */
export function bindingFactors(input: BindingInput): readonly bigint[] {
  return bindingFactorInputs(input).map((rho) => Fn.create(BigInt(`0x${toHex(sha512(RHO, rho).reverse())}`)));
}

/** The R of the signature, 32 bytes (section 4.5). All public, so the multiplications may take variable time. */
export function groupCommitment(input: BindingInput): Uint8Array {
  const pointAt = (bytes: Uint8Array) => ed25519.Point.fromBytes(Uint8Array.from(bytes));
  const hiding = input.signers.reduce((sum, _, position) => sum.add(pointAt(hidingOf(input, position))), ZERO);
  const binding = input.signers.map((_, position) => pointAt(bindingOf(input, position)));
  return hiding.add(mulAddUnsafe(ed25519.Point, binding, [...bindingFactors(input)])).toBytes();
}

function hidingOf({ nonceCommitment }: BindingInput, position: number): Uint8Array {
  const start = 2 * POINT_BYTES * position;
  return nonceCommitment.subarray(start, start + POINT_BYTES);
}

function bindingOf({ nonceCommitment }: BindingInput, position: number): Uint8Array {
  const start = 2 * POINT_BYTES * position + POINT_BYTES;
  return nonceCommitment.subarray(start, start + POINT_BYTES);
}
