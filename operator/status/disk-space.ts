// Free space on the disk of the database. A full disk stops the node, so its operator is warned before.
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** With less room than this, in bytes, the disk will be full soon; with less than that, nothing fits any more. */
export const DISK_LOW_BYTES = 256 * 1024 * 1024;
export const DISK_FULL_BYTES = 8 * 1024 * 1024;

/** What is wrong with it; `cause` as in a problem of `status`. */
export interface DiskFinding {
  readonly code: 'disk_full' | 'disk_low';
  readonly cause: string;
}

/** What is wrong where there is little room for the database at a path; null where there is enough, or nobody can tell. */
export async function diskProblem(
  databasePath: string,
  room: (folder: string) => Promise<number> = freeBytes,
): Promise<DiskFinding | null> {
  const folder = dirname(databasePath);
  let free: number;
  try {
    free = await room(folder);
  } catch {
    return null;
  }
  if (free >= DISK_LOW_BYTES) return null;
  const code = free < DISK_FULL_BYTES ? 'disk_full' : 'disk_low';
  const cause = `${Math.floor(free / 1024 / 1024)} MiB are left for ${folder}; without room nothing is signed`;
  return { code, cause };
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
