// Payouts that the operator of this node approves or refuses by hand. A request is opened by the node itself, for a day; an
// approval counts under the policy under which it was given, and under no other.
import { and, desc, eq, gt, isNull, lte, ne } from 'drizzle-orm';
import { appendAudit } from './audit-log.ts';
import { countRows, type Listing, type Page, pageBounds, type Queries, transact } from './database.ts';
import { payoutRequests, type REQUEST_DECISIONS } from './schema.ts';

/** For how long a request, and what was decided about it, counts, in ms. */
export const PAYOUT_REQUEST_MS = 86_400_000;
/** Most undecided requests that are open; further burns wait until some are decided. */
const OPEN_MAX = 1_000;
/** For how long a request is kept after it has expired, in ms. */
const KEPT_MS = 30 * 86_400_000;

/** A request; times in ms since 1970. `decision` null: nobody has decided it, or the policy has changed since. */
export interface PayoutRequest {
  readonly burnTxid: string;
  /** 32 lowercase hex characters. */
  readonly id: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly decision: (typeof REQUEST_DECISIONS)[number] | null;
  readonly decisionReason: string | null;
  readonly decidedAt: number | null;
  /** 64 lowercase hex characters; null unless approved. */
  readonly policy: string | null;
}

const UNDECIDED = { decision: null, decisionReason: null, decidedAt: null, policy: null } as const;

/** The request of a burn as it counts now, or null where none is open. */
export function openPayoutRequest(db: Queries, burnTxid: string, now: number): PayoutRequest | null {
  const found = db.select().from(payoutRequests).where(eq(payoutRequests.burnTxid, burnTxid)).get();
  return found !== undefined && found.expiresAt > now ? found : null;
}

/** Opens a request for a burn that has none; null where too many are open. `id`: one that was never used. */
export function requestPayout(db: Queries, burnTxid: string, id: string, now: number): PayoutRequest | null {
  return transact(db, (tx) => {
    tx.delete(payoutRequests)
      .where(lte(payoutRequests.expiresAt, now - KEPT_MS))
      .run();
    const isOpen = and(isNull(payoutRequests.decision), gt(payoutRequests.expiresAt, now));
    if (countRows(tx, payoutRequests, isOpen) >= OPEN_MAX) return null;
    const request = { burnTxid, id, createdAt: now, expiresAt: now + PAYOUT_REQUEST_MS, ...UNDECIDED };
    const { burnTxid: _, ...anew } = request;
    tx.insert(payoutRequests).values(request).onConflictDoUpdate({ target: payoutRequests.burnTxid, set: anew }).run();
    appendAudit(tx, now, 'payout_request_opened', { id, burn_txid: burnTxid });
    return request;
  });
}

/** Decides a request that is open and undecided. `policy`: the hash of the policy under which it is decided. */
export function decidePayout(
  db: Queries,
  id: string,
  {
    decision,
    reason,
    policy,
  }: { readonly decision: 'approved' | 'refused'; readonly reason: string | null; readonly policy: string },
  now: number,
):
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'request_unknown' | 'request_decided' | 'request_expired' } {
  return transact(db, (tx) => {
    const known = payoutRequest(tx, id);
    if (known === null) return { ok: false, reason: 'request_unknown' } as const;
    if (known.expiresAt <= now) return { ok: false, reason: 'request_expired' } as const;
    const isVoid = known.decision === 'approved' && known.policy !== policy;
    if (known.decision !== null && !isVoid) return { ok: false, reason: 'request_decided' } as const;
    const approvedUnder = decision === 'approved' ? policy : null;
    tx.update(payoutRequests)
      .set({ decision, decisionReason: reason, decidedAt: now, policy: approvedUnder })
      .where(eq(payoutRequests.id, id))
      .run();
    appendAudit(tx, now, 'payout_request_decided', { id, burn_txid: known.burnTxid, decision, reason, policy });
    return { ok: true } as const;
  });
}

/** Takes back every approval that was given under another policy than this one, or every one (null); returns how many. */
export function voidApprovals(db: Queries, policy: string | null, now: number): number {
  return transact(db, (tx) => {
    const isOther = and(
      eq(payoutRequests.decision, 'approved'),
      policy === null ? undefined : ne(payoutRequests.policy, policy),
      gt(payoutRequests.expiresAt, now),
    );
    const rows = tx.update(payoutRequests).set(UNDECIDED).where(isOther).returning().all();
    for (const { id, burnTxid } of rows) appendAudit(tx, now, 'payout_approval_voided', { id, burn_txid: burnTxid });
    return rows.length;
  });
}

/** A request, or null. */
export function payoutRequest(db: Queries, id: string): PayoutRequest | null {
  return db.select().from(payoutRequests).where(eq(payoutRequests.id, id)).get() ?? null;
}

/** Every request, newest first. */
export function listPayoutRequests(db: Queries, page: Page = {}): Listing<PayoutRequest> {
  const { limit, offset } = pageBounds(page);
  const rows = db
    .select()
    .from(payoutRequests)
    .orderBy(desc(payoutRequests.createdAt))
    .limit(limit)
    .offset(offset)
    .all();
  return { rows, total: countRows(db, payoutRequests) };
}
