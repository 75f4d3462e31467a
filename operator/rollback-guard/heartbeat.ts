// Heartbeats: every node shows every peer the head of its audit log, signed, and is shown the highest that the peer has
// seen of it. ceremony/guard.ts decides what follows from it; this file keeps the time.
//
// What heartbeats cannot see: a decision whose head no peer received before the state was rolled back. A beat leaves
// together with the shares of a decision, so this happens only if a disk loses its state within one network delay.
import type { GuardSetup } from '../../ceremony/guard.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { CLOCK_SKEW_MS_MAX } from '../../crypto/envelope.ts';
import { stateHead } from '../../store/node-state.ts';
import type { PeerClient } from '../peers/deliver.ts';
import { parseServiceMessage } from '../peers/messages.ts';
import type { Beat, DuplicateEvidence } from '../peers/messages-guard.ts';
import { LAST_WORDS_MS } from '../peers/peer-session.ts';
import { ClockWatch } from '../runtime/clock-watch.ts';
import type { Effects } from '../runtime/effects.ts';
import { errorText } from '../runtime/log.ts';
import { type Problem, problem } from '../runtime/problems.ts';
import { type BeatFacts, PeerHeads, type PeerHeadsInput } from './peer-heads.ts';
import { PeerPauses } from './peer-pauses.ts';
import { Standing } from './standing.ts';

const BEAT_TIMEOUT_MS = 5_000;
/** A peer that has answered nothing for so many beats, and for so long in ms, is unreachable. */
const UNREACHABLE_BEATS = 3;
export const UNREACHABLE_MS_MIN = 15_000;
/** Least time between two beats to a peer, in ms; also how soon a start asks again. */
const BEAT_GAP_MS = 250;
/** How long another start of this node must have been silent to count as ended, in beats: a living one would beat. */
const QUIET_BEATS = 1.5;
/** How long a command waits for a start to be confirmed, in ms, and how often it looks. */
const READY_WAIT_MS = 25_000;
const READY_LOOK_MS = 50;

/** What heartbeats work with. `facts`: what a beat tells besides the head. */
export interface HeartbeatInput extends Omit<PeerHeadsInput, 'now' | 'monotonic'> {
  readonly effects: Pick<Effects, 'now' | 'monotonic' | 'sleep' | 'every'>;
  readonly setup: GuardSetup;
  readonly client: PeerClient;
  readonly intervalMs: number;
  readonly facts: () => Promise<Omit<BeatFacts, 'phase'>>;
}

/** How the beats to a peer go; times by the monotonic clock, in ms. */
interface Line {
  sentAt: number;
  /** The head that was sent last. */
  sentSeq: number;
  underWay: boolean;
  /** When it answered last, in ms since 1970. */
  answeredAt: number | null;
  /** Since the first of the beats that it has not answered; `at` in ms since 1970. */
  failing: { readonly at: number; readonly measuredAt: number; readonly detail: string } | null;
}

/** Whether a peer answers beats. */
export interface PeerAnswers {
  readonly index: number;
  readonly answeredAt: number | null;
  /** What went wrong last and since when, where that has lasted for some beats. */
  readonly unreachable: { readonly since: number; readonly detail: string } | null;
}

/** Keeps a node's heartbeat. */
export class Heartbeat {
  readonly standing: Standing;
  readonly book: PeerHeads;
  /** The pauses of the federation that peers ask for. */
  readonly pauses: PeerPauses;
  /** The own clock beside those of the peers. */
  readonly clock: ClockWatch;
  readonly #input: HeartbeatInput;
  readonly #lines = new Map<number, Line>();
  /** How long it beats by itself since it was started, or started over: counted, as a process that stalls hears nobody. */
  #beatingMs = -BEAT_GAP_MS;
  #facts: Omit<BeatFacts, 'phase'> = { version: '', key_id: null, bitcoin_height: null, recipients: 0 };
  #factsAt = Number.NEGATIVE_INFINITY;
  #stopBeating: (() => void) | null = null;
  #closed = false;

  /** By the monotonic clock, in ms. */
  readonly #begunAt: number;

