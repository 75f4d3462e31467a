// Pauses: while one is open, this node gives no share of either key. Its own operator and, for the federation, every other may
// ask for one; only its own operator ends them. Every change is in the audit log.
import { and, asc, desc, eq, gt, isNotNull, isNull, lt, ne } from 'drizzle-orm';
import { appendAudit } from './audit-log.ts';
import { type Queries, transact } from './database.ts';
import { given, prepared } from './prepared.ts';
import { type PAUSE_SCOPES, pauses } from './schema.ts';

/** For so long after a resume the same operator's pause of the federation is ignored, in ms. */
export const PAUSE_IGNORED_MS = 86_400_000;
/** For how long a pause that has ended is kept, in ms; the last of each operator stays. */
const KEPT_MS = 30 * 86_400_000;

/** A pause; times in ms since 1970, `endedAt` null while it is open. */
export interface Pause {
  /** 32 lowercase hex characters. */
  readonly id: string;
  readonly askedBy: number;
  readonly scope: (typeof PAUSE_SCOPES)[number];
  readonly reason: string;
  readonly at: number;
  readonly endedAt: number | null;
}

const open = prepared((db) =>
  db.select().from(pauses).where(isNull(pauses.endedAt)).orderBy(asc(pauses.at), asc(pauses.id)).prepare(),
);
const openOf = prepared((db) =>
  db
    .select()
    .from(pauses)
    .where(and(isNull(pauses.endedAt), eq(pauses.askedBy, given(pauses.askedBy, 'askedBy'))))
    .orderBy(asc(pauses.at))
    .prepare(),
);

/** The pauses that hold now, the longest first; none: the node is not paused. */
export function openPauses(db: Queries): readonly Pause[] {
  return open(db).all();
}

/** The pause of the federation that this operator asked for and has not ended; null where there is none. */
export function federationPauseOf(db: Queries, askedBy: number): Pause | null {
  return (
    openOf(db)
      .all({ askedBy })
      .find(({ scope }) => scope === 'federation') ?? null
  );
}

/** Pauses this node at its own operator's word; false where such a pause is open already. On disk when this returns. */
export function pauseHere(db: Queries, pause: Omit<Pause, 'endedAt' | 'at'>, now: number): boolean {
  return transact(db, (tx): boolean => {
    const known = openOf(tx).all({ askedBy: pause.askedBy });
    if (known.some(({ scope }) => scope === pause.scope)) return false;
    insert(tx, { ...pause, at: now, endedAt: null });
    return true;
  });
}

/** What became of a peer's pause. `ended`: this very pause was ended here; `ignored`: one of this operator ended too lately. */
export type PauseTaken = 'taken' | 'known' | 'ended' | 'ignored';

/** Takes the pause of the federation that a peer asks for. On disk when this returns. */
export function pauseByPeer(
  db: Queries,
  { id, askedBy, reason }: Pick<Pause, 'id' | 'askedBy' | 'reason'>,
  now: number,
): PauseTaken {
  const pause = { id, askedBy, scope: 'federation', reason, at: now, endedAt: null } as const;
  // It comes again with every beat: only what is new takes a transaction.
  const before = takes(db, pause);
  if (before !== 'taken') return before;
  return transact(db, (tx): PauseTaken => {
    const verdict = takes(tx, pause);
    if (verdict === 'taken') insert(tx, pause);
    return verdict;
  });
}

function takes(db: Queries, { id, askedBy, at }: Pause): PauseTaken {
  if (openOf(db).all({ askedBy }).length > 0) return 'known';
  const isSame = and(eq(pauses.id, id), eq(pauses.askedBy, askedBy));
  if (db.select().from(pauses).where(isSame).get() !== undefined) return 'ended';
  return ignoredUntil(db, askedBy, at) === null ? 'taken' : 'ignored';
}

/** Until when a new pause of this operator is ignored, in ms since 1970; null where it would be taken. */
export function ignoredUntil(db: Queries, askedBy: number, now: number): number | null {
  // One that ended by a clock that was far ahead must neither last until then, nor hide one that ended just now.
  const isLate = and(gt(pauses.endedAt, now - PAUSE_IGNORED_MS), lt(pauses.endedAt, now + PAUSE_IGNORED_MS));
  const last = db
    .select()
    .from(pauses)
    .where(and(eq(pauses.askedBy, askedBy), isLate))
    .orderBy(desc(pauses.endedAt))
    .get();
  return last?.endedAt == null ? null : last.endedAt + PAUSE_IGNORED_MS;
}

/** Ends every pause, whoever asked for it, and returns them. On disk when this returns. */
export function resumeHere(db: Queries, now: number): readonly Pause[] {
  return transact(db, (tx) => {
    const ended = openPauses(tx);
    for (const { id, askedBy, scope } of ended) {
      tx.update(pauses)
        .set({ endedAt: now })
        .where(and(eq(pauses.id, id), eq(pauses.askedBy, askedBy)))
        .run();
      appendAudit(tx, now, 'node_resumed', { id, asked_by: askedBy, scope });
    }
    return ended;
  });
}

function insert(db: Queries, pause: Pause): void {
  const { id, askedBy, scope, reason, at } = pause;
  const before = and(eq(pauses.askedBy, askedBy), isNotNull(pauses.endedAt));
  const last = db.select().from(pauses).where(before).orderBy(desc(pauses.endedAt)).get();
  if (last !== undefined) {
    const isOld = and(before, ne(pauses.id, last.id), lt(pauses.endedAt, at - KEPT_MS));
    db.delete(pauses).where(isOld).run();
  }
  db.insert(pauses).values(pause).run();
  appendAudit(db, at, 'node_paused', { id, asked_by: askedBy, scope, reason });
}
