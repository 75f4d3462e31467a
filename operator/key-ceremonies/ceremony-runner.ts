// Runs one key ceremony's state machine against the world: events are sealed and durable before anything that follows from
// them is sent. Replies travel back with the request; everything else is sent in the background, and sent again.

import { type DkgState, disposeDkg, dkgStep, IDLE, replayDkg, wantsRandomness } from '../../ceremony/dkg/dkg.ts';
import { dkgProgress, lobbyChecks } from '../../ceremony/dkg/progress.ts';
import type { DkgContext, DkgEvent, DkgHappening, DkgProgress, DkgResult } from '../../ceremony/dkg/setup.ts';
import { type DkgMessage, isDkgMessage, type Outgoing, parseMessage } from '../../ceremony/messages.ts';
import type { PreflightCheck } from '../../ceremony/messages-dkg.ts';
import { toHex, utf8, zeroize } from '../../crypto/bytes.ts';
import { appendCeremonyEvents, readCeremonyEvents } from '../../store/ceremonies.ts';
import type { Queries } from '../../store/database.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { PeerClient } from '../peers/deliver.ts';
import type { OutMessage } from '../peers/peer-reply.ts';
import type { Effects } from '../runtime/effects.ts';
import { errorText, type Log } from '../runtime/log.ts';
import { CeremonyHistory } from './ceremony-history.ts';
import { type Contact, contactOf } from './lobby-text.ts';

/** How long a peer has to answer one message of a ceremony, in ms: sealing a key file takes it about a second. */
const ANSWER_TIMEOUT_MS = 20_000;
const SEAL_NONCE_BYTES = 12;
/**
 * How many messages to one peer await their answers at once. An answer may lead to further messages, so a peer could make
 * ever more of them; what finds no room is sent again if it matters.
 */
const SENDS_PER_PEER_MAX = 32;
/** Pause before keys that could not be stored are stored again, in ms: sealing a key file is a lot of work. */
const STORE_RETRY_MS = 2_000;

/** What a runner works with. `onComplete` makes the keys live; a peer is told of completion only after it. */
export interface RunnerInput {
  readonly context: DkgContext;
  readonly db: Queries;
  readonly keyRing: KeyRing;
  readonly client: PeerClient;
  readonly effects: Effects;
  readonly log: Log;
  readonly onComplete: (result: DkgResult) => Promise<void>;
  /** Whether an attempt may begin: not where this node has a live key, and the ceremony would make another. */
  readonly mayBegin: () => boolean;
  /** Whether an attempt that was ended may still complete: not where this node has since begun to make other keys. */
  readonly mayRevive: () => boolean;
  /** An attempt that was ended has completed after all. */
  readonly onRevived: () => void;
}

/** One ceremony under way at this node. */
export class CeremonyRunner {
  readonly #input: RunnerInput;
  #state: DkgState;
  /** What the ceremony's elapsed time is ahead of the monotonic clock of this process, in ms. */
  readonly #ahead: number;
  #completion: Promise<void> | null = null;
  /** When storing the keys failed last, in ms by the monotonic clock; null where it has not. */
  #failedAt: number | null = null;
  readonly #sending = new Map<number, number>();
  readonly #contacts = new Map<number, Contact>();
  #isStored = false;
  #isDisposed = false;
  /** How it has gone, for operators. */
  readonly history = new CeremonyHistory();

  private constructor(input: RunnerInput, events: readonly DkgEvent[]) {
    const { context, effects } = input;
    this.#input = input;
    this.#state = events.length === 0 ? IDLE : replayDkg(context, events);
    const last = events.at(-1);
    // How long the node was away only the clock can tell that may be set; where it was set back, that was no time.
    const away = last === undefined ? 0 : Math.max(0, effects.now() - last.now);
    this.#ahead = (last?.elapsed ?? 0) + away - effects.monotonic();
    this.history.note(this.progress(), last?.now ?? effects.now());
  }

  /** Continues where the stored events end; a ceremony without events begins. The ceremony must be stored as running. */
  static resume(input: RunnerInput): CeremonyRunner {
    const { ceremonyId } = input.context.setup;
    const events = readCeremonyEvents(input.db, ceremonyId).map((box): DkgEvent => {
      const plaintext = input.keyRing.openForSelf(box, sealContext(ceremonyId));
      const event: DkgEvent = JSON.parse(new TextDecoder().decode(plaintext));
      zeroize(plaintext);
      return event;
    });
    return new CeremonyRunner(input, events);
  }

