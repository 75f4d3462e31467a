// The messages by which an operator's new TLS certificate becomes known: its new card, signed by the identity key as every card.
import { z } from 'zod';

/** Longest time for which two certificates of an operator may hold, in seconds. */
export const OVERLAP_S_MAX = 30 * 86_400;

/** Body schemas by message type. */
export const cardSchemas = {
  /** `card`: of crypto/operator-card.ts, checked there; `overlap_s`: for how long the certificate of before holds too. */
  announce_card: z.strictObject({
    card: z.record(z.string().max(32), z.json()),
    overlap_s: z.int().min(0).max(OVERLAP_S_MAX),
  }),
  /** Whether the receiver trusts the certificate on the card from now on, and else why not. */
  card_answer: z.strictObject({ taken: z.boolean(), detail: z.string().max(500) }),
} as const;

export type CardAnnouncement = z.infer<(typeof cardSchemas)['announce_card']>;
export type CardAnswer = z.infer<(typeof cardSchemas)['card_answer']>;
