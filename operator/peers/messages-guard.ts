// The messages of the state guard. A beat and its answer have one form, so that each side learns in either direction.
import { z } from 'zod';
import { hexOf, timeField } from '../../ceremony/fields.ts';
import type { Json } from '../../crypto/canonical-json.ts';

/** Longest reason for a pause, in characters. */
const PAUSE_REASON_CHARACTERS_MAX = 500;

const json = z.custom<Json>((value) => value !== undefined);
/** What a peer shows: the later start's certificate, and a message of the earlier one with its certificate. */
export const duplicateSchema = z.strictObject({
  later: json,
  earlier: z.strictObject({ session: json, envelope: json }).nullable(),
});

/** Evidence from outside, nothing of it verified. */
export type DuplicateEvidence = z.infer<typeof duplicateSchema>;

/** Where a node stands (ceremony/guard.ts). */
export const PHASES = ['starting', 'live', 'halted'] as const;

const beatSchema = z.strictObject({
  /** The sender's state, a signed head (crypto/head-statement.ts); verified by the receiver. */
  head: json,
  /** The highest head that the sender has seen of the receiver, as the receiver signed it; null: none. */
  seen: json,
  /** What shows that two copies of the receiver are alive; null: nothing. */
  duplicate: duplicateSchema.nullable(),
  /** How long ago, in ms, the sender heard another start of the receiver; null: never. */
  other_start_ms: z.int().min(0).nullable(),
  phase: z.enum(PHASES),
  version: z.string().max(64),
  now: timeField,
  key_id: z.string().max(64).nullable(),
  bitcoin_height: z.int().min(0).nullable(),
  /** Whether its operator has enabled the service (store/service.ts). */
  service: z.enum(['off', 'enabled', 'disabled']),
  /** The pause of the federation that the sender's operator asks for; null: none. */
  pause: z.strictObject({ id: hexOf(16), reason: z.string().min(1).max(PAUSE_REASON_CHARACTERS_MAX) }).nullable(),
  /** Since when the sender is paused; null: it is not. */
  paused_since: timeField.nullable(),
  /** How many deposit scripts are registered. */
  recipients: z.int().min(0),
});

export type Beat = Readonly<z.infer<typeof beatSchema>>;

/** Body schemas by message type. */
export const guardSchemas = { heartbeat: beatSchema, heartbeat_reply: beatSchema } as const;
