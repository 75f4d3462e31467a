// Byte strings: joining, comparing, hexadecimal, fixed-width integers, SHA-2 (FIPS 180-4) and erasing. Everything in
// crypto/ that touches raw bytes goes through here, so the encodings exist once.
import { hash, timingSafeEqual } from 'node:crypto';

const U32_MAX = 0xffff_ffff;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** Joins byte strings into a new one. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Whether two byte strings are the same, in time that depends on their lengths alone. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Lowercase hexadecimal. It leaves `buffer` alone, for which the runtime would keep 200 bytes more as long as `bytes` lives. */
export function toHex(bytes: Uint8Array): string {
  return bytes.toHex();
}

/** What `fromHex` insists on: an exact length in bytes, and whether capitals may appear (default: no). */
export interface HexRule {
  readonly bytes?: number;
  readonly anyCase?: boolean;
}

/** Decodes hexadecimal, or returns null where the text breaks the rule. For data that came from outside. */
export function tryFromHex(text: string, rule: HexRule = {}): Uint8Array | null {
  if (rule.bytes !== undefined && text.length !== rule.bytes * 2) return null;
  if (text.length % 2 !== 0) return null;
  const pattern = rule.anyCase === true ? /^[0-9a-fA-F]*$/ : /^[0-9a-f]*$/;
  return pattern.test(text) ? Uint8Array.fromHex(text) : null;
}

/** Decodes hexadecimal; throws where the text breaks the rule (without repeating the text, which may be secret). */
export function fromHex(text: string, rule: HexRule = {}): Uint8Array {
  const bytes = tryFromHex(text, rule);
  if (bytes === null) throw new Error(`expected ${rule.bytes ?? 'whole'} bytes of hexadecimal`);
  return bytes;
}

/** 4 bytes, little endian. Throws outside 0 … 2^32 − 1. */
export function u32le(value: number): Uint8Array {
  const bytes = u32be(value);
  return bytes.reverse();
}

/** 4 bytes, big endian. Throws outside 0 … 2^32 − 1. */
export function u32be(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > U32_MAX) throw new RangeError('not an unsigned 32-bit integer');
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** 8 bytes, little endian. Throws outside 0 … 2^64 − 1. */
export function u64le(value: bigint): Uint8Array {
  if (value < 0n || value > U64_MAX) throw new RangeError('not an unsigned 64-bit integer');
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

const encoder = new TextEncoder();

/** The UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * Overwrites secrets with zeros. Of a small byte string that was made with its length alone, `subarray` and `buffer`
 * leave a copy behind, which this does not reach: cut secrets with `slice`.
 */
export function zeroize(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}

/** SHA-256 of the parts joined; 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return digest('sha256', parts);
}

/** SHA-512 of the parts joined; 64 bytes. */
export function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  return digest('sha512', parts);
}

// In one go over bytes of our own: a hash object keeps what it was fed and what it gave, and nothing erases that.
function digest(algorithm: 'sha256' | 'sha512', parts: readonly Uint8Array[]): Uint8Array {
  const joined = concat(...parts);
  const made = hash(algorithm, joined, 'buffer');
  // Not a view: to make one, the runtime would move the bytes and leave those of before where they were.
  const result = new Uint8Array(made.length);
  result.set(made);
  zeroize(joined, made);
  return result;
}
