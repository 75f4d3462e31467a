import { describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strayAndMissing, VECTORS_ROOT } from './vectors.ts';

describe('vector folders', () => {
  test('hold no file that no test runs, and lack none that a test expects', () => {
    expect(strayAndMissing(VECTORS_ROOT)).toEqual({ stray: [], missing: [] });
  });

  test('are looked for where VECTORS_DIR says; left empty, it says as little as where it is missing', () => {
    const file = JSON.stringify(join(import.meta.dir, 'vectors.ts'));
    const rootWith = (env: Readonly<Record<string, string>>): string => {
      const code = `console.log((await import(${file})).VECTORS_ROOT)`;
      const { VECTORS_DIR: _own, ...others } = process.env;
      return Bun.spawnSync([process.execPath, '-e', code], { env: { ...others, ...env } })
        .stdout.toString()
        .trim();
    };
    expect(rootWith({ VECTORS_DIR: '/elsewhere' })).toBe('/elsewhere');
    expect(rootWith({}).endsWith('/shared/vectors-official')).toBe(true);
    expect(rootWith({ VECTORS_DIR: '' })).toBe(rootWith({}));
  }, 30_000);

  test('an unknown file, an unknown folder and a missing file are noticed', () => {
    const root = mkdtempSync(join(tmpdir(), 'vectors-'));
    try {
      mkdirSync(join(root, 'bip340'));
      mkdirSync(join(root, 'rfc0000'));
      writeFileSync(join(root, 'bip340', 'more.csv'), '');
      expect(strayAndMissing(root)).toEqual({
        stray: expect.arrayContaining(['rfc0000', join('bip340', 'more.csv')]),
        missing: [join('bip340', 'test-vectors.csv')],
      });
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
