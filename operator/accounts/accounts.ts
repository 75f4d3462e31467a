// The accounts of this node, as one service: who somebody is (password and second factor), and every change of an account. The
// command line uses it, and so can any other page or interface. Nothing here says what a role may do: permissions.ts does.
import {
  BOX_NONCE_BYTES,
  CODE_BYTES,
  type CodePurpose,
  codeHash,
  codeText,
  openTotpSecret,
  sealTotpSecret,
  TOTP_SECRET_BYTES,
} from '../../crypto/account-secrets.ts';
import { zeroize } from '../../crypto/bytes.ts';
import type { Queries } from '../../store/database.ts';
import { openUsers } from '../../store/open.ts';
import type { ResetKind, UserRole, UserState } from '../../store/schema-users.ts';
import {
  addUser,
  beginAttempt,
  changeUser,
  completeAttempt,
  countUsers,
  deleteUser,
  getUser,
  type ListedUser,
  listUsers,
  putResetCode,
  resetPassword,
  resetTotp,
  type SecondFactor,
  type StoredUser,
  type UserVerdict,
  unlockUser,
} from '../../store/users.ts';
import type { OperatorConfig } from '../config/config.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { Effects } from '../runtime/effects.ts';
import { ensureAccountKey, missingKey, readAccountKey } from './account-key.ts';
import { lockedUntil } from './lock-out.ts';
import { PASSWORD_COST, PasswordHasher } from './password-hash.ts';
import { passwordWeakness } from './password-strength.ts';
import { codeStep, FIRST_CODE_AGE_S, secretFromText } from './totp.ts';

export const BACKUP_CODES = 10;
/** For how long a reset code is good, in ms. */
export const RESET_MS = 24 * 3_600_000;
/** Form of a user's name. */
export const USER_NAME = /^[a-z0-9][a-z0-9._-]{0,31}$/;

/** What somebody shows to sign in. `code`: of the authenticator app, or a backup code. The owner of `password` zeroes it. */
export interface Shown {
  readonly user: string;
  readonly password: Uint8Array;
  readonly code: string;
}

/** Who signed in. */
export interface Person {
  readonly user: string;
  readonly role: UserRole;
}

/** `locked`: the attempt locked the account until then, ms since 1970; the person is not told. */
export type SignIn =
  | { readonly ok: true; readonly person: Person; readonly factor: 'totp' | 'backup-code' }
  | { readonly ok: false; readonly locked: { readonly user: string; readonly until: number } | null };

/** The one answer to every attempt that fails, so that nobody learns by it which accounts there are. */
export const SIGN_IN_REFUSED =
  'the user name, password or code is wrong, a code was used before, or the account is locked for a while or disabled: wait for a new code and try again; `mpc_operator user list` shows locked accounts';

/** What an account sets when it gets a TOTP secret; `totpSecret` is base32 and `code` its first code. */
export interface Enrolment {
  readonly totpSecret: string;
  readonly code: string;
}

/** What accounts need of the node. `env`: see `passwordHasher`. */
export interface AccountsInput {
  readonly config: Pick<OperatorConfig, 'userDbPath' | 'network'>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly effects: Pick<Effects, 'now' | 'random'>;
}

/**
 * Opens the accounts for the duration of `use`; null where there is no database and none is to be made. Throws `StoreError`
 * where the database cannot be used: then nobody can sign in.
 */
export async function withAccounts<T>(
  input: AccountsInput,
  how: { readonly create: boolean },
  use: (accounts: Accounts | null) => T | Promise<T>,
): Promise<T> {
  const store = openUsers(input.config.userDbPath, how);
  try {
    return await use(store === null ? null : new Accounts(store.db, input));
  } finally {
    store?.close();
  }
}

const hashers = new Map<number, PasswordHasher>([[PASSWORD_COST.memoryKib, new PasswordHasher()]]);

/**
 * Hashes at full cost, unless `MPC_OPERATOR_ARGON2_KIB` names less memory on regtest, where federations on one machine hold
 * nothing.
 */
function passwordHasher({ config, env }: AccountsInput): PasswordHasher {
  const told = config.network === 'regtest' ? Number(env['MPC_OPERATOR_ARGON2_KIB'] ?? '') : 0;
  const memoryKib = Number.isInteger(told) && told >= 8 ? told : PASSWORD_COST.memoryKib;
  const known = hashers.get(memoryKib) ?? new PasswordHasher({ memoryKib, passes: 1 });
  hashers.set(memoryKib, known);
  return known;
}

/** The accounts of an open database. */
export class Accounts {
  readonly #db: Queries;
  readonly #input: AccountsInput;
  readonly #hasher: PasswordHasher;

