// What a run that was killed has left behind goes with the next run, and nothing else does.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { makeScratch } from '../../devnet/scratch.ts';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'scratch-test-'));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

/** A process that makes a folder and ends without removing it. */
function left(prefix: string): string {
  const file = JSON.stringify(join(import.meta.dir, '../../devnet/scratch.ts'));
  const code = `console.log((await import(${file})).makeScratch(${JSON.stringify(parent)}, '${prefix}'))`;
  const folder = Bun.spawnSync([process.execPath, '-e', code]).stdout.toString().trim();
  mkdirSync(join(folder, 'bitcoin'));
  writeFileSync(join(folder, 'bitcoin', 'block'), 'x');
  return folder;
}

test('a folder of a process that is gone is removed by the next of its prefix', () => {
  const folder = left('mpc-devnet');
  makeScratch(parent, 'mpc-regtest');
  expect(existsSync(folder)).toBe(true);
  const own = makeScratch(parent, 'mpc-devnet');
  expect(existsSync(folder)).toBe(false);
  expect(existsSync(own)).toBe(true);
});

test('a folder of a process that runs, of another namespace, or that only begins alike stays', () => {
  const own = makeScratch(parent, 'mpc-devnet');
  const gone = basename(left('mpc-devnet'));
  const [, namespace = '', pid = ''] = /^mpc-devnet-(\d+)-(\d+)-/.exec(gone) ?? [];
  const others = [
    `mpc-devnet-1${namespace}-${pid}-abcdef`,
    `mpc-devnet-${namespace}-${pid}-kept-here`,
    'mpc-devnet-abcdef',
  ];
  for (const name of others) mkdirSync(join(parent, name));
  const second = makeScratch(parent, 'mpc-devnet');
  expect(readdirSync(parent).sort()).toEqual([...others, basename(own), basename(second)].sort());
});
