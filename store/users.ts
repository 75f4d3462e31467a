// The accounts of people who operate this node. Every function is one transaction, so that two processes at once cannot use
// one code twice, nor remove the last admin between them; triggers hold the same.
import { and, asc, count, eq, gt, isNull, lt, sql } from 'drizzle-orm';
import { type Queries, transact } from './database.ts';
import {
  backupCodes,
  type ResetKind,
  refusedAttempts,
  resetCodes,
  type UserRole,
  type UserState,
  users,
} from './schema-users.ts';

/** An account as it is stored; times in ms since 1970. */
export type StoredUser = typeof users.$inferSelect;

/** Backup codes that an account has left. */
export interface ListedUser extends StoredUser {
  readonly backupCodes: number;
}

/** What a new account has. `totpStep`: of the code that confirmed the secret; `backupHashes`: 64 lowercase hex each. */
export interface NewUser {
  readonly name: string;
  readonly role: UserRole;
  readonly passwordHash: string;
  readonly totpBox: Uint8Array;
  readonly totpStep: number;
  readonly backupHashes: readonly string[];
}

export type UserVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'user_exists' | 'user_unknown' | 'first_admin' | 'last_admin' };

/** What was shown as the second factor: the step of a TOTP code, or a backup code by its hash. */
export type SecondFactor = { readonly totpStep: number } | { readonly backupHash: string };

export function countUsers(db: Queries): number {
  return db.select({ rows: count() }).from(users).get()?.rows ?? 0;
}

/** All accounts by name, with how many backup codes each has left. */
export function listUsers(db: Queries): readonly ListedUser[] {
  const left = db
    .select({ user: backupCodes.user, rows: count() })
    .from(backupCodes)
    .where(isNull(backupCodes.usedAt))
    .groupBy(backupCodes.user)
    .all();
  const codes = new Map(left.map(({ user, rows }) => [user, rows]));
  const rows = db.select().from(users).orderBy(asc(users.name)).all();
  return rows.map((user) => ({ ...user, backupCodes: codes.get(user.name) ?? 0 }));
}

export function getUser(db: Queries, name: string): StoredUser | null {
  return db.select().from(users).where(eq(users.name, name)).get() ?? null;
}

/** Adds an account; the first one has to be an admin. */
export function addUser(db: Queries, user: NewUser, now: number): UserVerdict {
  return transact(db, (tx): UserVerdict => {
    if (getUser(tx, user.name) !== null) return { ok: false, reason: 'user_exists' };
    const { backupHashes, ...row } = user;
    return guarded(() => {
      tx.insert(users)
        .values({ ...row, state: 'active', failures: 0, lockedUntil: null, createdAt: now, signedInAt: null })
        .run();
      writeBackupCodes(tx, user.name, backupHashes);
    });
  });
}

/** Gives an account another role or state; refused where no active admin would be left. */
export function changeUser(
  db: Queries,
  name: string,
  change: { readonly role?: UserRole; readonly state?: UserState },
): UserVerdict {
  return transact(db, (tx): UserVerdict => {
    if (getUser(tx, name) === null) return { ok: false, reason: 'user_unknown' };
    return guarded(() => tx.update(users).set(change).where(eq(users.name, name)).run());
  });
}

/** Deletes an account with all its codes; refused where no active admin would be left. */
export function deleteUser(db: Queries, name: string): UserVerdict {
  return transact(db, (tx): UserVerdict => {
    if (getUser(tx, name) === null) return { ok: false, reason: 'user_unknown' };
    return guarded(() => tx.delete(users).where(eq(users.name, name)).run());
  });
}

/** Forgets the failures of an account; false where there is none of that name. */
export function unlockUser(db: Queries, name: string): boolean {
  return transact(db, (tx) => {
    if (getUser(tx, name) === null) return false;
    tx.update(users).set({ failures: 0, lockedUntil: null }).where(eq(users.name, name)).run();
    return true;
  });
}

/**
 * Counts an attempt before it is checked, so that many at once get no more tries than one after another. Returns the account,
 * or null where there is none to try: not there, disabled, or locked. Both write one row, and take the same time.
 * `lockedUntil` says until when an account is locked after so many failures, in ms since 1970; null: not.
 */
export function beginAttempt(
  db: Queries,
  name: string,
  now: number,
  lockedUntil: (failures: number) => number | null,
): { readonly user: StoredUser; readonly lockedUntil: number | null } | null {
  return transact(db, (tx) => {
    const user = getUser(tx, name);
    if (user === null || user.state !== 'active' || (user.lockedUntil !== null && user.lockedUntil > now)) {
      tx.update(refusedAttempts)
        .set({ count: sql`${refusedAttempts.count} + 1`, lastAt: now })
        .run();
      return null;
    }
    const failures = user.failures + 1;
    const until = lockedUntil(failures);
    tx.update(users).set({ failures, lockedUntil: until }).where(eq(users.name, name)).run();
    return { user, lockedUntil: until };
  });
}

/**
 * Ends an attempt whose password and second factor were right: uses the factor up and forgets the failures. False where the
 * factor was used meanwhile, or the account was changed since `checked` was read; then nothing is written.
 */
