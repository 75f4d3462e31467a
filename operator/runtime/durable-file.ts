// Files that must be whole after a crash: written beside their place, flushed, and then moved or linked into it.

import { link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FileError, fileFault } from './file-fault.ts';

const FOLDER_MODE = 0o700;

/**
 * Writes a file so that after a crash at any moment its path holds either the old contents or the new. Mode 0600 unless
 * given; missing folders are made with mode 0700. Throws `FileError` where something else than a file has its name. What is
 * too large for memory comes in parts, which are asked for one after the other.
 */
export async function writeDurably(
  path: string,
  bytes: Uint8Array | Iterable<Uint8Array>,
  mode = 0o600,
): Promise<void> {
  await refuseSpecial(path);
  const parts = bytes instanceof Uint8Array ? [bytes] : bytes;
  await writeBeside(path, parts, mode, (temporary) => rename(temporary, path));
}

/**
 * As `writeDurably`, but never over a file: false where there is one, whoever made it in the meantime; the path is then as
 * it was.
 */
export async function writeNewDurably(path: string, bytes: Uint8Array, mode = 0o600): Promise<boolean> {
  let isNew = true;
  await writeBeside(path, [bytes], mode, async (temporary) => {
    // link(2) fails where the name is taken, in one step: nothing can slip in between a check and a rename.
    isNew = await link(temporary, path).then(() => true, takenOnly);
  });
  return isNew;
}

/**
 * Reads a file of at most `bytesMax` bytes; null where there is none. Throws `FileError` where it is larger, no regular file
 * or cannot be read: only what is surely not there counts as missing.
 */
export async function readBounded(path: string, bytesMax: number): Promise<Uint8Array | null> {
  try {
    const facts = await stat(path);
    if (!facts.isFile())
      throw new FileError('unusable', `${path} is not a regular file: name another path, or move it away`);
    if (facts.size > bytesMax) {
      throw new FileError('unusable', `${path} is larger than ${bytesMax} bytes: put the right file in its place`);
    }
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw fileFault(error, path) ?? error;
  }
}

async function writeBeside(
  path: string,
  parts: Iterable<Uint8Array>,
  mode: number,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  try {
    await placeBeside(path, parts, mode, place);
  } catch (error) {
    throw fileFault(error, path) ?? error;
  }
}

// A rename over a device or a pipe would put a file in its place, for everybody on this machine.
async function refuseSpecial(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found === null || found.isFile() || found.isDirectory()) return;
  throw new FileError('unusable', `${path} is not a regular file: name another path, or move it away`);
}

async function placeBeside(
  path: string,
  parts: Iterable<Uint8Array>,
  mode: number,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  const temporary = join(folder, `.${basename(path)}.${crypto.randomUUID()}.new`);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.chmod(mode);
      for (const part of parts) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await place(temporary);
  } finally {
    await rm(temporary, { force: true });
  }
  await flushFolder(folder);
}

function takenOnly(error: unknown): false {
  if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
  throw error;
}

/** Makes what was renamed, linked or removed in a folder durable: a new name is so only once its folder is. */
export async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
