// How high the chain was when a key ceremony began, on this node's own view or that of the node that exported it: nothing
// can have been paid to the keys before, so the scan begins there.
import { loadCursor, saveCursor } from './cursors.ts';
import { type Queries, transact } from './database.ts';

const cursorOf = (ceremonyId: string): string => `ceremony_height/${ceremonyId}`;

/** Notes the height of a ceremony's beginning; the lowest that was ever noted stays. */
export function noteCeremonyHeight(db: Queries, ceremonyId: string, height: number, now: number): void {
  transact(db, (tx) => {
    const known = ceremonyHeight(tx, ceremonyId);
    if (known === null || height < known) saveCursor(tx, cursorOf(ceremonyId), height, now);
  });
}

/** The height of the chain when the ceremony began; null where nobody noted it. */
export function ceremonyHeight(db: Queries, ceremonyId: string): number | null {
  const stored = loadCursor(db, cursorOf(ceremonyId));
  return typeof stored === 'number' ? stored : null;
}
