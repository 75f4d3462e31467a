// Questions that are put together once per connection: the answers must be those of questions made anew each time.
import { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { asc, eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import { sqliteTable, text } from 'drizzle-orm/sqlite-core';
import fc from 'fast-check';
import { integer53, SATS_MAX, sats, uint63 } from '../../store/columns.ts';
import { loadCursor, saveCursor } from '../../store/cursors.ts';
import { type Queries, transact } from '../../store/database.ts';
import { getDeposit, listDeposits, recordDeposit } from '../../store/deposits.ts';
import { openReader, openStore } from '../../store/open.ts';
import { given, givenPage, isOneGiven, keepStatements, prepared, preparedCount } from '../../store/prepared.ts';
import { id, inFolder, NOW, outpoint, withStore } from './fixture.ts';

const things = sqliteTable('things', {
  name: text('name').primaryKey(),
  amount: sats('amount').notNull(),
  nonce: uint63('nonce').notNull(),
  height: integer53('height'),
});
type Thing = typeof things.$inferSelect;

interface Opened {
  readonly db: Queries;
  readonly database: Database;
}

/** A connection as the store opens one, with the table; a file's name or none. */
function opened(path = ':memory:'): Opened {
  const database = new Database(path, { readwrite: true, create: true, safeIntegers: true, strict: true });
  database.run(
    'create table if not exists things (name text primary key, amount integer, nonce integer, height integer)',
  );
  keepStatements(database);
  return { db: drizzle(database), database };
}

function add({ db }: Opened, ...rows: readonly (Partial<Thing> & Pick<Thing, 'name'>)[]): void {
  for (const row of rows)
    db.insert(things)
      .values({ amount: 1n, nonce: 1n, height: null, ...row })
      .run();
}

/** The question for a thing's name, and how often it was put together. */
function byName() {
  const made: Queries[] = [];
  const ask = prepared((db) => {
    made.push(db);
    return db
      .select()
      .from(things)
      .where(eq(things.name, given(things.name, 'name')))
      .prepare();
  });
  return { ask: (db: Queries, name: string) => ask(db).get({ name }) ?? null, made };
}

describe('a prepared question', () => {
  test('is put together once for a connection, by whatever handle of it and however often it is asked', () => {
    const one = opened();
    add(one, { name: 'a' });
    const { ask, made } = byName();
    transact(one.db, (tx) => {
      expect(ask(tx, 'a')?.name).toBe('a');
      transact(tx, (inner) => expect(ask(inner, 'a')?.name).toBe('a'));
    });
    for (let times = 0; times < 3; times++) expect(ask(one.db, 'a')?.name).toBe('a');
    // By the connection itself: a transaction's own handle is of no use once it has ended.
    expect(made.map((db) => db === one.db)).toEqual([true]);
  });

  test('of two databases that are open at once is answered by the one that was asked, in any order', () => {
    const [one, two] = [opened(), opened()];
    add(one, { name: 'a', amount: 1n }, { name: 'only in one' });
    add(two, { name: 'a', amount: 2n });
    const { ask, made } = byName();
    for (const [{ db }, amount, isThere] of [
      [one, 1n, true],
      [two, 2n, false],
      [one, 1n, true],
    ] as const) {
      expect(ask(db, 'a')?.amount).toBe(amount);
      expect(ask(db, 'only in one') !== null).toBe(isThere);
      expect(transact(db, (tx) => ask(tx, 'a')?.amount ?? null)).toBe(amount);
    }
    expect(made.map((db) => [db === one.db, db === two.db])).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  test('goes on being answered by one database after another was closed', () => {
    const [one, two] = [opened(), opened()];
    add(one, { name: 'a', amount: 1n });
    add(two, { name: 'a', amount: 2n });
    const { ask } = byName();
    expect([ask(one.db, 'a')?.amount, ask(two.db, 'a')?.amount]).toEqual([1n, 2n]);
    one.database.close();
    expect(() => ask(one.db, 'a')).toThrow();
    expect(() => ask(one.db, 'a')).toThrow();
    expect(ask(two.db, 'a')?.amount).toBe(2n);
  });

  test('of a closed database fails, also where it was never asked there', () => {
    const one = opened();
    one.database.close();
    const { ask } = byName();
    expect(() => ask(one.db, 'a')).toThrow();
    expect(() => preparedCount(things)(one.db)).toThrow();
  });

  test('returns what a file holds when it is opened again, not what it held before', () => {
    inFolder((folder) => {
      const path = join(folder, 'things.db');
      const { ask, made } = byName();
      for (const amount of [1n, 2n, 3n]) {
        const one = opened(path);
        if (amount > 1n) expect(ask(one.db, 'a')?.amount).toBe(amount - 1n);
        one.db
          .insert(things)
          .values({ name: 'a', amount, nonce: 1n })
          .onConflictDoUpdate({ target: things.name, set: { amount } })
          .run();
        expect(ask(one.db, 'a')?.amount).toBe(amount);
        one.database.close();
      }
      expect(made).toHaveLength(3);
    });
  });

  test('sees what its transaction has written, and no longer what was rolled back', () => {
    const one = opened();
    const { ask } = byName();
    const count = preparedCount(things);
    expect([ask(one.db, 'a'), count(one.db)]).toEqual([null, 0]);
    const failing = () =>
      transact(one.db, (tx) => {
        tx.insert(things).values({ name: 'a', amount: 5n, nonce: 1n }).run();
        expect([ask(tx, 'a')?.amount, count(tx)]).toEqual([5n, 1]);
        throw new Error('rolled back');
      });
    expect(failing).toThrow('rolled back');
    expect([ask(one.db, 'a'), count(one.db)]).toEqual([null, 0]);
  });

  test('is answered like a newly made one, whatever is written and asked in between', () => {
    const name = fc.constantFrom('a', 'b', "'; drop table things; --", '');
    const step = fc.record({ at: fc.nat(1), name, amount: fc.bigInt(0n, SATS_MAX), write: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const both = [opened(), opened()] as const;
        const { ask } = byName();
        const count = preparedCount(things, () => eq(things.name, given(things.name, 'name')));
        for (const { at, name, amount, write } of steps) {
          const { db } = both[at === 0 ? 0 : 1];
          if (write) db.insert(things).values({ name, amount, nonce: 1n }).onConflictDoNothing().run();
          const anew = db.select().from(things).where(eq(things.name, name)).all();
          expect(ask(db, name)).toEqual(anew[0] ?? null);
          expect(count(db, { name })).toBe(anew.length);
        }
        for (const { database } of both) database.close();
      }),
      { seed: 7, numRuns: 60 },
    );
  });
});

describe('the values of a prepared question', () => {
  test('are bound again each time: a missing one fails, and none is left from before', () => {
    const one = opened();
    add(one, { name: 'a' });
    const ask = prepared((db) =>
      db
        .select()
        .from(things)
        .where(eq(things.name, given(things.name, 'name')))
        .prepare(),
    );
    expect(ask(one.db).all({ name: 'a' })).toHaveLength(1);
    expect(() => ask(one.db).all({})).toThrow();
    expect(() => ask(one.db).all()).toThrow();
    expect(ask(one.db).all({ name: 'b' })).toEqual([]);
  });

  test('are 64-bit integers exactly, there and back, up to the largest', () => {
    const one = opened();
    const largest = 2n ** 63n - 1n;
    const insert = prepared((db) =>
      db
        .insert(things)
        .values({
          name: given(things.name, 'name'),
          amount: given(things.amount, 'amount'),
          nonce: given(things.nonce, 'nonce'),
        })
        .prepare(),
    );
    const ask = prepared((db) =>
      db
        .select()
        .from(things)
        .where(eq(things.nonce, given(things.nonce, 'nonce')))
        .prepare(),
    );
    const fields = fc.record({ amount: fc.bigInt(0n, SATS_MAX), nonce: fc.bigInt(2n ** 53n, largest) });
    let made = 0;
    const holds = ({ amount, nonce }: { amount: bigint; nonce: bigint }): void => {
      const name = `${++made}`;
      insert(one.db).run({ name, amount, nonce });
      expect(
        ask(one.db)
          .all({ nonce })
          .find((row) => row.name === name),
      ).toEqual({ name, amount, nonce, height: null });
      // A double would take a neighbour for the same.
      expect(
        ask(one.db)
          .all({ nonce: nonce - 1n })
          .some((row) => row.name === name),
      ).toBe(false);
    };
    holds({ amount: SATS_MAX, nonce: largest });
    fc.assert(fc.property(fields, holds), { seed: 7, numRuns: 100 });
  });

  test('are written as their column writes them: what is out of its range is refused, null stays null', () => {
    const one = opened();
    const update = prepared((db) =>
      db
        .update(things)
        .set({ amount: given(things.amount, 'amount'), height: given(things.height, 'height') })
        .prepare(),
    );
    add(one, { name: 'a', amount: 7n, height: 9 });
    for (const amount of [-1n, SATS_MAX + 1n, 1.5, '1']) {
      expect(() => update(one.db).run({ amount, height: 1 })).toThrow(RangeError);
    }
    expect(() => update(one.db).run({ amount: 1n, height: 2 ** 53 })).toThrow(RangeError);
    expect(one.db.select().from(things).get()).toMatchObject({ amount: 7n, height: 9 });
    update(one.db).run({ amount: 8n, height: null });
    expect(one.db.select().from(things).get()).toMatchObject({ amount: 8n, height: null });
  });

  test('may be any number of words, none too, and a word is never more than a word', () => {
    const one = opened();
    const made: Queries[] = [];
    const among = prepared((db) => {
      made.push(db);
      return db.select().from(things).where(isOneGiven(things.name, 'names')).orderBy(asc(things.name)).prepare();
    });
    const all = ['a', 'b', 'c', "a') or ('1'='1", '["a"]'];
    add(one, ...all.map((name) => ({ name })));
    fc.assert(
      fc.property(fc.subarray([...all, 'unknown', '%', "'"]), (names) => {
        const found = among(one.db).all({ names: JSON.stringify(names) });
        expect(found.map(({ name }) => name)).toEqual(all.filter((name) => names.includes(name)).sort());
      }),
      { seed: 7, numRuns: 60 },
    );
    expect(made).toHaveLength(1);
  });

  test('are a page’s bounds too, so that pages follow each other without a gap', () => {
    const one = opened();
    const names = Array.from({ length: 25 }, (_, at) => `${at + 10}`);
    add(one, ...names.map((name) => ({ name })));
    const page = prepared((db) =>
      db.select().from(things).orderBy(asc(things.name)).limit(givenPage.limit).offset(givenPage.offset).prepare(),
    );
    const read = [0, 10, 20, 30].flatMap((offset) => page(one.db).all({ limit: 10, offset }));
    expect(read.map(({ name }) => name)).toEqual(names);
  });
});

describe('what a connection keeps', () => {
  test('is one compiled statement for one text, with the parameters of each asking', () => {
    const { database } = opened();
    const compiled = database.prepare('select ? as value');
    expect(database.prepare('select ? as value')).toBe(compiled);
    expect(database.prepare('select ? as other')).not.toBe(compiled);
    expect([compiled.get(1n), compiled.get('b'), compiled.get(null)]).toEqual([
      { value: 1n },
      { value: 'b' },
      { value: null },
    ]);
    expect(opened().database.prepare('select ? as value')).not.toBe(compiled);
  });
});

describe('the store’s own questions', () => {
  test('are answered by the file that was opened, by two at once, and by one that is opened again', () => {
    inFolder((folder) => {
      const paths = [join(folder, 'one.db'), join(folder, 'two.db')] as const;
      for (const round of [1, 2]) {
        const stores = [openStore(paths[0]), openStore(paths[1])] as const;
        for (const [index, { db }] of stores.entries()) {
          expect(loadCursor(db, 'scan')).toEqual(round === 1 ? null : { round: round - 1, index });
          saveCursor(db, 'scan', { round, index }, NOW);
        }
        for (const [index, { db }] of stores.entries()) expect(loadCursor(db, 'scan')).toEqual({ round, index });
        for (const store of stores) store.close();
        for (const { db } of stores) expect(() => loadCursor(db, 'scan')).toThrow();
      }
    });
  });

  test('are answered beside the writer by a reader of the same file, as of each moment', () => {
    inFolder((folder) => {
      const path = join(folder, 'security.db');
      const writer = openStore(path);
      const reader = openReader(path);
      for (const height of [1, 2]) {
        saveCursor(writer.db, 'scan', { height }, NOW);
        expect([loadCursor(reader.db, 'scan'), loadCursor(writer.db, 'scan')]).toEqual([{ height }, { height }]);
        expect(() => saveCursor(reader.db, 'scan', { height: 9 }, NOW)).toThrow();
      }
      reader.close();
      writer.close();
    });
  });

  test('give amounts as bigint, the largest too', () => {
    withStore(({ db }) => {
      const [place, recipient] = [outpoint('large'), id('recipient')];
      recordDeposit(db, { ...place, recipient, amount: SATS_MAX, height: 1, blockHash: id('block') }, NOW);
      expect(getDeposit(db, place)?.amount).toBe(SATS_MAX);
      expect(listDeposits(db, ['seen']).rows.map(({ amount }) => amount)).toEqual([SATS_MAX]);
      expect(listDeposits(db, []).total).toBe(0);
      expect(listDeposits(db, ['minted', 'gone'])).toEqual({ rows: [], total: 0 });
    });
  });
});
