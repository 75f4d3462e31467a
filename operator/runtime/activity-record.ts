// Counts for reports: when the server ran, and what signers did. They are gathered in memory and written every few minutes, so
// that no signature waits for the disk; a crash loses what came since.
import {
  addActivity,
  beginRunSpan,
  dayOf,
  markRunSpan,
  type RefusalDay,
  type SignerCounts,
  type SignerDay,
  type SpanBeginning,
  TIME_BOUNDS_MS,
} from '../../store/activity.ts';
import type { Queries } from '../../store/database.ts';
import type { Effects } from './effects.ts';
import { errorText, type Log } from './log.ts';

/** How long counts stay in memory at most, in ms: so much is lost in a crash. */
export const ACTIVITY_WRITE_MS = 5 * 60_000;
/** Most rows that wait to be written: 64 operators with some reasons each. More are dropped until the disk takes them. */
const WAITING_ROWS_MAX = 4_096;

type Counted = 'answered' | 'slow' | 'silent' | 'refused' | 'lying';
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What it works with. */
export interface ActivityInput {
  readonly db: Queries;
  readonly effects: Pick<Effects, 'now' | 'every'>;
  readonly log: Log;
}

/** What signing tells it; `index` is the operator's. */
export interface SigningActivity {
  /** A signer answered in time, or did something that cost a session. */
  signer(index: number, what: Counted): void;
  /** A signer's answer took so long, in ms. */
  took(index: number, ms: number): void;
  /** A node refused to sign, for a reason of the documented list. */
  refusal(index: number, reason: string): void;
}

/** The counts of one running server. */
export class ActivityRecord implements SigningActivity {
  readonly #input: ActivityInput;
  readonly #signers = new Map<string, Mutable<SignerDay> & { within: number[] }>();
  readonly #refusals = new Map<string, Mutable<RefusalDay>>();
  readonly #stop: () => void;
  #span: number | null = null;

  constructor(input: ActivityInput) {
    this.#input = input;
    this.#stop = input.effects.every(ACTIVITY_WRITE_MS, () => this.write());
  }

  /** The server has started, or was unsealed or sealed just now. Never throws. */
  began(by: SpanBeginning): void {
    this.#tried(() => {
      this.#span = beginRunSpan(this.#input.db, by, this.#input.effects.now());
    });
  }

  signer(index: number, what: Counted): void {
    const row = this.#signerOf(index);
    if (row !== null) row[what] += 1;
  }

  took(index: number, ms: number): void {
    const row = this.#signerOf(index);
    if (row === null) return;
    const whole = Math.max(0, Math.round(ms));
    row.timed += 1;
    row.msTotal += whole;
    row.msMax = Math.max(row.msMax, whole);
    row.within = TIME_BOUNDS_MS.map((bound, at) => (row.within[at] ?? 0) + (whole <= bound ? 1 : 0));
  }

  refusal(index: number, reason: string): void {
    const day = dayOf(this.#input.effects.now());
    const name = `${day}/${index}/${reason}`;
    const row = this.#refusals.get(name);
    if (row !== undefined) row.count += 1;
    else if (this.#refusals.size < WAITING_ROWS_MAX)
      this.#refusals.set(name, { day, peerIndex: index, reason, count: 1 });
  }

  /** Writes what was counted, and that the server still runs. Never throws. */
  write(): void {
    const { db, effects } = this.#input;
    this.#tried(() => {
      const now = effects.now();
      if (this.#span !== null) markRunSpan(db, this.#span, now, false);
      if (this.#signers.size + this.#refusals.size === 0) return;
      addActivity(db, [...this.#signers.values()], [...this.#refusals.values()], now);
      this.#signers.clear();
      this.#refusals.clear();
    });
  }

  /** Writes everything for the last time: the server stops. */
  close(): void {
    this.#stop();
    this.write();
    const span = this.#span;
    this.#span = null;
    if (span !== null) this.#tried(() => markRunSpan(this.#input.db, span, this.#input.effects.now(), true));
  }

  // A full disk must neither end the server nor a signature for the sake of figures.
  #tried(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#input.log('warn', 'activity_not_written', { detail: errorText(error) });
    }
  }

  #signerOf(index: number): (Mutable<SignerDay> & { within: number[] }) | null {
    const day = dayOf(this.#input.effects.now());
    const name = `${day}/${index}`;
    const known = this.#signers.get(name);
    if (known !== undefined) return known;
    if (this.#signers.size >= WAITING_ROWS_MAX) return null;
    const fresh = { day, peerIndex: index, ...NOTHING, within: TIME_BOUNDS_MS.map(() => 0) };
    this.#signers.set(name, fresh);
    return fresh;
  }
}

const NOTHING: Omit<SignerCounts, 'within'> = {
  ...{ answered: 0, slow: 0, silent: 0, refused: 0, lying: 0 },
  ...{ timed: 0, msTotal: 0, msMax: 0 },
};
