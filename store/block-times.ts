// When the blocks were mined that hold steps of the treasury line, by their headers. What a header says never changes.
import { eq } from 'drizzle-orm';
import { type Queries, transact } from './database.ts';
import { blockTimes } from './schema.ts';

/** Keeps the time of a block, Unix seconds. */
export function recordBlockTime(db: Queries, blockHash: string, time: number): void {
  transact(db, (tx) => {
    const known = tx.select().from(blockTimes).where(eq(blockTimes.blockHash, blockHash)).get();
    if (known === undefined) tx.insert(blockTimes).values({ blockHash, time }).run();
  });
}
