// Requests that need an operator's approval, its own and those of peers. A request is kept for as long as it can count, and
// its decision is made once; both are in the audit log.
import { and, desc, eq, gt, isNull, lte, or } from 'drizzle-orm';
import { appendAudit } from './audit-log.ts';
import { countRows, type Listing, type Outpoint, type Page, pageBounds, type Queries, transact } from './database.ts';
import { type REQUEST_DECISIONS, type REQUEST_KINDS, requests } from './schema.ts';

/** Most undecided requests of one peer that are open, or came within a day; the next ones are not kept. */
const UNDECIDED_PER_PEER_MAX = 20;
const DAY_MS = 86_400_000;
/** For how long a request is kept after it has expired, in ms. */
const KEPT_MS = 30 * 86_400_000;

/** What is asked. Times in ms since 1970. */
export interface RequestRecord {
  /** 32 lowercase hex characters. */
  readonly id: string;
  readonly kind: (typeof REQUEST_KINDS)[number];
  readonly treasury: Outpoint;
  readonly reason: string;
  readonly askedBy: number;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** A stored request. `decision` null: nobody has decided it here. */
export interface StoredRequest extends RequestRecord {
  readonly decision: (typeof REQUEST_DECISIONS)[number] | null;
  readonly decisionReason: string | null;
  readonly decidedAt: number | null;
}

/** The verdict on a decision. */
export type DecisionVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'request_unknown' | 'request_decided' | 'request_expired' };

/** Keeps a request; false where it was known, or its asker has too many open ones. */
export function recordRequest(db: Queries, request: RequestRecord, now: number): boolean {
  return transact(db, (tx): boolean => {
    tx.delete(requests)
      .where(lte(requests.expiresAt, now - KEPT_MS))
      .run();
    if (getRequest(tx, request.id) !== null) return false;
    // Requests that expire at once count as well, or there could be any number of them.
    const isFresh = or(gt(requests.expiresAt, now), gt(requests.createdAt, now - DAY_MS));
    const undecided = and(eq(requests.askedBy, request.askedBy), isNull(requests.decision), isFresh);
    if (countRows(tx, requests, undecided) >= UNDECIDED_PER_PEER_MAX) return false;
    const { treasury, ...rest } = request;
    tx.insert(requests)
      .values({ ...rest, treasuryTxid: treasury.txid, treasuryVout: treasury.vout })
      .run();
    const { id, kind, reason, askedBy } = request;
    appendAudit(tx, now, 'request_recorded', { id, kind, reason, asked_by: askedBy, treasury: { ...treasury } });
    return true;
  });
}

/** Decides a request that is open. */
export function decideRequest(
  db: Queries,
  id: string,
  decision: (typeof REQUEST_DECISIONS)[number],
  reason: string | null,
  now: number,
): DecisionVerdict {
  return transact(db, (tx): DecisionVerdict => {
    const known = getRequest(tx, id);
    if (known === null) return { ok: false, reason: 'request_unknown' };
    if (known.decision !== null) return { ok: false, reason: 'request_decided' };
    if (known.expiresAt <= now) return { ok: false, reason: 'request_expired' };
    tx.update(requests).set({ decision, decisionReason: reason, decidedAt: now }).where(eq(requests.id, id)).run();
    appendAudit(tx, now, 'request_decided', { id, decision, reason });
    return { ok: true };
  });
}

/** A request, or null. */
export function getRequest(db: Queries, id: string): StoredRequest | null {
  const row = db.select().from(requests).where(eq(requests.id, id)).get();
  return row === undefined ? null : asRequest(row);
}

/** Every request, newest first. */
export function listRequests(db: Queries, page: Page = {}): Listing<StoredRequest> {
  const { limit, offset } = pageBounds(page);
  const rows = db.select().from(requests).orderBy(desc(requests.createdAt)).limit(limit).offset(offset).all();
  return { rows: rows.map(asRequest), total: countRows(db, requests) };
}

/** Approved requests that have not expired, newest first. */
export function approvedRequests(db: Queries, now: number): readonly StoredRequest[] {
  const where = and(eq(requests.decision, 'approved'), gt(requests.expiresAt, now));
  return db.select().from(requests).where(where).orderBy(desc(requests.createdAt)).all().map(asRequest);
}

/** Whether this operator has approved that everything signed from this treasury output becomes worthless. */
export function isVoidApproved(db: Queries, treasury: Outpoint, now: number): boolean {
  return approvedRequests(db, now).some(
    (one) => one.kind === 'void' && one.treasury.txid === treasury.txid && one.treasury.vout === treasury.vout,
  );
}

function asRequest({ treasuryTxid, treasuryVout, ...row }: typeof requests.$inferSelect): StoredRequest {
  return { ...row, treasury: { txid: treasuryTxid, vout: treasuryVout } };
}
