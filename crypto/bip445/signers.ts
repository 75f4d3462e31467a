// The set of signers of a session and their key material (BIP 445, "Signers Context").

import { concatBytes, equalBytes } from '@noble/curves/utils.js';
import {
  type Point,
  parsePoint,
  pointToBytesOrInfinity,
  sumOfProductsPublic,
  uintToBytes,
  ValueError,
} from '../secp256k1.ts';
import { interpolatingValues } from './lagrange.ts';

/** Who signs, under which key (BIP 445, Signers Context). */
export interface SignersContext {
  /** n: participants of the key. */
  readonly participants: number;
  /** t: how many must sign. */
  readonly threshold: number;
  /** Indices of the signers, 0-based, in any order. */
  readonly ids: readonly number[];
  /** The signers' verifying shares (33 bytes each), in the order of `ids`. */
  readonly verifyingShares: readonly Uint8Array[];
  /** 33 bytes. */
  readonly thresholdPublicKey: Uint8Array;
}

/** The signers in ascending order, four big-endian bytes each: a set, as ROAST has it. */
export function serializeIds(ids: readonly number[]): Uint8Array {
  return concatBytes(...[...ids].sort((a, b) => a - b).map((id) => uintToBytes(id, 4)));
}

/** Interpolates verifying shares to the threshold public key (BIP 445, DeriveThreshPubkey). */
export function deriveThresholdPublicKey(ids: readonly number[], shares: readonly Point[]): Point {
  return sumOfProductsPublic(shares, interpolatingValues(ids));
}

/**
 * Checks a signers context (BIP 445, ValidateSignersCtx) and returns the parsed verifying shares.
 * Throws a ValueError that says what is wrong.
 */
export function validateSignersContext(context: SignersContext): Point[] {
  const { participants, threshold, ids, verifyingShares, thresholdPublicKey } = context;
  if (!(Number.isSafeInteger(threshold) && threshold >= 1 && threshold <= participants)) {
    throw new ValueError('The threshold must be 1 <= t <= n.');
  }
  if (ids.length < threshold || ids.length > participants) {
    throw new ValueError('The number of signers must be between t and n.');
  }
  if (verifyingShares.length !== ids.length) {
    throw new ValueError('The pubshares and ids arrays must have the same length.');
  }
  const points = verifyingShares.map((share, position) => {
    const id = ids[position] ?? -1;
    if (!(Number.isSafeInteger(id) && id >= 0 && id < participants)) {
      throw new ValueError(`The participant identifier at index ${position} is out of range.`);
    }
    const point = parsePoint(share);
    if (!point) throw new ValueError(`Invalid pubshare at index ${position}.`);
    return point;
  });
  if (new Set(ids).size !== ids.length) {
    throw new ValueError('The participant identifier list contains duplicate elements.');
  }
  if (!equalBytes(pointToBytesOrInfinity(deriveThresholdPublicKey(ids, points)), thresholdPublicKey)) {
    throw new ValueError('The provided key material is incorrect.');
  }
  return points;
}