  constructor(db: Queries, input: AccountsInput, hasher: PasswordHasher = passwordHasher(input)) {
    this.#db = db;
    this.#input = input;
    this.#hasher = hasher;
  }

  /** How many accounts there are; with none, nobody has to sign in. */
  count(): number {
    return countUsers(this.#db);
  }

  list(): readonly ListedUser[] {
    return listUsers(this.#db);
  }

  /**
   * Checks a password and a second factor, and uses the factor up. Whatever is wrong, the answer is the same and the same
   * work was done. Every attempt counts until one is right; after five, the account is locked (lock-out.ts).
   */
  async signIn({ user, password, code }: Shown): Promise<SignIn> {
    const now = this.#now();
    const attempt = beginAttempt(this.#db, user, now, (failures) => lockedUntil(failures, now));
    const isPassword = await this.#hasher.matches(password, attempt?.user.passwordHash ?? null);
    const factor = await this.#secondFactor(attempt?.user ?? null, code);
    if (attempt !== null && isPassword && factor !== null && completeAttempt(this.#db, attempt.user, factor, now)) {
      const shown = 'totpStep' in factor ? 'totp' : 'backup-code';
      return { ok: true, person: { user: attempt.user.name, role: attempt.user.role }, factor: shown };
    }
    const until = attempt?.lockedUntil ?? null;
    return { ok: false, locked: attempt === null || until === null ? null : { user: attempt.user.name, until } };
  }

  /**
   * Checks a second factor of somebody who is signed in, and uses it up. Says which it was; null where it is wrong, was used
   * before, or the account is locked. Attempts count as those of `signIn`.
   */
  async confirm(user: string, code: string): Promise<'totp' | 'backup-code' | null> {
    const now = this.#now();
    const attempt = beginAttempt(this.#db, user, now, (failures) => lockedUntil(failures, now));
    const factor = await this.#secondFactor(attempt?.user ?? null, code);
    if (attempt === null || factor === null || !completeAttempt(this.#db, attempt.user, factor, now)) return null;
    return 'totpStep' in factor ? 'totp' : 'backup-code';
  }

  /**
   * Makes an account and returns its backup codes, which are shown once. Throws `CommandError` where the password is weak, the
   * code is not of the secret, the name is taken, or the first account is no admin.
   */
  async create(
    made: { readonly user: string; readonly role: UserRole; readonly password: Uint8Array } & Enrolment,
  ): Promise<readonly string[]> {
    const { user, role, password } = made;
    if (!USER_NAME.test(user)) {
      throw new CommandError(
        'user_name',
        `${JSON.stringify(user)} is not a user name: take 1 to 32 of a-z, 0-9, dots, dashes and underscores`,
      );
    }
    if (getUser(this.#db, user) !== null) refuse({ ok: false, reason: 'user_exists' }, user);
    if (this.count() === 0 && role !== 'admin') refuse({ ok: false, reason: 'first_admin' }, user);
    assertStrong(password, user);
    const { totpBox, totpStep } = await this.#enrol(user, made);
    const passwordHash = await this.#hasher.hash(password);
    const codes = this.#backupCodes(user);
    const row = { name: user, role, passwordHash, totpBox, totpStep, backupHashes: codes.hashes };
    refuse(addUser(this.#db, row, this.#now()), user);
    return codes.texts;
  }

  /** Gives an account another role or state. Throws `CommandError` where no active admin would be left. */
  change(user: string, change: { readonly role?: UserRole; readonly state?: UserState }): void {
    refuse(changeUser(this.#db, user, change), user);
  }

  delete(user: string): void {
    refuse(deleteUser(this.#db, user), user);
  }

  unlock(user: string): void {
    if (!unlockUser(this.#db, user)) refuse({ ok: false, reason: 'user_unknown' }, user);
  }

  /** Makes the one-time code with which a person sets a new password or TOTP secret; nothing else of the account changes. */
  reset(user: string, kind: ResetKind, madeBy: string): { readonly code: string; readonly expiresAt: number } {
    const code = codeText(this.#input.effects.random(CODE_BYTES));
    const expiresAt = this.#now() + RESET_MS;
    const kept = putResetCode(this.#db, { user, kind, hash: hashOf(code, user, kind), madeBy }, expiresAt);
    if (!kept) refuse({ ok: false, reason: 'user_unknown' }, user);
    return { code, expiresAt };
  }

  /** Sets a new password by a reset code and a second factor. False, as of `signIn`, where either is wrong. */
  async setPassword(given: Shown & { readonly resetCode: string }): Promise<boolean> {
    const { user, password, code, resetCode } = given;
    assertStrong(password, user);
    const now = this.#now();
    const attempt = beginAttempt(this.#db, user, now, (failures) => lockedUntil(failures, now));
    const passwordHash = await this.#hasher.hash(password);
    const factor = await this.#secondFactor(attempt?.user ?? null, code);
    const hash = codeHash(resetCode, user, 'password');
    if (attempt === null || factor === null || hash === null) return false;
    return resetPassword(this.#db, attempt.user, { hash, factor, passwordHash }, now);
  }

  /**
   * Sets a new TOTP secret by a reset code and the password, and returns new backup codes. Null, as of `signIn`, where either
   * is wrong. Throws `CommandError` where the code is not of the secret.
   */
  async setTotp(
    given: { readonly user: string; readonly password: Uint8Array; readonly resetCode: string } & Enrolment,
  ): Promise<readonly string[] | null> {
    const { user, password, resetCode } = given;
    const { totpBox, totpStep } = await this.#enrol(user, given);
    const now = this.#now();
    const attempt = beginAttempt(this.#db, user, now, (failures) => lockedUntil(failures, now));
    const isPassword = await this.#hasher.matches(password, attempt?.user.passwordHash ?? null);
    const hash = codeHash(resetCode, user, 'totp');
    if (attempt === null || !isPassword || hash === null) return null;
    const codes = this.#backupCodes(user);
    const reset = { hash, totpBox, totpStep, backupHashes: codes.hashes };
    return resetTotp(this.#db, attempt.user, reset, now) ? codes.texts : null;
  }

  #now(): number {
    return this.#input.effects.now();
  }

  // The factor that a code is of; null where it is none of this account. Without an account, a code is checked all the same.
  async #secondFactor(user: StoredUser | null, code: string): Promise<SecondFactor | null> {
    const backupHash = codeHash(code, user?.name ?? '', 'backup');
    if (backupHash !== null) return user === null ? null : { backupHash };
    const { userDbPath } = this.#input.config;
    const key = (await readAccountKey(userDbPath)) ?? missingKey(userDbPath);
    const secret = user === null ? null : openTotpSecret(user.totpBox, key, user.name);
    const checked = secret ?? new Uint8Array(TOTP_SECRET_BYTES);
    const totpStep = codeStep(checked, code, this.#now());
    zeroize(key, checked);
    return secret === null || totpStep === null ? null : { totpStep };
  }

  async #enrol(user: string, { totpSecret, code }: Enrolment): Promise<{ totpBox: Uint8Array; totpStep: number }> {
    const secret = secretFromText(totpSecret);
    // That it is a code of the phone is all that counts here: nobody is let in by it.
    const totpStep = secret === null ? null : codeStep(secret, code, this.#now(), FIRST_CODE_AGE_S);
    if (secret === null || totpStep === null) {
      const cause = 'the code is not of the new secret at this time: nothing was stored';
      throw new CommandError('totp_code', `${cause}; check the clocks of this machine and of the phone`);
    }
    const { random } = this.#input.effects;
    const key = await this.#key();
    try {
      return { totpBox: sealTotpSecret(secret, key, random(BOX_NONCE_BYTES), user), totpStep };
    } finally {
      zeroize(key, secret);
    }
  }

  // Only the first account makes the key: with another one, nobody who is there already could sign in.
  async #key(): Promise<Uint8Array> {
    const { config, effects } = this.#input;
    if (this.count() === 0) return ensureAccountKey(config.userDbPath, effects.random);
    return (await readAccountKey(config.userDbPath)) ?? missingKey(config.userDbPath);
  }

  #backupCodes(user: string): { readonly texts: readonly string[]; readonly hashes: readonly string[] } {
    const texts = Array.from({ length: BACKUP_CODES }, () => codeText(this.#input.effects.random(CODE_BYTES)));
    return { texts, hashes: texts.map((text) => hashOf(text, user, 'backup')) };
  }
}

function hashOf(code: string, user: string, purpose: CodePurpose): string {
  const hash = codeHash(code, user, purpose);
  if (hash === null) throw new Error('a code that was just made is none');
  return hash;
}

function assertStrong(password: Uint8Array, user: string): void {
  const weakness = passwordWeakness(password, user);
  if (weakness !== null) throw new CommandError('weak_password', weakness);
}

function refuse(verdict: UserVerdict, user: string): void {
  if (verdict.ok) return;
  const sentences: Readonly<Record<typeof verdict.reason, string>> = {
    user_exists: `there is a user ${user} already: take another name`,
    user_unknown: `there is no user ${user}: see \`mpc_operator user list\``,
    first_admin: 'the first user has to be an admin, who can then create the others: give --role admin',
    last_admin: `the last active admin, ${user}, has to stay, as nobody could create or reset a user without one: make another admin first`,
  };
  throw new CommandError(verdict.reason, sentences[verdict.reason]);
}