  constructor(input: HeartbeatInput) {
    const { setup, db, log, effects } = input;
    this.#input = input;
    this.#begunAt = effects.monotonic();
    const now = (): number => effects.now();
    this.book = new PeerHeads({ ...input, now, monotonic: () => effects.monotonic() });
    this.pauses = new PeerPauses(input);
    this.clock = new ClockWatch(input.effects, log);
    const onRegressed = (): void => {
      this.#beatingMs = 0;
    };
    this.standing = new Standing({ setup, db, log, now, onRegressed });
    for (let index = 0; index < setup.participants; index++) {
      if (index !== setup.myIndex) this.#lines.set(index, newLine());
    }
  }

  /** Beats by itself until `close`. */
  start(): void {
    this.#stopBeating ??= this.#input.effects.every(BEAT_GAP_MS, () => this.tick());
    this.tick();
  }

  /** Sends what is due. Called again and again. */
  tick(): void {
    const { intervalMs, effects } = this.#input;
    const now = effects.monotonic();
    this.clock.look();
    this.#beatingMs += BEAT_GAP_MS;
    // What another start says at first may be its last words: only what it says later proves that it lives.
    if (this.#beatingMs >= intervalMs * QUIET_BEATS + LAST_WORDS_MS) this.standing.step({ kind: 'quiet' });
    if (now - this.#factsAt >= intervalMs) this.#refreshFacts(now);
    for (const [index, line] of this.#lines) if (this.#isDue(line, now)) void this.beat(index);
  }

  /** Whether the node may sign; while it has just started, waits a while for its peers. */
  async ready(): Promise<ReturnType<Standing['maySign']>> {
    const { effects } = this.#input;
    const deadline = effects.monotonic() + READY_WAIT_MS;
    while (this.standing.state.phase === 'starting' && effects.monotonic() < deadline && !this.#closed) {
      await effects.sleep(READY_LOOK_MS);
    }
    return this.standing.maySign();
  }

  /** Whether the node may sign now. */
  maySign(): ReturnType<Standing['maySign']> {
    return this.standing.maySign();
  }

  /** A decision was written down: shows the new head at once to every peer that can be asked now. */
  changed(): void {
    const { seq } = stateHead(this.#input.db);
    const now = this.#input.effects.monotonic();
    for (const [index, line] of this.#lines) {
      if (!line.underWay && line.sentSeq < seq && now - line.sentAt >= BEAT_GAP_MS) void this.beat(index);
    }
  }

  /** Has a listener told, at once, whenever this node stops being live (operator/rollback-guard/standing.ts). */
  whenStopped(listener: () => void): void {
    this.standing.whenStopped(listener);
  }

  /** Answers a peer's beat. */
  answer(from: number, beat: Beat): Json {
    // Only an answer to an own beat counts as agreement: it cannot be an old one that is played again.
    this.#take(from, beat);
    return this.#compose(from);
  }

  /** Shows a peer the own state and takes its answer. Never rejects. */
  async beat(index: number): Promise<void> {
    const line = this.#lines.get(index);
    if (line === undefined || line.underWay) return;
    line.underWay = true;
    try {
      await this.#ask(index, line);
    } catch (error) {
      this.#input.log('error', 'heartbeat_failed', { peer: index, detail: errorText(error) });
    } finally {
      line.underWay = false;
    }
  }

  /** What an operator should look at. */
  problems(): readonly Problem[] {
    const problems = [...this.standing.problems(), ...this.clock.problems(), ...this.pauses.problems()];
    const { issued_at: issuedAt } = this.#input.session.certificate;
    if (issuedAt > this.#input.effects.now() + CLOCK_SKEW_MS_MAX && this.standing.state.phase === 'starting') {
      const at = new Date(issuedAt).toISOString();
      // By the clock of now, as the one of then was wrong.
      const { effects } = this.#input;
      const since = effects.now() - (effects.monotonic() - this.#begunAt);
      const cause = `it was started while its clock was ahead (at ${at} by that clock): peers refuse it until then`;
      problems.push(problem('session_from_future', { subject: 'this node', since, cause, action: 'restart it' }));
    }
    for (const { index, regressedSince, phaseSince, beat } of this.book.peers()) {
      if (regressedSince !== null) {
        const cause = 'it showed an older state than before: a backup was restored, or it was copied (shown for a day)';
        const action = 'ask its operator whether a backup was restored or a copy was started';
        const subject = `operator ${index}`;
        problems.push(problem('peer_state_regressed', { subject, since: regressedSince, cause, action }));
      }
      if (beat?.phase === 'halted') problems.push(haltedPeer(index, phaseSince ?? this.#input.effects.now()));
    }
    return problems;
  }

  /** Which peers answer, in index order. */
  answers(): readonly PeerAnswers[] {
    const { intervalMs, effects } = this.#input;
    const lasts = Math.max(UNREACHABLE_BEATS * intervalMs, UNREACHABLE_MS_MIN);
    const before = effects.monotonic() - lasts;
    return [...this.#lines].map(([index, { answeredAt, failing }]) => {
      const isLasting = failing !== null && failing.measuredAt <= before;
      return { index, answeredAt, unreachable: isLasting ? { since: failing.at, detail: failing.detail } : null };
    });
  }

  /** Ends the beat. */
  close(): void {
    this.#stopBeating?.();
    this.#stopBeating = null;
    this.#closed = true;
  }

  async #ask(index: number, line: Line): Promise<void> {
    const { client, db, effects } = this.#input;
    line.sentAt = effects.monotonic();
    const sentAt = effects.now();
    line.sentSeq = stateHead(db).seq;
    const message = { ceremony: '', type: 'heartbeat', body: this.#compose(index) };
    const result = await client.send(index, message, { timeoutMs: BEAT_TIMEOUT_MS });
    // The store may be closed by now.
    if (this.#closed) return;
    if (result.peerTime !== undefined) this.clock.heard(index, result.peerTime, effects.monotonic() - line.sentAt);
    if (result.ok) [line.answeredAt, line.failing] = [effects.now(), null];
    else {
      const began = line.failing ?? { at: sentAt, measuredAt: line.sentAt };
      line.failing = { at: began.at, measuredAt: began.measuredAt, detail: `${result.error}: ${result.detail}` };
      if (result.session !== undefined) this.#suspect({ later: result.session, earlier: null });
      return;
    }
    const [reply] = result.messages;
    const parsed = reply === undefined ? null : parseServiceMessage(reply.type, reply.body);
    const beat = parsed !== null && parsed !== false && parsed.type === 'heartbeat_reply' ? parsed.body : null;
    if (beat === null || this.#take(index, beat) !== 'agrees') return;
    const quietMs = this.#input.intervalMs * QUIET_BEATS;
    const settled = beat.other_start_ms === null || beat.other_start_ms >= quietMs;
    this.standing.step({ kind: 'agreed', peer: index, settled });
  }

  #take(from: number, beat: Beat): 'agrees' | 'newer' | 'unusable' {
    this.pauses.take(from, beat.pause);
    if (beat.duplicate !== null) this.#suspect(beat.duplicate);
    const verdict = this.book.take(from, beat);
    if (verdict.kind === 'newer') this.standing.regressed(from, verdict.head);
    return verdict.kind;
  }

  #compose(to: number): Json {
    const { phase } = this.standing.state;
    const { duplicate, ...beat } = this.book.compose(to, { ...this.#facts, phase });
    return { ...beat, duplicate: duplicate === null ? null : { ...duplicate } };
  }

  #suspect(evidence: DuplicateEvidence): void {
    if (this.standing.state.phase === 'halted') return;
    const proof = this.book.duplicateIn(evidence);
    if (proof !== null) this.standing.step({ kind: 'duplicate', detail: `two copies of it are alive: ${proof}` });
  }

  #isDue(line: Line, now: number): boolean {
    if (line.underWay || now - line.sentAt < BEAT_GAP_MS) return false;
    return this.standing.state.phase === 'starting' || now - line.sentAt >= this.#input.intervalMs;
  }

  #refreshFacts(now: number): void {
    this.#factsAt = now;
    this.#input.facts().then(
      (facts) => {
        this.#facts = facts;
      },
      (error: unknown) => {
        // What was under way when the node closed finds no database any more.
        if (!this.#closed) this.#input.log('warn', 'heartbeat_facts_failed', { detail: errorText(error) });
      },
    );
  }
}

function haltedPeer(index: number, since: number): Problem {
  return problem('peer_halted', {
    subject: `operator ${index}`,
    since,
    cause: 'it signs nothing: it has halted, because two copies of it were running',
    action: 'ask its operator to end one of them for good and to restart the other',
  });
}

function newLine(): Line {
  const never = Number.NEGATIVE_INFINITY;
  return { sentAt: never, sentSeq: -1, underWay: false, answeredAt: null, failing: null };
}
