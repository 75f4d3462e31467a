// A node's security database in memory, with the schema, the triggers and the queries of the real one. What a crash
// leaves behind is a copy of its bytes, so that whatever the ended process still writes is written to nothing.
import { Database } from 'bun:sqlite';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import type { Queries } from '../store/database.ts';
import { migrate, SECURITY_MIGRATIONS } from '../store/migrations.ts';
import { keepStatements } from '../store/prepared.ts';

const OPTIONS = { safeIntegers: true, strict: true } as const;
let template: Uint8Array | null = null;

/** An open database in memory. */
export interface MemoryStore {
  readonly database: Database;
  readonly db: Queries;
  /** What is committed, as bytes. */
  snapshot(): Uint8Array;
}

/** Opens what a snapshot holds; `onCommit` runs after every outermost transaction that was committed. */
export function openMemoryStore(bytes: Uint8Array, onCommit: () => void): MemoryStore {
  const database = Database.deserialize(bytes, OPTIONS);
  for (const setting of [
    'foreign_keys = ON',
    'secure_delete = ON',
    'recursive_triggers = ON',
    'trusted_schema = OFF',
  ]) {
    database.run(`PRAGMA ${setting}`);
  }
  keepStatements(database);
  const db = drizzle(database);
  const transaction = db.transaction.bind(db);
  db.transaction = (body, config) => {
    const result = transaction(body, config);
    onCommit();
    return result;
  };
  return { database, db, snapshot: () => database.serialize() };
}

/** An empty database that is migrated. */
export function emptyStore(): Uint8Array {
  if (template !== null) return template;
  const database = new Database(':memory:', OPTIONS);
  migrate(database, SECURITY_MIGRATIONS);
  template = database.serialize();
  database.close();
  return template;
}
