// Burns that nobody pays yet: none of their transactions is signed, as far as this node knows.
import { and, asc, eq, notExists, sql } from 'drizzle-orm';
import { asBurn, type Burn } from './burns.ts';
import { type Listing, type Page, pageBounds, type Queries } from './database.ts';
import { givenPage, isOneGiven, prepared, preparedCount } from './prepared.ts';
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

// Burns that no transaction in the statuses that are given pays, nor a stranger.
const isWithout = (db: Queries) => {
  const { txid, burnTxid } = payoutTransactionBurns;
  const paying = db
    .select({ one: sql`1` })
    .from(payoutTransactionBurns)
    .innerJoin(payoutTransactions, eq(payoutTransactions.txid, txid))
    .where(and(eq(burnTxid, burns.burnTxid), isOneGiven(payoutTransactions.status, 'statuses')));
  const foreign = db.select({ one: sql`1` }).from(foreignPayments).where(eq(foreignPayments.burnTxid, burns.burnTxid));
  return and(notExists(paying), notExists(foreign));
};
const burnsWithout = prepared((db) =>
  db
    .select()
    .from(burns)
    .where(isWithout(db))
    .orderBy(asc(burns.wireSeq))
    .limit(givenPage.limit)
    .offset(givenPage.offset)
    .prepare(),
);
const countWithout = preparedCount(burns, isWithout);

function without(db: Queries, statuses: readonly (typeof PAYOUT_STATUSES)[number][], page: Page): Listing<Burn> {
  const paying = { statuses: JSON.stringify(statuses) };
  const rows = burnsWithout(db).all({ ...paying, ...pageBounds(page) });
  return { rows: rows.flatMap((row) => asBurn(row) ?? []), total: countWithout(db, paying) };
}
