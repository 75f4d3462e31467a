// Key ceremonies and the events they replay from after a crash. Events are opaque bytes that the operator has sealed;
// they are written before any message that follows from them is sent, and erased once the ceremony has ended.
import { and, asc, desc, eq, gte, lt, or, sql } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { appendAudit } from './audit-log.ts';
import { assertBatch, countRows, type Listing, type Page, pageBounds, type Queries, transact } from './database.ts';
import { type CEREMONY_STATUSES, ceremonies, ceremonyEvents } from './schema.ts';

/** `destroyed`: a rehearsal whose keys were erased. */
export type CeremonyStatus = (typeof CEREMONY_STATUSES)[number];

/** What a ceremony is begun with. */
export interface CeremonyStart {
  readonly ceremonyId: string;
  /** For example `dkg`. */
  readonly kind: string;
  readonly rehearsal: boolean;
}

/** A stored ceremony; `outcome` as the operator left it, times in ms since 1970. */
export interface Ceremony extends CeremonyStart {
  readonly status: CeremonyStatus;
  readonly outcome: Json;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Whether a ceremony could begin. */
export type BeginVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: 'ceremony_exists' };

/** Begins a ceremony; its id is used once for ever. */
export function beginCeremony(db: Queries, start: CeremonyStart, now: number): BeginVerdict {
  const { ceremonyId, kind, rehearsal } = start;
  return transact(db, (tx): BeginVerdict => {
    if (getCeremony(tx, ceremonyId) !== null) return { ok: false, reason: 'ceremony_exists' };
    tx.insert(ceremonies)
      .values({ ceremonyId, kind, rehearsal, status: 'running', createdAt: now, updatedAt: now })
      .run();
    appendAudit(tx, now, 'ceremony_begun', { ceremony_id: ceremonyId, kind, rehearsal });
    return { ok: true };
  });
}

/** Appends events in one commit and returns the sequence number of the last. Throws unless the ceremony is running. */
export function appendCeremonyEvents(
  db: Queries,
  ceremonyId: string,
  events: readonly Uint8Array[],
  now: number,
): number {
  assertBatch(events);
  return transact(db, (tx): number => {
    if (getCeremony(tx, ceremonyId)?.status !== 'running') throw new Error(`ceremony ${ceremonyId} is not running`);
    const last = tx
      .select({ seq: sql<bigint | null>`max(${ceremonyEvents.seq})` })
      .from(ceremonyEvents)
      .where(eq(ceremonyEvents.ceremonyId, ceremonyId))
      .get();
    let seq = Number(last?.seq ?? 0n);
    for (const body of events) {
      seq++;
      tx.insert(ceremonyEvents).values({ ceremonyId, seq, at: now, body }).run();
    }
    return seq;
  });
}

/** The events of a ceremony in order. */
export function readCeremonyEvents(db: Queries, ceremonyId: string): readonly Uint8Array[] {
  return db
    .select({ body: ceremonyEvents.body })
    .from(ceremonyEvents)
    .where(eq(ceremonyEvents.ceremonyId, ceremonyId))
    .orderBy(asc(ceremonyEvents.seq))
    .all()
    .map(({ body }) => body);
}

/** Ends a ceremony with its outcome (public data only: it is kept in the audit log too). Throws where there is none. */
export function endCeremony(
  db: Queries,
  ceremonyId: string,
  status: Exclude<CeremonyStatus, 'running'>,
  outcome: Json,
  now: number,
): void {
  transact(db, (tx) => {
    if (getCeremony(tx, ceremonyId) === null) throw new Error(`there is no ceremony ${ceremonyId}`);
    tx.update(ceremonies).set({ status, outcome, updatedAt: now }).where(eq(ceremonies.ceremonyId, ceremonyId)).run();
    appendAudit(tx, now, `ceremony_${status}`, { ceremony_id: ceremonyId, outcome });
  });
}

/** Deletes the events of a ceremony that has ended; `secure_delete` overwrites them. Throws while it is running. */
export function eraseCeremonyEvents(db: Queries, ceremonyId: string): void {
  transact(db, (tx) => {
    if (getCeremony(tx, ceremonyId)?.status === 'running') throw new Error(`ceremony ${ceremonyId} is running`);
    tx.delete(ceremonyEvents).where(eq(ceremonyEvents.ceremonyId, ceremonyId)).run();
  });
}

/** A ceremony, or null. */
export function getCeremony(db: Queries, ceremonyId: string): Ceremony | null {
  return db.select().from(ceremonies).where(eq(ceremonies.ceremonyId, ceremonyId)).get() ?? null;
}

/** The ids of all ceremonies that have not ended, oldest first. */
export function runningCeremonies(db: Queries): readonly string[] {
  return db
    .select({ ceremonyId: ceremonies.ceremonyId })
    .from(ceremonies)
    .where(eq(ceremonies.status, 'running'))
    .orderBy(asc(ceremonies.createdAt), asc(ceremonies.ceremonyId))
    .all()
    .map(({ ceremonyId }) => ceremonyId);
}

/** Ceremonies, newest first. */
export function listCeremonies(db: Queries, page: Page = {}): Listing<Ceremony> {
  const { limit, offset } = pageBounds(page);
  const order = [desc(ceremonies.createdAt), asc(ceremonies.ceremonyId)];
  const rows = db
    .select()
    .from(ceremonies)
    .orderBy(...order)
    .limit(limit)
    .offset(offset)
    .all();
  return { rows, total: countRows(db, ceremonies) };
}

/** Ceremonies that were begun before `to` and went on until `from` or later (ms since 1970), oldest first, at most `limit`. */
export function ceremoniesBetween(db: Queries, from: number, to: number, limit: number): Listing<Ceremony> {
  const isOf = and(lt(ceremonies.createdAt, to), or(gte(ceremonies.updatedAt, from), eq(ceremonies.status, 'running')));
  const order = [asc(ceremonies.createdAt), asc(ceremonies.ceremonyId)];
  const rows = db
    .select()
    .from(ceremonies)
    .where(isOf)
    .orderBy(...order)
    .limit(limit)
    .all();
  return { rows, total: countRows(db, ceremonies, isOf) };
}
