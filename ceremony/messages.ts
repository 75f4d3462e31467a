// All messages between the nodes' ceremonies: their types, their checked bodies, and reading one from outside.
import { z } from 'zod';
import type { Json } from '../crypto/canonical-json.ts';
import { clipDetail } from './fields.ts';
import { dkgSchemas } from './messages-dkg.ts';
import { signingSchemas } from './messages-signing.ts';

/** The schema of each message type's body. */
export const MESSAGE_SCHEMAS = { ...dkgSchemas, ...signingSchemas } as const;

/** The name of a message. */
export type MessageType = keyof typeof MESSAGE_SCHEMAS;

/** The body of a message type. */
export type MessageBody<T extends MessageType> = Readonly<z.infer<(typeof MESSAGE_SCHEMAS)[T]>>;

/** A checked message. */
export type Message = { readonly [T in MessageType]: { readonly type: T; readonly body: MessageBody<T> } }[MessageType];

/** A message of the key ceremony. */
export type DkgMessageType = keyof typeof dkgSchemas;
export type DkgMessage = Extract<Message, { type: DkgMessageType }>;

/** A message of the signing ceremony. */
export type SigningMessageType = keyof typeof signingSchemas;
export type SigningMessage = Extract<Message, { type: SigningMessageType }>;

/** A message and whom it goes to (0-based index; possibly this node itself). */
export type Outgoing<M extends Message = Message> = M extends Message ? M & { readonly to: number } : never;

// One entry for each schema: the compiler checks that `Message` and this union are the same.
const variant = <T extends string, B extends z.ZodType>(type: T, body: B) =>
  z.strictObject({ type: z.literal(type), body });
const messageSchema = z.discriminatedUnion('type', [
  variant('dkg_join', dkgSchemas.dkg_join),
  variant('dkg_not_joined', dkgSchemas.dkg_not_joined),
  variant('dkg_start', dkgSchemas.dkg_start),
  variant('dkg_round1', dkgSchemas.dkg_round1),
  variant('dkg_packages', dkgSchemas.dkg_packages),
  variant('dkg_share', dkgSchemas.dkg_share),
  variant('dkg_share_received', dkgSchemas.dkg_share_received),
  variant('dkg_round2', dkgSchemas.dkg_round2),
  variant('dkg_investigate', dkgSchemas.dkg_investigate),
  variant('dkg_investigation', dkgSchemas.dkg_investigation),
  variant('dkg_certificate', dkgSchemas.dkg_certificate),
  variant('dkg_confirm', dkgSchemas.dkg_confirm),
  variant('dkg_complete', dkgSchemas.dkg_complete),
  variant('dkg_done', dkgSchemas.dkg_done),
  variant('dkg_abort', dkgSchemas.dkg_abort),
  variant('nonce_request', signingSchemas.nonce_request),
  variant('nonces', signingSchemas.nonces),
  variant('sign_request', signingSchemas.sign_request),
  variant('sign_response', signingSchemas.sign_response),
  variant('sign_refusal', signingSchemas.sign_refusal),
]);

/** Verdict on a message from outside. */
export type MessageVerdict =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly reason: 'unknown_type' | 'bad_body'; readonly detail: string };

/** Whether a text names a message. */
export function isMessageType(type: string): type is MessageType {
  return Object.hasOwn(MESSAGE_SCHEMAS, type);
}

/** Whether a message belongs to the key ceremony. */
export function isDkgMessage(message: Message): message is DkgMessage {
  return Object.hasOwn(dkgSchemas, message.type);
}

// A body is checked at the gate and read again by whoever handles it. It is plain data that nobody changes in between.
const checked = new WeakMap<object, Message>();

/** Checks the type and body of a message. Never throws. */
export function parseMessage(type: string, body: Json): MessageVerdict {
  const known = typeof body === 'object' && body !== null ? checked.get(body) : undefined;
  if (known?.type === type) return { ok: true, message: known };
  if (!isMessageType(type)) return { ok: false, reason: 'unknown_type', detail: clipDetail(`no message type ${type}`) };
  const parsed = messageSchema.safeParse({ type, body });
  if (parsed.success) {
    if (typeof body === 'object' && body !== null) checked.set(body, parsed.data);
    return { ok: true, message: parsed.data };
  }
  const issue = parsed.error.issues[0];
  const where = issue === undefined || issue.path.length < 2 ? 'body' : issue.path.slice(1).join('.');
  return { ok: false, reason: 'bad_body', detail: clipDetail(`${where}: ${issue?.message ?? 'malformed'}`) };
}
