// Whose turn a piece of work is (schedule.ts), with what a node remembers between rounds: since when work could have been
// done, and until when it is left alone after a failure. A restart forgets both, which only makes this node wait anew.

import { errorText } from '../log.ts';
import type { Bridge } from './bridge.ts';
import { isTurn } from './schedule.ts';

/** Most pieces of work that are remembered; the oldest make room. */
const REMEMBERED_MAX = 20_000;

/** The turns of one node. */
export class Turns {
  readonly #bridge: Bridge;
  /** In ms since 1970. */
  readonly #since = new Map<string, number>();
  readonly #resting = new Map<string, number>();

  constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  /**
   * Runs work when it is this node's turn; after a failure it rests for as long as the next one waits to take over. Never
   * rejects. True where it ran, with whatever outcome.
   */
  async take(name: string, run: () => Promise<void>): Promise<boolean> {
    const { effects, config, log } = this.#bridge;
    if (this.rests(name)) return false;
    const readySince = this.#since.get(name) ?? effects.now();
    remember(this.#since, name, readySince);
    const takeoverMs = config.takeoverS * 1000;
    if (!isTurn({ name, readySince }, config.myIndex, config.parties, takeoverMs, effects.now())) return false;
    try {
      await run();
      this.#since.delete(name);
    } catch (error) {
      log('warn', 'work_failed', { name, detail: errorText(error) });
      this.rest(name, takeoverMs);
    }
    return true;
  }

  /** Whether work is left alone for now. */
  rests(name: string): boolean {
    const until = this.#resting.get(name);
    if (until === undefined) return false;
    if (this.#bridge.effects.now() < until) return true;
    this.#resting.delete(name);
    return false;
  }

  /** Leaves work alone for so many ms. */
  rest(name: string, ms: number): void {
    remember(this.#resting, name, this.#bridge.effects.now() + ms);
  }
}

function remember(map: Map<string, number>, name: string, value: number): void {
  map.set(name, value);
  if (map.size <= REMEMBERED_MAX) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
