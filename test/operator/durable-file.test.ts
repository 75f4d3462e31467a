// Files that are written whole or not at all.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '../../crypto/bytes.ts';
import { readBounded, writeDurably, writeNewDurably } from '../../operator/runtime/durable-file.ts';
import { databaseFault, FileError } from '../../operator/runtime/file-fault.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'durable-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a durable file', () => {
  test('takes the place of an old one, in its mode, and leaves nothing beside it', async () => {
    const place = join(folder, 'a', 'file');
    await writeDurably(place, utf8('one'));
    expect((await stat(place)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'a'))).mode & 0o777).toBe(0o700);
    await writeDurably(place, utf8('two'), 0o644);
    expect(await readFile(place, 'utf8')).toBe('two');
    expect((await stat(place)).mode & 0o777).toBe(0o644);
    expect(await readdir(join(folder, 'a'))).toEqual(['file']);
  });

  test('that is to be new takes the place of none, also where many are written at once', async () => {
    const place = join(folder, 'b', 'file');
    const written = await Promise.all(Array.from({ length: 8 }, (_, i) => writeNewDurably(place, utf8(`${i}`))));
    expect(written.filter((isNew) => isNew)).toHaveLength(1);
    expect(await readFile(place, 'utf8')).toBe(`${written.indexOf(true)}`);
    expect(await writeNewDurably(place, utf8('late'))).toBe(false);
    expect(await readFile(place, 'utf8')).toBe(`${written.indexOf(true)}`);
    expect(await readdir(join(folder, 'b'))).toEqual(['file']);
  });

  test('that cannot be written or read is reported with its path, the fault and what to do', async () => {
    await writeFile(join(folder, 'file-in-the-way'), 'x');
    const place = join(folder, 'file-in-the-way', 'file');
    const wrong = (code: string, said: string) => ({ code, message: `${place} cannot be used (${code}): ${said}` });
    const inTheWay = wrong('EEXIST', 'a file is in the place of its folder: move the file away, or correct the path');
    const noFolder = wrong('ENOTDIR', 'a part of its path is not a folder: correct the path');
    const faultOf = (use: Promise<unknown>): Promise<unknown> =>
      use.then(
        () => null,
        (thrown: unknown) => (thrown instanceof FileError ? { code: thrown.code, message: thrown.message } : thrown),
      );
    expect(await faultOf(writeDurably(place, utf8('x')))).toEqual(inTheWay);
    expect(await faultOf(writeNewDurably(place, utf8('x')))).toEqual(inTheWay);
    expect(await faultOf(readBounded(place, 9))).toEqual(noFolder);
  });

  test('never takes the place of a device or a pipe', async () => {
    const place = join(folder, 'pipe');
    Bun.spawnSync(['mkfifo', place]);
    const refused = writeDurably(place, utf8('x')).catch((error: unknown) => error);
    expect(await refused).toMatchObject({
      message: `${place} is not a regular file: name another path, or move it away`,
    });
    expect((await stat(place)).isFIFO()).toBe(true);
  });

  test('that cannot be placed leaves nothing behind', async () => {
    const place = join(folder, 'c');
    await writeFile(join(folder, 'plain'), 'x');
    expect(
      await writeDurably(join(folder, 'plain', 'file'), utf8('x')).then(
        () => 'written',
        () => 'failed',
      ),
    ).toBe('failed');
    await writeDurably(join(place, 'inner', 'file'), utf8('x'));
    expect(
      await writeDurably(join(place, 'inner'), utf8('x')).then(
        () => 'written',
        () => 'failed',
      ),
    ).toBe('failed');
    expect(await readdir(place)).toEqual(['inner']);
  });
});

test('a fault of the database is reported with its path and what to do, and other errors are not', () => {
  const thrown = (code: string): Error => Object.assign(new Error('attempt to write a readonly database'), { code });
  const said =
    'the database /d/security.db cannot be used (SQLITE_READONLY_DIRECTORY): it and its folder must be writable';
  expect(databaseFault(thrown('SQLITE_READONLY_DIRECTORY'), '/d/security.db')?.message).toStartWith(said);
  const wrapped = new Error('the statement failed', { cause: thrown('SQLITE_FULL') });
  expect(databaseFault(wrapped)?.message).toStartWith('a database of this node cannot be used (SQLITE_FULL): no space');
  expect(databaseFault(thrown('SQLITE_CONSTRAINT'), '/d/security.db')).toBeNull();
  expect(databaseFault(new Error('other'), '/d/security.db')).toBeNull();
});
