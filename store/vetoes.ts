// Vetoes of payouts in their hold window. Any one operator vetoes one burn once; what it says lapses by itself, or by the
// approvals of as many operators as must sign. Every change is in the audit log.
import { and, asc, desc, eq, gt } from 'drizzle-orm';
import { appendAudit } from './audit-log.ts';
import { countRows, type Listing, type Page, pageBounds, type Queries, transact } from './database.ts';
import { given, prepared } from './prepared.ts';
import { vetoApprovals, vetoes } from './schema.ts';

/** For how long a veto holds, in ms. */
export const VETO_MS = 86_400_000;
/** Most vetoes of one operator within that time. */
const VETOES_PER_OPERATOR_MAX = 100;

/** A veto; times in ms since 1970. `approvals`: the operators that let the payout go all the same, by index. */
export interface Veto {
  /** 32 lowercase hex characters, made of burn and operator. */
  readonly id: string;
  readonly burnTxid: string;
  readonly vetoedBy: number;
  readonly reason: string;
  readonly at: number;
  readonly expiresAt: number;
  readonly approvals: readonly number[];
}

const ofBurn = prepared((db) =>
  db
    .select()
    .from(vetoes)
    .where(eq(vetoes.burnTxid, given(vetoes.burnTxid, 'burnTxid')))
    .prepare(),
);

/** Keeps a veto. `known`: this operator has vetoed this burn before, and may not again. `full`: it has vetoed too many. */
export function recordVeto(db: Queries, veto: Omit<Veto, 'approvals'>): 'taken' | 'known' | 'full' {
  const { id, burnTxid, vetoedBy, reason, at } = veto;
  return transact(db, (tx) => {
    if (
      ofBurn(tx)
        .all({ burnTxid })
        .some((one) => one.vetoedBy === vetoedBy)
    )
      return 'known';
    const isLate = and(eq(vetoes.vetoedBy, vetoedBy), gt(vetoes.at, at - VETO_MS));
    if (countRows(tx, vetoes, isLate) >= VETOES_PER_OPERATOR_MAX) return 'full';
    tx.insert(vetoes).values(veto).run();
    appendAudit(tx, at, 'payout_vetoed', { id, burn_txid: burnTxid, vetoed_by: vetoedBy, reason });
    return 'taken';
  });
}

/** Keeps that an operator lets a vetoed payout go; false where there is no such veto. */
export function approveVetoed(db: Queries, id: string, approvedBy: number, now: number): boolean {
  return transact(db, (tx) => {
    const veto = getVeto(tx, id);
    if (veto === null) return false;
    if (veto.approvals.includes(approvedBy)) return true;
    tx.insert(vetoApprovals).values({ id, approvedBy, at: now }).run();
    appendAudit(tx, now, 'veto_approval', { id, burn_txid: veto.burnTxid, approved_by: approvedBy });
    return true;
  });
}

/** Every veto of a burn, the oldest first. */
export function vetoesOf(db: Queries, burnTxid: string): readonly Veto[] {
  return ofBurn(db)
    .all({ burnTxid })
    .map((row) => withApprovals(db, row))
    .sort((a, b) => a.at - b.at);
}

/** The veto that keeps a burn from being paid now, the one that lasts longest; null where none does. */
export function holdingVeto(db: Queries, burnTxid: string, threshold: number, now: number): Veto | null {
  const found = vetoesOf(db, burnTxid).filter((veto) => isHolding(veto, threshold, now));
  return found.sort((a, b) => b.expiresAt - a.expiresAt)[0] ?? null;
}

/** Whether a veto holds still: neither its time is over, nor have enough operators let the payout go. */
export function isHolding({ expiresAt, approvals }: Veto, threshold: number, now: number): boolean {
  return expiresAt > now && approvals.length < threshold;
}

/** A veto, or null. */
export function getVeto(db: Queries, id: string): Veto | null {
  const row = db.select().from(vetoes).where(eq(vetoes.id, id)).get();
  return row === undefined ? null : withApprovals(db, row);
}

/** The vetoes whose time is not over, the oldest first. */
export function openVetoes(db: Queries, now: number): readonly Veto[] {
  const rows = db.select().from(vetoes).where(gt(vetoes.expiresAt, now)).orderBy(asc(vetoes.at)).all();
  return rows.map((row) => withApprovals(db, row));
}

/** Every veto, newest first. */
export function listVetoes(db: Queries, page: Page = {}): Listing<Veto> {
  const { limit, offset } = pageBounds(page);
  const rows = db.select().from(vetoes).orderBy(desc(vetoes.at)).limit(limit).offset(offset).all();
  return { rows: rows.map((row) => withApprovals(db, row)), total: countRows(db, vetoes) };
}

function withApprovals(db: Queries, row: typeof vetoes.$inferSelect): Veto {
  const given = db
    .select()
    .from(vetoApprovals)
    .where(eq(vetoApprovals.id, row.id))
    .orderBy(asc(vetoApprovals.approvedBy));
  return { ...row, approvals: given.all().map(({ approvedBy }) => approvedBy) };
}
