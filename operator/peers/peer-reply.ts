// What comes back from a peer: an envelope of type `reply` with the messages that its handling produced for the sender, or
// an unsigned refusal. A refusal is a hint for people and nothing more.
import { z } from 'zod';
import { timeField } from '../../ceremony/fields.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { ENVELOPE_REJECTIONS, type EnvelopeRejection } from '../../crypto/envelope.ts';

/** The type of the envelope that answers another. */
export const REPLY_TYPE = 'reply';
/** How many messages one reply may carry. */
export const REPLY_MESSAGES_MAX = 64;
/** HTTP header that carries the sender's session certificate: base64url of its canonical JSON. */
export const SESSION_HEADER = 'x-mpc-session';
/** Where a peer takes messages. */
export const MESSAGES_PATH = '/v1/messages';
/** Where a peer shows its session certificate. */
export const SESSION_PATH = '/v1/session';

/** A message to or from a peer, before it is sealed. */
export interface OutMessage {
  readonly type: string;
  readonly body: Json;
}

/**
 * Why a request got no reply: an envelope's rejection, a TLS certificate of the sender that does not hold now, too many
 * requests at once, or a fault of the receiver.
 */
export type Rejection = EnvelopeRejection | 'certificate_not_valid' | 'busy' | 'fault';
export const REJECTIONS: readonly Rejection[] = [...ENVELOPE_REJECTIONS, 'certificate_not_valid', 'busy', 'fault'];

/** A rejection with one clear sentence, which never repeats what the sender sent. */
export interface Refusal {
  readonly ok: false;
  readonly reason: Rejection;
  readonly detail: string;
  /** Of `superseded_boot`: the later start's certificate, which proves it to the one that is refused. Unverified. */
  readonly session?: Json;
  /** Of `clock_skew`: the clock of who refuses, in ms since 1970, so that the other can tell how far apart they are. */
  readonly now?: number;
}

/** What a reply says: which request it answers, by the sequence number and boot id of the requester. */
export interface ReplyBody {
  readonly in_reply_to: number;
  readonly in_reply_to_boot: string;
  readonly messages: readonly OutMessage[];
}

const json = z.custom<Json>((value) => value !== undefined);
const replySchema = z.strictObject({
  in_reply_to: z.int().min(1),
  in_reply_to_boot: z.string().regex(/^[0-9a-f]{32}$/),
  messages: z.array(z.strictObject({ type: z.string().min(1).max(64), body: json })).max(REPLY_MESSAGES_MAX),
});
const refusalSchema = z.object({
  rejected: z.enum(REJECTIONS),
  detail: z.string().max(500),
  session: json.optional(),
  now: timeField.optional(),
});

/** The body of a reply as JSON. Throws on more messages than a reply may carry. */
export function replyJson(reply: ReplyBody): Json {
  if (reply.messages.length > REPLY_MESSAGES_MAX) throw new Error('too many messages for one reply');
  const messages = reply.messages.map(({ type, body }) => ({ type, body }));
  return { in_reply_to: reply.in_reply_to, in_reply_to_boot: reply.in_reply_to_boot, messages };
}

/** Reads the body of a reply; null where it is malformed. */
export function parseReply(body: Json): ReplyBody | null {
  const parsed = replySchema.safeParse(body);
  return parsed.success ? parsed.data : null;
}

/** Reads the unsigned JSON of a refusal; null where it is something else. */
export function parseRefusal(text: string): Refusal | null {
  try {
    const parsed = refusalSchema.safeParse(JSON.parse(text));
    if (!parsed.success) return null;
    const { rejected: reason, detail, session, now } = parsed.data;
    return { ok: false, reason, detail, ...(session !== undefined && { session }), ...(now !== undefined && { now }) };
  } catch {
    return null;
  }
}

/** The HTTP status that goes with a rejection. */
export function refusalStatus(reason: Rejection): 400 | 403 | 409 | 413 | 500 | 503 {
  switch (reason) {
    case 'too_large':
      return 413;
    case 'unknown_sender':
    case 'bad_signature':
    case 'certificate_not_valid':
      return 403;
    case 'clock_skew':
    case 'replay':
    case 'superseded_boot':
      return 409;
    case 'busy':
      return 503;
    case 'fault':
      return 500;
    default:
      return 400;
  }
}
