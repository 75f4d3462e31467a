// What a signing request means. A request carries the whole meaning, never a bare hash; each participant derives the
// messages from it and validates it against its own view. Amounts and 64-bit integers are decimal strings.
import { z } from 'zod';
import { voutField } from '../crypto/json-fields.ts';
import { lineSchema } from '../crypto/line-json.ts';
import { ceremonyIdField, hexOf, satsField, u64Field } from './fields.ts';

/** Most attestations signed by one request. */
export const ATTESTATIONS_MAX = 100;
/** Longest test message, in UTF-16 code units. */
export const TEST_MESSAGE_CHARACTERS_MAX = 1000;
/** A text signed to prove that signing works. Both keys. */
export const testMessageIntentSchema = z.strictObject({
  kind: z.literal('test_message'),
  message: z.string().max(TEST_MESSAGE_CHARACTERS_MAX),
});

/** The new key signs the hash of the ceremony that made it. Both keys. */
export const ceremonyProofIntentSchema = z.strictObject({
  kind: z.literal('ceremony_proof'),
  ceremony_id: ceremonyIdField,
  transcript_hash: hexOf(32),
});

/** Deposits to attest; `expiry` in unix seconds. Attestation key; one message per item. */
export const attestationIntentSchema = z.strictObject({
  kind: z.literal('attestation'),
  test: z.boolean(),
  items: z
    .array(
      z.strictObject({ txid: hexOf(32), vout: voutField, recipient: hexOf(32), amount: satsField, expiry: u64Field }),
    )
    .min(1)
    .max(ATTESTATIONS_MAX),
});

/** A step of the treasury line (crypto/line-json.ts). Bitcoin key; one message per input. */
export const lineIntentSchema = lineSchema;

/** The meaning of a signing request. */
export const intentSchema = z.discriminatedUnion('kind', [
  testMessageIntentSchema,
  ceremonyProofIntentSchema,
  attestationIntentSchema,
  lineIntentSchema,
]);

export type TestMessageIntent = Readonly<z.infer<typeof testMessageIntentSchema>>;
export type CeremonyProofIntent = Readonly<z.infer<typeof ceremonyProofIntentSchema>>;
export type AttestationIntent = Readonly<z.infer<typeof attestationIntentSchema>>;
export type LineStepIntent = Readonly<z.infer<typeof lineIntentSchema>>;
export type Intent = TestMessageIntent | CeremonyProofIntent | AttestationIntent | LineStepIntent;
