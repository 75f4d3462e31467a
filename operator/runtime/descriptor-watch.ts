// How many file descriptors this process has left. Anybody who reaches the peer port can use them up with connections that
// send nothing. A process without descriptors opens no file and takes no connection.
import { readdir, readFile } from 'node:fs/promises';
import type { Effects } from './effects.ts';
import { errorText, type Log } from './log.ts';
import { type Problem, problem } from './problems.ts';

/** With a smaller part of the limit free than this, few more connections use the rest up. */
const FREE_PART_MIN = 0.1;
const FREE_MIN = 16;

/** What is open, this look's own descriptor included, and the soft limit. */
export interface DescriptorCount {
  readonly used: number;
  readonly limit: number;
}

/** Counts them; null where the system does not tell. Rejects with EMFILE or ENFILE where none is left to count with. */
export async function countDescriptors(folder = '/proc/self'): Promise<DescriptorCount | null> {
  try {
    const limits = await readFile(`${folder}/limits`, 'utf8');
    const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
    const used = (await readdir(`${folder}/fd`)).length;
    return Number.isSafeInteger(limit) && limit > 0 ? { used, limit } : null;
  } catch (error) {
    if (isOutOfDescriptors(error)) throw error;
    return null;
  }
}

/** Whether an error says that no more files can be opened. SQLite tells it as a file that it cannot open. */
export function isOutOfDescriptors(error: unknown): boolean {
  return /\bEMFILE\b|\bENFILE\b|too many open files|SQLITE_CANTOPEN|unable to open database file/i.test(
    `${error instanceof Error && 'code' in error ? error.code : ''} ${errorText(error)}`,
  );
}

/** Watches them. */
export class DescriptorWatch {
  readonly #clocks: Pick<Effects, 'now'>;
  readonly #log: Log;
  readonly #count: () => Promise<DescriptorCount | null>;
  #last: DescriptorCount | null = null;
  #lowSince: number | null = null;

  constructor(clocks: Pick<Effects, 'now'>, log: Log, count: () => Promise<DescriptorCount | null> = countDescriptors) {
    this.#clocks = clocks;
    this.#log = log;
    this.#count = count;
  }

  /** Counts. Never rejects. */
  async look(): Promise<void> {
    let counted: DescriptorCount | null;
    try {
      counted = await this.#count();
    } catch {
      // Not even this look got one. The limit is known from the first look, when the server started.
      const limit = this.#last?.limit ?? 0;
      counted = { used: limit, limit };
    }
    this.#last = counted;
    const isLow = counted !== null && isFew(counted);
    if (isLow && this.#lowSince === null) {
      this.#lowSince = this.#clocks.now();
      this.#log('error', 'descriptors_low', { used: counted?.used ?? 0, limit: counted?.limit ?? 0 });
    } else if (!isLow && this.#lowSince !== null) {
      this.#lowSince = null;
      this.#log('info', 'descriptors_free_again', { used: counted?.used ?? 0, limit: counted?.limit ?? 0 });
    }
  }

  /** The problem while few are left. */
  problems(): readonly Problem[] {
    if (this.#lowSince === null || this.#last === null) return [];
    const { used, limit } = this.#last;
    const cause = `${used} of ${limit} file descriptors are in use; without one nothing is read, sent or signed`;
    return [problem('descriptors_low', { ...DESCRIPTORS_TOLD, since: this.#lowSince, cause })];
  }
}

/** What the problem is about, and what its operator can do. */
export const DESCRIPTORS_TOLD = {
  subject: 'file descriptors',
  action:
    'let only the peers reach the port (firewall): a flood of connections uses them up; raise LimitNOFILE= (docs/OPERATING.md, "Service") if it is low',
} as const;

function isFew({ used, limit }: DescriptorCount): boolean {
  return limit - used < Math.max(FREE_MIN, limit * FREE_PART_MIN);
}
