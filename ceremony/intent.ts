// What a signing request means. A request carries the whole meaning, never a bare hash; each participant derives the
// messages from it and judges it against its own view. Amounts and 64-bit integers are decimal strings.
import { z } from 'zod';
import { voutField } from '../crypto/json-fields.ts';
import { type PayoutLimits, payoutChildSchema, payoutSchema } from '../crypto/payout-json.ts';
import { ceremonyIdField, hexOf, satsField, u64Field } from './fields.ts';

/** Most burns that one transaction pays. */
export const PAYOUT_BURNS_MAX = 200;
/** Most inputs of one transaction. */
export const PAYOUT_INPUTS_MAX = 500;
/** Most attestations signed by one request. */
export const ATTESTATIONS_MAX = 100;
/** Longest test message, in UTF-16 code units. */
export const TEST_MESSAGE_CHARACTERS_MAX = 1000;
/** Longest output script that relays, in bytes, other than OP_RETURN's 83. */
export const OUTPUT_SCRIPT_BYTES_MAX = 83;

/** What a message may carry of a payout: all that chain/ would read, and more (see PayoutLimits). */
export const PAYOUT_MESSAGE_LIMITS: PayoutLimits = {
  burnsMin: 0,
  burnsMax: PAYOUT_BURNS_MAX,
  inputsMax: PAYOUT_INPUTS_MAX,
  outputsMax: PAYOUT_BURNS_MAX + 8,
  scriptBytesMax: OUTPUT_SCRIPT_BYTES_MAX,
};

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

/** A Bitcoin transaction that pays burns. Bitcoin key; one message per input. */
export const payoutIntentSchema = payoutSchema(PAYOUT_MESSAGE_LIMITS);

/** A child that pays for a payout that waits: spends its change, back to the change script. Bitcoin key; one message. */
export const payoutChildIntentSchema = payoutChildSchema(PAYOUT_MESSAGE_LIMITS);

/** The meaning of a signing request. */
export const intentSchema = z.discriminatedUnion('kind', [
  testMessageIntentSchema,
  ceremonyProofIntentSchema,
  attestationIntentSchema,
  payoutIntentSchema,
  payoutChildIntentSchema,
]);

export type TestMessageIntent = Readonly<z.infer<typeof testMessageIntentSchema>>;
export type CeremonyProofIntent = Readonly<z.infer<typeof ceremonyProofIntentSchema>>;
export type AttestationIntent = Readonly<z.infer<typeof attestationIntentSchema>>;
export type PayoutIntent = Readonly<z.infer<typeof payoutIntentSchema>>;
export type PayoutChildIntent = Readonly<z.infer<typeof payoutChildIntentSchema>>;
export type Intent = TestMessageIntent | CeremonyProofIntent | AttestationIntent | PayoutIntent | PayoutChildIntent;
