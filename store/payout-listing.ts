// Reading payouts: one transaction with what it pays, the transactions of a burn, and the list of withdrawals.
import { and, asc, desc, eq } from 'drizzle-orm';
import { asBurn, type Burn, getBurn } from './burns.ts';
import { countRows, type Listing, type Outpoint, type Page, pageBounds, type Queries } from './database.ts';
import { given, givenPage, isOneGiven, prepared, preparedCount } from './prepared.ts';
import {
  burns,
  PAYOUT_STATUSES,
  payoutTransactionBurns,
  payoutTransactionInputs,
  payoutTransactions,
} from './schema.ts';

/** decided → signed → broadcast → confirmed → settled; `replaced` once a conflicting transaction is settled. */
export type PayoutStatus = (typeof PAYOUT_STATUSES)[number];

/** A stored payout transaction. Hex without prefix, sats, times in ms since 1970, null where it has not come to it. */
export interface Payout {
  readonly txid: string;
  readonly unsignedTx: string;
  readonly signedTx: string | null;
  readonly fee: bigint;
  readonly feeRate: number;
  readonly change: { readonly vout: number; readonly amount: bigint } | null;
  readonly status: PayoutStatus;
  readonly inputs: readonly Outpoint[];
  readonly burns: readonly { readonly burnTxid: string; readonly outputIndex: number }[];
  readonly height: number | null;
  readonly blockHash: string | null;
  readonly createdAt: number;
  readonly signedAt: number | null;
  readonly broadcastAt: number | null;
  readonly confirmedAt: number | null;
  readonly settledAt: number | null;
}

/** A burn and how far its payout is: `undecided`, or the status of the transaction that is furthest. */
export interface Withdrawal {
  readonly burn: Burn;
  readonly status: 'undecided' | PayoutStatus;
  /** Oldest first. */
  readonly payouts: readonly Payout[];
}

const PROGRESS: readonly Withdrawal['status'][] = [
  'undecided',
  'replaced',
  'decided',
  'signed',
  'broadcast',
  'confirmed',
  'settled',
];

const ofTxid = prepared((db) =>
  db
    .select()
    .from(payoutTransactions)
    .where(eq(payoutTransactions.txid, given(payoutTransactions.txid, 'txid')))
    .prepare(),
);
const statusOf = prepared((db) =>
  db
    .select({ status: payoutTransactions.status })
    .from(payoutTransactions)
    .where(eq(payoutTransactions.txid, given(payoutTransactions.txid, 'txid')))
    .prepare(),
);
const ofBurn = prepared((db) =>
  db
    .select({ payout: payoutTransactions })
    .from(payoutTransactionBurns)
    .innerJoin(payoutTransactions, eq(payoutTransactions.txid, payoutTransactionBurns.txid))
    .where(
      and(
        eq(payoutTransactionBurns.burnTxid, given(payoutTransactionBurns.burnTxid, 'burnTxid')),
        isOneGiven(payoutTransactions.status, 'statuses'),
      ),
    )
    .orderBy(asc(payoutTransactions.createdAt), asc(payoutTransactions.txid))
    .prepare(),
);
const spending = prepared((db) => {
  const { txid, prevTxid, prevVout } = payoutTransactionInputs;
  return db
    .select({ payout: payoutTransactions })
    .from(payoutTransactionInputs)
    .innerJoin(payoutTransactions, eq(payoutTransactions.txid, txid))
    .where(
      and(
        eq(prevTxid, given(prevTxid, 'txid')),
        eq(prevVout, given(prevVout, 'vout')),
        isOneGiven(payoutTransactions.status, 'statuses'),
      ),
    )
    .prepare();
});
const inStatuses = prepared((db) =>
  db
    .select()
    .from(payoutTransactions)
    .where(isOneGiven(payoutTransactions.status, 'statuses'))
    .orderBy(desc(payoutTransactions.createdAt), asc(payoutTransactions.txid))
    .limit(givenPage.limit)
    .offset(givenPage.offset)
    .prepare(),
);
const countInStatuses = preparedCount(payoutTransactions, () => isOneGiven(payoutTransactions.status, 'statuses'));
const inputsOf = prepared((db) =>
  db
    .select({ txid: payoutTransactionInputs.prevTxid, vout: payoutTransactionInputs.prevVout })
    .from(payoutTransactionInputs)
    .where(eq(payoutTransactionInputs.txid, given(payoutTransactionInputs.txid, 'txid')))
    .orderBy(asc(payoutTransactionInputs.inputIndex))
    .prepare(),
);
const paidBy = prepared((db) =>
  db
    .select({ burnTxid: payoutTransactionBurns.burnTxid, outputIndex: payoutTransactionBurns.outputIndex })
    .from(payoutTransactionBurns)
    .where(eq(payoutTransactionBurns.txid, given(payoutTransactionBurns.txid, 'txid')))
    .orderBy(asc(payoutTransactionBurns.outputIndex))
    .prepare(),
);

