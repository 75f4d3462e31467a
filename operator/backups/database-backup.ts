// The backup of a database: a copy of all that is committed, sealed as an age file. The copy lies beside the database, mode
// 0600, for as long as it is sealed, and nothing of it stays.

import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { toHex } from '../../crypto/bytes.ts';
import { type Opening, openStream, type Sealing, sealStream } from '../../crypto/seal.ts';
import { copyDatabase } from '../../store/copy.ts';
import { databasePath } from '../../store/open.ts';
import { flushFolder } from '../runtime/durable-file.ts';
import { FileError, fileFault } from '../runtime/file-fault.ts';

const COPY_MARK = '.backup-copy-';
/** A copy that is older than this was left by a process that ended, in ms. */
const LEFTOVER_MS = 86_400_000;

/** A sealed file that was written. */
export interface SealedFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * Copies the database at a configured path and seals it into a new file (mode 0600), beside a running server too. Blocks
 * while it copies and seals. `replace`: whether a file that is there makes room. Throws `FileError` with a sentence.
 */
export async function backUpDatabase(
  configured: string,
  output: string,
  sealing: Sealing,
  replace: boolean,
): Promise<SealedFile> {
  const source = databasePath(configured);
  await removeLeftovers(source);
  const copy = `${source}${COPY_MARK}${crypto.randomUUID()}`;
  try {
    copyDatabase(source, copy);
    return await sealFile(copy, output, sealing, replace);
  } catch (error) {
    throw fileFault(error, output) ?? error;
  } finally {
    await rm(copy, { force: true });
  }
}

/** Opens a sealed database into a new file (mode 0600), which is gone again where this throws. */
export async function openDatabaseInto(input: string, target: string, opening: Opening): Promise<void> {
  const file = await open(target, 'wx', 0o600);
  try {
    await pour(await openStream(Bun.file(input).stream(), opening), file);
    await file.sync();
  } catch (error) {
    await rm(target, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function sealFile(source: string, output: string, sealing: Sealing, replace: boolean): Promise<SealedFile> {
  const temporary = join(dirname(output), `.${basename(output)}.${crypto.randomUUID()}.new`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    let written: Omit<SealedFile, 'path'>;
    try {
      written = await pour(await sealStream(Bun.file(source).stream(), sealing), file);
      await file.sync();
    } finally {
      await file.close();
    }
    if (replace) await rename(temporary, output);
    else await linkNew(temporary, output);
    await flushFolder(dirname(output));
    return { path: output, ...written };
  } finally {
    await rm(temporary, { force: true });
  }
}

async function linkNew(temporary: string, output: string): Promise<void> {
  try {
    await link(temporary, output);
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error;
    throw new FileError('EEXIST', `${output} exists already: name another file, or give --force to replace it`);
  }
}

async function pour(from: ReadableStream<Uint8Array>, into: FileHandle): Promise<Omit<SealedFile, 'path'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  const reader = from.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    hash.update(part.value);
    await into.writeFile(part.value);
    bytes += part.value.length;
  }
  return { sha256: toHex(hash.digest()), bytes };
}

async function removeLeftovers(source: string): Promise<void> {
  const folder = dirname(source);
  const before = Date.now() - LEFTOVER_MS;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (!name.startsWith(`${basename(source)}${COPY_MARK}`) || statSync(path).mtimeMs > before) continue;
    await rm(path, { force: true });
  }
}
