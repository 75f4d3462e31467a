import { describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { readArchive, writeArchive } from '../../../operator/backups/archive.ts';

const AT = Date.UTC(2026, 10, 30);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('an archive', () => {
  test('gives back the files that were written, of any contents', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 1500 }), { maxLength: 6 }), (contents) => {
        const files = contents.map((content, index) => ({ name: `folder/file-${index}.json`, bytes: content }));
        expect(readArchive(writeArchive(files, AT))).toEqual(files);
      }),
      { numRuns: 50 },
    );
  });

  test('is unpacked by tar, with nobody else able to read the files, and one that tar made is read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'archive-'));
    try {
      const files = [
        { name: 'manifest.json', bytes: bytes('{}') },
        { name: 'cards/operator-0.json', bytes: bytes('a card'.repeat(200)) },
      ];
      writeFileSync(join(folder, 'a.tar'), writeArchive(files, AT));
      const run = (...args: string[]) => Bun.spawnSync(['tar', ...args], { cwd: folder, stderr: 'pipe' });
      expect(run('-xf', 'a.tar').exitCode).toBe(0);
      for (const { name, bytes: content } of files) {
        expect(readFileSync(join(folder, name)).equals(content)).toBe(true);
        expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
      }
      expect(run('-cf', 'b.tar', './manifest.json', 'cards').exitCode).toBe(0);
      const made = readArchive(readFileSync(join(folder, 'b.tar')));
      expect(made?.map(({ name }) => name)).toEqual(files.map(({ name }) => name));
      for (const [index, file] of files.entries())
        expect(Buffer.compare(made?.[index]?.bytes ?? file.bytes.subarray(1), file.bytes)).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('with a name that leads out of its folder is neither written nor read', () => {
    for (const name of ['../up', '/etc/passwd', 'a/../b', '.hidden', 'a//b', '']) {
      expect(() => writeArchive([{ name, bytes: bytes('x') }], AT)).toThrow('cannot be the name of a file');
    }
    const archive = writeArchive([{ name: 'aa/upx', bytes: bytes('x') }], AT);
    const forged = Uint8Array.from(archive);
    forged.set(bytes('../upx'), 0);
    // The sum of '..' is less than that of 'aa': the checksum is made right again.
    forged.set(
      bytes(
        `${(Number.parseInt(new TextDecoder().decode(archive.subarray(148, 154)), 8) - 2 * (0x61 - 0x2e)).toString(8).padStart(6, '0')}`,
      ),
      148,
    );
    expect(readArchive(archive)).toHaveLength(1);
    expect(readArchive(forged)).toBeNull();
  });

  test('that is cut short or changed in a header, and what is none, is null', () => {
    const archive = writeArchive([{ name: 'a', bytes: bytes('x'.repeat(600)) }], AT);
    expect(readArchive(archive.subarray(0, 1000))).toBeNull();
    expect(readArchive(archive.subarray(0, 1536))).toBeNull();
    for (const at of [0, 100, 124, 150, 156, 257]) {
      const changed = Uint8Array.from(archive);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(readArchive(changed)).toBeNull();
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (garbage) => void readArchive(garbage)));
    expect(readArchive(bytes('SQLite format 3'))).toBeNull();
  });

  test('that holds two files of one name is null', () => {
    const twice = [
      { name: 'a', bytes: bytes('x') },
      { name: 'a', bytes: bytes('y') },
    ];
    expect(readArchive(writeArchive(twice, AT))).toBeNull();
  });
});
