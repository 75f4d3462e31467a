// Brings a database file to the schema of this program. The SQL is embedded, because a compiled executable has no
// folder to read it from; each applied migration is kept with its hash, so a file made by another program shows.
import type { Database } from 'bun:sqlite';
import { sha256, toHex, utf8 } from '../crypto/bytes.ts';
import schema from '../migrations/0000_schema.sql' with { type: 'text' };
import userSchema from '../migrations/users/0000_users.sql' with { type: 'text' };

/** One step of the schema: drizzle-kit's tag for it and its SQL. */
export interface Migration {
  readonly tag: string;
  readonly sql: string;
}

/** The migrations of the security database, in order (the order of migrations/meta/_journal.json). */
export const SECURITY_MIGRATIONS: readonly Migration[] = [{ tag: '0000_schema', sql: schema }];

/** The migrations of the accounts database, in order. */
export const USER_MIGRATIONS: readonly Migration[] = [{ tag: '0000_users', sql: userSchema }];

/** Why a file cannot be used; `message` is one sentence for the operator. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

/** The first migration of databases from before there was a treasury line, which nothing can bring up to date. */
const BEFORE_THE_LINE = '0000_ledger';
const BREAKPOINT = '--> statement-breakpoint';

/**
 * Applies what is missing, all in one transaction. Throws StoreError where an applied migration differs from this
 * program's, or where the file has migrations that this program does not know.
 */
export function migrate(database: Database, migrations: readonly Migration[]): void {
  const apply = database.transaction(() => {
    database.run(
      'CREATE TABLE IF NOT EXISTS schema_migrations (position INTEGER PRIMARY KEY, tag TEXT NOT NULL, hash TEXT NOT NULL)',
    );
    const applied = checkApplied(database, migrations);
    for (const [position, migration] of migrations.entries()) {
      if (position < applied) continue;
      for (const statement of migration.sql.split(BREAKPOINT)) database.run(statement);
      database.run('INSERT INTO schema_migrations (position, tag, hash) VALUES (?, ?, ?)', [
        position,
        migration.tag,
        hashOf(migration),
      ]);
    }
  });
  apply.immediate();
}

/** Throws StoreError unless a file has exactly this program's schema; for readers, which may not migrate. */
export function assertMigrated(database: Database, migrations: readonly Migration[]): void {
  const table = database.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'").get();
  if (table === null || checkApplied(database, migrations) < migrations.length) {
    throw new StoreError('the database is of an older version: start the server once, which brings it up to date');
  }
}

// Returns how many migrations the file has.
function checkApplied(database: Database, migrations: readonly Migration[]): number {
  const rows = database
    .query<{ tag: string; hash: string }, []>('SELECT tag, hash FROM schema_migrations ORDER BY position')
    .all();
  if (rows[0]?.tag === BEFORE_THE_LINE) {
    throw new StoreError(
      'the database is of a version from before the treasury line, and cannot be brought up to date: move it away; a new one is made at the next start',
    );
  }
  for (const [position, row] of rows.entries()) {
    const migration = migrations[position];
    if (migration === undefined) {
      throw new StoreError(
        `the database is newer than this program (it has migration ${row.tag}): run the version that last opened it`,
      );
    }
    if (row.tag !== migration.tag || row.hash !== hashOf(migration)) {
      throw new StoreError(`migration ${row.tag} in the database is not this program's ${migration.tag}`);
    }
  }
  return rows.length;
}

function hashOf(migration: Migration): string {
  return toHex(sha256(utf8(migration.sql)));
}
