// The message by which an operator vetoes a payout, or lets a vetoed one go; sent again until it is answered.
import { z } from 'zod';
import { hexOf } from '../../crypto/json-fields.ts';
import { REASON_CHARACTERS_MAX } from './messages-requests.ts';

/** Body schemas by message type. */
export const vetoSchemas = {
  announce_veto: z.strictObject({
    burn_txid: hexOf(32),
    /** Whose veto it is about, by index. */
    vetoed_by: z.int().min(0).max(63),
    /** `veto`: the sender's own; `allow`: the sender lets the payout go all the same. */
    act: z.enum(['veto', 'allow']),
    reason: z.string().min(1).max(REASON_CHARACTERS_MAX),
    /** For how many ms from now the veto holds; the receiver's own clock counts. */
    open_ms: z.int().min(1),
  }),
  /** `detail`: why it is not kept; it may be later. */
  veto_answer: z.strictObject({ taken: z.boolean(), detail: z.string().max(500) }),
} as const;

export type VetoTold = Readonly<z.infer<(typeof vetoSchemas)['announce_veto']>>;
export type VetoAnswer = Readonly<z.infer<(typeof vetoSchemas)['veto_answer']>>;
