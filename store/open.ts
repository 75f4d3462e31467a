// Opening the security database: WAL, synchronous=FULL (a decision that was acknowledged survives a power cut), private
// file modes, one writing process. The writer's lock is an exclusive transaction on a file of its own: the kernel drops
// it with the process however that ends, while command-line readers stay free to read the database beside the writer.
import { Database } from 'bun:sqlite';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import type { Queries } from './database.ts';
import { assertMigrated, migrate, SECURITY_MIGRATIONS, StoreError, USER_MIGRATIONS } from './migrations.ts';
import { keepStatements } from './prepared.ts';

export { StoreError } from './migrations.ts';

/** An open database file. */
export interface Store {
  readonly db: Queries;
  readonly path: string;
  /** Ends the use of the file and, for a writer, gives up the lock. Twice is harmless. */
  close(): void;
}

const BUSY_TIMEOUT_MS = 5_000;
const OPTIONS = { safeIntegers: true, strict: true } as const;

/** The file a configured path means: a `.json` suffix, which old configurations carry, becomes `.db`. */
export function databasePath(configured: string): string {
  return configured.endsWith('.json') ? `${configured.slice(0, -'.json'.length)}.db` : configured;
}

/**
 * Opens the security database for writing, makes it where it is missing (file mode 0600, missing folders 0700) and
 * brings its schema up to date. `path` goes through `databasePath`. Throws StoreError where another process still writes it
 * after `lockWaitMs`, the file belongs to a newer program, or the path is that of no file (empty, `:memory:`).
 */
export function openStore(path: string, lockWaitMs = 0): Store {
  const file = databasePath(path);
  // SQLite would keep what is decided in memory only, while this made files of those names in the working directory.
  if (file === '' || file === ':memory:') {
    throw new StoreError(`the database needs a file: "${file}" is the name of none`);
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const unlock = lockFile(file, lockWaitMs);
  let database: Database | undefined;
  try {
    // Before SQLite opens it: the journal files inherit the mode, and no moment is left in which others could read.
    makePrivate(file);
    database = new Database(file, { ...OPTIONS, readwrite: true, create: false });
    prepareWriter(database);
    assertUndamaged(database, file);
    migrate(database, SECURITY_MIGRATIONS);
    return asStore(database, file, unlock);
  } catch (error) {
    database?.close();
    unlock();
    throw asDamage(error, file);
  }
}

/**
 * Opens the security database for reading only, also beside a running writer; every change through the handle throws.
 * Throws StoreError where the file is missing or has another version's schema.
 */
export function openReader(path: string): Store {
  const file = databasePath(path);
  if (!existsSync(file)) throw new StoreError(`there is no database at ${file}`);
  const database = new Database(file, { ...OPTIONS, readonly: true });
  try {
    database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    assertUndamaged(database, file);
    assertMigrated(database, SECURITY_MIGRATIONS);
    return asStore(database, file, () => {});
  } catch (error) {
    database.close();
    throw asDamage(error, file);
  }
}

/**
 * Opens the accounts database, which several processes may write by turns; null where it is missing and not to be made (file
 * mode 0600, missing folders 0700). Throws StoreError where it is damaged or belongs to a newer program.
 */
export function openUsers(path: string, how: { readonly create: boolean }): Store | null {
  const file = databasePath(path);
  if (!existsSync(file) && !how.create) return null;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  let database: Database | undefined;
  try {
    makePrivate(file);
    database = new Database(file, { ...OPTIONS, readwrite: true, create: false });
    prepareWriter(database);
    assertUndamaged(database, file);
    migrate(database, USER_MIGRATIONS);
    return asStore(database, file, () => {});
  } catch (error) {
    database?.close();
    throw asDamage(error, file);
  }
}

// Reads the file once: a page that a failing disk has lost is otherwise noticed when its rows are missed, or never.
function assertUndamaged(database: Database, file: string): void {
  const row = database.query<{ quick_check: string }, []>('PRAGMA quick_check(1)').get();
  if (row?.quick_check !== 'ok') throw damaged(file, row?.quick_check ?? 'it cannot be checked');
}

function asDamage(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  const isDamage = error.code === 'SQLITE_NOTADB' || error.code.startsWith('SQLITE_CORRUPT');
  return isDamage ? damaged(file, error.message) : error;
}

function damaged(file: string, what: string): StoreError {
  const told = what.replaceAll('\n', ' ');
  return new StoreError(
    `the database ${file} is damaged (${told}): nothing is signed with it; replace it with its latest backup`,
  );
}

function prepareWriter(database: Database): void {
  for (const setting of [
    `busy_timeout = ${BUSY_TIMEOUT_MS}`,
    'journal_mode = WAL',
    'synchronous = FULL',
    'foreign_keys = ON',
    // Sealed ceremony events are deleted once the keys live; their bytes must go too.
    'secure_delete = ON',
    // Makes INSERT OR REPLACE fire the triggers that forbid deletion.
    'recursive_triggers = ON',
    'trusted_schema = OFF',
  ]) {
    database.run(`PRAGMA ${setting}`);
  }
}

function asStore(database: Database, path: string, unlock: () => void): Store {
  let open = true;
  keepStatements(database);
  return {
    db: drizzle(database),
    path,
    close() {
      if (!open) return;
      open = false;
      database.close();
      unlock();
    },
  };
}

/**
 * Keeps every process from writing a database, which need not be there, until the function it returns is called (twice is harmless). Throws
 * `StoreError` where another writes it.
 */
export function lockDatabase(path: string): () => void {
  const file = databasePath(path);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const unlock = lockFile(file, 0);
  let locked = true;
  return () => {
    if (locked) unlock();
    locked = false;
  };
}

function lockFile(file: string, waitMs: number): () => void {
  const path = `${file}.lock`;
  makePrivate(path);
  const lock = new Database(path, { readwrite: true, create: false });
  try {
    lock.run(`PRAGMA busy_timeout = ${waitMs}`);
    lock.run('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') {
      const who = 'a server that is starting or ending, or another command';
      throw new StoreError(
        `another process is using ${file} (${who}), and only one may write it: try again in a moment`,
      );
    }
    throw error;
  }
  return () => {
    lock.run('ROLLBACK');
    lock.close();
  };
}

/** Whether another process writes the database: a server, one that is starting or ending too, or a command. */
export function isBeingWritten(path: string): boolean {
  const file = `${databasePath(path)}.lock`;
  if (!existsSync(file)) return false;
  const lock = new Database(file, { readonly: true });
  try {
    lock.query('PRAGMA schema_version').get();
    return false;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') return true;
    throw error;
  } finally {
    lock.close();
  }
}

// Never opens a file that exists: closing a descriptor drops every POSIX lock this process holds on the file.
function makePrivate(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
}
