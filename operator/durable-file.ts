// Files that must be whole after a crash: written beside their place, flushed, then renamed into it.

import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Writes a file so that after a crash at any moment its path holds either the old contents or the new. Mode 0600 unless
 * given; missing folders are made with mode 0700.
 */
export async function writeDurably(path: string, bytes: Uint8Array, mode = 0o600): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = join(folder, `.${basename(path)}.${process.pid}.new`);
  try {
    const file = await open(temporary, 'w', mode);
    try {
      await file.chmod(mode);
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await flushFolder(folder);
}

/** Reads a file of at most `bytesMax` bytes; null where there is none. Throws where it is larger. */
export async function readBounded(path: string, bytesMax: number): Promise<Uint8Array | null> {
  const file = Bun.file(path);
  if (!(await file.exists())) return null;
  if (file.size > bytesMax) throw new Error(`${path} is larger than ${bytesMax} bytes`);
  return file.bytes();
}

// The rename itself is durable only once the folder is.
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
