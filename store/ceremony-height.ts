// How high the chain was when a key ceremony began, on this node's own view or that of the node that exported it: nothing
// can have been paid to the keys before, so the scan begins there.
import { eq, sql } from 'drizzle-orm';
import type { Queries } from './database.ts';
import { ceremonyHeights } from './schema.ts';

/** Notes the height of a ceremony's beginning; the lowest that was ever noted stays. */
export function noteCeremonyHeight(db: Queries, ceremonyId: string, height: number): void {
  db.insert(ceremonyHeights)
    .values({ ceremonyId, height })
    .onConflictDoUpdate({
      target: ceremonyHeights.ceremonyId,
      set: { height },
      setWhere: sql`${ceremonyHeights.height} > ${height}`,
    })
    .run();
}

/** The height of the chain when the ceremony began; null where nobody noted it. */
export function ceremonyHeight(db: Queries, ceremonyId: string): number | null {
  const row = db.select().from(ceremonyHeights).where(eq(ceremonyHeights.ceremonyId, ceremonyId)).get();
  return row?.height ?? null;
}
