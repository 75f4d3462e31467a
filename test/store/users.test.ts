import type { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { is } from 'drizzle-orm';
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Queries } from '../../store/database.ts';
import { USER_MIGRATIONS } from '../../store/migrations.ts';
import { openUsers, type Store } from '../../store/open.ts';
import * as schema from '../../store/schema-users.ts';
import {
  addUser,
  beginAttempt,
  changeUser,
  completeAttempt,
  countUsers,
  deleteUser,
  getUser,
  isResetCode,
  listUsers,
  type NewUser,
  putResetCode,
  resetPassword,
  resetTotp,
  type StoredUser,
  unlockUser,
} from '../../store/users.ts';
import { id, inFolder, NOW, raw } from './fixture.ts';

const never = () => null;

function person(name: string, role: schema.UserRole = 'admin', more: Partial<NewUser> = {}): NewUser {
  const totpBox = new TextEncoder().encode(`box of ${name}`);
  const backupHashes = [id(name, 1), id(name, 2)];
  return { name, role, passwordHash: `$argon2id$${name}`, totpBox, totpStep: 100, backupHashes, ...more };
}

/** Runs `body` with a fresh accounts database that has these people. */
function withUsers<T>(people: readonly NewUser[], body: (db: Queries, store: Store) => T): T {
  return inFolder((folder) => {
    const store = openUsers(join(folder, 'users.json'), { create: true });
    if (store === null) throw new Error('not made');
    try {
      for (const one of people) expect(addUser(store.db, one, NOW)).toEqual({ ok: true });
      return body(store.db, store);
    } finally {
      store.close();
    }
  });
}

function known(db: Queries, name: string): StoredUser {
  const user = getUser(db, name);
  if (user === null) throw new Error(`no ${name}`);
  return user;
}

