// Files that are written whole or not at all.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '../../crypto/bytes.ts';
import { writeDurably, writeNewDurably } from '../../operator/durable-file.ts';

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
