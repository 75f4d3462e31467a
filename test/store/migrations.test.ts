import { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { is } from 'drizzle-orm';
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { assertMigrated, migrate, SECURITY_MIGRATIONS, StoreError } from '../../store/migrations.ts';
import * as schema from '../../store/schema.ts';

const folder = join(import.meta.dir, '../../migrations');
const fresh = () => new Database(':memory:', { safeIntegers: true, strict: true });

interface TableInfo {
  readonly name: string;
  readonly type: string;
  readonly notnull: bigint;
  readonly pk: bigint;
}

describe('the embedded migrations', () => {
  test('are the files of the folder, in the order of its journal', () => {
    const journal: { entries: { tag: string }[] } = JSON.parse(
      readFileSync(join(folder, 'meta/_journal.json'), 'utf8'),
    );
    expect(SECURITY_MIGRATIONS.map(({ tag }) => tag)).toEqual(journal.entries.map(({ tag }) => tag));
    const files = readdirSync(folder).filter((name) => name.endsWith('.sql'));
    expect(files.sort()).toEqual(SECURITY_MIGRATIONS.map(({ tag }) => `${tag}.sql`).sort());
    for (const { tag, sql } of SECURITY_MIGRATIONS) expect(sql).toBe(readFileSync(join(folder, `${tag}.sql`), 'utf8'));
  });

  test('make exactly the tables, columns, keys, indices and checks of the schema', () => {
    const database = fresh();
    migrate(database, SECURITY_MIGRATIONS);
    const tables = Object.values(schema)
      .filter((value) => is(value, SQLiteTable))
      .map(getTableConfig);
    const names = database
      .query<{ name: string }, []>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'schema_migrations'",
      )
      .all();
    expect(names.map(({ name }) => name).sort()).toEqual(tables.map(({ name }) => name).sort());
    for (const table of tables) {
      const composite = new Set(table.primaryKeys.flatMap(({ columns }) => columns.map(({ name }) => name)));
      const expected = table.columns.map((column) => ({
        name: column.name,
        type: column.getSQLType(),
        notnull: column.notNull,
        pk: column.primary || composite.has(column.name),
      }));
      const found = database.query<TableInfo, []>(`SELECT * FROM pragma_table_info('${table.name}')`).all();
      expect(
        found.map((c) => ({ name: c.name, type: c.type.toLowerCase(), notnull: c.notnull === 1n, pk: c.pk > 0n })),
      ).toEqual(expected);
      const row = database
        .query<{ sql: string }, [string]>('SELECT sql FROM sqlite_master WHERE name = ?')
        .get(table.name);
      for (const { name } of table.checks) expect(row?.sql).toContain(`CONSTRAINT "${name}" CHECK`);
      expect(row?.sql.match(/ CHECK\(/g)?.length ?? 0).toBe(table.checks.length);
      const indices = database
        .query<{ name: string }, [string]>(
          "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?",
        )
        .all(table.name);
      const uniques = table.columns.flatMap((c) => (c.isUnique && c.uniqueName !== undefined ? [c.uniqueName] : []));
      const named = [
        ...table.indexes.map((i) => i.config.name),
        ...table.uniqueConstraints.map((u) => u.getName() ?? ''),
      ];
      expect(indices.map(({ name }) => name).sort()).toEqual([...named, ...uniques].sort());
    }
  });

  test('apply once: a second run changes nothing', () => {
    const database = fresh();
    migrate(database, SECURITY_MIGRATIONS);
    const dump = () => database.query('SELECT name, sql FROM sqlite_master ORDER BY name').all();
    const before = dump();
    migrate(database, SECURITY_MIGRATIONS);
    expect(dump()).toEqual(before);
    assertMigrated(database, SECURITY_MIGRATIONS);
  });
});

describe('a database file', () => {
  const one = { tag: '0000_a', sql: 'CREATE TABLE a (x);\n--> statement-breakpoint\nCREATE TABLE b (x);' };
  const two = { tag: '0001_c', sql: 'CREATE TABLE c (x);' };
  const has = (database: Database, name: string) =>
    database.query('SELECT 1 FROM sqlite_master WHERE name = ?').get(name) !== null;

  test('gets what it lacks', () => {
    const database = fresh();
    migrate(database, [one]);
    expect(() => assertMigrated(database, [one, two])).toThrow(/older version/);
    migrate(database, [one, two]);
    assertMigrated(database, [one, two]);
    expect(['a', 'b', 'c'].every((name) => has(database, name))).toBe(true);
  });

  test('of a newer program is refused', () => {
    const database = fresh();
    migrate(database, [one, two]);
    expect(() => migrate(database, [one])).toThrow(StoreError);
    expect(() => migrate(database, [one])).toThrow(/newer than this program \(it has migration 0001_c\)/);
  });

  test('of a version from before the treasury line is refused in a sentence that says what to do', () => {
    const database = fresh();
    migrate(database, [{ tag: '0000_ledger', sql: 'CREATE TABLE payouts (x);' }]);
    const refused = /from before the treasury line, and cannot be brought up to date: move it away/;
    expect(() => migrate(database, SECURITY_MIGRATIONS)).toThrow(refused);
    expect(() => assertMigrated(database, SECURITY_MIGRATIONS)).toThrow(refused);
  });

  test('whose applied migration differs from the program is refused', () => {
    const database = fresh();
    migrate(database, [one]);
    expect(() => migrate(database, [{ ...one, sql: `${one.sql} ` }])).toThrow(/0000_a in the database is not/);
  });

  test('stays as it was when a migration fails half-way', () => {
    const database = fresh();
    migrate(database, [one]);
    const broken = { tag: '0001_broken', sql: 'CREATE TABLE c (x);\n--> statement-breakpoint\nCREATE TABLE a (x);' };
    expect(() => migrate(database, [one, broken])).toThrow(/already exists/);
    expect(has(database, 'c')).toBe(false);
    assertMigrated(database, [one]);
  });
});