describe('the accounts database', () => {
  test('is made on demand only, open to its owner alone, with .db in place of .json', () => {
    inFolder((folder) => {
      expect(openUsers(join(folder, 'users.json'), { create: false })).toBeNull();
      expect(readdirSync(folder)).toEqual([]);
      openUsers(join(folder, 'users.json'), { create: true })?.close();
      expect(statSync(join(folder, 'users.db')).mode & 0o777).toBe(0o600);
    });
  });

  test('has the tables, columns and checks of its schema, all of them strict, from the files of its folder', () => {
    const folder = join(import.meta.dir, '../../migrations/users');
    expect(readdirSync(folder).sort()).toEqual(USER_MIGRATIONS.map(({ tag }) => `${tag}.sql`));
    for (const { tag, sql } of USER_MIGRATIONS) expect(sql).toBe(readFileSync(join(folder, `${tag}.sql`), 'utf8'));
    withUsers([], (_, store) =>
      raw(store, (database) => {
        const tables = Object.values(schema)
          .filter((value) => is(value, SQLiteTable))
          .map(getTableConfig);
        const made = strictTables(database);
        expect(made.map(({ name }) => name).sort()).toEqual(tables.map(({ name }) => name).sort());
        expect(made.every(({ strict }) => strict === 1n)).toBe(true);
        for (const table of tables) {
          const found = database.query<{ name: string; type: string; notnull: bigint }, []>(
            `SELECT * FROM pragma_table_info('${table.name}')`,
          );
          expect(found.all().map((c) => [c.name, c.type.toLowerCase(), c.notnull === 1n])).toEqual(
            table.columns.map((column) => [column.name, column.getSQLType(), column.notNull]),
          );
          const made = database
            .query<{ sql: string }, [string]>('SELECT sql FROM sqlite_master WHERE name = ?')
            .get(table.name);
          for (const { name } of table.checks) expect(made?.sql).toContain(`CONSTRAINT "${name}" CHECK`);
          expect(made?.sql.match(/ CHECK\(/g)?.length).toBe(table.checks.length);
        }
      }),
    );
  });

  test('takes no name, role or password hash of another form', () => {
    withUsers([person('ada')], (db) => {
      for (const name of ['', 'Ada', 'a b', 'é', 'x'.repeat(33)])
        expect(() => addUser(db, person(name), NOW)).toThrow();
      expect(() => addUser(db, person('bob', 'admin', { passwordHash: 'plain' }), NOW)).toThrow();
      expect(countUsers(db)).toBe(1);
    });
  });
});

function strictTables(database: Database) {
  const own = "schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'schema_migrations'";
  return database
    .query<{ name: string; strict: bigint }, []>(`SELECT name, strict FROM pragma_table_list WHERE ${own}`)
    .all();
}

describe('there is always an active admin:', () => {
  test('the first account has to be one', () => {
    withUsers([], (db) => {
      expect(addUser(db, person('bob', 'operator'), NOW)).toEqual({ ok: false, reason: 'first_admin' });
      expect(addUser(db, person('ada'), NOW)).toEqual({ ok: true });
      expect(addUser(db, person('bob', 'operator'), NOW)).toEqual({ ok: true });
      expect(addUser(db, person('bob', 'operator'), NOW)).toEqual({ ok: false, reason: 'user_exists' });
    });
  });

  const paths: Readonly<Record<string, (db: Queries) => unknown>> = {
    'another role': (db) => changeUser(db, 'ada', { role: 'operator' }),
    'being disabled': (db) => changeUser(db, 'ada', { state: 'disabled' }),
    'being deleted': (db) => deleteUser(db, 'ada'),
  };
  for (const [name, path] of Object.entries(paths)) {
    test(`the last one is not lost by ${name}, and one of two is`, () => {
      withUsers([person('ada'), person('bob', 'operator')], (db) => {
        expect(path(db)).toEqual({ ok: false, reason: 'last_admin' });
        expect(known(db, 'ada')).toMatchObject({ role: 'admin', state: 'active' });
        addUser(db, person('eve'), NOW);
        changeUser(db, 'eve', { state: 'disabled' });
        expect(path(db)).toEqual({ ok: false, reason: 'last_admin' });
        changeUser(db, 'eve', { state: 'active' });
        expect(path(db)).toEqual({ ok: true });
        expect(changeUser(db, 'eve', { role: 'observer' })).toEqual({ ok: false, reason: 'last_admin' });
      });
    });
  }

  test('SQL past the program cannot remove, demote or replace the last one either', () => {
    withUsers([person('ada')], (_, store) =>
      raw(store, (database) => {
        database.run('PRAGMA recursive_triggers = ON');
        const last = /last_admin/;
        expect(() => database.run('DELETE FROM users')).toThrow(last);
        expect(() => database.run("UPDATE users SET role = 'observer'")).toThrow(last);
        expect(() => database.run("UPDATE users SET state = 'disabled', role = 'admin'")).toThrow(last);
        const values = "'ada', 'observer', 'active', '$argon2id$', x'00', 1, 0, NULL, 0, NULL";
        expect(() => database.run(`INSERT OR REPLACE INTO users VALUES (${values})`)).toThrow(last);
        expect(() => database.run("UPDATE users SET name = 'eve'")).toThrow('never changes');
      }),
    );
  });
});

describe('an attempt', () => {
  test('is counted before it is checked, and one that was right forgets those before', () => {
    withUsers([person('ada')], (db) => {
      const lockedAfter = (failures: number) => (failures >= 3 ? NOW + 60_000 : null);
      for (const failures of [1, 2]) {
        beginAttempt(db, 'ada', NOW, lockedAfter);
        expect(known(db, 'ada')).toMatchObject({ failures, lockedUntil: null });
      }
      const third = beginAttempt(db, 'ada', NOW, lockedAfter);
      expect(known(db, 'ada')).toMatchObject({ failures: 3, lockedUntil: NOW + 60_000 });
      expect(beginAttempt(db, 'ada', NOW + 59_999, lockedAfter)).toBeNull();
      expect(known(db, 'ada').failures).toBe(3);
      if (third === null) throw new Error('locked too early');
      expect(completeAttempt(db, third.user, { totpStep: 101 }, NOW)).toBe(true);
      expect(known(db, 'ada')).toMatchObject({ failures: 0, lockedUntil: null, signedInAt: NOW, totpStep: 101 });
    });
  });

  test('on an account that is not there, disabled or locked writes as much as on any other', () => {
    withUsers([person('ada'), person('bob'), person('eve')], (db, store) => {
      changeUser(db, 'bob', { state: 'disabled' });
      beginAttempt(db, 'eve', NOW, () => NOW + 1);
      const changes = () => raw(store, (database) => rowOf(database, 'SELECT sum(count) AS n FROM refused_attempts'));
      const before = changes();
      for (const name of ['nobody', 'bob', 'eve']) expect(beginAttempt(db, name, NOW, never)).toBeNull();
      expect(changes() - before).toBe(3n);
    });
  });

  test('that was locked goes on after the lock has ended, or after `unlockUser`', () => {
    withUsers([person('ada')], (db) => {
      beginAttempt(db, 'ada', NOW, () => NOW + 1000);
      expect(beginAttempt(db, 'ada', NOW + 1000, () => NOW + 9000)).not.toBeNull();
      expect(beginAttempt(db, 'ada', NOW + 1001, never)).toBeNull();
      expect(unlockUser(db, 'ada')).toBe(true);
      expect(beginAttempt(db, 'ada', NOW + 1001, never)).not.toBeNull();
      expect(unlockUser(db, 'nobody')).toBe(false);
    });
  });

  test('does not end well where the account was disabled, or got another role, password or secret, while it was checked', () => {
    withUsers([person('ada'), person('bob')], (db, store) => {
      const checked = known(db, 'bob');
      changeUser(db, 'bob', { state: 'disabled' });
      expect(completeAttempt(db, checked, { totpStep: 101 }, NOW)).toBe(false);
      changeUser(db, 'bob', { state: 'active', role: 'observer' });
      expect(completeAttempt(db, checked, { totpStep: 101 }, NOW)).toBe(false);
      for (const change of ["password_hash = '$argon2id$new'", "totp_box = x'77'"]) {
        const now = known(db, 'bob');
        raw(store, (database) => database.run(`UPDATE users SET ${change} WHERE name = 'bob'`));
        expect(completeAttempt(db, now, { totpStep: 101 }, NOW)).toBe(false);
      }
      expect(completeAttempt(db, known(db, 'bob'), { totpStep: 101 }, NOW)).toBe(true);
    });
  });
});

const rowOf = (database: Database, sql: string): bigint => database.query<{ n: bigint }, []>(sql).get()?.n ?? 0n;

describe('a second factor works once:', () => {
  test('a TOTP step, and with it every step before', () => {
    withUsers([person('ada')], (db) => {
      const use = (totpStep: number) => completeAttempt(db, known(db, 'ada'), { totpStep }, NOW);
      expect([use(100), use(99), use(102), use(102), use(101), use(103)]).toEqual([
        ...[false, false, true, false, false, true],
      ]);
    });
  });

  test('a backup code, and only one of the account', () => {
    withUsers([person('ada'), person('bob')], (db) => {
      const use = (hash: string) => completeAttempt(db, known(db, 'ada'), { backupHash: hash }, NOW);
      expect([use(id('ada', 1)), use(id('ada', 1)), use(id('bob', 1)), use(id('ada', 2))]).toEqual([
        ...[true, false, false, true],
      ]);
      expect(listUsers(db).map(({ name, backupCodes }) => [name, backupCodes])).toEqual([
        ['ada', 0],
        ['bob', 2],
      ]);
    });
  });

  test('SQL past the program cannot take either back', () => {
    withUsers([person('ada')], (db, store) => {
      completeAttempt(db, known(db, 'ada'), { backupHash: id('ada', 1) }, NOW);
      raw(store, (database) => {
        expect(() => database.run('UPDATE backup_codes SET used_at = NULL')).toThrow('works once');
        expect(() => database.run('UPDATE users SET totp_step = 100')).toThrow('works once');
        expect(() => database.run('UPDATE users SET totp_step = 99')).toThrow('works once');
      });
    });
  });

  test('also where two processes try at once', async () => {
    const { mkdtempSync, rmSync } = await import('node:fs');
    const { tmpdir } = await import('node:os');
    const folder = mkdtempSync(join(tmpdir(), 'users-'));
    try {
      const path = join(folder, 'users.db');
      const store = openUsers(path, { create: true });
      if (store === null) throw new Error('not made');
      addUser(store.db, person('ada', 'admin', { totpStep: 0 }), NOW);
      store.close();
      const child = join(import.meta.dir, 'users-child.ts');
      const started = [1, 2].map(() => Bun.spawn(['bun', child, path, 'ada', '10'], { stdout: 'pipe' }));
      const used = await Promise.all(started.map(async ({ stdout }) => Number(await stdout.text())));
      // Whoever comes first to a step uses it, and nobody after it.
      expect(used.reduce((sum, one) => sum + one, 0)).toBe(10);
      const after = openUsers(path, { create: false });
      expect(after === null ? null : known(after.db, 'ada').totpStep).toBe(10);
      after?.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});

describe('a reset code', () => {
  const hash = id('reset');
  const asked = (kind: schema.ResetKind) => ({ user: 'bob', kind, hash, madeBy: 'ada' });

  test('is good for its account and kind until it expires or another is made', () => {
    withUsers([person('ada'), person('bob')], (db) => {
      expect(putResetCode(db, { ...asked('password'), user: 'nobody' }, NOW + 10)).toBe(false);
      expect(putResetCode(db, asked('password'), NOW + 10)).toBe(true);
      expect(isResetCode(db, 'bob', 'password', hash, NOW + 9)).toBe(true);
      expect(isResetCode(db, 'bob', 'password', hash, NOW + 10)).toBe(false);
      expect(isResetCode(db, 'bob', 'totp', hash, NOW)).toBe(false);
      expect(isResetCode(db, 'ada', 'password', hash, NOW)).toBe(false);
      putResetCode(db, { ...asked('password'), hash: id('newer') }, NOW + 10);
      expect(isResetCode(db, 'bob', 'password', hash, NOW)).toBe(false);
    });
  });

  test('sets a password once, together with a second factor, and forgets failures', () => {
    withUsers([person('ada'), person('bob')], (db) => {
      putResetCode(db, asked('password'), NOW + 10);
      beginAttempt(db, 'bob', NOW, () => NOW + 99);
      const reset = (totpStep: number) =>
        resetPassword(db, known(db, 'bob'), { hash, factor: { totpStep }, passwordHash: '$argon2id$new' }, NOW);
      // A factor that is used up leaves the code as it was.
      expect([reset(100), reset(101), reset(102)]).toEqual([false, true, false]);
      expect(known(db, 'bob')).toMatchObject({ passwordHash: '$argon2id$new', failures: 0, lockedUntil: null });
    });
  });

  test('sets a TOTP secret once, and replaces all backup codes', () => {
    withUsers([person('ada'), person('bob')], (db) => {
      putResetCode(db, asked('totp'), NOW + 10);
      const totpBox = new Uint8Array([7]);
      const reset = () =>
        resetTotp(db, known(db, 'bob'), { hash, totpBox, totpStep: 5, backupHashes: [id('new')] }, NOW);
      expect([reset(), reset()]).toEqual([true, false]);
      expect(known(db, 'bob')).toMatchObject({ totpBox, totpStep: 5 });
      expect(completeAttempt(db, known(db, 'bob'), { backupHash: id('bob', 1) }, NOW)).toBe(false);
      expect(completeAttempt(db, known(db, 'bob'), { backupHash: id('new') }, NOW)).toBe(true);
    });
  });

  test('goes with its account', () => {
    withUsers([person('ada'), person('bob')], (db) => {
      putResetCode(db, asked('totp'), NOW + 10);
      deleteUser(db, 'bob');
      addUser(db, person('bob', 'operator'), NOW);
      expect(isResetCode(db, 'bob', 'totp', hash, NOW)).toBe(false);
    });
  });
});
