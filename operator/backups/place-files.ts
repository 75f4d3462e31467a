// Files that take their places together or not at all: each is written beside its place first, then moved into it, and what
// was there is kept under another name. Where a step fails, everything is put back as it was; where the process itself ends in
// between, the old files have their second names, and whoever does the same again finishes it.

import { existsSync } from 'node:fs';
import { link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { flushFolder } from '../runtime/durable-file.ts';
import { FileError, fileFault } from '../runtime/file-fault.ts';

const FOLDER_MODE = 0o700;

/** A file that was placed. `aside`: where the old one is now; null where there was none. */
export interface Placed {
  readonly path: string;
  readonly aside: string | null;
}

interface Waiting {
  readonly path: string;
  /** Null: the place is only cleared. */
  readonly staged: string | null;
  /** Where the old file goes. */
  readonly aside: string;
}

/** `suffix`: what names of old files end in. `before`: told of each change of the disk, so that tests can make it fail. */
export interface PlacingOptions {
  readonly suffix: string;
  readonly before?: (step: string) => void;
}

/** A set of files on their way to their places. `discard` in any case, once it is over. */
export class Placing {
  readonly #waiting: Waiting[] = [];
  readonly #options: PlacingOptions;

  constructor(options: PlacingOptions) {
    this.#options = options;
  }

  /** Writes a file beside its place, on disk when this returns. Where it is until `place`. */
  async write(path: string, bytes: Uint8Array, mode = 0o600): Promise<string> {
    const staged = await this.reserve(path);
    try {
      const file = await open(staged, 'wx', mode);
      try {
        await file.chmod(mode);
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      throw fileFault(error, path) ?? error;
    }
    return staged;
  }

  /** A name beside a place, for a file that somebody else writes; it must be there when `place` is called. */
  async reserve(path: string): Promise<string> {
    this.#options.before?.(`write ${path}`);
    const folder = dirname(path);
    try {
      await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    } catch (error) {
      throw fileFault(error, folder) ?? error;
    }
    await removeLeftovers(folder, basename(path));
    const staged = join(folder, `.${basename(path)}.${crypto.randomUUID()}.new`);
    this.#waiting.push({ path, staged, aside: `${path}${this.#options.suffix}` });
    return staged;
  }

  /** Has what lies beside a file, under its name with an ending, go with the old file. */
  clear(path: string, ending: string): void {
    const aside = `${path}${this.#options.suffix}${ending}`;
    if (existsSync(`${path}${ending}`)) this.#waiting.push({ path: `${path}${ending}`, staged: null, aside });
  }

  /**
   * Moves everything into its place, in the order it was written. Where that fails all is as before, and this throws. Every old
   * file has its second name before the first of them is replaced, so a crash in between loses none.
   */
  async place(): Promise<readonly Placed[]> {
    const kept: Placed[] = [];
    const placed: Placed[] = [];
    try {
      for (const waiting of this.#waiting) kept.push(await this.#keep(waiting));
      await flushFolders(kept);
      for (const [at, waiting] of this.#waiting.entries()) {
        await this.#move(waiting);
        placed.push(kept[at] ?? { path: waiting.path, aside: null });
      }
      await flushFolders(placed);
      return placed;
    } catch (error) {
      for (const { path, aside } of placed.reverse()) {
        if (aside === null) await rm(path, { force: true });
        else await rename(aside, path);
      }
      for (const { aside } of kept) if (aside !== null) await rm(aside, { force: true });
      throw error;
    }
  }

  // A second name, so that there is no moment at which the place is empty.
  async #keep({ path, aside: named }: Waiting): Promise<Placed> {
    if (!existsSync(path)) return { path, aside: null };
    try {
      this.#options.before?.(`keep ${path}`);
      await link(path, named);
    } catch (error) {
      throw fileFault(error, path) ?? error;
    }
    return { path, aside: named };
  }

  async #move({ path, staged }: Waiting): Promise<void> {
    try {
      this.#options.before?.(`place ${path}`);
      if (staged === null) await rm(path);
      else await rename(staged, path);
    } catch (error) {
      throw fileFault(error, path) ?? error;
    }
  }

  /** Removes whatever did not take its place. */
  async discard(): Promise<void> {
    for (const { staged } of this.#waiting) if (staged !== null) await rm(staged, { force: true });
  }
}

/** Throws where something else than a file, which a move would replace for everybody, lies at a path. */
export async function assertPlaceable(path: string): Promise<void> {
  const found = await Bun.file(path)
    .stat()
    .catch(() => null);
  if (found === null || found.isFile()) return;
  throw new FileError('unusable', `${path} is not a regular file: move it away, or correct the configuration`);
}

// What a process that was killed had written beside the place: it may hold secrets, and nobody else removes it.
async function removeLeftovers(folder: string, name: string): Promise<void> {
  const isLeft = (one: string): boolean =>
    one.startsWith(`.${name}.`) && /^[0-9a-f-]{36}\.new/.test(one.slice(name.length + 2));
  for (const one of (await readdir(folder)).filter(isLeft)) await rm(join(folder, one), { force: true });
}

async function flushFolders(files: readonly Placed[]): Promise<void> {
  for (const folder of new Set(files.map(({ path }) => dirname(path)))) await flushFolder(folder);
}