export function completeAttempt(db: Queries, checked: StoredUser, factor: SecondFactor, now: number): boolean {
  return transact(db, (tx) => {
    const user = getUser(tx, checked.name);
    if (user === null || !isSameAccount(user, checked) || !useFactor(tx, user.name, factor, now)) return false;
    tx.update(users).set({ failures: 0, lockedUntil: null, signedInAt: now }).where(eq(users.name, user.name)).run();
    return true;
  });
}

/** Keeps the reset code of a kind in place of an earlier one; false where there is no such account. */
export function putResetCode(
  db: Queries,
  code: { readonly user: string; readonly kind: ResetKind; readonly hash: string; readonly madeBy: string },
  expiresAt: number,
): boolean {
  return transact(db, (tx) => {
    if (getUser(tx, code.user) === null) return false;
    dropReset(tx, code.user, code.kind);
    tx.insert(resetCodes)
      .values({ ...code, expiresAt })
      .run();
    return true;
  });
}

/** Whether the reset code of a kind is this one and has not expired. */
export function isResetCode(db: Queries, name: string, kind: ResetKind, hash: string, now: number): boolean {
  const { user, expiresAt } = resetCodes;
  const own = and(eq(user, name), eq(resetCodes.kind, kind), eq(resetCodes.hash, hash), gt(expiresAt, now));
  return db.select({ user }).from(resetCodes).where(own).get() !== undefined;
}

/**
 * Sets a new password by a reset code and a second factor, both used up by it. False where either is no longer good.
 */
export function resetPassword(
  db: Queries,
  checked: StoredUser,
  reset: { readonly hash: string; readonly factor: SecondFactor; readonly passwordHash: string },
  now: number,
): boolean {
  return transact(db, (tx) => {
    const { name } = checked;
    if (!mayReset(tx, checked, 'password', reset.hash, now) || !useFactor(tx, name, reset.factor, now)) return false;
    dropReset(tx, name, 'password');
    const { passwordHash } = reset;
    tx.update(users).set({ passwordHash, failures: 0, lockedUntil: null }).where(eq(users.name, name)).run();
    return true;
  });
}

/** Sets a new TOTP secret and new backup codes by a reset code, which is used up. False where it is no longer good. */
export function resetTotp(
  db: Queries,
  checked: StoredUser,
  reset: { readonly hash: string } & Pick<NewUser, 'totpBox' | 'totpStep' | 'backupHashes'>,
  now: number,
): boolean {
  return transact(db, (tx) => {
    const { name } = checked;
    if (!mayReset(tx, checked, 'totp', reset.hash, now)) return false;
    dropReset(tx, name, 'totp');
    const { totpBox, totpStep } = reset;
    tx.update(users).set({ totpBox, totpStep, failures: 0, lockedUntil: null }).where(eq(users.name, name)).run();
    tx.delete(backupCodes).where(eq(backupCodes.user, name)).run();
    writeBackupCodes(tx, name, reset.backupHashes);
    return true;
  });
}

function mayReset(tx: Queries, checked: StoredUser, kind: ResetKind, hash: string, now: number): boolean {
  const user = getUser(tx, checked.name);
  return user !== null && isSameAccount(user, checked) && isResetCode(tx, user.name, kind, hash, now);
}

function dropReset(tx: Queries, name: string, kind: ResetKind): void {
  tx.delete(resetCodes)
    .where(and(eq(resetCodes.user, name), eq(resetCodes.kind, kind)))
    .run();
}

function useFactor(tx: Queries, name: string, factor: SecondFactor, now: number): boolean {
  if ('totpStep' in factor) {
    const { totpStep } = factor;
    const unused = and(eq(users.name, name), lt(users.totpStep, totpStep));
    if (tx.select({ name: users.name }).from(users).where(unused).get() === undefined) return false;
    tx.update(users).set({ totpStep }).where(unused).run();
    return true;
  }
  const unused = and(eq(backupCodes.user, name), eq(backupCodes.hash, factor.backupHash), isNull(backupCodes.usedAt));
  if (tx.select({ user: backupCodes.user }).from(backupCodes).where(unused).get() === undefined) return false;
  tx.update(backupCodes).set({ usedAt: now }).where(unused).run();
  return true;
}

// What was checked outside of the transaction must still be what the account has, and nobody may have disabled it, or given
// it another role, by which it would act.
function isSameAccount(user: StoredUser, checked: StoredUser): boolean {
  const isSameSecret = Buffer.compare(user.totpBox, checked.totpBox) === 0;
  const isSameRole = user.role === checked.role && user.state === 'active';
  return isSameRole && user.passwordHash === checked.passwordHash && isSameSecret;
}

function writeBackupCodes(tx: Queries, user: string, hashes: readonly string[]): void {
  if (hashes.length > 0)
    tx.insert(backupCodes)
      .values(hashes.map((hash) => ({ user, hash, usedAt: null })))
      .run();
}

// The triggers' own words for what they refuse; anything else is a fault.
function guarded(write: () => void): UserVerdict {
  try {
    write();
    return { ok: true };
  } catch (error) {
    const told =
      error instanceof Error ? `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}` : '';
    for (const reason of ['first_admin', 'last_admin'] as const) {
      if (new RegExp(`\\b${reason}\\b`).test(told)) return { ok: false, reason };
    }
    throw error;
  }
}
