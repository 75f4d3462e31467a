// Passkeys of people, by which they sign in at the web admin and confirm what they do there.
import { and, asc, count, eq } from 'drizzle-orm';
import { type Queries, transact } from './database.ts';
import { passkeys, users } from './schema-users.ts';
import type { StoredUser } from './users.ts';

/** A passkey as it is stored; times in ms since 1970. */
export type StoredPasskey = typeof passkeys.$inferSelect;

/** Most passkeys of one account. */
export const PASSKEYS_MAX = 20;

/** Keeps a passkey; says why not where it is known already or the account has as many as it may. */
export function addPasskey(db: Queries, passkey: StoredPasskey): 'added' | 'known' | 'too_many' {
  return transact(db, (tx) => {
    const known = tx.select({ id: passkeys.id }).from(passkeys).where(eq(passkeys.id, passkey.id)).get();
    if (known !== undefined) return 'known';
    const own = tx.select({ rows: count() }).from(passkeys).where(eq(passkeys.user, passkey.user)).get();
    if ((own?.rows ?? 0) >= PASSKEYS_MAX) return 'too_many';
    tx.insert(passkeys).values(passkey).run();
    return 'added';
  });
}

/** A passkey with its account, whatever the account's state; null where it is not known. */
export function getPasskey(
  db: Queries,
  id: string,
): { readonly passkey: StoredPasskey; readonly user: StoredUser } | null {
  const found = db
    .select({ passkey: passkeys, user: users })
    .from(passkeys)
    .innerJoin(users, eq(users.name, passkeys.user))
    .where(eq(passkeys.id, id))
    .get();
  return found ?? null;
}

/** The passkeys of an account, the oldest first. */
export function listPasskeys(db: Queries, user: string): readonly StoredPasskey[] {
  return db.select().from(passkeys).where(eq(passkeys.user, user)).orderBy(asc(passkeys.createdAt)).all();
}

/**
 * Notes that a passkey signed, with the count that it told. False where the count has not grown since, or the account is no
 * longer active: then nothing is written.
 */
export function usePasskey(db: Queries, id: string, counter: number, now: number): boolean {
  return transact(db, (tx) => {
    const found = getPasskey(tx, id);
    if (found === null || found.user.state !== 'active') return false;
    const { counter: before } = found.passkey;
    if (counter <= before && (counter > 0 || before > 0)) return false;
    tx.update(passkeys).set({ counter, usedAt: now }).where(eq(passkeys.id, id)).run();
    return true;
  });
}

/** Removes a passkey of an account; false where it has none of that id. */
export function removePasskey(db: Queries, user: string, id: string): boolean {
  return transact(db, (tx) => {
    const own = and(eq(passkeys.id, id), eq(passkeys.user, user));
    if (tx.select({ id: passkeys.id }).from(passkeys).where(own).get() === undefined) return false;
    tx.delete(passkeys).where(own).run();
    return true;
  });
}
