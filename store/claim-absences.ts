// Coins of contested claims (contested-burns.ts) that this node and all its Bitcoin nodes know nothing of, each with the best
// block at which that was first seen. An operator releases such a claim only once the absence has lasted (Never 2): a coin
// that a reorganisation took from a node which has lost its record of it looks the same, and may come back.
import { and, asc, eq, isNull } from 'drizzle-orm';
import { appendAudit } from './audit-log.ts';
import { type Outpoint, PAGE_ROWS_MAX, type Queries, transact } from './database.ts';
import { claimAbsences, contestedReleases } from './schema.ts';

/** A claim (`txid`) on a burn, the coin of it that is missing, and the best block when that was first seen. */
export interface ClaimAbsence {
  readonly burnTxid: string;
  readonly txid: string;
  readonly coin: Outpoint;
  readonly height: number;
  readonly blockHash: string;
}

/** What a claim's coin is missed since; null where it is not. */
export function absenceOf(db: Queries, burnTxid: string, txid: string): ClaimAbsence | null {
  const row = db.select().from(claimAbsences).where(ofClaim(burnTxid, txid)).get();
  return row === undefined ? null : asAbsence(row);
}

/** The absences of claims that are not released, at most a page. */
export function listAbsences(db: Queries): readonly ClaimAbsence[] {
  const isReleased = and(
    eq(contestedReleases.burnTxid, claimAbsences.burnTxid),
    eq(contestedReleases.txid, claimAbsences.txid),
  );
  const rows = db
    .select({ absence: claimAbsences })
    .from(claimAbsences)
    .leftJoin(contestedReleases, isReleased)
    .where(isNull(contestedReleases.txid))
    .orderBy(asc(claimAbsences.height), asc(claimAbsences.txid))
    .limit(PAGE_ROWS_MAX)
    .all();
  return rows.map(({ absence }) => asAbsence(absence));
}

/** Keeps that a claim's coin is missing. Throws where it is known, is no coin of the claim, or is missed already: a bug. */
export function beginAbsence(db: Queries, absence: ClaimAbsence, now: number): void {
  const { burnTxid, txid, coin, height, blockHash } = absence;
  transact(db, (tx) => {
    const row = { burnTxid, txid, prevTxid: coin.txid, prevVout: coin.vout, height, blockHash, at: now };
    tx.insert(claimAbsences).values(row).run();
    const where = { coin: { txid: coin.txid, vout: coin.vout }, height, block_hash: blockHash };
    appendAudit(tx, now, 'claim_coin_missed', { burn_txid: burnTxid, txid, ...where });
  });
}

/** The coin was seen after all, or the block at which it was missed first is gone: its absence begins anew, if at all. */
export function endAbsence(db: Queries, { burnTxid, txid }: ClaimAbsence, now: number): void {
  transact(db, (tx) => {
    tx.delete(claimAbsences).where(ofClaim(burnTxid, txid)).run();
    appendAudit(tx, now, 'claim_coin_absence_ended', { burn_txid: burnTxid, txid });
  });
}

function ofClaim(burnTxid: string, txid: string) {
  return and(eq(claimAbsences.burnTxid, burnTxid), eq(claimAbsences.txid, txid));
}

function asAbsence(row: typeof claimAbsences.$inferSelect): ClaimAbsence {
  const { burnTxid, txid, prevTxid, prevVout, height, blockHash } = row;
  return { burnTxid, txid, coin: { txid: prevTxid, vout: prevVout }, height, blockHash };
}
