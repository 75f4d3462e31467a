// Burns that a node, brought back from an older state, left to the others (Never 2): it may have signed one of the payouts
// that its peers told of, and cannot tell which. Each such claim is kept with what it would spend, and is released once it
// can never be mined; the burn is contested until all its claims are. Rows are never deleted.
import { and, asc, eq } from 'drizzle-orm';
import { appendAudit } from './audit-log.ts';
import { type Outpoint, PAGE_ROWS_MAX, type Queries, transact } from './database.ts';
import { foreignPaymentOf } from './foreign-payments.ts';
import { listPayoutsOfBurn } from './payout-listing.ts';
import {
  claimAbsences,
  contestedBurns,
  contestedClaims,
  contestedReleases,
  type RELEASE_CAUSES,
  utxos,
} from './schema.ts';
import { getUtxo } from './utxos.ts';

/** A liar may have told of very many claims. */
const ROWS_AT_ONCE = 250;

/** A payout of a burn that this node may have signed. */
export interface ContestedClaim {
  readonly txid: string;
  readonly inputs: readonly Outpoint[];
}

/**
 * Why one is released: another transaction spends a coin of it deep in the chain, or an operator has had it released whose
 * coin was missing for as long.
 */
export type ReleaseCause = (typeof RELEASE_CAUSES)[number];

/** A burn left to the others. `claims`: those not released; null where an earlier version did not keep them. */
export interface ContestedBurn {
  readonly burnTxid: string;
  readonly claims: readonly ContestedClaim[] | null;
}

/** Marks a burn of which this node may have signed these payouts: it decides only what conflicts with each of them. */
export function contestBurn(db: Queries, burnTxid: string, claims: readonly ContestedClaim[], now: number): void {
  transact(db, (tx) => {
    const known = new Set(rowsOf(tx, burnTxid).map(({ txid }) => txid));
    // Two peers may have told the same one, decided by one and signed by the other.
    const unique = new Map(claims.map((claim) => [claim.txid, claim]));
    const fresh = [...unique.values()].filter(({ txid }) => !known.has(txid));
    const rows = fresh.flatMap(({ txid, inputs }) =>
      inputs.map(({ txid: prevTxid, vout: prevVout }) => ({ burnTxid, txid, prevTxid, prevVout })),
    );
    for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
      tx.insert(contestedClaims)
        .values(rows.slice(at, at + ROWS_AT_ONCE))
        .run();
    }
    const isMarked = markOf(tx, burnTxid) !== undefined;
    if (!isMarked) tx.insert(contestedBurns).values({ burnTxid, at: now }).run();
    if (isMarked && fresh.length === 0) return;
    appendAudit(tx, now, 'burn_contested', { burn_txid: burnTxid, claims: fresh.map(({ txid }) => txid) });
  });
}

/** Whether this node may have signed a payout of a burn that it does not know of as its own. */
export function isContested(db: Queries, burnTxid: string): boolean {
  return markOf(db, burnTxid) !== undefined && openClaims(db, burnTxid)?.length !== 0;
}

/** The burns that are contested and that no block of at most `height` pays, oldest first, at most a page. */
export function listContested(db: Queries, height: number): readonly ContestedBurn[] {
  const rows = db.select().from(contestedBurns).orderBy(asc(contestedBurns.at), asc(contestedBurns.burnTxid)).all();
  const open: ContestedBurn[] = [];
  for (const { burnTxid } of rows) {
    const claims = openClaims(db, burnTxid);
    if (claims?.length === 0 || isPaid(db, burnTxid, height)) continue;
    if (open.push({ burnTxid, claims }) >= PAGE_ROWS_MAX) break;
  }
  return open;
}

/** Releases a claim, once. `operator`: throws unless a coin of it is missed (claim-absences.ts). */
export function releaseClaim(db: Queries, burnTxid: string, txid: string, cause: ReleaseCause, now: number): void {
  transact(db, (tx) => {
    const rows = rowsOf(tx, burnTxid).filter((row) => row.txid === txid);
    if (rows.length === 0 || rows.some((row) => row.cause !== null)) return;
    tx.insert(contestedReleases).values({ burnTxid, txid, cause, at: now }).run();
    appendAudit(tx, now, 'burn_claim_released', { burn_txid: burnTxid, txid, cause });
  });
}

/** Whether a claim was released before, and is open again because its coin has come back. */
export function isReopened(db: Queries, burnTxid: string, txid: string): boolean {
  return rowsOf(db, burnTxid).some((row) => row.txid === txid && row.cause !== null);
}

/** Whether another transaction spends a coin of a claim in a block of at most this height: it can never be mined. */
export function isDead(db: Queries, { txid, inputs }: ContestedClaim, height: number): boolean {
  return inputs.some((input) => {
    const utxo = getUtxo(db, input);
    if (utxo === null || utxo.spentBy === null || utxo.spentBy === txid) return false;
    return utxo.spentHeight !== null && utxo.spentHeight <= height;
  });
}

function isPaid(db: Queries, burnTxid: string, height: number): boolean {
  const payments = [...listPayoutsOfBurn(db, burnTxid, ['confirmed', 'settled']), foreignPaymentOf(db, burnTxid)];
  return payments.some((payment) => payment !== null && payment.height !== null && payment.height <= height);
}

function markOf(db: Queries, burnTxid: string) {
  return db.select().from(contestedBurns).where(eq(contestedBurns.burnTxid, burnTxid)).get();
}

function rowsOf(db: Queries, burnTxid: string) {
  const { txid, prevTxid, prevVout } = contestedClaims;
  const isReleased = and(
    eq(contestedReleases.burnTxid, contestedClaims.burnTxid),
    eq(contestedReleases.txid, contestedClaims.txid),
  );
  const wasMissed = and(
    eq(claimAbsences.burnTxid, contestedClaims.burnTxid),
    eq(claimAbsences.txid, contestedClaims.txid),
  );
  const isMissed = and(eq(utxos.txid, claimAbsences.prevTxid), eq(utxos.vout, claimAbsences.prevVout));
  return db
    .select({ txid, prevTxid, prevVout, cause: contestedReleases.cause, back: utxos.txid, spentBy: utxos.spentBy })
    .from(contestedClaims)
    .leftJoin(contestedReleases, isReleased)
    .leftJoin(claimAbsences, wasMissed)
    .leftJoin(utxos, isMissed)
    .where(eq(contestedClaims.burnTxid, burnTxid))
    .orderBy(asc(txid), asc(prevTxid), asc(prevVout))
    .all();
}

/**
 * The payouts that this node may have signed and that might still be mined; null where none was ever kept. One that was
 * released because its coin was missing is among them again where that coin has come back, until another spends it.
 */
export function openClaims(db: Queries, burnTxid: string): readonly ContestedClaim[] | null {
  const rows = rowsOf(db, burnTxid);
  const claims = new Map<string, Outpoint[]>();
  for (const { txid, prevTxid, prevVout, cause, back, spentBy } of rows) {
    const isBack = cause === 'operator' && back !== null && (spentBy === null || spentBy === txid);
    if (cause === null || isBack) claims.set(txid, [...(claims.get(txid) ?? []), { txid: prevTxid, vout: prevVout }]);
  }
  return rows.length === 0 ? null : [...claims].map(([txid, inputs]) => ({ txid, inputs }));
}
