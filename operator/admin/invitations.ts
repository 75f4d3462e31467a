// Invitations: links with which one person makes an account of their own, with a password that nobody else knows. The first one
// is printed by a server that has no users yet. They are kept in memory: a restart ends them.
import { sha256 } from '@noble/hashes/sha2.js';
import { base64urlnopad } from '@scure/base';
import { TOTP_SECRET_BYTES } from '../../crypto/account-secrets.ts';
import { toHex, zeroize } from '../../crypto/bytes.ts';
import type { UserRole } from '../../store/schema-users.ts';
import type { Effects } from '../runtime/effects.ts';

/** For how long an invitation is good, in ms by the monotonic clock. */
export const INVITATION_MS = 24 * 3_600_000;
const INVITATIONS_MAX = 100;
const TOKEN_BYTES = 32;

/** What an invited person may become. `user` null: they choose the name. `totpSecret` belongs to the invitation. */
export interface Invitation {
  readonly user: string | null;
  readonly role: UserRole;
  /** Who invited; null: the server, whose first admin this makes. */
  readonly by: string | null;
  readonly totpSecret: Uint8Array;
}

/** The invitations that are open, by the SHA-256 of their tokens. */
export class Invitations {
  readonly #effects: Pick<Effects, 'monotonic' | 'random'>;
  readonly #open = new Map<string, Invitation & { readonly until: number }>();

  constructor(effects: Pick<Effects, 'monotonic' | 'random'>) {
    this.#effects = effects;
  }

  /** Makes an invitation and returns the token of its link. One for the same name ends an earlier one. */
  add(invited: Pick<Invitation, 'user' | 'role' | 'by'>): string {
    this.#prune();
    for (const [hash, { user }] of this.#open) if (user === invited.user) this.#end(hash);
    const [oldest] = this.#open.keys();
    if (this.#open.size >= INVITATIONS_MAX && oldest !== undefined) this.#end(oldest);
    const token = base64urlnopad.encode(this.#effects.random(TOKEN_BYTES));
    const totpSecret = this.#effects.random(TOTP_SECRET_BYTES);
    this.#open.set(hashOf(token), { ...invited, totpSecret, until: this.#effects.monotonic() + INVITATION_MS });
    return token;
  }

  /** The invitation of a token; null where there is none any more. */
  find(token: string): Invitation | null {
    this.#prune();
    return this.#open.get(hashOf(token)) ?? null;
  }

  /** Ends the invitation of a token. */
  end(token: string): void {
    this.#end(hashOf(token));
  }

  #end(hash: string): void {
    const found = this.#open.get(hash);
    if (found !== undefined) zeroize(found.totpSecret);
    this.#open.delete(hash);
  }

  #prune(): void {
    const now = this.#effects.monotonic();
    for (const [hash, { until }] of this.#open) if (until <= now) this.#end(hash);
  }
}

function hashOf(token: string): string {
  return toHex(sha256(new TextEncoder().encode(token)));
}
