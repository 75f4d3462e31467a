// When the starts of this node began, by its own clock: each later than the one before, whatever was done to the clock
// between them. Peers take the start with the latest time for the living one (the design's formats, "Peer message").
import { eq } from 'drizzle-orm';
import { type Queries, transact } from './database.ts';
import { ownStart } from './schema.ts';

/** How far a clock may have been set back since the last start, in ms, for the next to be counted on from it. */
export const SET_BACK_MS_MAX = 600_000;

/**
 * The time that a new start bears, in ms since 1970, durable before it is returned: `now`, or just after the last start
 * where the clock stands no further. A clock that was set back by more than `SET_BACK_MS_MAX` was so far off before that no
 * peer can have taken that start for real; then `now` is it again.
 */
export function nextStartTime(db: Queries, now: number): number {
  return transact(db, (tx) => {
    const last = tx.select().from(ownStart).where(eq(ownStart.id, 1)).get()?.at;
    const goesOn = last !== undefined && last >= now && last - now <= SET_BACK_MS_MAX;
    const at = goesOn ? last + 1 : now;
    tx.insert(ownStart).values({ id: 1, at }).onConflictDoUpdate({ target: ownStart.id, set: { at } }).run();
    return at;
  });
}
