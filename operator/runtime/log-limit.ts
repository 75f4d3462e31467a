// A bound on the size of the log, whatever repeats: a peer that asks for refusals, work that fails each time it is
// tried. Omitted lines are counted, and the count is logged.
//
// Each event has two buckets of lines. One is for lines with the very same fields: one a minute. The other is for all
// lines of the event, of each peer by itself where a peer is named, since a peer decides how often it comes.
// Information about the node's own work has so much room that only a fault of the program fills it.
import type { Effects } from './effects.ts';
import type { Log, LogFields, LogLevel } from './log.ts';

/** How often a line with the very same fields is written again, in ms. */
export const SAME_LINE_MS = 60_000;
/** How often `report` should be called, in ms. */
export const LEFT_OUT_REPORT_MS = 60_000;
/** How long a text in a line may be, in characters. */
export const TEXT_CHARACTERS_MAX = 2_000;
/** How many lines of an event may come at once, and in how many ms one more may. */
export const PEER_LINES: LineAllowance = { burst: 10, refillMs: 60_000 };
export const TROUBLE_LINES: LineAllowance = { burst: 100, refillMs: 10_000 };
export const INFORMATION_LINES: LineAllowance = { burst: 1_000, refillMs: 100 };

/** Most events that are remembered, and most lines; the oldest make room. */
const EVENTS_MAX = 2_000;
const LINES_MAX = 1_000;
/** The names under which lines carry a peer's index. */
const PEER_FIELDS = ['from', 'peer', 'to', 'index', 'shown_by'] as const;

interface LineAllowance {
  readonly burst: number;
  readonly refillMs: number;
}

/** An event, of one peer or of none, as the log has it. `left`: lines that may come, a fraction of one included. */
interface Bucket {
  readonly level: LogLevel;
  readonly event: string;
  readonly peer: number | null;
  left: number;
  at: number;
  leftOut: number;
  /** When the first line was left out that has not been told of, in ms since 1970. */
  leftOutSince: number;
}

/** Stands between a node and its log. */
export class LogLimiter {
  readonly #log: Log;
  readonly #clocks: Pick<Effects, 'now' | 'monotonic'>;
  readonly #buckets = new Map<string, Bucket>();
  /** When each line was written last, by the monotonic clock. */
  readonly #lines = new Map<string, number>();

  constructor(log: Log, clocks: Pick<Effects, 'now' | 'monotonic'>) {
    this.#log = log;
    this.#clocks = clocks;
  }

  /** Writes a line where there is room for it; it then says how many of its event were left out before. */
  readonly log: Log = (level, event, fields = {}) => {
    const now = this.#clocks.monotonic();
    const bucket = this.#bucket(level, event, fields, now);
    if (!this.#hasRoom(bucket, JSON.stringify([level, event, fields]), now)) {
      if (bucket.leftOut === 0) bucket.leftOutSince = this.#clocks.now();
      bucket.leftOut += 1;
      return;
    }
    this.#log(level, event, { ...shortened(fields), ...leftOut(bucket) });
    bucket.leftOut = 0;
  };

  /** Tells of every event whose lines were left out how many there were. To be called again and again, and at the end. */
  report(): void {
    for (const bucket of this.#buckets.values()) this.#tell(bucket);
  }

  #tell(bucket: Bucket): void {
    if (bucket.leftOut === 0) return;
    const { level, event, peer } = bucket;
    this.#log(level, 'lines_left_out', { of: event, ...(peer !== null && { peer }), ...leftOut(bucket) });
    bucket.leftOut = 0;
  }

  #hasRoom(bucket: Bucket, line: string, now: number): boolean {
    const { burst, refillMs } = allowanceOf(bucket);
    bucket.left = Math.min(burst, bucket.left + (now - bucket.at) / refillMs);
    bucket.at = now;
    if (bucket.left < 1) return false;
    if (bucket.level !== 'info') {
      const writtenAt = this.#lines.get(line);
      if (writtenAt !== undefined && now - writtenAt < SAME_LINE_MS) return false;
      this.#remember(line, now);
    }
    bucket.left -= 1;
    return true;
  }

  #remember(line: string, now: number): void {
    this.#lines.delete(line);
    this.#lines.set(line, now);
    const [oldest] = this.#lines.keys();
    if (this.#lines.size > LINES_MAX && oldest !== undefined) this.#lines.delete(oldest);
  }

  #bucket(level: LogLevel, event: string, fields: LogFields, now: number): Bucket {
    const peer = peerOf(fields);
    const key = `${level} ${event} ${peer}`;
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    const fresh = { level, event, peer, at: now, leftOut: 0, leftOutSince: 0 };
    const bucket = { ...fresh, left: allowanceOf(fresh).burst };
    this.#buckets.set(key, bucket);
    const [oldest] = this.#buckets;
    if (this.#buckets.size > EVENTS_MAX && oldest !== undefined) {
      this.#buckets.delete(oldest[0]);
      this.#tell(oldest[1]);
    }
    return bucket;
  }
}

function allowanceOf({ level, peer }: Pick<Bucket, 'level' | 'peer'>): LineAllowance {
  if (peer !== null) return PEER_LINES;
  return level === 'info' ? INFORMATION_LINES : TROUBLE_LINES;
}

function peerOf(fields: LogFields): number | null {
  const named = PEER_FIELDS.map((name) => fields[name]).find((value) => typeof value === 'number');
  return typeof named === 'number' ? named : null;
}

function leftOut({ leftOut: lines, leftOutSince }: Bucket): LogFields {
  return lines === 0 ? {} : { left_out: lines, left_out_since: new Date(leftOutSince).toISOString() };
}

function shortened(fields: LogFields): LogFields {
  const isLong = (value: unknown) => typeof value === 'string' && value.length > TEXT_CHARACTERS_MAX;
  if (!Object.values(fields).some(isLong)) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' && isLong(value) ? `${value.slice(0, TEXT_CHARACTERS_MAX)}…` : value,
    ]),
  );
}
