// The peer messages that belong to no ceremony: a ping, the state guard's, and announcements of finished work. An announcement is a hint;
// whoever gets one checks all of it against its own Bitcoin nodes, Wire nodes and keys before it keeps anything.

import { z } from 'zod';
import { ceremonyIdField } from '../ceremony/fields.ts';
import { payoutIntentSchema } from '../ceremony/intent.ts';
import type { Json } from '../crypto/canonical-json.ts';
import { finishedSchemas } from './bridge/messages-finished.ts';
import { recipientSchemas } from './bridge/messages-recipients.ts';
import { guardSchemas } from './guard/messages-guard.ts';

/** Largest transaction that is announced, in bytes of its serialisation. */
export const ANNOUNCED_TRANSACTION_BYTES_MAX = 200_000;

const pingSchema = z.strictObject({});
const pongSchema = z.strictObject({
  version: z.string().max(64),
  /** The responder's clock in ms since 1970. */
  now: z.int().min(0),
  sealed: z.boolean(),
  key_id: z.string().max(64).nullable(),
  bitcoin_height: z.int().min(0).nullable(),
});

const attestationAnnouncementSchema = z.strictObject({
  /** The JSON form of crypto/attestation.ts, checked there. */
  attestation: z.record(z.string(), z.union([z.string(), z.number()])),
});
const payoutAnnouncementSchema = z.strictObject({
  intent: payoutIntentSchema,
  transaction: z
    .string()
    .regex(/^([0-9a-f]{2})+$/)
    .max(ANNOUNCED_TRANSACTION_BYTES_MAX * 2),
});
const signature = z.string().regex(/^[0-9a-f]{128}$/);
const proofsAnnouncementSchema = z.strictObject({
  ceremony_id: ceremonyIdField,
  /** Signatures of both keys over the ceremony's proof. */
  bitcoin: signature,
  attestation: signature,
  /** Which signers were tried together; the coordinator's word, for display. */
  subsets: z.array(z.array(z.int().min(0).max(63)).max(64)).max(64),
});

/** Asks for the proof of a ceremony; answered by `announce_proofs` where there is one. */
const proofsRequestSchema = z.strictObject({ ceremony_id: ceremonyIdField });

export type Pong = Readonly<z.infer<typeof pongSchema>>;
export type PayoutAnnouncement = z.infer<typeof payoutAnnouncementSchema>;
export type ProofsAnnouncement = z.infer<typeof proofsAnnouncementSchema>;

const schemas = {
  ping: pingSchema,
  pong: pongSchema,
  announce_attestation: attestationAnnouncementSchema,
  announce_payout: payoutAnnouncementSchema,
  announce_proofs: proofsAnnouncementSchema,
  proofs_request: proofsRequestSchema,
  ...guardSchemas,
  ...recipientSchemas,
  ...finishedSchemas,
} as const;

export type ServiceMessage = {
  [T in keyof typeof schemas]: { readonly type: T; readonly body: z.infer<(typeof schemas)[T]> };
}[keyof typeof schemas];

/** The types this file knows. */
export const SERVICE_MESSAGE_TYPES: readonly string[] = Object.keys(schemas);

/** Reads a message body; null where the type is not of this file, `false` where the body breaks its schema. */
export function parseServiceMessage(type: string, body: Json): ServiceMessage | false | null {
  switch (type) {
    case 'ping':
      return wrap(type, pingSchema.safeParse(body));
    case 'pong':
      return wrap(type, pongSchema.safeParse(body));
    case 'announce_attestation':
      return wrap(type, attestationAnnouncementSchema.safeParse(body));
    case 'announce_payout':
      return wrap(type, payoutAnnouncementSchema.safeParse(body));
    case 'announce_proofs':
      return wrap(type, proofsAnnouncementSchema.safeParse(body));
    case 'proofs_request':
      return wrap(type, proofsRequestSchema.safeParse(body));
    case 'heartbeat':
    case 'heartbeat_reply':
      return wrap(type, guardSchemas[type].safeParse(body));
    case 'decisions_request':
      return wrap(type, guardSchemas[type].safeParse(body));
    case 'decisions':
      return wrap(type, guardSchemas[type].safeParse(body));
    case 'announce_recipient':
      return wrap(type, recipientSchemas[type].safeParse(body));
    case 'recipients_request':
      return wrap(type, recipientSchemas[type].safeParse(body));
    case 'recipients':
      return wrap(type, recipientSchemas[type].safeParse(body));
    case 'finished_request':
      return wrap(type, finishedSchemas[type].safeParse(body));
    case 'finished':
      return wrap(type, finishedSchemas[type].safeParse(body));
    default:
      return null;
  }
}

function wrap<T extends string, B>(
  type: T,
  parsed: { success: true; data: B } | { success: false },
): { readonly type: T; readonly body: B } | false {
  return parsed.success ? { type, body: parsed.data } : false;
}
