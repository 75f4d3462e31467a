// Whose database this is. A node that ran on the database of another would validate by decisions that are not its own: what it
// never attested or paid would be missing, and what it did would not be there.
import { eq } from 'drizzle-orm';
import type { Queries } from './database.ts';
import { owner } from './schema.ts';

/** The node that a database belongs to; `identityKey`: 64 lowercase hex characters. */
export interface Owner {
  readonly network: string;
  readonly index: number;
  readonly identityKey: string;
}

/** The owner, or null where none was written down yet. */
export function ownerOf(db: Queries): Owner | null {
  const row = db.select().from(owner).where(eq(owner.id, 1)).get();
  return row === undefined ? null : { network: row.network, index: row.index, identityKey: row.identityKey };
}

/** Writes the owner down, for good. Throws where there is one already. */
export function recordOwner(db: Queries, { network, index, identityKey }: Owner): void {
  db.insert(owner).values({ id: 1, network, index, identityKey }).run();
}
