// Whose turn a piece of work is (schedule.ts), with what a node remembers between rounds: since when work could have
// been done, and until when it rests after a failure. A restart forgets both, so this node only waits again.

import type { OperatorConfig } from '../config/config.ts';
import type { Effects } from '../runtime/effects.ts';
import { errorText, type Log } from '../runtime/log.ts';
import { isTurn } from './schedule.ts';

/** Most pieces of work that are remembered; the oldest make room. */
const REMEMBERED_MAX = 20_000;

/** What turns work with. */
export interface TurnsInput {
  readonly config: Pick<OperatorConfig, 'takeoverS' | 'myIndex' | 'parties'>;
  readonly effects: Pick<Effects, 'monotonic'>;
  readonly log: Log;
}

/** The turns of one node. */
export class Turns {
  readonly #bridge: TurnsInput;
  /** In ms by the monotonic clock, both. */
  readonly #since = new Map<string, number>();
  readonly #resting = new Map<string, number>();
  /** How long work was left alone the last time, in ms. */
  readonly #rested = new Map<string, number>();

  constructor(bridge: TurnsInput) {
    this.#bridge = bridge;
  }

  /**
   * Runs work when it is this node's turn; after a failure it rests for as long as the next one waits to take over. Never
   * rejects. True where it ran, with whatever outcome.
   */
  async take(name: string, run: () => Promise<void>): Promise<boolean> {
    const { config, log } = this.#bridge;
    if (!this.isMine(name)) return false;
    try {
      await run();
      this.#since.delete(name);
    } catch (error) {
      log('warn', 'work_failed', { name, detail: errorText(error) });
      this.rest(name, config.takeoverS * 1000);
    }
    return true;
  }

  /** Whether it is this node's turn. The first question about a piece of work is the time from which it could be done. */
  isMine(name: string): boolean {
    const { effects, config } = this.#bridge;
    if (this.rests(name)) return false;
    const now = effects.monotonic();
    const readySince = this.#since.get(name) ?? now;
    remember(this.#since, name, readySince);
    return isTurn({ name, readySince }, config.myIndex, config.parties, config.takeoverS * 1000, now);
  }

  /** Forgets since when work could have been done: should it come again, its leader begins again. */
  forget(name: string): void {
    this.#since.delete(name);
  }

  /** Whether work is left alone for now. */
  rests(name: string): boolean {
    const until = this.#resting.get(name);
    if (until === undefined) return false;
    if (this.#bridge.effects.monotonic() < until) return true;
    this.#resting.delete(name);
    return false;
  }

  /** Leaves work alone for so many ms. */
  rest(name: string, ms: number): void {
    remember(this.#resting, name, this.#bridge.effects.monotonic() + ms);
  }

  /** Leaves work alone twice as long as the last time: for `ms` at first, for `most` ms in the end. */
  restLonger(name: string, ms: number, most: number): void {
    const last = this.#rested.get(name);
    const next = last === undefined ? ms : Math.min(most, last * 2);
    remember(this.#rested, name, next);
    this.rest(name, next);
  }
}

function remember(map: Map<string, number>, name: string, value: number): void {
  map.set(name, value);
  if (map.size <= REMEMBERED_MAX) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
