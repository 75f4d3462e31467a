// Questions that are asked all the time, put together once per connection: building the text of a query costs many times
// what SQLite takes to answer it.
import { Database } from 'bun:sqlite';
import { count, type SQL, sql } from 'drizzle-orm';
import type { AnySQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { connectionOf, type Queries } from './database.ts';

/** How many statements a connection keeps compiled; the store has about two hundred. */
const STATEMENTS_MAX = 512;

/**
 * A question whose text never changes. `build` makes it from a connection, once, with `given` where values belong and
 * `.prepare()` at its end; it is asked through any handle of that connection, so within the transaction that it may be in.
 */
export function prepared<Statement>(build: (db: Queries) => Statement): (db: Queries) => Statement {
  const kept = new WeakMap<Queries, Statement>();
  return (db) => {
    const connection = connectionOf(db);
    const known = kept.get(connection);
    if (known !== undefined) return known;
    const statement = build(connection);
    kept.set(connection, statement);
    return statement;
  };
}

/** The places of a page's bounds. */
export const givenPage = { limit: sql.placeholder('limit'), offset: sql.placeholder('offset') } as const;

/** The place of a value, or of null, written as the column writes its own. */
export function given(column: AnySQLiteColumn, name: string): SQL {
  const mapToDriverValue = (value: unknown) => (value === null ? null : column.mapToDriverValue(value));
  return sql`${sql.param(sql.placeholder(name), { mapToDriverValue })}`;
}

/** Whether a column is one of the words that are given under a name, as JSON: their number does not change the text. */
export function isOneGiven(column: AnySQLiteColumn, name: string): SQL {
  return sql`${column} in (select value from json_each(${sql.placeholder(name)}))`;
}

/** How many rows of a table there are, for which a condition holds: `where` makes it, with `given` where values belong. */
export function preparedCount(
  table: SQLiteTable,
  where: (db: Queries) => SQL | undefined = () => undefined,
): (db: Queries, values?: Readonly<Record<string, unknown>>) => number {
  const counted = prepared((db) => db.select({ rows: count() }).from(table).where(where(db)).prepare());
  return (db, values = {}) => counted(db).get(values)?.rows ?? 0;
}

/** Has a connection keep what it has compiled, also of queries that are built anew each time. */
export function keepStatements(database: Database): void {
  Database.MAX_QUERY_CACHE_SIZE = STATEMENTS_MAX;
  database.prepare = database.query.bind(database);
}
