// Accounts in a folder of their own, with a clock that is set by hand and hashes that cost next to nothing.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { base32nopad } from '@scure/base';
import { generateSync } from 'otplib';
import { Accounts, type AccountsInput } from '../../../operator/accounts/accounts.ts';
import { PasswordHasher } from '../../../operator/accounts/password-hash.ts';
import { secretText } from '../../../operator/accounts/totp.ts';
import { openUsers, type Store } from '../../../store/open.ts';
import type { UserRole } from '../../../store/schema-users.ts';

export const STEP_MS = 30_000;
export const CHEAP = { memoryKib: 8, passes: 1 };

/** A password that is strong, and another for each number. */
export function passwordOf(user: string, version = 1): Uint8Array {
  return new TextEncoder().encode(`gravel tulip ${version} canoe of ${user}`);
}

export class CountingHasher extends PasswordHasher {
  /** What was checked: against the hash of an account, or of none. */
  readonly checks: ('account' | 'none')[] = [];
  override matches(password: Uint8Array, hash: string | null): Promise<boolean> {
    this.checks.push(hash === null ? 'none' : 'account');
    return super.matches(password, hash);
  }
}

/** People with their phones. */
export class People {
  readonly folder = mkdtempSync(join(tmpdir(), 'people-'));
  readonly hasher = new CountingHasher(CHEAP);
  now = 1_800_000_000_000;
  readonly input: AccountsInput = {
    config: { userDbPath: join(this.folder, 'users.db'), network: 'regtest' },
    env: {},
    effects: { now: () => this.now, random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)) },
  };
  readonly store: Store;
  readonly accounts: Accounts;
  readonly backupCodes = new Map<string, readonly string[]>();
  readonly #secrets = new Map<string, Uint8Array>();

  constructor() {
    const store = openUsers(this.input.config.userDbPath, { create: true });
    if (store === null) throw new Error('not made');
    this.store = store;
    this.accounts = new Accounts(store.db, this.input, this.hasher);
  }

  /** Creates an account, and lets the code that confirmed it go by. */
  async create(user: string, role: UserRole = 'admin'): Promise<void> {
    const enrolment = this.enrolment(user);
    const password = passwordOf(user);
    this.backupCodes.set(user, await this.accounts.create({ user, role, password, ...enrolment }));
    this.now += STEP_MS;
  }

  /** A new secret on somebody's phone, and its first code. */
  enrolment(user: string): { readonly totpSecret: string; readonly code: string } {
    const secret = this.input.effects.random(20);
    this.#secrets.set(user, secret);
    return { totpSecret: secretText(secret), code: this.code(user) };
  }

  /** What somebody's phone shows, so many steps from now. */
  code(user: string, steps = 0): string {
    const secret = this.#secrets.get(user) ?? base32nopad.decode('JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP');
    return generateSync({ secret, epoch: Math.floor(this.now / 1000) + steps * 30 });
  }

  /** Signs in; the code is that of now unless told otherwise. */
  signIn(user: string, { password = passwordOf(user), code = this.code(user) } = {}) {
    return this.accounts.signIn({ user, password, code });
  }

  close(): void {
    this.store.close();
    rmSync(this.folder, { recursive: true });
  }
}
