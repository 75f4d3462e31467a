// When blocks were made, by their own headers: reports count what is on chain by these times, so that a node whose database
// was rebuilt counts it on the same days as before.
import { gt } from 'drizzle-orm';
import type { Queries } from './database.ts';
import { blockTimes } from './schema.ts';

/** Keeps the time of a block's header, in ms since 1970; that of another block at this height makes room. */
export function recordBlockTime(db: Queries, height: number, at: number): void {
  db.insert(blockTimes).values({ height, at }).onConflictDoUpdate({ target: blockTimes.height, set: { at } }).run();
}

/** Forgets the times of blocks above a height, which left the chain. */
export function dropBlockTimesAbove(db: Queries, height: number): void {
  db.delete(blockTimes).where(gt(blockTimes.height, height)).run();
}
