// The kinds of fields that peer messages, intents and transcripts are made of, as zod schemas with their limits.
import { z } from 'zod';
import type { Json } from '../crypto/canonical-json.ts';
import { hexOf } from '../crypto/json-fields.ts';

export { hexOf, hexUpTo, satsField, u64Field } from '../crypto/json-fields.ts';

/** Largest federation. */
export const PARTICIPANTS_MAX = 64;
/** Smallest threshold. */
export const THRESHOLD_MIN = 2;
/** Longest free text that a peer may send, in characters. */
export const DETAIL_CHARACTERS_MAX = 500;
/** Largest free-form `data` of a refusal, as JSON, in characters: it may name all burns of a step, 1,000 at most. */
export const DATA_CHARACTERS_MAX = 80_000;

const DATE_MS_MAX = 8.64e15;

/** A participant's 0-based index. */
export const indexField = z
  .int()
  .min(0)
  .max(PARTICIPANTS_MAX - 1);

/** A ceremony id: what an operator types, at most 64 characters, and safe as a file name. */
export const ceremonyIdField = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

/** 16 random bytes that name an attempt, a signing session, a nonce or a start of a process. */
export const idField = hexOf(16);

/** Milliseconds since 1970, of a time that has a date (ECMA-262, section 21.4.1.1): another could not be shown. */
export const timeField = z.int().min(0).max(DATE_MS_MAX);

/** Text for people. */
export const detailField = z.string().max(DETAIL_CHARACTERS_MAX);

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
