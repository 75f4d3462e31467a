// Decisions in the order in which they were written down, for a peer that has lost some: windows of rows, so that one
// question costs the same however long the history is. Rows are never deleted, so rowids keep their order.
import { and, asc, eq, exists, gt, gte, inArray, isNull, lte, notExists, or, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import type { Json } from '../crypto/canonical-json.ts';
import type { Attestation } from './attestations.ts';
import type { Queries } from './database.ts';
import { attestations, burns, payoutTransactionBurns, payoutTransactionInputs, payoutTransactions } from './schema.ts';

/** How many attestations one window looks at. */
export const ATTESTATION_WINDOW_ROWS = 1_000;
/** How many payouts one window looks at. */
export const PAYOUT_WINDOW_ROWS = 200;

/** Part of a table: `next` is where the following window begins, null at the end. */
export interface Window<Row> {
  readonly rows: readonly Row[];
  readonly next: number | null;
}

/** A payout as another node can judge it again; `intent` null where it was kept by an earlier version. */
export interface DecidedPayout {
  readonly position: number;
  readonly txid: string;
  readonly intent: Json;
  readonly signedTx: string | null;
}

const rowid = sql<bigint>`rowid`;

/** Attestations after a position (0: from the first) that were changed since (ms since 1970) or have no signature yet. */
export function attestationWindow(db: Queries, after: number, since: number): Window<Attestation> {
  const end = after + ATTESTATION_WINDOW_ROWS;
  const within = and(gt(rowid, BigInt(after)), lte(rowid, BigInt(end)));
  const wanted = or(isNull(attestations.signature), gte(attestations.updatedAt, since));
  const rows = db.select().from(attestations).where(and(within, wanted)).orderBy(asc(rowid)).all();
  const last = db.select({ last: sql<bigint>`coalesce(max(rowid), 0)` }).from(attestations).get()?.last ?? 0n;
  return { rows, next: BigInt(end) < last ? end : null };
}

/**
 * Payouts after a position that can still be mined, and those settled since (ms since 1970). One that was replaced can be
 * mined again by a reorganisation that is deep, yet not as deep as counts for releasing burns: it is told as long as it
 * binds a burn that no settled payout pays.
 */
export function payoutWindow(db: Queries, after: number, since: number): Window<DecidedPayout> {
  const end = after + PAYOUT_WINDOW_ROWS;
  const open = inArray(payoutTransactions.status, ['decided', 'signed', 'broadcast', 'confirmed']);
  const lately = and(eq(payoutTransactions.status, 'settled'), gte(payoutTransactions.settledAt, since));
  const { txid, intent, signedTx } = payoutTransactions;
  const rows = db
    .select({ position: rowid, txid, intent, signedTx })
    .from(payoutTransactions)
    .where(and(gt(rowid, BigInt(after)), lte(rowid, BigInt(end)), or(open, lately, givenUp(db))))
    .orderBy(asc(rowid))
    .all();
  const last = db.select({ last: sql<bigint>`coalesce(max(rowid), 0)` }).from(payoutTransactions).get()?.last ?? 0n;
  const decided = rows.map((row) => ({ ...row, position: Number(row.position) }));
  return { rows: decided, next: BigInt(end) < last ? end : null };
}

// Replaced, and binding a burn all the same: its anchor is among the inputs, and no settled payout pays it.
function givenUp(db: Queries) {
  const { txid: of, prevTxid, prevVout } = payoutTransactionInputs;
  const settled = alias(payoutTransactions, 'settled');
  const paying = alias(payoutTransactionBurns, 'paying');
  const isPaid = db
    .select({ one: sql`1` })
    .from(paying)
    .innerJoin(settled, and(eq(settled.txid, paying.txid), eq(settled.status, 'settled')))
    .where(eq(paying.burnTxid, burns.burnTxid));
  const binding = db
    .select({ one: sql`1` })
    .from(payoutTransactionBurns)
    .innerJoin(burns, eq(burns.burnTxid, payoutTransactionBurns.burnTxid))
    .innerJoin(payoutTransactionInputs, and(eq(prevTxid, burns.anchorTxid), eq(prevVout, burns.anchorVout)))
    .where(
      and(eq(payoutTransactionBurns.txid, payoutTransactions.txid), eq(of, payoutTransactions.txid), notExists(isPaid)),
    );
  return and(eq(payoutTransactions.status, 'replaced'), exists(binding));
}
