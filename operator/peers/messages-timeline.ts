// The messages by which operators tell each other of incidents and of the date of the key ceremony. An entry is its sender's
// own: the envelope's signature says whose, so the body does not.
import { z } from 'zod';
import { ceremonyIdField, timeField } from '../../ceremony/fields.ts';
import { shownLine } from '../../crypto/contacts.ts';
import { hexOf } from '../../crypto/json-fields.ts';
import { TIMELINE_TEXT_CHARACTERS_MAX } from '../../store/schema-timeline.ts';
import { TIMELINE_REFUSALS } from '../../store/timeline.ts';

/** Most entries in one message. */
export const TIMELINE_ENTRIES_MAX = 20;

const shown = shownLine(TIMELINE_TEXT_CHARACTERS_MAX);
/** The id of an incident, or of a proposed date: who began it, and 4 random bytes. */
export const threadField = z.string().regex(/^(0|[1-9][0-9]?)-[0-9a-f]{8}$/);
const common = { id: hexOf(16), thread: threadField, at: timeField };

const entrySchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...common, kind: z.literal('opened'), level: z.int().min(1).max(3), text: shown }),
  z.strictObject({ ...common, kind: z.literal(['acknowledged', 'responded', 'planned', 'closed']), text: shown }),
  z
    .strictObject({
      ...common,
      kind: z.literal('scheduled'),
      ceremony_id: ceremonyIdField.nullable(),
      first_at: timeField,
      backup_at: timeField,
    })
    .refine(({ first_at, backup_at }) => first_at < backup_at),
  z.strictObject({ ...common, kind: z.literal(['accepted', 'refused']), text: shown }),
]);
export type ToldEntry = Readonly<z.infer<typeof entrySchema>>;

/** Body schemas by message type. */
export const timelineSchemas = {
  announce_timeline: z.strictObject({ entries: z.array(entrySchema).min(1).max(TIMELINE_ENTRIES_MAX) }),
  /** The entries that are not kept, each with the reason; all others are. */
  timeline_answer: z.strictObject({
    refused: z.array(z.strictObject({ id: hexOf(16), reason: z.enum(TIMELINE_REFUSALS) })).max(TIMELINE_ENTRIES_MAX),
  }),
} as const;

export type TimelineAnnouncement = Readonly<z.infer<(typeof timelineSchemas)['announce_timeline']>>;
export type TimelineAnswer = Readonly<z.infer<(typeof timelineSchemas)['timeline_answer']>>;
