// The kinds of fields that signed and travelling JSON is made of, as zod schemas: bytes are lowercase hexadecimal, 64-bit
// integers are decimal strings, as a JSON number would lose their last digits.
import { z } from 'zod';

/** Lowercase hexadecimal of exactly `bytes` bytes. */
export const hexOf = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));

/** Lowercase hexadecimal of 1 … `bytesMax` bytes. */
export const hexUpTo = (bytesMax: number) =>
  z
    .string()
    .max(bytesMax * 2)
    .regex(/^(?:[0-9a-f]{2})+$/);

/** An output's number in its transaction (u32). */
export const voutField = z.int().min(0).max(0xffff_ffff);

// zod runs refinements also on texts that failed the pattern, and BigInt throws on those or takes minutes over them.
const isAtMost = (max: bigint) => (text: string) => /^[0-9]{1,20}$/.test(text) && BigInt(text) <= max;

/** An unsigned 64-bit integer as a decimal string without leading zeros. */
export const u64Field = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,19})$/)
  .refine(isAtMost(0xffff_ffff_ffff_ffffn), 'exceeds 64 bits');

/** All the bitcoin there can be (21 million), in sats. */
export const SATS_MAX = 2_100_000_000_000_000n;

/** An amount in sats as a decimal string, at most 21 million bitcoin. */
export const satsField = u64Field.refine(isAtMost(SATS_MAX), 'exceeds 21 million bitcoin');
