// Where this node stands with its peers (ceremony/guard.ts), and the alarm of a node that was put back or copied.
import {
  GUARD_STARTING,
  type GuardEvent,
  type GuardSetup,
  type GuardState,
  guardStep,
  maySign,
} from '../../ceremony/guard.ts';
import type { StateHead } from '../../crypto/head-statement.ts';
import type { Queries } from '../../store/database.ts';
import { getNodeState, recordRegression } from '../../store/node-state.ts';
import type { Log } from '../runtime/log.ts';
import { type Problem, problem } from '../runtime/problems.ts';

const LEVELS = { starting: 'warn', live: 'info', halted: 'error' } as const;

/** What a standing works with. `now` in ms since 1970. `onRegressed`: the node starts over, in a new epoch. */
export interface StandingInput {
  readonly setup: GuardSetup;
  readonly db: Queries;
  readonly log: Log;
  readonly now: () => number;
  readonly onRegressed: () => void;
}

/** When a state was shown first that the own log lacks, and by whom; `epoch`: the one that the node is in since. */
interface Regression {
  readonly since: number;
  readonly peer: number;
  readonly epoch: number;
}

/** The guard of a running node. */
export class Standing {
  readonly #input: StandingInput;
  readonly #listeners: (() => void)[] = [];
  #state: GuardState = GUARD_STARTING;
  #regression: Regression | null = null;
  /** Since when it is in this phase, in ms since 1970. */
  #phaseSince: number;

  constructor(input: StandingInput) {
    this.#input = input;
    this.#phaseSince = input.now();
  }

  /** Where the node stands. */
  get state(): GuardState {
    return this.#state;
  }

  /** Whether the node may sign now, or one sentence on why not. */
  maySign(): ReturnType<typeof maySign> {
    return maySign(this.#input.setup, this.#state);
  }

  /** Has a listener told, at once, whenever this node turns out to be put back or copied: what it holds in memory may be too. */
  whenStopped(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Takes an event whose claim was verified. */
  step(event: Exclude<GuardEvent, { kind: 'regressed' }>): void {
    const before = this.#state.phase;
    this.#move(event);
    if (event.kind === 'duplicate' && before !== 'halted') this.#stopped();
  }

  /**
   * A peer showed a head that this node has signed and that its log lacks: the epoch rises above it, durably, and the node
   * starts over.
   */
  regressed(peer: number, shown: StateHead): void {
    if (this.#state.phase === 'halted') return;
    const { db, log, now, onRegressed } = this.#input;
    // Nothing may be signed, nor kept for it, even if the epoch cannot be written.
    this.#move({ kind: 'regressed' });
    this.#stopped();
    const epoch = Math.max(getNodeState(db).epoch, shown.epoch) + 1;
    this.#regression ??= { since: now(), peer, epoch };
    recordRegression(db, { epoch, peer, shown }, now());
    this.#regression = { ...this.#regression, epoch };
    const { epoch: of, seq } = shown;
    log('error', 'state_regressed', { shown_by: peer, shown_epoch: of, shown_seq: seq, new_epoch: epoch });
    onRegressed();
  }

  /** What an operator should look at. */
  problems(): readonly Problem[] {
    const verdict = this.maySign();
    const problems = verdict.ok ? [] : [this.#signsNothing(verdict.detail)];
    if (this.#regression === null) return problems;
    const { since, peer, epoch } = this.#regression;
    const cause = `operator ${peer} has seen a newer state of this node than its database has (it is now in epoch ${epoch}): the database is a restored backup, or a copy of this node ran elsewhere`;
    const action =
      'if you restored a backup, restart the server, which ends this alarm; if not, find the copy and end it for good before that';
    return [...problems, problem('state_regressed', { subject: 'this node', since, cause, action })];
  }

  #signsNothing(detail: string): Problem {
    const action =
      this.#state.phase === 'halted'
        ? 'end the other copy of this node for good, then restart this one'
        : 'wait a minute; if this lasts, ask the operators who do not answer to start and unseal their nodes';
    return problem('signs_nothing', {
      subject: 'this node',
      since: this.#phaseSince,
      cause: `it signs nothing: ${detail}`,
      action,
    });
  }

  #move(event: GuardEvent): void {
    const before = this.#state.phase;
    this.#state = guardStep(this.#input.setup, this.#state, event);
    const { phase } = this.#state;
    if (phase === before) return;
    this.#phaseSince = this.#input.now();
    const verdict = this.maySign();
    this.#input.log(LEVELS[phase], `guard_${phase}`, verdict.ok ? {} : { detail: verdict.detail });
  }

  #stopped(): void {
    for (const listener of this.#listeners) listener();
  }
}
