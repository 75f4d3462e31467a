// The message by which an operator asks the others to approve something.
import { z } from 'zod';
import { hexOf, voutField } from '../../crypto/json-fields.ts';

/** Longest reason, in characters. */
export const REASON_CHARACTERS_MAX = 500;

/** Body schemas by message type. */
export const requestSchemas = {
  announce_request: z.strictObject({
    id: hexOf(16),
    kind: z.literal('void'),
    treasury: z.strictObject({ txid: hexOf(32), vout: voutField }),
    reason: z.string().min(1).max(REASON_CHARACTERS_MAX),
    /** For how many ms from now it can be approved; the receiver's own clock counts. */
    open_ms: z.int().min(1),
  }),
} as const;

export type RequestTold = Readonly<z.infer<(typeof requestSchemas)['announce_request']>>;
