// What the log says of work that is tried again and again: that it fails and why, not each single failure. If one of
// the operator's own nodes is down, every round fails, several times a second.
import type { Effects } from '../runtime/effects.ts';
import type { Log } from '../runtime/log.ts';

/** How often a trouble that lasts is told again, in ms. */
export const TOLD_AGAIN_MS = 60_000;
/** How long nothing may have failed before a trouble is over, in ms: what comes and goes is one trouble. */
export const OVER_AFTER_MS = 5_000;
/** Most reasons that are told between two regular tellings; a reason may hold a number that is another each time. */
const REASONS_TOLD_MAX = 4;
/** Most kinds of work that are remembered as failing; the oldest make room. */
const TROUBLES_MAX = 1_000;

interface Trouble {
  /** When it began, in ms since 1970, for the log; all other times by the monotonic clock. */
  readonly since: number;
  readonly begunAt: number;
  failedAt: number;
  failures: number;
  toldAt: number;
  reasons: Set<string>;
}

/** The troubles of one service. */
export class FailureLog {
  readonly #service: string;
  readonly #log: Log;
  readonly #clocks: Pick<Effects, 'now' | 'monotonic'>;
  readonly #troubles = new Map<string, Trouble>();

  /** Writes `<service>_failed` and `<service>_recovered`. */
  constructor(service: string, log: Log, clocks: Pick<Effects, 'now' | 'monotonic'>) {
    this.#service = service;
    this.#log = log;
    this.#clocks = clocks;
  }

  /** Notes that a kind of work has failed; told at once where it did not before, or for another reason. */
  failed(what: string, detail: string): void {
    const now = this.#clocks.monotonic();
    const known = this.#troubles.get(what);
    const begun = { since: this.#clocks.now(), begunAt: now, failedAt: now, toldAt: now };
    const trouble = known ?? { ...begun, failures: 0, reasons: new Set<string>() };
    trouble.failedAt = now;
    trouble.failures += 1;
    if (known === undefined) this.#remember(what, trouble);
    const isDue = now - trouble.toldAt >= TOLD_AGAIN_MS;
    const isNew = !trouble.reasons.has(detail) && trouble.reasons.size < REASONS_TOLD_MAX;
    if (!isDue && !isNew) return;
    if (isDue) {
      trouble.toldAt = now;
      trouble.reasons = new Set();
    }
    trouble.reasons.add(detail);
    const since = new Date(trouble.since).toISOString();
    const lasting = trouble.failures === 1 ? {} : { since, failures: trouble.failures };
    this.#log('warn', `${this.#service}_failed`, { what, detail, ...lasting });
  }

  /** Notes that it went well; told once where a trouble is over by that. */
  well(what: string): void {
    const trouble = this.#troubles.get(what);
    if (trouble === undefined || this.#clocks.monotonic() - trouble.failedAt < OVER_AFTER_MS) return;
    this.#troubles.delete(what);
    const lasted_s = Math.round((trouble.failedAt - trouble.begunAt) / 1000);
    this.#log('info', `${this.#service}_recovered`, { what, lasted_s, failures: trouble.failures });
  }

  #remember(what: string, trouble: Trouble): void {
    this.#troubles.set(what, trouble);
    const [oldest] = this.#troubles.keys();
    if (this.#troubles.size > TROUBLES_MAX && oldest !== undefined) this.#troubles.delete(oldest);
  }
}
