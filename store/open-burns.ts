// Burns that nobody pays yet: none of their transactions is signed, as far as this node knows.
import { and, asc, eq, inArray, notExists, sql } from 'drizzle-orm';
import { asBurn, type Burn } from './burns.ts';
import { countRows, type Listing, type Page, pageBounds, type Queries } from './database.ts';
import { burns, foreignPayments, type PAYOUT_STATUSES, payoutTransactionBurns, payoutTransactions } from './schema.ts';

const UNDER_WAY = ['signed', 'broadcast', 'confirmed', 'settled'] as const;
const MINED = ['confirmed', 'settled'] as const;

/**
 * Burns without a payout that is signed, broadcast, confirmed or settled, and that nobody else has paid, oldest on the
 * Wire ledger first.
 */
export function listOpenBurns(db: Queries, page: Page = {}): Listing<Burn> {
  return without(db, UNDER_WAY, page);
}

/** Burns of which this node knows no payment in the chain, oldest on the Wire ledger first. */
export function listUnpaidBurns(db: Queries, page: Page = {}): Listing<Burn> {
  return without(db, MINED, page);
}

function without(db: Queries, statuses: readonly (typeof PAYOUT_STATUSES)[number][], page: Page): Listing<Burn> {
  const { limit, offset } = pageBounds(page);
  const paying = db
    .select({ one: sql`1` })
    .from(payoutTransactionBurns)
    .innerJoin(payoutTransactions, eq(payoutTransactions.txid, payoutTransactionBurns.txid))
    .where(and(eq(payoutTransactionBurns.burnTxid, burns.burnTxid), inArray(payoutTransactions.status, [...statuses])));
  const foreign = db.select({ one: sql`1` }).from(foreignPayments).where(eq(foreignPayments.burnTxid, burns.burnTxid));
  const open = and(notExists(paying), notExists(foreign));
  const rows = db.select().from(burns).where(open).orderBy(asc(burns.wireSeq)).limit(limit).offset(offset).all();
  return { rows: rows.flatMap((row) => asBurn(row) ?? []), total: countRows(db, burns, open) };
}
