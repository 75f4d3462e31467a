// The handle that every function of the store takes, and the one way to change anything: a synchronous transaction.
// An async callback would commit before its awaits are done and could not roll back, so the types refuse it.
import { type SQL, sql } from 'drizzle-orm';
import type { BaseSQLiteDatabase, SQLiteTable } from 'drizzle-orm/sqlite-core';

/** An open database, or a transaction of one: what the functions of the store take. */
export type Queries = BaseSQLiteDatabase<'sync', unknown>;

/** A part of a list: `limit` 1 … PAGE_ROWS_MAX (default PAGE_ROWS), `offset` from 0. */
export interface Page {
  readonly limit?: number;
  readonly offset?: number;
}

/** Rows of one page, and how many there are on all pages. */
export interface Listing<Row> {
  readonly rows: readonly Row[];
  readonly total: number;
}

export const PAGE_ROWS = 50;
export const PAGE_ROWS_MAX = 500;
/** The most items that one decision or recording may hold. */
export const BATCH_ITEMS_MAX = 1_000;

/** An outpoint; `txid` 64 lowercase hex characters in display order. (A type, for as an interface it were no `Json`.) */
export type Outpoint = { readonly txid: string; readonly vout: number };

// Which connection a transaction belongs to.
const connections = new WeakMap<Queries, Queries>();

type Synchronous<T> = T extends PromiseLike<unknown> ? never : T;

/**
 * Runs `body` in one immediate transaction (a savepoint where `db` is one already), so that several of the store's
 * functions can share a commit. Whatever `body` throws rolls all of it back and passes on.
 */
export function transact<T>(db: Queries, body: (tx: Queries) => Synchronous<T>): T {
  return db.transaction(
    (tx) => {
      connections.set(tx, connectionOf(db));
      const result = body(tx);
      if (isThenable(result)) throw new Error('a transaction of the store must be synchronous');
      return result;
    },
    { behavior: 'immediate' },
  );
}

/** Runs questions on one state of the database, whatever is written beside them; also through a reader. */
export function readAtOnce<T>(db: Queries, body: (tx: Queries) => Synchronous<T>): T {
  return db.transaction(
    (tx) => {
      connections.set(tx, connectionOf(db));
      return body(tx);
    },
    { behavior: 'deferred' },
  );
}

/** The connection that a transaction of `transact` runs on; any other handle is one itself. */
export function connectionOf(db: Queries): Queries {
  return connections.get(db) ?? db;
}

/** `limit` and `offset` in numbers that a query may use. */
export function pageBounds(page: Page): { readonly limit: number; readonly offset: number } {
  const { limit = PAGE_ROWS, offset = 0 } = page;
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_ROWS_MAX) throw new RangeError('page limit out of range');
  if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError('page offset out of range');
  return { limit, offset };
}

/** Throws where a batch is larger than BATCH_ITEMS_MAX. */
export function assertBatch(items: readonly unknown[]): void {
  if (items.length > BATCH_ITEMS_MAX) throw new RangeError(`more than ${BATCH_ITEMS_MAX} items in one batch`);
}

/** How many rows of a table a condition holds for. */
export function countRows(db: Queries, table: SQLiteTable, where?: SQL): number {
  const row = db.select({ count: sql<bigint>`count(*)` }).from(table).where(where).get();
  return Number(row?.count ?? 0n);
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value;
}
