// Acts of the web admin. Somebody asks for one; the page shows what it will do; they confirm exactly that with a fresh second
// factor, and where a second person is needed, that one confirms it too. What was shown is what is done: an act whose subject
// changed meanwhile is shown anew. Acts are kept in memory: after a restart they are asked for again.
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import type { Person } from '../accounts/accounts.ts';
import { assertPermitted, authoriseProven, needsSecond } from '../accounts/authorise.ts';
import type { Action } from '../accounts/permissions.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { Effects } from '../runtime/effects.ts';
import type { Progress } from '../runtime/progress.ts';
import type { Visitor, WebOrigin } from './web-sessions.ts';

/** How long somebody has to confirm what they asked for, in ms. */
export const CONFIRM_MS = 10 * 60_000;
/** How long a second person has, in ms. */
export const SECOND_MS = 60 * 60_000;
/** How long the outcome of an act can be looked at, in ms. */
const OUTCOME_MS = 60 * 60_000;
const ACTS_MAX = 200;
const ACTS_OF_ONE_MAX = 20;
const PROGRESS_LINES_MAX = 50;
const ID_BYTES = 16;

/** Where an act stands. */
export type ActState =
  | { readonly kind: 'asked' }
  | { readonly kind: 'awaits_second' }
  | { readonly kind: 'running' }
  | { readonly kind: 'done'; readonly result: Json }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'withdrawn' };

/** An act as pages show it. `digest` (hex) is the SHA-256 of `text`, which is all that is done. */
export interface ActReport {
  readonly id: string;
  readonly command: string;
  readonly action: Action;
  readonly title: string;
  readonly says: readonly string[];
  readonly terminal: string;
  readonly text: string;
  readonly digest: string;
  readonly by: string;
  readonly second: string | null;
  readonly needs_second: boolean;
  readonly asked_at: string;
  readonly expires_at: string;
  readonly state: ActState;
  readonly progress: readonly string[];
}

/** What somebody proved themselves with; `how` for the audit log. */
export type Proof = { readonly ok: true; readonly how: string } | { readonly ok: false };

/** `changed`: what the act is about is not as it was shown; the act now stands for what it is. */
export type ConfirmVerdict =
  | { readonly kind: 'begun' | 'awaits_second' | 'over' }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'changed'; readonly before: Json; readonly after: Json };

/** An act that somebody asks for. */
export interface AskedAct {
  readonly action: Action;
  readonly command: string;
  readonly params: Json;
  /** See `ActDefinition`. */
  readonly title: string;
  readonly says: readonly string[];
  readonly terminal: string;
  readonly isLight: boolean;
  /** See `ActDefinition`. */
  readonly isSecret?: boolean;
  /** What the act is about, as it stands now. */
  readonly subject: () => Promise<Json>;
  readonly run: (io: { readonly progress: Progress; readonly actor: Person }) => Promise<Json>;
}

interface StoredAct {
  readonly id: string;
  readonly asked: AskedAct;
  readonly by: Person;
  readonly session: string;
  readonly askedAt: number;
  subject: Json;
  until: number;
  second: Person | null;
  how: string | null;
  isBusy: boolean;
  state: ActState;
  /** A result that is to be shown once, and was not yet. */
  unseen: Json;
  readonly progress: string[];
}

/** What acts need of the node. */
export interface ActsInput {
  readonly singleOperator: boolean;
  readonly effects: Pick<Effects, 'now' | 'random'>;
  readonly audit: (kind: string, body: Json) => void;
  /** Whether this person is still an active user of this role. */
  readonly isStill: (person: Person) => Promise<boolean>;
  /** What an error says to an operator; null where it is a fault of the program. */
  readonly told: (error: unknown) => { readonly code: string; readonly message: string } | null;
  /** Told of a fault of the program; the page says only that there was one. */
  readonly onFault: (command: string, error: unknown) => void;
}

/** The acts that people have asked for. */
export class Acts {
  readonly #input: ActsInput;
  readonly #acts = new Map<string, StoredAct>();
  readonly #listeners = new Set<() => void>();

  constructor(input: ActsInput) {
    this.#input = input;
  }

