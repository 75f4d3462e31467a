// The kinds of fields that peer messages, intents and transcripts are made of, as zod schemas with their limits.
import { z } from 'zod';
import type { Json } from '../crypto/canonical-json.ts';

/** Largest federation. */
export const PARTICIPANTS_MAX = 64;
/** Smallest threshold. */
export const THRESHOLD_MIN = 2;
/** Longest free text that a peer may send, in characters. */
export const DETAIL_CHARACTERS_MAX = 500;
/** Largest free-form `data` of a refusal, as JSON, in characters. */
export const DATA_CHARACTERS_MAX = 4096;

/** Lowercase hexadecimal of exactly `bytes` bytes. */
export const hexOf = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));

/** Lowercase hexadecimal of 1 … `bytesMax` bytes. */
export const hexUpTo = (bytesMax: number) =>
  z
    .string()
    .max(bytesMax * 2)
    .regex(/^(?:[0-9a-f]{2})+$/);

/** A participant's 0-based index. */
export const indexField = z
  .int()
  .min(0)
  .max(PARTICIPANTS_MAX - 1);

/** A ceremony id: what an operator types, at most 64 characters, and safe as a file name. */
export const ceremonyIdField = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

/** 16 random bytes that name an attempt, a signing session, a nonce or a start of a process. */
export const idField = hexOf(16);

/** Milliseconds since 1970. */
export const timeField = z.int().min(0);

/** Text for people. */
export const detailField = z.string().max(DETAIL_CHARACTERS_MAX);

// zod runs refinements also on texts that failed the pattern, and BigInt throws on those or takes minutes over them.
const isAtMost = (max: bigint) => (text: string) => /^[0-9]{1,20}$/.test(text) && BigInt(text) <= max;

/** An unsigned 64-bit integer as a decimal string without leading zeros. */
export const u64Field = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,19})$/)
  .refine(isAtMost(0xffff_ffff_ffff_ffffn), 'exceeds 64 bits');

const SATS_MAX = 2_100_000_000_000_000n;

/** An amount in sats as a decimal string, at most 21 million bitcoin. */
export const satsField = u64Field.refine(isAtMost(SATS_MAX), 'exceeds 21 million bitcoin');

/** Something per participant: an object keyed by decimal index. */
export const byIndex = <T extends z.ZodType>(value: T) =>
  z
    .record(z.string().regex(/^(?:0|[1-9][0-9]?)$/), value)
    .refine((members) => Object.keys(members).length <= PARTICIPANTS_MAX, 'too many participants');

/** Free-form JSON, small. */
export const dataField = z
  .custom<Json>((value) => value !== undefined)
  .refine((value) => JSON.stringify(value).length <= DATA_CHARACTERS_MAX, 'too large');

/** Cuts a text to what `detailField` takes. */
export function clipDetail(text: string): string {
  return text.length <= DETAIL_CHARACTERS_MAX ? text : `${text.slice(0, DETAIL_CHARACTERS_MAX - 1)}…`;
}
