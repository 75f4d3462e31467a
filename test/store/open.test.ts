import { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { appendAudit, auditHead } from '../../store/audit-log.ts';
import { transact } from '../../store/database.ts';
import { databasePath, isBeingWritten, openReader, openStore, StoreError } from '../../store/open.ts';
import { inFolder, NOW, raw, withStore } from './fixture.ts';

const mode = (path: string) => statSync(path).mode & 0o777;
const lockAttempt = (path: string, waitMs = 0) => `
  const { openStore } = await import(${JSON.stringify(join(import.meta.dir, '../../store/open.ts'))});
  try { openStore(${JSON.stringify(path)}, ${waitMs}).close(); console.log('opened'); }
  catch (error) { console.log(error.name + ': ' + error.message); }`;
const inProcess = (code: string) => Bun.spawnSync([process.execPath, '-e', code]).stdout.toString().trim();

describe('opening', () => {
  test('a .json path means the .db beside it, any other path itself', () => {
    expect(databasePath('/a/security.json')).toBe('/a/security.db');
    expect(databasePath('/a/security.db')).toBe('/a/security.db');
    expect(databasePath('/a/json')).toBe('/a/json');
  });

  test('makes private folders and files, and keeps the content', () => {
    inFolder((folder) => {
      const path = join(folder, 'new', 'deep', 'security.json');
      const store = openStore(path);
      expect(store.path).toBe(join(folder, 'new', 'deep', 'security.db'));
      appendAudit(store.db, NOW, 'x', {});
      for (const suffix of ['', '-wal', '-shm', '.lock']) expect(mode(store.path + suffix)).toBe(0o600);
      expect(mode(join(folder, 'new'))).toBe(0o700);
      expect(mode(join(folder, 'new', 'deep'))).toBe(0o700);
      store.close();
      store.close();
      const again = openStore(path);
      expect(auditHead(again.db).seq).toBe(1);
      again.close();
    });
  });

  test('an empty path and :memory: are refused, as they name no file, and leave none behind', () => {
    for (const path of ['', ':memory:']) {
      expect(() => openStore(path)).toThrow(new StoreError(`the database needs a file: "${path}" is the name of none`));
      for (const left of [path, `${path}.lock`]) expect(left !== '' && existsSync(left)).toBe(false);
    }
  });

  test('takes the permissions of others from a file that has them', () => {
    inFolder((folder) => {
      const path = join(folder, 'security.db');
      openStore(path).close();
      chmodSync(path, 0o644);
      openStore(path).close();
      expect(mode(path)).toBe(0o600);
    });
  });

  test('a writer runs in WAL with synchronous=FULL, foreign keys and secure deletion', () => {
    withStore(({ db }) => {
      const pragma = (name: string) => Object.values(db.get<object>(sql.raw(`PRAGMA ${name}`)))[0];
      expect(pragma('journal_mode')).toBe('wal');
      expect(pragma('synchronous')).toBe(2n);
      expect(pragma('foreign_keys')).toBe(1n);
      expect(pragma('secure_delete')).toBe(1n);
    });
  });

  test('a second writer is refused, in this process and in another, until the first closes', () => {
    inFolder((folder) => {
      const path = join(folder, 'security.db');
      const store = openStore(path);
      expect(() => openStore(path)).toThrow(StoreError);
      const who = 'a server that is starting or ending, or another command';
      const refusal = `StoreError: another process is using ${path} (${who}), and only one may write it: try again in a moment`;
      expect(isBeingWritten(path)).toBe(true);
      expect(inProcess(lockAttempt(path))).toBe(refusal);
      appendAudit(store.db, NOW, 'x', {});
      store.close();
      expect(inProcess(lockAttempt(path))).toBe('opened');
    });
  });

  test('a second writer that may wait opens once the first has closed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'store-'));
    const path = join(folder, 'security.db');
    const store = openStore(path);
    const waiting = Bun.spawn([process.execPath, '-e', lockAttempt(path, 60_000)], { stdout: 'pipe' });
    // Long enough for it to have tried; where it has not yet, it finds the lock free, and the claim holds as well.
    await Bun.sleep(500);
    store.close();
    expect((await waiting.stdout.text()).trim()).toBe('opened');
    rmSync(folder, { recursive: true });
  });

  test('a reader reads beside the writer and after it, and can change nothing', () => {
    inFolder((folder) => {
      const path = join(folder, 'security.db');
      const store = openStore(path);
      appendAudit(store.db, NOW, 'x', {});
      const reader = openReader(path);
      expect(auditHead(reader.db).seq).toBe(1);
      appendAudit(store.db, NOW, 'x', {});
      expect(auditHead(reader.db).seq).toBe(2);
      expect(() => appendAudit(reader.db, NOW, 'x', {})).toThrow();
      reader.close();
      store.close();
      const alone = openReader(path);
      expect(auditHead(alone.db).seq).toBe(2);
      expect(() => appendAudit(alone.db, NOW, 'x', {})).toThrow();
      alone.close();
    });
  });

  test('a reader of a missing file, or of one without the schema, gets an error that says so', () => {
    inFolder((folder) => {
      expect(() => openReader(join(folder, 'none.db'))).toThrow(/there is no database/);
      const path = join(folder, 'empty.db');
      new Database(path).run('CREATE TABLE t (x)');
      expect(() => openReader(path)).toThrow(/older version/);
    });
  });
});

describe('a damaged file', () => {
  const damaged = (path: string) =>
    new RegExp(`^the database ${path} is damaged \\(.+\\): nothing is signed with it; replace`);

  test('whose table has lost its first page is refused to writer and reader, though nothing has read the table', () => {
    inFolder((folder) => {
      const path = join(folder, 'security.db');
      const store = openStore(path);
      const page = raw(store, (database) => {
        // Otherwise the page may still stand in the write-ahead log.
        database.run('PRAGMA wal_checkpoint(TRUNCATE)');
        const found = "SELECT rootpage FROM sqlite_master WHERE name = 'recipients'";
        return database.query<{ rootpage: bigint }, []>(found).get()?.rootpage ?? 0n;
      });
      store.close();
      const bytes = 4_096;
      const file = openSync(path, 'r+');
      writeSync(file, new Uint8Array(bytes), 0, bytes, (Number(page) - 1) * bytes);
      closeSync(file);
      expect(() => openStore(path)).toThrow(damaged(path));
      expect(() => openReader(path)).toThrow(damaged(path));
    });
  });

  test('that is no database is refused in the same sentence, and the lock is given up', () => {
    inFolder((folder) => {
      const path = join(folder, 'security.db');
      writeFileSync(path, 'x'.repeat(5_000));
      expect(() => openStore(path)).toThrow(damaged(path));
      rmSync(path);
      openStore(path).close();
    });
  });
});

describe('transact', () => {
  test('rolls everything back when its body throws', () => {
    withStore(({ db }) => {
      const failing = () =>
        transact(db, (tx): void => {
          appendAudit(tx, NOW, 'x', {});
          throw new Error('no');
        });
      expect(failing).toThrow('no');
      expect(auditHead(db).seq).toBe(0);
    });
  });

  test('an asynchronous body is refused and rolled back, even if the types were got round', () => {
    withStore(({ db }) => {
      const sneaky = (): unknown => Promise.resolve();
      expect(() =>
        transact(db, (tx): unknown => {
          appendAudit(tx, NOW, 'x', {});
          return sneaky();
        }),
      ).toThrow(/synchronous/);
      expect(auditHead(db).seq).toBe(0);
    });
  });
});
