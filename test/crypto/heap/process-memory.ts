// Searches all memory of another process (Linux) for byte strings, as somebody with a dump of it would.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

const PAGE_BYTES = 4096;
const ENTRY_BYTES = 8;
/** How much is read at a stretch; what begins in one stretch is found in it, as each reaches into the next. */
const STRETCH_PAGES = 1024;

/** Something to look for; 4 bytes or more. */
export interface Pattern {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface Region {
  readonly start: number;
  readonly pages: number;
}

function writableRegions(pid: number): Region[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [range = '', rights = ''] = line.split(' ');
    const [start = 0, end = 0] = range.split('-').map((address) => Number.parseInt(address, 16));
    return rights.startsWith('rw') ? [{ start, pages: (end - start) / PAGE_BYTES }] : [];
  });
}

/** Runs of pages that are in memory: the runtime reserves far more than it uses. */
function presentRuns(pid: number): Region[] {
  const pagemap = openSync(`/proc/${pid}/pagemap`, 'r');
  const runs: Region[] = [];
  try {
    for (const { start, pages } of writableRegions(pid)) {
      for (let first = 0; first < pages; first += STRETCH_PAGES * 64) {
        const entries = new Uint8Array(Math.min(STRETCH_PAGES * 64, pages - first) * ENTRY_BYTES);
        const at = (start / PAGE_BYTES + first) * ENTRY_BYTES;
        const read = readSync(pagemap, entries, 0, entries.length, at);
        for (let page = 0; page < read / ENTRY_BYTES; page++) {
          // The two uppermost bits: in memory, or swapped out.
          if (((entries[page * ENTRY_BYTES + 7] ?? 0) & 0xc0) === 0) continue;
          const address = start + (first + page) * PAGE_BYTES;
          const last = runs.at(-1);
          if (last !== undefined && last.pages < STRETCH_PAGES && last.start + last.pages * PAGE_BYTES === address) {
            runs[runs.length - 1] = { start: last.start, pages: last.pages + 1 };
          } else runs.push({ start: address, pages: 1 });
        }
      }
    }
  } finally {
    closeSync(pagemap);
  }
  return runs;
}

/** The names of the patterns that are somewhere in the memory of a process, each once. */
export function foundIn(pid: number, patterns: readonly Pattern[]): string[] {
  const found = new Set<string>();
  const byHead = new Map<number, Pattern[]>();
  const isHead = new Uint8Array(2 ** 16);
  for (const pattern of patterns) {
    const head = (pattern.bytes[0] ?? 0) | ((pattern.bytes[1] ?? 0) << 8);
    isHead[head] = 1;
    byHead.set(head, [...(byHead.get(head) ?? []), pattern]);
  }
  const longest = Math.max(...patterns.map(({ bytes }) => bytes.length));
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const stretch = Buffer.alloc(STRETCH_PAGES * PAGE_BYTES + longest);
  try {
    for (const { start, pages } of presentRuns(pid)) {
      const read =
        readAt(memory, stretch, start, pages * PAGE_BYTES + longest) ??
        readAt(memory, stretch, start, pages * PAGE_BYTES) ??
        0;
      for (let at = 0; at + 1 < read; at++) {
        const head = (stretch[at] ?? 0) | ((stretch[at + 1] ?? 0) << 8);
        if (isHead[head] === 0) continue;
        for (const { name, bytes } of byHead.get(head) ?? []) {
          if (at + bytes.length <= read && stretch.subarray(at, at + bytes.length).equals(bytes)) found.add(name);
        }
      }
    }
  } finally {
    closeSync(memory);
  }
  return [...found].sort();
}

/** Null where some of it is not there any more. */
function readAt(memory: number, into: Buffer, start: number, length: number): number | null {
  try {
    return readSync(memory, into, 0, length, start);
  } catch {
    return null;
  }
}
