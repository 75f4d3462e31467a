// The messages by which recipients registered on one node become known to all. They carry no address: whoever hears of a
// recipient derives the script from the key by itself.
import { z } from 'zod';
import { hexOf } from '../../ceremony/fields.ts';

/** Most recipients in one answer. */
export const RECIPIENTS_PAGE_MAX = 500;
const KEY_ID_CHARACTERS_MAX = 64;

const place = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const recipientSchema = z.strictObject({
  recipient: hexOf(32),
  key_id: z.string().min(1).max(KEY_ID_CHARACTERS_MAX),
  /** A block before which nothing can have been paid to it; null: unknown. */
  height: z.int().min(0).nullable(),
});

export type ToldRecipient = z.infer<typeof recipientSchema>;

/** Body schemas by message type. */
export const recipientSchemas = {
  announce_recipient: recipientSchema,
  recipients_request: z.strictObject({ after: place, limit: z.int().min(1).max(RECIPIENTS_PAGE_MAX) }),
  /** `next`: where to ask on; null where this was all. */
  recipients: z.strictObject({
    recipients: z.array(recipientSchema).max(RECIPIENTS_PAGE_MAX),
    next: place.nullable(),
  }),
} as const;

export type RecipientsRequest = z.infer<(typeof recipientSchemas)['recipients_request']>;
export type RecipientsPage = z.infer<(typeof recipientSchemas)['recipients']>;
