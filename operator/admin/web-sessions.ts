// Who is signed in at the web admin. A session is a random token in a cookie; the database keeps its SHA-256, so a copy of the
// database signs nobody in.
import { sha256 } from '@noble/hashes/sha2.js';
import { base64urlnopad } from '@scure/base';
import { toHex } from '../../crypto/bytes.ts';
import type { Queries } from '../../store/database.ts';
import type { SessionFactor, UserRole } from '../../store/schema-users.ts';
import {
  addSession,
  endOtherSessions,
  endSession,
  getSession,
  listSessions,
  type SessionBounds,
  touchSession,
} from '../../store/sessions.ts';
import type { Effects } from '../runtime/effects.ts';

/** A session that nobody used for so long ends, in ms (OWASP ASVS 5, 7.3). */
export const SESSION_IDLE_MS = 15 * 60_000;
/** A session ends after so long, however it is used, in ms. */
export const SESSION_MS_MAX = 8 * 3_600_000;
const TOKEN_BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;
const ADDRESS_CHARACTERS_MAX = 64;
const BROWSER_CHARACTERS_MAX = 200;

/** Where a request comes from. */
export interface WebOrigin {
  readonly address: string;
  /** What the browser calls itself. */
  readonly browser: string;
}

/** Somebody who is signed in; times in ms since 1970. */
export interface Visitor {
  readonly user: string;
  readonly role: UserRole;
  readonly factor: SessionFactor;
  /** Names the session; no secret. */
  readonly session: string;
  readonly createdAt: number;
  readonly seenAt: number;
}

/** A session as its person sees it. */
export interface SessionReport {
  readonly id: string;
  readonly address: string;
  readonly browser: string;
  readonly created_at: string;
  readonly seen_at: string;
  readonly is_own: boolean;
}

/** The sessions in an open accounts database. */
export class WebSessions {
  readonly #db: Queries;
  readonly #effects: Pick<Effects, 'now' | 'random'>;

  constructor(db: Queries, effects: Pick<Effects, 'now' | 'random'>) {
    this.#db = db;
    this.#effects = effects;
  }

  /** Begins a session and returns its token, which stands nowhere else. */
  begin(user: string, factor: SessionFactor, { address, browser }: WebOrigin): string {
    const token = base64urlnopad.encode(this.#effects.random(TOKEN_BYTES));
    const now = this.#effects.now();
    const from = { address: address.slice(0, ADDRESS_CHARACTERS_MAX), browser: shortened(browser) };
    addSession(this.#db, { hash: hashOf(token), user, factor, createdAt: now, seenAt: now, ...from }, bounds(now));
    return token;
  }

  /** Who holds this token; null where its session is over. `touches`: whether the person has asked for something. */
  visitor(token: string, touches: boolean): Visitor | null {
    if (!TOKEN.test(token)) return null;
    const now = this.#effects.now();
    const hash = hashOf(token);
    const found = getSession(this.#db, hash, bounds(now));
    if (found === null) return null;
    const { session, user } = found;
    if (touches) touchSession(this.#db, hash, now);
    const { factor, createdAt } = session;
    const seenAt = touches ? now : session.seenAt;
    return { user: user.name, role: user.role, factor, session: hash, createdAt, seenAt };
  }

  list({ user, session: own }: Visitor): readonly SessionReport[] {
    return listSessions(this.#db, user, bounds(this.#effects.now())).map((session) => ({
      id: session.hash,
      address: session.address,
      browser: session.browser,
      created_at: new Date(session.createdAt).toISOString(),
      seen_at: new Date(session.seenAt).toISOString(),
      is_own: session.hash === own,
    }));
  }

  /** Ends one session of this person; false where there is none of that id. */
  end({ user }: Visitor, id: string): boolean {
    return endSession(this.#db, user, id);
  }

  endOthers({ user, session }: Visitor): void {
    endOtherSessions(this.#db, user, session);
  }
}

/** When a session ends if its person does nothing more, in ms since 1970. */
export function sessionEnd({ createdAt, seenAt }: Pick<Visitor, 'createdAt' | 'seenAt'>): number {
  return Math.min(createdAt + SESSION_MS_MAX, seenAt + SESSION_IDLE_MS);
}

function bounds(now: number): SessionBounds {
  return { createdAfter: now - SESSION_MS_MAX, seenAfter: now - SESSION_IDLE_MS };
}

function hashOf(token: string): string {
  return toHex(sha256(new TextEncoder().encode(token)));
}

function shortened(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, BROWSER_CHARACTERS_MAX);
}
