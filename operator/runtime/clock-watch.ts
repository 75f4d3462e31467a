// Whether the node's clock can be trusted: how far it is from the clocks of its peers, and whether it was set while the node
// ran. Nothing here decides anything: who is off cannot be told from inside, and durations are measured by the monotonic clock.
import { CLOCK_SKEW_MS_MAX } from '../../crypto/envelope.ts';
import type { Effects } from './effects.ts';
import type { Log } from './log.ts';
import { type Problem, problem } from './problems.ts';

/** Largest difference of clocks that is well, in ms: what a key ceremony allows. */
export const CLOCK_OFFSET_MS_MAX = 5_000;
/** The clock was set where it went so much further than the monotonic clock between two looks, in ms. */
export const CLOCK_STEP_MS_MIN = 1_000;
/** For so long a clock that was set is something to look at, in ms. */
export const STEP_SHOWN_MS = 60 * 60_000;
/** For so long what a peer's clock said counts, in ms. */
const OFFSET_LASTS_MS = 5 * 60_000;

/** What is known of the clock. Differences in ms, `at` in ms since 1970. */
export interface ClockState {
  /** How far each peer's clock is ahead of this node's (negative: behind), in index order. */
  readonly offsets: readonly { readonly index: number; readonly offsetMs: number }[];
  /** By how much the clock was last set while this node ran, and what it said afterwards; null: never. */
  readonly step: { readonly byMs: number; readonly at: number } | null;
}

/** The same as `status` shows it, with the time (ISO 8601) that this node takes it to be. */
export interface ClockReport {
  readonly now: string;
  readonly peers: readonly { readonly index: number; readonly offset_ms: number }[];
  readonly set: { readonly by_ms: number; readonly at: string } | null;
}

/** A peer's clock against this one; `offSince`: since when it is too far off, in ms since 1970. */
interface Offset {
  readonly offsetMs: number;
  readonly measuredAt: number;
  readonly offSince: number | null;
}

/** The watch over one node's clock. */
export class ClockWatch {
  readonly #clocks: Pick<Effects, 'now' | 'monotonic'>;
  readonly #log: Log;
  readonly #offsets = new Map<number, Offset>();
  #lead: number;
  #step: (NonNullable<ClockState['step']> & { readonly measuredAt: number }) | null = null;

  constructor(clocks: Pick<Effects, 'now' | 'monotonic'>, log: Log) {
    this.#clocks = clocks;
    this.#log = log;
    this.#lead = clocks.now() - clocks.monotonic();
  }

  /** Notices a clock that was set since the last look. Called again and again. */
  look(): void {
    const [at, measuredAt] = [this.#clocks.now(), this.#clocks.monotonic()];
    const byMs = Math.round(at - measuredAt - this.#lead);
    // Slow corrections, as time services make them, are no step: they add up to nothing here.
    this.#lead = at - measuredAt;
    if (Math.abs(byMs) < CLOCK_STEP_MS_MIN) return;
    this.#step = { byMs, at, measuredAt };
    // What peers' clocks said was compared with the clock as it was.
    this.#offsets.clear();
    this.#log('warn', 'clock_set', { by_ms: byMs });
  }

  /** Compares a peer's clock, as an answer that took so long to come tells it, in ms since 1970. */
  heard(index: number, peerTime: number, roundTripMs: number): void {
    this.look();
    const offsetMs = Math.round(peerTime - (this.#clocks.now() - roundTripMs / 2));
    const isOff = Math.abs(offsetMs) > CLOCK_OFFSET_MS_MAX;
    const offSince = isOff ? (this.#offsets.get(index)?.offSince ?? this.#clocks.now()) : null;
    this.#offsets.set(index, { offsetMs, measuredAt: this.#clocks.monotonic(), offSince });
  }

  /** What is known of the clock now. */
  state(): ClockState {
    this.look();
    const since = this.#clocks.monotonic() - OFFSET_LASTS_MS;
    const offsets = [...this.#offsets]
      .filter(([, { measuredAt }]) => measuredAt >= since)
      .map(([index, { offsetMs }]) => ({ index, offsetMs }))
      .sort((a, b) => a.index - b.index);
    const step = this.#step === null ? null : { byMs: this.#step.byMs, at: this.#step.at };
    return { offsets, step };
  }

  /** What an operator should look at. */
  problems(): readonly Problem[] {
    const { offsets } = this.state();
    const problems: Problem[] = [];
    const subject = 'clock';
    for (const [sign, relation] of [
      [-1, 'ahead of'],
      [1, 'behind'],
    ] as const) {
      const off = offsets.filter(({ offsetMs }) => sign * offsetMs > CLOCK_OFFSET_MS_MAX);
      if (off.length === 0) continue;
      const whose = off.map(({ index, offsetMs }) => `operator ${index} (${seconds(offsetMs)})`).join(', ');
      const isRefused = off.some(({ offsetMs }) => Math.abs(offsetMs) > CLOCK_SKEW_MS_MAX);
      const refused = `; messages between clocks more than ${CLOCK_SKEW_MS_MAX / 1000} s apart are refused`;
      const cause = `that of this node is ${relation} the clock of ${whose}${isRefused ? refused : ''}`;
      const since = Math.min(...off.map(({ index }) => this.#offsets.get(index)?.offSince ?? this.#clocks.now()));
      problems.push(problem('clock_off', { subject, since, cause, action: 'correct the one that is wrong' }));
    }
    if (this.#step !== null && this.#clocks.monotonic() - this.#step.measuredAt < STEP_SHOWN_MS) {
      const { byMs, at } = this.#step;
      // While a machine sleeps its monotonic clock may stand still.
      const how = byMs < 0 ? 'was set back' : 'was set forward, or the machine slept,';
      const cause = `that of this node ${how} by ${seconds(byMs)} while it ran`;
      problems.push(problem('clock_set', { subject, since: at, cause, action: 'make sure that it is right now' }));
    }
    return problems;
  }
}

/** The report on a clock, of which nothing but the time is known while the node is sealed. `now` in ms since 1970. */
export function clockReport(watch: ClockWatch | null, now: number): ClockReport {
  const { offsets, step } = watch?.state() ?? { offsets: [], step: null };
  return {
    now: iso(now),
    peers: offsets.map(({ index, offsetMs }) => ({ index, offset_ms: offsetMs })),
    set: step === null ? null : { by_ms: step.byMs, at: iso(step.at) },
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function seconds(ms: number): string {
  return `${(Math.abs(ms) / 1000).toFixed(1)} s`;
}
