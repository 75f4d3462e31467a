// Bodies of the signing ceremony's messages. Bytes are lowercase hexadecimal.
import { z } from 'zod';
import { byIndex, dataField, detailField, hexOf, hexUpTo, idField, indexField, PARTICIPANTS_MAX } from './fields.ts';
import { intentSchema } from './intent.ts';
import { isRefusalReason, type RefusalReason } from './refusals.ts';

/** Most nonces in one message. */
export const NONCE_BATCH_MAX = 512;
/** Most messages signed by one request: the inputs of a transaction. */
export const SIGN_MESSAGES_MAX = 500;

const schemeField = z.enum(['bip340', 'ed25519']);
const keyIdField = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
const publicNonce = z.strictObject({ id: idField, nonce: hexUpTo(66) });
const refusalReason = z.custom<RefusalReason>((value) => typeof value === 'string' && isRefusalReason(value));

/** A public nonce as it travels: 16-byte id; 66 bytes (bip340) or 64 (ed25519). */
export type PublicNonceJson = Readonly<z.infer<typeof publicNonce>>;

export const signingSchemas = {
  /** coordinator → participant. */
  nonce_request: z.strictObject({
    scheme: schemeField,
    key_id: keyIdField,
    count: z.int().min(1).max(NONCE_BATCH_MAX),
  }),
  /** Answer to `nonce_request`. `boot`: the start of the process that holds the secret nonces. */
  nonces: z.strictObject({
    scheme: schemeField,
    key_id: keyIdField,
    boot: idField,
    nonces: z.array(publicNonce).max(NONCE_BATCH_MAX),
  }),
  /** coordinator → participant. `messages` in the order that the intent gives. */
  sign_request: z.strictObject({
    session: idField,
    key_id: keyIdField,
    scheme: schemeField,
    intent: intentSchema,
    signers: z.array(indexField).min(1).max(PARTICIPANTS_MAX),
    boots: byIndex(idField),
    messages: z
      .array(z.strictObject({ nonce_ids: byIndex(idField), nonce_commitment: hexUpTo(64 * PARTICIPANTS_MAX) }))
      .min(1)
      .max(SIGN_MESSAGES_MAX),
  }),
  /** Answer to `sign_request`: one share per message, and fresh nonces for the next time. */
  sign_response: z.strictObject({
    session: idField,
    partials: z.array(hexOf(32)).min(1).max(SIGN_MESSAGES_MAX),
    nonces: z.array(publicNonce).max(NONCE_BATCH_MAX),
  }),
  /** Answer to `sign_request`: no, and why. */
  sign_refusal: z.strictObject({
    session: idField,
    reason: refusalReason,
    detail: detailField,
    data: dataField.optional(),
  }),
} as const;
