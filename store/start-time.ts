// When the starts of this node began, by its own clock: each later than the one before, whatever was done to the clock
// between them. Peers take the start with the latest time for the living one (the design's formats, "Peer message").

import { loadCursor, saveCursor } from './cursors.ts';
import { type Queries, transact } from './database.ts';

/** How far a clock may have been set back since the last start, in ms, for the next to be counted on from it. */
export const SET_BACK_MS_MAX = 600_000;
const CURSOR = 'own_starts';

/**
 * The time that a new start bears, in ms since 1970, durable before it is returned: `now`, or just after the last start
 * where the clock stands no further. A clock that was set back by more than `SET_BACK_MS_MAX` was so far off before that no
 * peer can have taken that start for real; then `now` is it again.
 */
export function nextStartTime(db: Queries, now: number): number {
  return transact(db, (tx) => {
    const last = loadCursor(tx, CURSOR);
    const goesOn = typeof last === 'number' && last >= now && last - now <= SET_BACK_MS_MAX;
    const at = goesOn ? last + 1 : now;
    saveCursor(tx, CURSOR, at, now);
    return at;
  });
}
