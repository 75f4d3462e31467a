// Where the official test vectors are found, and which there are. A missing folder is reported as skipped; a file or
// folder that nobody here knows makes test/vectors/vectors.test.ts fail, so that no vector goes unnoticed.

import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';

const PROJECT_ROOT = resolve(import.meta.dir, '../..');

/** The folder of all vectors, as published: VECTORS_DIR, or where that is empty ../shared/vectors-official. */
export const VECTORS_ROOT = resolve(PROJECT_ROOT, process.env['VECTORS_DIR'] || '../shared/vectors-official');

/** Every folder and file that some test here runs. */
export const KNOWN_FILES = {
  bip340: ['test-vectors.csv'],
  bip445: [
    'nonce_agg_vectors.json',
    'nonce_gen_vectors.json',
    'sig_agg_vectors.json',
    'sign_verify_vectors.json',
    'tweak_vectors.json',
  ],
  chilldkg: [
    'coordinator_finalize_vectors.json',
    'coordinator_investigate_vectors.json',
    'coordinator_step1_vectors.json',
    'hostpubkey_gen_vectors.json',
    'params_hash_vectors.json',
    'participant_finalize_vectors.json',
    'participant_investigate_vectors.json',
    'participant_step1_vectors.json',
    'participant_step2_vectors.json',
    'recover_vectors.json',
  ],
  rfc9591: ['ed25519.json'],
} as const satisfies Record<string, readonly string[]>;

export type VectorFolder = keyof typeof KNOWN_FILES;

/** The path of a folder of vectors, whether or not it exists. */
export function vectorsDir(folder: VectorFolder): string {
  return join(VECTORS_ROOT, folder);
}

/** Whether a folder of vectors is there. */
export function vectorsPresent(folder: VectorFolder): boolean {
  return existsSync(vectorsDir(folder));
}

/** The text of one vector file. */
export function loadText<F extends VectorFolder>(folder: F, file: (typeof KNOWN_FILES)[F][number]): string {
  return readFileSync(join(vectorsDir(folder), file), 'utf8');
}

/** One vector file, checked against the shape that the test relies on. Shapes pass over what a file says of itself. */
export function loadJson<F extends VectorFolder, T>(
  folder: F,
  file: (typeof KNOWN_FILES)[F][number],
  shape: z.ZodType<T>,
): T {
  return shape.parse(JSON.parse(loadText(folder, file)));
}

/** Declares the tests of a folder of vectors; skipped, and reported so, where the folder is missing. */
export function describeVectors(folder: VectorFolder, declare: () => void): void {
  const present = vectorsPresent(folder);
  describe.skipIf(!present)(`vectors ${folder}`, () => {
    if (present) declare();
    // A suite without tests would not show up in the report at all.
    test('the vector folder is there', () => expect(vectorsPresent(folder)).toBe(true));
  });
}

/** What is under the vectors' folder that no test here knows, and which known files a present folder lacks. */
export function strayAndMissing(root: string): { readonly stray: string[]; readonly missing: string[] } {
  if (!existsSync(root)) return { stray: [], missing: [] };
  const known = new Map<string, readonly string[]>(Object.entries(KNOWN_FILES));
  const stray: string[] = [];
  const missing: string[] = [];
  for (const folder of readdirSync(root)) {
    const files = known.get(folder);
    if (!files) {
      stray.push(folder);
      continue;
    }
    const found = readdirSync(join(root, folder));
    stray.push(...found.filter((file) => !files.includes(file)).map((file) => join(folder, file)));
    missing.push(...files.filter((file) => !found.includes(file)).map((file) => join(folder, file)));
  }
  return { stray, missing };
}

/** Hexadecimal bytes in a vector. */
export const hexBytes = z
  .string()
  .regex(/^(?:[0-9a-fA-F]{2})*$/)
  .transform((hex) => new Uint8Array(Buffer.from(hex, 'hex')));

/** Calls `body` and returns what it throws; fails if it returns. */
export function thrownBy(body: () => unknown): Error {
  try {
    body();
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error('Something was thrown that is not an Error.');
  }
  throw new Error('An error was expected, and there was none.');
}
