// Whether files that this process has read or opened are still the same. Somebody who replaces one under a running server
// believes that it is in use, and it is not. Only their metadata are looked at.
import { statSync } from 'node:fs';
import type { Effects } from './effects.ts';
import type { Log } from './log.ts';

/** One file. `stamp`: what it looks like now, null where it is gone; `expected`: what it must look like, null where nobody knows. */
export interface WatchedFile {
  readonly path: string;
  readonly stamp: () => string | null;
  readonly expected: () => string | null;
}

/** A file that is not the one that was read; `since` in ms since 1970: when that was seen first. */
export interface ReplacedFile {
  readonly path: string;
  readonly isGone: boolean;
  readonly since: number;
}

/** What tells a file that was written or replaced; null where there is none, or it cannot be looked at. */
export function contentStamp(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}`;
}

/** What tells a file that was replaced, however it is written; null as above. */
export function placeStamp(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : `${found.dev}:${found.ino}`;
}

/** A file that must stay as it is now; `stamp` as above. */
export function asItIsNow(path: string, stamp: (path: string) => string | null): WatchedFile {
  const now = stamp(path);
  return { path, stamp: () => stamp(path), expected: () => now };
}

/** Watches them. */
export class FileWatch {
  readonly #clocks: Pick<Effects, 'now'>;
  readonly #log: Log;
  readonly #files = new Map<string, WatchedFile>();
  readonly #replaced = new Map<string, ReplacedFile>();

  constructor(clocks: Pick<Effects, 'now'>, log: Log) {
    this.#clocks = clocks;
    this.#log = log;
  }

  /** Begins to watch a file; one of the same path is watched as told now. */
  watch(file: WatchedFile): void {
    this.#files.set(file.path, file);
  }

  /** Looks at each. One that cannot be looked at now is left as it was. */
  look(): void {
    for (const { path, stamp, expected } of this.#files.values()) {
      const wanted = expected();
      try {
        const found = stamp();
        this.#found(path, wanted === null || found === wanted ? null : { isGone: found === null });
      } catch {
        // No permission on the way to it is told where the file is used.
      }
    }
  }

  /** What was wrong with a file at the last look; null where nothing was. */
  replaced(path: string): ReplacedFile | null {
    return this.#replaced.get(path) ?? null;
  }

  #found(path: string, wrong: Pick<ReplacedFile, 'isGone'> | null): void {
    const known = this.#replaced.get(path);
    if (wrong === null) {
      this.#replaced.delete(path);
      return;
    }
    if (known === undefined) this.#log('error', 'file_replaced', { path, gone: wrong.isGone });
    this.#replaced.set(path, { path, ...wrong, since: known?.since ?? this.#clocks.now() });
  }
}
