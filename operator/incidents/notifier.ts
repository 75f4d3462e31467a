// Who notifies people: looks again and again whether an incident was opened, closed or is overdue, and whether a problem of
// status began or ended that stops signing or work, and runs `notify_command` for each, one at a time. What could not be told is tried
// again; it shows as a problem, and holds nothing else up.

import type { Queries } from '../../store/database.ts';
import { incidentsClosedSince, openIncidents, recordNotified, wasNotified } from '../../store/timeline.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { Effects } from '../runtime/effects.ts';
import type { NotifyOutcome } from '../runtime/incident-command-types.ts';
import { errorText, type Log } from '../runtime/log.ts';
import { type Problem, problem, problemText } from '../runtime/problems.ts';
import { type Incident, incidentOf, overdue } from './incident.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Most messages that wait; further ones are dropped, and an incident's come again. */
const WAITING_MAX = 100;
/** Most messages about problems within an hour: whoever is called all the time stops to listen. */
const PROBLEMS_PER_HOUR_MAX = 20;
/** Most incidents that are looked at. */
const INCIDENTS_MAX = 200;
/** How long a problem must last, and be gone, before people are told, in ms; and how long a failed message rests. */
const LASTS_MS = { regtest: 2_000, other: 60_000 } as const;
const AGAIN_MS = { regtest: 1_000, other: 60_000 } as const;
/** These are told as what they are about. */
const TOLD_OTHERWISE: ReadonlySet<string> = new Set(['incident_open', 'incident_overdue', 'notify_failed']);

/** What it works with. `problems`: those of `status`, now; `run`: runs the command with this message. */
export interface NotifierInput {
  readonly config: OperatorConfig;
  readonly db: Queries;
  readonly effects: Pick<Effects, 'now' | 'monotonic'>;
  readonly log: Log;
  readonly problems: () => Promise<readonly Problem[]>;
  readonly run: (message: object) => Promise<NotifyOutcome>;
}

/** A message that waits; `subject`: under what name it is written down as told, null: it is not; `failed`: it was tried. */
interface Waiting {
  readonly subject: string | null;
  readonly message: object;
  readonly failed?: true;
}

/** A problem that is watched; times by the monotonic clock, in ms. */
interface Watched {
  readonly problem: Problem;
  readonly firstAt: number;
  seenAt: number;
  told: boolean;
}

/** Notifies this node's people. */
export class Notifier {
  readonly #input: NotifierInput;
  readonly #waiting: Waiting[] = [];
  readonly #watched = new Map<string, Watched>();
  /** When messages about problems were queued within the last hour. */
  #ofLate: number[] = [];
  #leftOut = 0;
  #failing: { readonly since: number; readonly detail: string } | null = null;
  #notBefore = 0;
  #running = false;
  #closed = false;

  constructor(input: NotifierInput) {
    this.#input = input;
  }

