// How ChillDKG's messages are cut into fields: lists of fixed-size items, one after another.

import { POINT_BYTES, type Point, parsePointOrInfinity, parseScalar, SCALAR_BYTES, ValueError } from '../secp256k1.ts';
import { taggedHash } from '../tagged-hash.ts';
import { MsgParseError } from './errors.ts';

/** ChillDKG's domain: it comes before every tag. */
export const BIP_TAG = 'BIP DKG/';

/** A tagged hash in ChillDKG's domain. */
export function dkgHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return taggedHash(BIP_TAG + tag, ...parts);
}

/** Reads a byte string front to back. Whoever makes one has checked the length: reading past the end throws. */
export class FieldReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  /** The next `length` bytes, copied. */
  bytes(length: number): Uint8Array {
    if (length > this.left) throw new ValueError('The message is too short.');
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.slice(start, this.#offset);
  }

  /** `count` items of `length` bytes each. */
  items(count: number, length: number): Uint8Array[] {
    return Array.from({ length: count }, () => this.bytes(length));
  }

  /** `count` points, infinity allowed; a MsgParseError with `complaint` if one is malformed. */
  points(count: number, complaint: string): Point[] {
    return this.items(count, POINT_BYTES).map((item) => {
      const point = parsePointOrInfinity(item);
      if (!point) throw new MsgParseError(complaint);
      return point;
    });
  }

  /** `count` scalars; a MsgParseError with `complaint` if one is out of range. */
  scalars(count: number, complaint: string): bigint[] {
    return this.items(count, SCALAR_BYTES).map((item) => {
      const scalar = parseScalar(item);
      if (scalar === null) throw new MsgParseError(complaint);
      return scalar;
    });
  }
}
