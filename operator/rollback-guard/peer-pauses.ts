// Pauses of the federation that peers ask for. Each peer's beats carry its own until its operator resumes, so that whoever was
// away hears of it with the first beat after. This node honours one until its own operator resumes.
import type { Queries } from '../../store/database.ts';
import { ignoredUntil, pauseByPeer } from '../../store/pauses.ts';
import type { Beat } from '../peers/messages-guard.ts';
import type { Effects } from '../runtime/effects.ts';
import type { Log } from '../runtime/log.ts';
import { type Problem, problem } from '../runtime/problems.ts';
import { printable } from '../runtime/shown-text.ts';

/** A peer that asks again and again is logged once in so long, in ms. */
const IGNORED_LOGGED_MS = 3_600_000;

/** What hearing takes. */
export interface PeerPausesInput {
  readonly db: Queries;
  readonly effects: Pick<Effects, 'now' | 'monotonic'>;
  readonly log: Log;
}

/** A pause that is ignored; times in ms since 1970. */
export interface IgnoredPause {
  readonly askedBy: number;
  readonly reason: string;
  readonly since: number;
  /** Until when pauses of this operator are ignored. */
  readonly until: number;
}

/** The pauses of peers. */
export class PeerPauses {
  readonly #input: PeerPausesInput;
  readonly #ignored = new Map<number, IgnoredPause>();
  /** By the monotonic clock, in ms. */
  readonly #loggedAt = new Map<number, number>();

  constructor(input: PeerPausesInput) {
    this.#input = input;
  }

  /** Takes what a peer's beat says; null: it asks for no pause. */
  take(from: number, pause: Beat['pause']): void {
    const { db, effects, log } = this.#input;
    if (pause === null) {
      this.#ignored.delete(from);
      return;
    }
    const now = effects.now();
    const reason = printable(pause.reason);
    const taken = pauseByPeer(db, { id: pause.id, askedBy: from, reason }, now);
    const until = taken === 'ignored' ? ignoredUntil(db, from, now) : null;
    if (until === null) this.#ignored.delete(from);
    else this.#ignore({ askedBy: from, reason, since: this.#ignored.get(from)?.since ?? now, until });
    if (taken === 'taken') log('warn', 'paused_by_peer', { from, reason });
  }

  /** What is ignored now, by operator. */
  ignored(): readonly IgnoredPause[] {
    return [...this.#ignored.values()].sort((a, b) => a.askedBy - b.askedBy);
  }

  /** What an operator should look at. */
  problems(): readonly Problem[] {
    return this.ignored().map(({ askedBy, reason, since, until }) => {
      const ends = new Date(until).toISOString();
      return problem('pause_ignored', {
        subject: `operator ${askedBy}`,
        since,
        cause: `its pause of the federation is ignored until ${ends}, because one of its pauses was ended here before: ${reason}`,
        action: 'ask its operator; to stop this node all the same: `mpc_operator emergency pause --reason TEXT`',
      });
    });
  }

  #ignore(pause: IgnoredPause): void {
    const { effects, log } = this.#input;
    const { askedBy, reason, until } = pause;
    this.#ignored.set(askedBy, pause);
    const now = effects.monotonic();
    if (now - (this.#loggedAt.get(askedBy) ?? Number.NEGATIVE_INFINITY) < IGNORED_LOGGED_MS) return;
    this.#loggedAt.set(askedBy, now);
    log('warn', 'pause_ignored', { from: askedBy, reason, until });
  }
}
