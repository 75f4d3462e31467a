// Who is signed in at the web admin. A token is known here by its SHA-256 alone.
import { and, desc, eq, lt, ne, or } from 'drizzle-orm';
import { type Queries, transact } from './database.ts';
import { sessions, users } from './schema-users.ts';
import type { StoredUser } from './users.ts';

/** A session as it is stored; times in ms since 1970. */
export type StoredSession = typeof sessions.$inferSelect;

/** Most sessions of one account: with one more, the one that was used longest ago ends. */
export const SESSIONS_MAX = 10;

/** From when on a session is good: begun after `createdAfter` and used after `seenAfter`. */
export interface SessionBounds {
  readonly createdAfter: number;
  readonly seenAfter: number;
}

/** Begins a session, and ends those that are over. */
export function addSession(db: Queries, session: StoredSession, bounds: SessionBounds): void {
  transact(db, (tx) => {
    tx.delete(sessions)
      .where(or(lt(sessions.createdAt, bounds.createdAfter), lt(sessions.seenAt, bounds.seenAfter)))
      .run();
    const own = tx.select().from(sessions).where(eq(sessions.user, session.user)).orderBy(desc(sessions.seenAt)).all();
    for (const { hash } of own.slice(SESSIONS_MAX - 1)) tx.delete(sessions).where(eq(sessions.hash, hash)).run();
    tx.insert(sessions).values(session).run();
  });
}

/** A session that is good, with its active account; null where there is none. */
export function getSession(
  db: Queries,
  hash: string,
  bounds: SessionBounds,
): { readonly session: StoredSession; readonly user: StoredUser } | null {
  const found = db
    .select({ session: sessions, user: users })
    .from(sessions)
    .innerJoin(users, eq(users.name, sessions.user))
    .where(and(eq(sessions.hash, hash), eq(users.state, 'active')))
    .get();
  if (found === undefined) return null;
  const { createdAt, seenAt } = found.session;
  return createdAt <= bounds.createdAfter || seenAt <= bounds.seenAfter ? null : found;
}

/** Notes that a session was used. */
export function touchSession(db: Queries, hash: string, now: number): void {
  transact(db, (tx) => void tx.update(sessions).set({ seenAt: now }).where(eq(sessions.hash, hash)).run());
}

/** The sessions of an account that are good, the one used last first. */
export function listSessions(db: Queries, user: string, bounds: SessionBounds): readonly StoredSession[] {
  const own = db.select().from(sessions).where(eq(sessions.user, user)).orderBy(desc(sessions.seenAt)).all();
  return own.filter(({ createdAt, seenAt }) => createdAt > bounds.createdAfter && seenAt > bounds.seenAfter);
}

/** Ends a session of an account; false where it has none of that hash. */
export function endSession(db: Queries, user: string, hash: string): boolean {
  return transact(db, (tx) => {
    const own = and(eq(sessions.hash, hash), eq(sessions.user, user));
    const isThere = tx.select({ hash: sessions.hash }).from(sessions).where(own).get() !== undefined;
    if (isThere) tx.delete(sessions).where(own).run();
    return isThere;
  });
}

/** Ends all sessions of an account but one. */
export function endOtherSessions(db: Queries, user: string, kept: string): void {
  transact(
    db,
    (tx) =>
      void tx
        .delete(sessions)
        .where(and(eq(sessions.user, user), ne(sessions.hash, kept)))
        .run(),
  );
}
