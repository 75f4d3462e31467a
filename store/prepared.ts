// Questions that are asked all the time, put together once per connection: building the text of a query costs many times
// what SQLite takes to answer it.
import { Database } from 'bun:sqlite';
import { type SQLWrapper, sql } from 'drizzle-orm';
import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core';
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

/** The place of a value, written as the column writes its own. Not for null, which no comparison finds. */
export function given(column: AnySQLiteColumn, name: string): SQLWrapper {
  return sql.param(sql.placeholder(name), column);
}

/** Has a connection keep what it has compiled, also of queries that are built anew each time. */
export function keepStatements(database: Database): void {
  Database.MAX_QUERY_CACHE_SIZE = STATEMENTS_MAX;
  database.prepare = database.query.bind(database);
}
