// The messages by which a node that was away learns what the others attested meanwhile. Each item is a claim, which
// whoever gets it verifies as it verifies an announcement.
import { z } from 'zod';
import { hexOf, satsField, u64Field } from '../../ceremony/fields.ts';

/** Most items in one answer; the window of store/finished-pages.ts stays below. */
const ITEMS_MAX = 500;

const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
/** A place in a node's audit log: `epoch` tells its lives apart, after each of which `seq` may have fallen. */
const place = z.strictObject({ epoch: count, seq: count });

/** An attestation as a peer tells it. `expiry` as decided last; the group's signature covers `signature_expiry`. */
const attestationClaimSchema = z.strictObject({
  txid: hexOf(32),
  vout: z.int().min(0).max(0xffff_ffff),
  recipient: hexOf(32),
  amount: satsField,
  expiry: u64Field,
  signature: hexOf(64).nullable(),
  signature_expiry: u64Field.nullable(),
});

/** What a peer says was attested; nothing of it verified. */
export type ToldAttestation = Readonly<z.infer<typeof attestationClaimSchema>>;

/** Body schemas by message type. */
export const finishedSchemas = {
  finished_request: z.strictObject({ after: place }),
  finished: z.strictObject({
    attestations: z.array(attestationClaimSchema).max(ITEMS_MAX),
    /** Where to ask on. */
    at: place,
    /** Whether there is more already. */
    more: z.boolean(),
  }),
} as const;

export type FinishedRequest = Readonly<z.infer<(typeof finishedSchemas)['finished_request']>>;
export type FinishedPage = Readonly<z.infer<(typeof finishedSchemas)['finished']>>;
export type FinishedPlace = Readonly<z.infer<typeof place>>;
export const finishedPlaceSchema = place;
