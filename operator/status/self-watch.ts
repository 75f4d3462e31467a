// A node's looks at itself, in the regular round and for `status`: file descriptors, the room on its disk, whether the disk
// can be written again, and whether its files are still those that it opened.
import { saveCursor } from '../../store/cursors.ts';
import type { Queries } from '../../store/database.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { DescriptorWatch } from '../runtime/descriptor-watch.ts';
import type { Effects } from '../runtime/effects.ts';
import type { EventWatch } from '../runtime/event-watch.ts';
import { FileWatch } from '../runtime/file-watch.ts';
import type { Log } from '../runtime/log.ts';
import { type Problem, problem } from '../runtime/problems.ts';
import { type DiskFinding, diskProblem } from './disk-space.ts';
import { replacedFileProblems, watchConfiguration, watchOpenFiles, watchTlsFiles } from './replaced-files.ts';

/** The row that is written to see whether anything can be. */
const WRITE_TRIAL_CURSOR = 'write_trial';

/** What it looks at. `events`: faults of the log that may be over. */
export interface SelfWatchInput {
  readonly config: OperatorConfig;
  readonly db: Queries;
  readonly databasePath: string;
  readonly keyRing: KeyRing;
  readonly events: EventWatch;
  readonly effects: Pick<Effects, 'now'>;
  readonly log: Log;
  /** Absent: counted as the system tells it. */
  readonly descriptors?: DescriptorWatch;
  readonly disk?: (path: string) => Promise<DiskFinding | null>;
}

/** The watch of one node. */
export class SelfWatch {
  readonly #input: SelfWatchInput;
  readonly #descriptors: DescriptorWatch;
  readonly #files: FileWatch;
  #disk: Problem | null = null;
  #looking: Promise<void> | null = null;

  constructor(input: SelfWatchInput) {
    this.#input = input;
    this.#descriptors = input.descriptors ?? new DescriptorWatch(input.effects, input.log);
    this.#files = new FileWatch(input.effects, input.log);
    watchOpenFiles(this.#files, input.config, input.databasePath, input.keyRing);
  }

  /** The files of TLS have just been read. */
  tlsRead(): void {
    watchTlsFiles(this.#files, this.#input.config);
  }

  /** This process has just written the configuration itself, and uses what it says. */
  configWritten(): void {
    watchConfiguration(this.#files, this.#input.config);
  }

  /** Since when the configuration is not the one in use, in ms since 1970; null where it is. */
  configChangedAt(): number | null {
    return this.#files.replaced(this.#input.config.file)?.since ?? null;
  }

  /** One look; a look that is under way is not begun twice. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /** What was found last. */
  problems(): readonly Problem[] {
    const { config, databasePath } = this.#input;
    const files = replacedFileProblems(this.#files, config, databasePath);
    return [...this.#descriptors.problems(), ...(this.#disk === null ? [] : [this.#disk]), ...files];
  }

  async #look(): Promise<void> {
    const { config, databasePath, events, effects, disk = diskProblem } = this.#input;
    await this.#descriptors.look();
    this.#files.look();
    const written = [databasePath, config.keySharePath];
    const rooms = await Promise.all(written.map((path) => disk(path)));
    const found = rooms.find((one) => one?.code === 'disk_full') ?? rooms.find((one) => one !== null) ?? null;
    const since = this.#disk !== null && this.#disk.code === found?.code ? Date.parse(this.#disk.since) : effects.now();
    const told = { subject: 'disk', since, action: 'make room on this disk' };
    this.#disk = found === null ? null : problem(found.code, { ...told, cause: found.cause });
    // A trial costs a write to the disk, so there is one only while the log says that writing fails.
    if (found?.code !== 'disk_full' && events.shows('disk_full') && this.#canWrite()) events.ended('disk_full');
  }

  #canWrite(): boolean {
    const { db, effects } = this.#input;
    try {
      saveCursor(db, WRITE_TRIAL_CURSOR, 0, effects.now());
      return true;
    } catch {
      return false;
    }
  }
}
