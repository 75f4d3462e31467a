// The messages by which operators sign the root of the treasury line together: each asks the others again and again, until
// one of them has all signatures, which is the certificate that anybody hands out.
import { z } from 'zod';
import { byIndex, hexOf } from '../../ceremony/fields.ts';
import { rootCertificateSchema, rootStatementSchema } from '../../crypto/root-certificate.ts';

/** Why a node does not sign, with what operators read about it after its name. */
export const ROOT_REFUSALS = {
  unknown_key: 'has another key, or none',
  not_funded: 'does not see the payment deep enough in the chain yet',
  other_root: 'sees another output as the root',
  not_live: 'signs nothing: it has just started, or it is paused',
  bitcoin_unavailable: 'cannot reach its own Bitcoin nodes',
} as const;

export type RootRefusal = keyof typeof ROOT_REFUSALS;

/** Body schemas by message type. */
export const rootSchemas = {
  /** `statement`: the root that the asking node has signed itself; null: it wants the certificate alone. */
  treasury_root_request: z.strictObject({
    key_id: z.string().min(1).max(64),
    statement: rootStatementSchema.nullable(),
  }),
  /** `signatures`: under the statement of the request, by index, all that this node has. */
  treasury_root: z.strictObject({
    certificate: rootCertificateSchema.nullable(),
    signatures: byIndex(hexOf(64)),
    refusal: z.enum(['unknown_key', 'not_funded', 'other_root', 'not_live', 'bitcoin_unavailable']).nullable(),
  }),
} as const;

export type RootRequest = z.infer<(typeof rootSchemas)['treasury_root_request']>;
export type RootAnswer = z.infer<(typeof rootSchemas)['treasury_root']>;