  /** Calls back at every change, until the function that it returns is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Asks for an act; nothing is done yet, unless it is a light one, which begins at once. Throws `CommandError` where the role
   * may not.
   */
  async ask(visitor: Visitor, asked: AskedAct, from: WebOrigin): Promise<string> {
    const { user, role, session } = visitor;
    const by = { user, role };
    assertPermitted(this.#input, by, asked);
    const subject = await asked.subject();
    const now = this.#input.effects.now();
    this.#makeRoom(user, now);
    const act: StoredAct = {
      ...{ id: toHex(this.#input.effects.random(ID_BYTES)), asked, by, session, askedAt: now, subject },
      ...{ until: now + CONFIRM_MS, second: null, how: null, isBusy: false, state: { kind: 'asked' }, progress: [] },
      unseen: null,
    };
    this.#acts.set(act.id, act);
    if (asked.isLight && !needsSecond(this.#input, asked.action)) {
      act.how = 'session';
      this.#begin(act, from);
    }
    this.#tell();
    return act.id;
  }

  /** An act; null where there is none, or its time is over. */
  report(id: string): ActReport | null {
    const act = this.#found(id);
    return act === null ? null : this.#reportOf(act);
  }

  /** The 32 bytes that a passkey signs to confirm an act; null where there is none. */
  digest(id: string): Uint8Array | null {
    const act = this.#found(id);
    return act === null ? null : digestOf(textOf(act));
  }

  /** Acts that wait for a second person. */
  awaitingSecond(): readonly ActReport[] {
    return [...this.#acts.keys()]
      .map((id) => this.#found(id))
      .filter((act) => act !== null)
      .filter(({ state }) => state.kind === 'awaits_second')
      .map((act) => this.#reportOf(act));
  }

  /**
   * Confirms an act. `seen`: the digest that the page showed; `prove` checks what the person shows. Throws `CommandError` where
   * the role may not.
   */
  async confirm(
    id: string,
    visitor: Visitor,
    seen: string,
    from: WebOrigin,
    prove: () => Promise<Proof>,
  ): Promise<ConfirmVerdict> {
    const act = this.#found(id);
    if (act === null) return { kind: 'refused', message: 'This act is not known any more: ask for it again.' };
    if (act.isBusy || !isOpen(act)) return { kind: 'over' };
    act.isBusy = true;
    try {
      return await this.#confirm(act, { user: visitor.user, role: visitor.role }, seen, from, prove);
    } finally {
      act.isBusy = false;
      this.#tell();
    }
  }

  async #confirm(
    act: StoredAct,
    person: Person,
    seen: string,
    from: WebOrigin,
    prove: () => Promise<Proof>,
  ): Promise<ConfirmVerdict> {
    const { command, action } = act.asked;
    const isSecond = act.state.kind === 'awaits_second';
    assertPermitted(this.#input, person, { action, command });
    if (isSecond && person.user === act.by.user) {
      throw new CommandError('same_person', `the second person has to be another one than ${person.user}`);
    }
    if (isSecond && person.role === act.by.role) {
      const both = `${act.by.user} and ${person.user} are both ${person.role}`;
      throw new CommandError('same_role', `the second person has to be of another role: ${both}`);
    }
    if (!isSecond && person.user !== act.by.user) {
      throw new CommandError('not_yours', `${act.by.user} has asked for this, and has to confirm it first`);
    }
    // Asking counts for something only as long as whoever asked may ask.
    if (!(await this.#input.isStill(act.by))) {
      const { user } = act.by;
      throw new CommandError('rights_changed', `the rights of ${user} have changed since they asked: ask for it again`);
    }
    const before = act.subject;
    const after = await act.asked.subject();
    if (JSON.stringify(before) !== JSON.stringify(after) || seen !== toHex(digestOf(textOf(act)))) {
      act.subject = after;
      // Whoever confirmed before confirmed something else.
      act.state = { kind: 'asked' };
      return { kind: 'changed', before, after };
    }
    const proof = await prove();
    if (!proof.ok) return { kind: 'refused', message: CODE_REFUSED };
    if (isSecond) {
      act.second = person;
    } else {
      act.how = proof.how;
      if (needsSecond(this.#input, action)) {
        act.state = { kind: 'awaits_second' };
        act.until = this.#input.effects.now() + SECOND_MS;
        this.#input.audit('act_asked', { command, action, by: person.user, from: from.address });
        return { kind: 'awaits_second' };
      }
    }
    this.#begin(act, from);
    return { kind: 'begun' };
  }

  /** Whether an act has a result that this person may see once. */
  hasUnseen(id: string, { user }: Visitor): boolean {
    const act = this.#found(id);
    return act !== null && act.by.user === user && act.unseen !== null;
  }

  /** The result that is shown once, to whoever asked for the act alone; null where there is none any more. */
  takeUnseen(id: string, visitor: Visitor): Json {
    const act = this.#found(id);
    if (act === null || !this.hasUnseen(id, visitor)) return null;
    const { unseen } = act;
    act.unseen = null;
    this.#tell();
    return unseen;
  }

  /** Withdraws an act that has not begun; false where it has, or is somebody else's and this one may not do it either. */
  withdraw(id: string, visitor: Visitor): boolean {
    const act = this.#found(id);
    if (act === null || act.isBusy || !isOpen(act)) return false;
    assertPermitted(this.#input, { user: visitor.user, role: visitor.role }, act.asked);
    act.state = { kind: 'withdrawn' };
    this.#input.audit('act_withdrawn', { command: act.asked.command, asked_by: act.by.user, by: visitor.user });
    this.#tell();
    return true;
  }

  #begin(act: StoredAct, from: WebOrigin): void {
    const { by, second, asked } = act;
    const { command, action } = asked;
    const noted = { from: from.address, confirmed_by: act.how ?? 'session', digest: toHex(digestOf(textOf(act))) };
    authoriseProven(this.#input, { action, command, by, second, noted });
    act.state = { kind: 'running' };
    act.until = Number.POSITIVE_INFINITY;
    const progress: Progress = ({ text }) => {
      if (act.progress.at(-1) === text) return;
      act.progress.push(text);
      if (act.progress.length > PROGRESS_LINES_MAX) act.progress.shift();
      this.#tell();
    };
    const end = (state: ActState): void => {
      act.state = state;
      act.until = this.#input.effects.now() + OUTCOME_MS;
      this.#tell();
    };
    asked.run({ progress, actor: by }).then(
      (result) => {
        if (asked.isSecret !== true) return end({ kind: 'done', result });
        act.unseen = result;
        end({ kind: 'done', result: null });
      },
      (error: unknown) => end(this.#failure(command, error)),
    );
  }

  #failure(command: string, error: unknown): ActState {
    const told = this.#input.told(error);
    if (told !== null) return { kind: 'failed', ...told };
    this.#input.onFault(command, error);
    return { kind: 'failed', code: 'internal', message: 'the node met an unexpected fault; its log says more' };
  }

  #found(id: string): StoredAct | null {
    const act = this.#acts.get(id);
    if (act === undefined) return null;
    if (act.until > this.#input.effects.now() || act.isBusy) return act;
    this.#acts.delete(id);
    return null;
  }

  #makeRoom(user: string, now: number): void {
    for (const [id, { until, isBusy }] of this.#acts) if (until <= now && !isBusy) this.#acts.delete(id);
    const idle = [...this.#acts.values()].filter(({ state, isBusy }) => state.kind !== 'running' && !isBusy);
    const own = idle.filter(({ by }) => by.user === user);
    if (own.length >= ACTS_OF_ONE_MAX) this.#drop(own);
    if (this.#acts.size >= ACTS_MAX) this.#drop(idle);
    if (this.#acts.size < ACTS_MAX) return;
    throw new CommandError('acts_max', `${ACTS_MAX} acts are under way already: wait until some have ended`);
  }

  #drop([oldest]: readonly StoredAct[]): void {
    if (oldest !== undefined) this.#acts.delete(oldest.id);
  }

  #reportOf(act: StoredAct): ActReport {
    const { id, asked, by, second, state, progress } = act;
    const { command, action, title, says, terminal } = asked;
    const text = textOf(act);
    return {
      ...{ id, command, action, title, says, terminal, text },
      digest: toHex(digestOf(text)),
      by: by.user,
      second: second?.user ?? null,
      needs_second: needsSecond(this.#input, action),
      asked_at: new Date(act.askedAt).toISOString(),
      expires_at: Number.isFinite(act.until) ? new Date(act.until).toISOString() : '',
      state,
      progress,
    };
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** The one answer to every code and passkey that is not good. */
export const CODE_REFUSED =
  'This code or passkey is wrong, was used before, or the account is locked for a while: wait for a new code and try again.';

function isOpen({ state }: StoredAct): boolean {
  return state.kind === 'asked' || state.kind === 'awaits_second';
}

// All that is done, and what it is about, as one text: its SHA-256 is what a passkey signs.
function textOf({ id, asked: { command, params }, by, askedAt, subject }: StoredAct): string {
  return JSON.stringify({ act: id, command, params, subject, by: by.user, asked_at: new Date(askedAt).toISOString() });
}

function digestOf(text: string): Uint8Array {
  return sha256(new TextEncoder().encode(text));
}
