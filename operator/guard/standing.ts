// Where this node stands with its peers (ceremony/guard.ts), and the catching up that follows from it.
import {
  fullQuorum,
  GUARD_STARTING,
  type GuardEvent,
  type GuardSetup,
  type GuardState,
  guardStep,
  maySign,
} from '../../ceremony/guard.ts';
import type { Queries } from '../../store/database.ts';
import { getNodeState } from '../../store/node-state.ts';
import { errorText, type Log } from '../log.ts';
import type { RecoveryTask, RecoveryVerdict } from './recovery.ts';

/** Peers' clocks, the longest signature, and the minute between two marks: how far before `wholeAt` is asked, in ms. */
const SINCE_MARGIN_MS = 15 * 60_000;
/** How long a node looks for peers that are live before it takes the word of others that are not, in ms. */
const LIVE_PEERS_WAIT_MS = 5 * 60_000;
const LEVELS = { starting: 'info', live: 'info', catching_up: 'error', halted: 'error' } as const;

/** What a standing works with. `onRecovered`: the state has a new epoch. */
export interface StandingInput {
  readonly setup: GuardSetup;
  readonly db: Queries;
  readonly log: Log;
  readonly catchUp: (task: RecoveryTask) => Promise<RecoveryVerdict>;
  readonly onRecovered: () => void;
}

/** The guard of a running node. */
export class Standing {
  readonly #input: StandingInput;
  #state: GuardState = GUARD_STARTING;
  #catchingUp: Promise<void> | null = null;
  #lastAt = Number.NEGATIVE_INFINITY;
  /** When catching up began, in ms of `elapsed`; null while nothing is to be caught up with. */
  #since: number | null = null;
  #detail = '';

  constructor(input: StandingInput) {
    this.#input = input;
  }

  /** Where the node stands. */
  get state(): GuardState {
    return this.#state;
  }

  /** Whether the node may sign now, or one sentence on why not. */
  maySign(): ReturnType<typeof maySign> {
    return maySign(this.#input.setup, this.#state);
  }

  /** Takes an event whose claim was verified. */
  step(event: GuardEvent): void {
    const before = this.#state.phase;
    this.#state = guardStep(this.#input.setup, this.#state, event);
    const { phase } = this.#state;
    if (phase === before) return;
    const verdict = this.maySign();
    this.#input.log(LEVELS[phase], `guard_${phase}`, verdict.ok ? {} : { detail: verdict.detail });
  }

  /** Asks the peers for what was lost, where that is due and not under way. `now` in ms; `elapsed`: ms that nobody sets. */
  tick(now: number, intervalMs: number, elapsed: number): void {
    if (this.#state.phase !== 'catching_up') {
      this.#since = null;
      return;
    }
    this.#since ??= elapsed;
    if (this.#catchingUp !== null || now - this.#lastAt < intervalMs) return;
    this.#lastAt = now;
    const { db, setup, catchUp, log } = this.#input;
    const { epoch, wholeAt } = getNodeState(db);
    const { myIndex, participants } = setup;
    const task: RecoveryTask = {
      epoch: Math.max(epoch, this.#state.epoch) + 1,
      since: wholeAt === null ? 0 : Math.max(0, wholeAt - SINCE_MARGIN_MS),
      peers: Array.from({ length: participants }, (_, index) => index).filter((index) => index !== myIndex),
      needed: fullQuorum(setup),
      anyCounts: elapsed - this.#since >= LIVE_PEERS_WAIT_MS,
    };
    this.#catchingUp = catchUp(task)
      .then((verdict) => this.#caughtUp(verdict))
      .catch((error: unknown) => log('error', 'catching_up_failed', { detail: errorText(error) }))
      .finally(() => {
        this.#catchingUp = null;
      });
  }

  /** Resolves when no catching up is under way. */
  async settled(): Promise<void> {
    await this.#catchingUp;
  }

  /** What an operator should look at, one sentence each. */
  problems(): readonly string[] {
    const problems: string[] = [];
    const verdict = this.maySign();
    if (!verdict.ok) problems.push(`this node signs nothing: ${verdict.detail}`);
    if (this.#state.phase === 'catching_up' && this.#detail !== '') problems.push(`catching up: ${this.#detail}`);
    return problems;
  }

  #caughtUp({ kind, detail }: RecoveryVerdict): void {
    this.#detail = detail;
    const { log, onRecovered } = this.#input;
    switch (kind) {
      case 'waiting':
        log('warn', 'catching_up_waits', { detail });
        return;
      case 'contradiction':
        this.step({ kind: 'halt', cause: 'contradiction', detail });
        return;
      case 'recovered':
        log('warn', 'state_recovered', { detail });
        onRecovered();
        this.step({ kind: 'recovered' });
    }
  }
}
