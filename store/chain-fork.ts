// A fork of the chain that is not over, kept so that a restart in its middle asks for as many confirmations as before.
import { eq } from 'drizzle-orm';
import type { Queries } from './database.ts';
import { chainFork } from './schema.ts';

/** A fork; `at` in ms since 1970, `agreedFrom` the height from which on the nodes have agreed again, or null. */
export interface StoredFork {
  readonly at: number;
  readonly height: number;
  readonly agreedFrom: number | null;
}

/** The fork that is not over, or null. */
export function loadFork(db: Queries): StoredFork | null {
  const row = db.select().from(chainFork).where(eq(chainFork.id, 1)).get();
  return row === undefined ? null : { at: row.at, height: row.height, agreedFrom: row.agreedFrom };
}

/** Keeps a fork in place of the one before; null: it is over. */
export function saveFork(db: Queries, fork: StoredFork | null): void {
  if (fork === null) {
    db.delete(chainFork).run();
    return;
  }
  const { at, height, agreedFrom } = fork;
  const set = { at, height, agreedFrom };
  db.insert(chainFork)
    .values({ id: 1, ...set })
    .onConflictDoUpdate({ target: chainFork.id, set })
    .run();
}
