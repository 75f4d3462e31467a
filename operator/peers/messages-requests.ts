// The message by which an operator asks the others to approve something.
import { z } from 'zod';
import { hexOf, voutField } from '../../crypto/json-fields.ts';
import { REQUEST_ID_DIGITS } from '../../store/request-ids.ts';

/** Longest reason, in characters. */
export const REASON_CHARACTERS_MAX = 500;

// No other request's id is one that a peer could choose.
const VOID_ID = new RegExp(`^${REQUEST_ID_DIGITS.void}`);

/** Body schemas by message type. */
export const requestSchemas = {
  announce_request: z.strictObject({
    id: hexOf(16).regex(VOID_ID),
    kind: z.literal('void'),
    treasury: z.strictObject({ txid: hexOf(32), vout: voutField }),
    reason: z.string().min(1).max(REASON_CHARACTERS_MAX),
    /** For how many ms from now it can be approved; the receiver's own clock counts. */
    open_ms: z.int().min(1),
  }),
} as const;

export type RequestTold = Readonly<z.infer<(typeof requestSchemas)['announce_request']>>;
