// The messages of the state guard: heartbeats, and the decisions that a node asks for which has lost some. A beat and its
// answer have one form, so that each side learns in either direction.
import { z } from 'zod';
import { hexOf, satsField, timeField, u64Field } from '../../ceremony/fields.ts';
import { payoutIntentSchema } from '../../ceremony/intent.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { twinSchema } from './twin.ts';

/** Largest signed transaction in an answer, in bytes. */
const TRANSACTION_BYTES_MAX = 200_000;
/** What one answer may hold; the window sizes of store/decision-pages.ts stay below. */
const DECISIONS_MAX = 1_000;

const json = z.custom<Json>((value) => value !== undefined);

/** Where a node stands (ceremony/guard.ts). */
export const PHASES = ['starting', 'live', 'catching_up', 'halted'] as const;

const beatSchema = z.strictObject({
  /** The sender's state, a signed head (crypto/head-statement.ts); verified by the receiver. */
  head: json,
  /** The highest head that the sender has seen of the receiver, as the receiver signed it; null: none. */
  seen: json,
  /** What shows that two copies of the receiver are alive; null: nothing. */
  twin: twinSchema.nullable(),
  /** How long ago, in ms, the sender heard another start of the receiver; null: never. */
  other_start_ms: z.int().min(0).nullable(),
  phase: z.enum(PHASES),
  version: z.string().max(64),
  now: timeField,
  key_id: z.string().max(64).nullable(),
  bitcoin_height: z.int().min(0).nullable(),
  /** How many deposit scripts are registered. */
  recipients: z.int().min(0),
});

const cursor = z.strictObject({ table: z.enum(['payouts', 'attestations']), after: z.int().min(0) });
const requestSchema = z.strictObject({ cursor, since: timeField });
/** An answer to `decisions_request`. */
export const decisionsSchema = z.strictObject({
  /** Whether the sender is live: one that is not may lack what it has decided. */
  whole: z.boolean(),
  /** `expiry` as decided last; the group's signature, where there is one, covers `signature_expiry`. */
  attestations: z
    .array(
      z.strictObject({
        txid: hexOf(32),
        vout: z.int().min(0).max(0xffff_ffff),
        recipient: hexOf(32),
        amount: satsField,
        expiry: u64Field,
        signature: hexOf(64).nullable(),
        signature_expiry: u64Field.nullable(),
      }),
    )
    .max(DECISIONS_MAX),
  payouts: z
    .array(
      z.strictObject({
        intent: payoutIntentSchema,
        transaction: z
          .string()
          .regex(/^([0-9a-f]{2})+$/)
          .max(TRANSACTION_BYTES_MAX * 2)
          .nullable(),
      }),
    )
    .max(DECISIONS_MAX),
  /** Where to ask on; null at the end. */
  next: cursor.nullable(),
});

export type Beat = Readonly<z.infer<typeof beatSchema>>;
export type DecisionsRequest = Readonly<z.infer<typeof requestSchema>>;
export type Decisions = z.infer<typeof decisionsSchema>;

/** Body schemas by message type. */
export const guardSchemas = {
  heartbeat: beatSchema,
  heartbeat_reply: beatSchema,
  decisions_request: requestSchema,
  decisions: decisionsSchema,
} as const;
