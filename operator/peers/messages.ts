// The peer messages that belong to no ceremony: a ping, the state guard's, and announcements of finished work. An announcement is a hint;
// whoever gets one checks all of it against its own Bitcoin nodes, Wire nodes and keys before it keeps anything.

import { z } from 'zod';
import { ceremonyIdField } from '../../ceremony/fields.ts';
import { ATTESTATIONS_MAX } from '../../ceremony/intent.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { cardSchemas } from './messages-card.ts';
import { finishedSchemas } from './messages-finished.ts';
import { guardSchemas } from './messages-guard.ts';
import { lineSchemas } from './messages-line.ts';
import { recipientSchemas } from './messages-recipients.ts';
import { requestSchemas } from './messages-requests.ts';
import { rootSchemas } from './messages-root.ts';
import { timelineSchemas } from './messages-timeline.ts';
import { vetoSchemas } from './messages-vetoes.ts';

const pingSchema = z.strictObject({});
const pongSchema = z.strictObject({
  version: z.string().max(64),
  /** The responder's clock in ms since 1970. */
  now: z.int().min(0),
  sealed: z.boolean(),
  key_id: z.string().max(64).nullable(),
  bitcoin_height: z.int().min(0).nullable(),
});

const attestationsAnnouncementSchema = z.strictObject({
  /** The JSON form of crypto/attestation.ts, checked there. */
  attestations: z
    .array(z.record(z.string().max(32), z.union([z.string().max(128), z.number()])))
    .min(1)
    .max(ATTESTATIONS_MAX),
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
export type ProofsAnnouncement = z.infer<typeof proofsAnnouncementSchema>;

const schemas = {
  ping: pingSchema,
  pong: pongSchema,
  announce_attestations: attestationsAnnouncementSchema,
  announce_proofs: proofsAnnouncementSchema,
  proofs_request: proofsRequestSchema,
  ...cardSchemas,
  ...guardSchemas,
  ...recipientSchemas,
  ...finishedSchemas,
  ...lineSchemas,
  ...requestSchemas,
  ...rootSchemas,
  ...timelineSchemas,
  ...vetoSchemas,
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
    case 'announce_attestations':
      return wrap(type, attestationsAnnouncementSchema.safeParse(body));
    case 'announce_proofs':
      return wrap(type, proofsAnnouncementSchema.safeParse(body));
    case 'proofs_request':
      return wrap(type, proofsRequestSchema.safeParse(body));
    case 'heartbeat':
    case 'heartbeat_reply':
      return wrap(type, guardSchemas[type].safeParse(body));
    case 'announce_card':
      return wrap(type, cardSchemas[type].safeParse(body));
    case 'card_answer':
      return wrap(type, cardSchemas[type].safeParse(body));
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
    case 'announce_request':
      return wrap(type, requestSchemas[type].safeParse(body));
    case 'announce_veto':
      return wrap(type, vetoSchemas[type].safeParse(body));
    case 'veto_answer':
      return wrap(type, vetoSchemas[type].safeParse(body));
    case 'announce_step':
      return wrap(type, lineSchemas[type].safeParse(body));
    case 'line_request':
      return wrap(type, lineSchemas[type].safeParse(body));
    case 'line':
      return wrap(type, lineSchemas[type].safeParse(body));
    case 'treasury_root_request':
      return wrap(type, rootSchemas[type].safeParse(body));
    case 'treasury_root':
      return wrap(type, rootSchemas[type].safeParse(body));
    case 'announce_timeline':
      return wrap(type, timelineSchemas[type].safeParse(body));
    case 'timeline_answer':
      return wrap(type, timelineSchemas[type].safeParse(body));
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
