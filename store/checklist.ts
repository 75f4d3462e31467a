// What an operator has confirmed for the checklist. Every confirmation is in the audit log.
import { desc, eq } from 'drizzle-orm';
import { appendAudit } from './audit-log.ts';
import { type Queries, transact } from './database.ts';
import { type ConfirmedBox, checklistConfirmations } from './schema.ts';

/** A confirmation. `cards`: the hash of all operator cards at that time, 64 lowercase hex; `by`: a user, or null; `at` in ms since 1970. */
export interface Confirmation {
  readonly box: ConfirmedBox;
  readonly note: string;
  readonly by: string | null;
  readonly cards: string;
  readonly at: number;
}

/** Keeps a confirmation, with an entry in the audit log. On disk when this returns. */
export function confirmBox(db: Queries, { box, note, by, cards, at }: Confirmation): void {
  transact(db, (tx) => {
    const last = tx.select().from(checklistConfirmations).orderBy(desc(checklistConfirmations.id)).limit(1).get();
    tx.insert(checklistConfirmations)
      .values({ id: (last?.id ?? 0) + 1, at, box, note, by, cards })
      .run();
    appendAudit(tx, at, 'checklist_confirmed', { box, note, by, cards });
  });
}

/** The newest confirmation of a box; null where there is none. */
export function newestConfirmation(db: Queries, box: ConfirmedBox): Confirmation | null {
  const row = db
    .select()
    .from(checklistConfirmations)
    .where(eq(checklistConfirmations.box, box))
    .orderBy(desc(checklistConfirmations.id))
    .limit(1)
    .get();
  if (row === undefined) return null;
  const { id: _, ...confirmation } = row;
  return confirmation;
}
