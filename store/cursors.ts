// How far each scan has come (Bitcoin blocks, Wire burns), so that a restart continues there. What is lost here is read
// again; what a restart must not forget stands in tables of its own (schema-safety.ts). To keep a position and
// what was found up to it in one commit, call `saveCursor` inside the same `transact`.
import { eq } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { type Queries, transact } from './database.ts';
import { given, prepared } from './prepared.ts';
import { cursors } from './schema.ts';

const ofName = prepared((db) =>
  db
    .select()
    .from(cursors)
    .where(eq(cursors.name, given(cursors.name, 'name')))
    .prepare(),
);

const upsert = prepared((db) => {
  const { name, position, updatedAt } = cursors;
  const set = { position: given(position, 'position'), updatedAt: given(updatedAt, 'updatedAt') };
  return db
    .insert(cursors)
    .values({ name: given(name, 'name'), ...set })
    .onConflictDoUpdate({ target: name, set })
    .prepare();
});

/** Keeps a scan's position. */
export function saveCursor(db: Queries, name: string, position: Json, now: number): void {
  transact(db, (tx) => {
    upsert(tx).run({ name, position, updatedAt: now });
  });
}

/** A scan's position, or null where it never ran. */
export function loadCursor(db: Queries, name: string): Json {
  return ofName(db).get({ name })?.position ?? null;
}
