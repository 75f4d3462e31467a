// Since which block a payout waits to be mined, counted over restarts: what is replaced for waiting too long must not begin
// to wait anew with each start.
import { eq, notInArray } from 'drizzle-orm';
import { type Queries, transact } from './database.ts';
import { payoutWaits } from './schema.ts';

/**
 * The height from which on a payout waits: the one kept, or `height` where it was not met before. A lower height, after a
 * reorganisation, takes its place.
 */
export function waitingSince(db: Queries, txid: string, height: number): number {
  return transact(db, (tx): number => {
    const kept = tx.select().from(payoutWaits).where(eq(payoutWaits.txid, txid)).get()?.height ?? null;
    if (kept !== null && kept <= height) return kept;
    tx.insert(payoutWaits)
      .values({ txid, height })
      .onConflictDoUpdate({ target: payoutWaits.txid, set: { height } })
      .run();
    return height;
  });
}

/** Forgets all that wait no more. `waiting`: the payouts that still do. */
export function forgetWaits(db: Queries, waiting: readonly string[]): void {
  transact(db, (tx) => {
    const rows = tx.select({ txid: payoutWaits.txid }).from(payoutWaits).all();
    const open = new Set(waiting);
    if (rows.some(({ txid }) => !open.has(txid))) {
      tx.delete(payoutWaits)
        .where(notInArray(payoutWaits.txid, [...waiting]))
        .run();
    }
  });
}
