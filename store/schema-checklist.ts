// The table of what an operator has confirmed for the ceremony's checklist, where no machine can see it.
import { check, index, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { integer53, isHex, isOneOf } from './columns.ts';

/** The boxes that a person confirms. */
export const CONFIRMED_BOXES = ['channel', 'emergency'] as const;
export type ConfirmedBox = (typeof CONFIRMED_BOXES)[number];

/** Confirmations; append-only by trigger. The newest of a box counts, while the operator cards are those of then. */
export const checklistConfirmations = sqliteTable(
  'checklist_confirmations',
  {
    id: integer53().primaryKey(),
    at: integer53().notNull(),
    box: text({ enum: CONFIRMED_BOXES }).notNull(),
    note: text().notNull(),
    /** The user who confirmed it; null where there are no users. */
    by: text(),
    /** The hash of all operator cards at that time. */
    cards: text().notNull(),
  },
  (t) => [
    index('checklist_confirmations_by_box').on(t.box, t.id),
    check('checklist_confirmations_box', isOneOf(t.box, CONFIRMED_BOXES)),
    check('checklist_confirmations_cards', isHex(t.cards, 32)),
  ],
);