  /** What an operator should see. */
  progress(): DkgProgress {
    return dkgProgress(this.#input.context, this.#state);
  }

  /** Each participant in the lobby reports its own checks; they are here by index. */
  lobbyChecks(): ReadonlyMap<number, readonly PreflightCheck[]> {
    return lobbyChecks(this.#input.context, this.#state);
  }

  /** How the last message to a peer went; null where none was answered or failed yet. */
  contact(index: number): Contact | null {
    return this.#contacts.get(index) ?? null;
  }

  /** What came out, once it is complete. */
  result(): DkgResult | null {
    const { core } = this.#state;
    return core.phase === 'complete' ? core.result : null;
  }

  /** Whether the keys are stored and nobody waits for this node's word on it any more. */
  isOver(): boolean {
    return this.#isStored && !this.awaitsAcknowledgement();
  }

  /** Whether this node is making keys in it: no other ceremony may be entered meanwhile. */
  isAtWork(): boolean {
    const { phase } = this.#state.core;
    return this.hasBegun() || phase === 'lobby';
  }

  /** Whether this node has begun to make keys in it, and they are not stored yet. */
  hasBegun(): boolean {
    const { phase } = this.#state.core;
    return phase === 'running' || (phase === 'complete' && !this.#isStored);
  }

  /** Erases the ceremony's secrets. What is public stays readable; events are heard no more. */
  dispose(): void {
    this.#isDisposed = true;
    disposeDkg(this.#state);
  }

  /** Whether, as the coordinator, this node still waits for others to acknowledge the completion. */
  awaitsAcknowledgement(): boolean {
    const { core } = this.#state;
    if (core.phase !== 'complete' || core.run.coordination?.step !== 'completing') return false;
    return core.run.coordination.done.size < this.#input.context.setup.participants.length - 1;
  }

  /** Feeds an event; returns what goes back to the sender of a message, once all that it led to is durable. */
  async feed(happening: DkgHappening): Promise<readonly OutMessage[]> {
    const { context, effects } = this.#input;
    if (this.#isDisposed) return [];
    const replies = [...this.#step(happening)];
    while (wantsRandomness(context, this.#state) && this.#input.mayBegin()) {
      this.#step({ kind: 'begin', random: toHex(effects.random(32)) });
    }
    await this.finished();
    return replies;
  }

  /** Makes the keys live where the ceremony is complete, once; where that failed, a call after a pause tries again. */
  finished(): Promise<void> {
    const { effects } = this.#input;
    const result = this.result();
    if (result === null) return Promise.resolve();
    if (this.#failedAt !== null && effects.monotonic() - this.#failedAt >= STORE_RETRY_MS) {
      [this.#completion, this.#failedAt] = [null, null];
    }
    this.#completion ??= this.#input.onComplete(result).then(
      () => {
        this.#isStored = true;
      },
      (error: unknown) => {
        this.#failedAt = effects.monotonic();
        throw error;
      },
    );
    return this.#completion;
  }

  #step(happening: DkgHappening): readonly OutMessage[] {
    const { context, effects } = this.#input;
    const event = { ...happening, now: effects.now(), elapsed: effects.monotonic() + this.#ahead };
    const wasAborted = this.#state.core.phase === 'aborted';
    const shown = event.kind === 'message' && event.message.type === 'dkg_complete';
    if (wasAborted && shown && !this.#input.mayRevive()) return [];
    const step = dkgStep(context, this.#state, event);
    // Once the keys are stored, what is left is who has heard of it, and whoever has not asks.
    if (step.durable && !this.#isStored) this.#persist(event);
    this.#state = step.state;
    this.history.note(this.progress(), event.now);
    if (wasAborted && step.state.core.phase === 'complete') this.#input.onRevived();
    const asker = event.kind === 'message' ? event.from : null;
    for (const message of step.outgoing) {
      if (message.to !== asker) void this.#send(message);
    }
    return step.outgoing.filter(({ to }) => to === asker).map(({ type, body }) => ({ type, body }));
  }

  #persist(event: DkgEvent): void {
    const { context, db, keyRing, effects } = this.#input;
    const { ceremonyId } = context.setup;
    const plaintext = utf8(JSON.stringify(event));
    const box = keyRing.sealForSelf(plaintext, sealContext(ceremonyId), effects.random(SEAL_NONCE_BYTES));
    zeroize(plaintext);
    appendCeremonyEvents(db, ceremonyId, [box], event.now);
  }

  async #send(message: Outgoing<DkgMessage>): Promise<void> {
    const { context, client, log } = this.#input;
    const { to, type, body } = message;
    const underWay = this.#sending.get(to) ?? 0;
    if (underWay >= SENDS_PER_PEER_MAX) return;
    this.#sending.set(to, underWay + 1);
    try {
      // Keys that are complete here must be in the key file before anybody hears of it.
      await this.finished();
      const out = { ceremony: context.setup.ceremonyId, type, body };
      const result = await client.send(to, out, { timeoutMs: ANSWER_TIMEOUT_MS });
      this.#contacts.set(to, contactOf(result, this.#input.effects.now()));
      if (!result.ok) return;
      for (const reply of result.messages) {
        const parsed = parseMessage(reply.type, reply.body);
        if (!parsed.ok || !isDkgMessage(parsed.message)) continue;
        const more = await this.feed({ kind: 'message', from: to, message: parsed.message });
        for (const answer of more) {
          const again = parseMessage(answer.type, answer.body);
          if (again.ok && isDkgMessage(again.message)) void this.#send({ to, ...again.message });
        }
      }
    } catch (error) {
      log('error', 'ceremony_message_failed', { to, type, detail: errorText(error) });
    } finally {
      this.#sending.set(to, (this.#sending.get(to) ?? 1) - 1);
    }
  }
}

function sealContext(ceremonyId: string): string {
  return `dkg/${ceremonyId}`;
}