  /** Looks, and tells what is due. A round that still runs is not run twice. Never rejects. */
  async round(): Promise<void> {
    if (this.#running || this.#closed) return;
    this.#running = true;
    try {
      this.#lookAtIncidents();
      this.#lookAtProblems(await this.#input.problems());
      await this.#tellWaiting();
    } catch (error) {
      if (!this.#closed) this.#fail(errorText(error));
    } finally {
      this.#running = false;
    }
  }

  /** Runs the command once, with a message that says that it is a test. */
  async test(): Promise<NotifyOutcome> {
    const message = this.#message('test', 'This is a test: nothing has happened.', {});
    const outcome = await this.#input.run(message);
    if (outcome.ok) this.#failing = null;
    else this.#fail(outcome.detail);
    return outcome;
  }

  /** What an operator should look at. */
  problems(): readonly Problem[] {
    if (this.#failing === null) return [];
    const { since, detail } = this.#failing;
    const cause = `nobody is notified, because the command fails: ${detail}`;
    const action = 'correct "notify_command", then run `mpc_operator incident test-notify`';
    return [problem('notify_failed', { subject: 'notify_command', since, cause, action })];
  }

  /** Ends it: nothing more is told. */
  close(): void {
    this.#closed = true;
  }

  #lookAtIncidents(): void {
    const { db, config, effects } = this.#input;
    const now = effects.now();
    const read = (id: string): Incident | readonly Incident[] => incidentOf(db, id, config.parties) ?? [];
    for (const incident of openIncidents(db, INCIDENTS_MAX).flatMap(read)) {
      const { id, level, summary } = incident;
      this.#addOpened(incident);
      for (const { step, what: done, due } of overdue(incident, now)) {
        const late = `Incident ${id} of level ${level} was not ${done} by ${new Date(due).toISOString()}: ${summary}`;
        this.#add(`overdue ${id} ${step}`, 'incident_overdue', late, { incident: shown(incident), step });
      }
    }
    for (const incident of incidentsClosedSince(db, now - DAY_MS, INCIDENTS_MAX).flatMap(read)) {
      const { id, closed } = incident;
      if (closed === null) continue;
      // Any operator may close it, also before this node has looked: nobody is to miss it for that.
      this.#addOpened(incident);
      const what = `Incident ${id} was closed by operator ${closed.author}: ${closed.text}`;
      this.#add(`closed ${id}`, 'incident_closed', what, { incident: shown(incident) });
    }
  }

  #addOpened(incident: Incident): void {
    const { id, openedBy, level, summary } = incident;
    const what = `Incident ${id} of level ${level}, opened by operator ${openedBy}: ${summary}`;
    this.#add(`opened ${id}`, 'incident_opened', what, { incident: shown(incident) });
  }

  #lookAtProblems(found: readonly Problem[]): void {
    const { effects, config } = this.#input;
    const lasts = config.network === 'regtest' ? LASTS_MS.regtest : LASTS_MS.other;
    const now = effects.monotonic();
    for (const one of found) {
      if (one.severity === 'warning' || TOLD_OTHERWISE.has(one.code)) continue;
      const key = `${one.code} ${one.subject}`;
      const watched = this.#watched.get(key) ?? { problem: one, firstAt: now, seenAt: now, told: false };
      watched.seenAt = now;
      this.#watched.set(key, watched);
      if (!watched.told && now - watched.firstAt >= lasts) {
        watched.told = this.#addProblem('problem_began', problemText(one), one);
      }
    }
    for (const [key, { problem: one, seenAt, told }] of this.#watched) {
      if (seenAt === now || now - seenAt < lasts) continue;
      if (told && !this.#addProblem('problem_ended', `It is over: ${problemText(one)}`, one)) continue;
      this.#watched.delete(key);
    }
  }

  // False where people were told of so many problems of late that this one waits.
  #addProblem(event: string, text: string, one: Problem): boolean {
    const now = this.#input.effects.monotonic();
    this.#ofLate = this.#ofLate.filter((at) => now - at < HOUR_MS);
    if (this.#ofLate.length >= PROBLEMS_PER_HOUR_MAX || this.#waiting.length >= WAITING_MAX) return false;
    this.#ofLate.push(now);
    this.#waiting.push({ subject: null, message: this.#message(event, text, { problem: one }) });
    return true;
  }

  #add(subject: string, event: string, text: string, more: object): void {
    if (this.#waiting.some((one) => one.subject === subject) || wasNotified(this.#input.db, subject)) return;
    if (this.#waiting.length < WAITING_MAX) this.#waiting.push({ subject, message: this.#message(event, text, more) });
    else this.#leftOut += 1;
  }

  #message(event: string, text: string, more: object): object {
    const { config, effects } = this.#input;
    const { network, name, myIndex: index } = config;
    return {
      v: 1,
      event,
      at: new Date(effects.now()).toISOString(),
      network,
      operator: { index, name },
      text,
      ...more,
    };
  }

  async #tellWaiting(): Promise<void> {
    const { effects, db, config } = this.#input;
    while (!this.#closed && effects.monotonic() >= this.#notBefore) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      const { ok, detail } = await this.#input.run(next.message);
      if (this.#closed) return;
      this.#waiting.shift();
      if (!ok) {
        // Peers write parts of a message: one that the command cannot take must not stand before all others.
        this.#waiting.push({ ...next, failed: true });
        this.#notBefore = effects.monotonic() + (config.network === 'regtest' ? AGAIN_MS.regtest : AGAIN_MS.other);
        this.#fail(detail);
        return;
      }
      if (next.subject !== null) recordNotified(db, next.subject, effects.now());
      if (!this.#waiting.some(({ failed }) => failed)) this.#failing = null;
    }
  }

  #fail(detail: string): void {
    const { effects, log } = this.#input;
    this.#failing = { since: this.#failing?.since ?? effects.now(), detail };
    log('warn', 'notify_failed', { detail, waiting: this.#waiting.length, left_out: this.#leftOut });
  }
}

function shown({ id, level, summary, openedBy, openedAt, closed, deadlines }: Incident): object {
  return {
    ...{ id, level, summary, opened_by: openedBy, opened_at: new Date(openedAt).toISOString() },
    review: closed?.text ?? null,
    deadlines: deadlines.map(({ step, due, doneAt }) => ({
      ...{ step, due: new Date(due).toISOString(), done_at: doneAt === null ? null : new Date(doneAt).toISOString() },
    })),
  };
}