/** A payout transaction, or null. */
export function getPayout(db: Queries, txid: string): Payout | null {
  const row = ofTxid(db).get({ txid });
  return row === undefined ? null : withParts(db, row);
}

/** How far a payout is; null where none is stored. */
export function getPayoutStatus(db: Queries, txid: string): PayoutStatus | null {
  return statusOf(db).get({ txid })?.status ?? null;
}

/** Payout transactions in one of the statuses (default: all), newest first. */
export function listPayouts(
  db: Queries,
  statuses: readonly PayoutStatus[] = PAYOUT_STATUSES,
  page: Page = {},
): Listing<Payout> {
  const wanted = { statuses: JSON.stringify(statuses) };
  const rows = inStatuses(db).all({ ...wanted, ...pageBounds(page) });
  return { rows: rows.map((row) => withParts(db, row)), total: countInStatuses(db, wanted) };
}

/**
 * Every transaction decided for a burn, oldest first; or those in one of the statuses: a peer may have had this node decide
 * very many of which nothing came.
 */
export function listPayoutsOfBurn(
  db: Queries,
  burnTxid: string,
  statuses: readonly PayoutStatus[] = PAYOUT_STATUSES,
): readonly Payout[] {
  const rows = ofBurn(db).all({ burnTxid, statuses: JSON.stringify(statuses) });
  return rows.map(({ payout }) => withParts(db, payout));
}

/** Every transaction decided that spends an outpoint; or those in one of the statuses. */
export function listSpenders(
  db: Queries,
  { txid, vout }: Outpoint,
  statuses: readonly PayoutStatus[] = PAYOUT_STATUSES,
): readonly Payout[] {
  return spending(db)
    .all({ txid, vout, statuses: JSON.stringify(statuses) })
    .map(({ payout }) => withParts(db, payout));
}

/** A burn with its payouts, or null. */
export function getWithdrawal(db: Queries, burnTxid: string): Withdrawal | null {
  const burn = getBurn(db, burnTxid);
  return burn === null ? null : withPayouts(db, burn);
}

/** Burns with their payouts, newest first. */
export function listWithdrawals(db: Queries, page: Page = {}): Listing<Withdrawal> {
  const { limit, offset } = pageBounds(page);
  const rows = db
    .select()
    .from(burns)
    .orderBy(desc(burns.seenAt), asc(burns.burnTxid))
    .limit(limit)
    .offset(offset)
    .all();
  return {
    rows: rows.flatMap((row) => asBurn(row) ?? []).map((burn) => withPayouts(db, burn)),
    total: countRows(db, burns),
  };
}

function withPayouts(db: Queries, burn: Burn): Withdrawal {
  const payouts = listPayoutsOfBurn(db, burn.burnTxid);
  const furthest = Math.max(0, ...payouts.map(({ status }) => PROGRESS.indexOf(status)));
  return { burn, status: PROGRESS[furthest] ?? 'undecided', payouts };
}

function withParts(db: Queries, row: typeof payoutTransactions.$inferSelect): Payout {
  const { txid } = row;
  const { changeVout, changeAmount, intent: _, ...payout } = row;
  const change = changeVout === null || changeAmount === null ? null : { vout: changeVout, amount: changeAmount };
  return { ...payout, change, inputs: inputsOf(db).all({ txid }), burns: paidBy(db).all({ txid }) };
}
