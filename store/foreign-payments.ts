// What transactions in the chain pay from the bitcoin key's coins that this node never agreed to sign: it was away while
// the others paid. They bind this node to nothing; a burn that one of them pays is paid.
import { and, asc, eq, isNotNull, isNull } from 'drizzle-orm';
import { appendAudit } from './audit-log.ts';
import { type Listing, type Page, pageBounds, type Queries, transact } from './database.ts';
import { given, givenPage, prepared, preparedCount } from './prepared.ts';
import { foreignPayments } from './schema.ts';

/** An output of such a transaction: `script` in hex, `amount` in sats. */
export interface ForeignOutput {
  readonly outputIndex: number;
  readonly script: string;
  readonly amount: bigint;
}

/** A stored one; `height` null once its block has left the chain. */
export interface ForeignPayment extends ForeignOutput {
  readonly txid: string;
  readonly burnTxid: string | null;
  readonly height: number | null;
}

const ofBurn = prepared((db) =>
  db
    .select()
    .from(foreignPayments)
    .where(eq(foreignPayments.burnTxid, given(foreignPayments.burnTxid, 'burnTxid')))
    .prepare(),
);

const isUnrecognised = () => and(isNull(foreignPayments.burnTxid), isNotNull(foreignPayments.height));
const unrecognised = prepared((db) =>
  db
    .select()
    .from(foreignPayments)
    .where(isUnrecognised())
    .orderBy(asc(foreignPayments.height), asc(foreignPayments.txid), asc(foreignPayments.outputIndex))
    .limit(givenPage.limit)
    .offset(givenPage.offset)
    .prepare(),
);
const countUnrecognised = preparedCount(foreignPayments, isUnrecognised);

/** Keeps what a transaction in a block of this height pays; again is harmless, and may tell of another block. */
export function recordForeignPayments(
  db: Queries,
  txid: string,
  outputs: readonly ForeignOutput[],
  height: number,
  now: number,
): void {
  transact(db, (tx) => {
    for (const { outputIndex, script, amount } of outputs) {
      tx.insert(foreignPayments)
        .values({ txid, outputIndex, script, amount, height, seenAt: now })
        .onConflictDoUpdate({ target: [foreignPayments.txid, foreignPayments.outputIndex], set: { height } })
        .run();
    }
  });
}

/** Notes which burn an output pays. False where another output in the chain pays it already. */
export function recogniseForeignPayment(db: Queries, payment: ForeignPayment, burnTxid: string, now: number): boolean {
  return transact(db, (tx): boolean => {
    if (foreignPaymentOf(tx, burnTxid) !== null) return false;
    const { txid, outputIndex } = payment;
    const isIt = and(eq(foreignPayments.txid, txid), eq(foreignPayments.outputIndex, outputIndex));
    tx.update(foreignPayments).set({ burnTxid }).where(isIt).run();
    appendAudit(tx, now, 'burn_paid_by_others', { burn_txid: burnTxid, txid, output_index: outputIndex });
    return true;
  });
}

/**
 * What a transaction pays is known for certain, as this node has decided it after it was mined: where burns look alike, it
 * may have been taken for the payment of another.
 */
export function attributeForeignPayments(
  db: Queries,
  txid: string,
  paid: readonly { readonly burnTxid: string; readonly outputIndex: number }[],
): void {
  transact(db, (tx) => {
    const { txid: of, outputIndex: index, burnTxid: burn, height } = foreignPayments;
    tx.update(foreignPayments)
      .set({ burnTxid: null })
      .where(and(eq(of, txid), isNotNull(burn)))
      .run();
    for (const { burnTxid, outputIndex } of paid) {
      if (foreignPaymentOf(tx, burnTxid) !== null) continue;
      const isIt = and(eq(of, txid), eq(index, outputIndex), isNotNull(height));
      tx.update(foreignPayments).set({ burnTxid }).where(isIt).run();
    }
  });
}

/** The output in the chain that pays a burn, or null. */
export function foreignPaymentOf(db: Queries, burnTxid: string): ForeignPayment | null {
  return ofBurn(db).get({ burnTxid }) ?? null;
}

/** Outputs in the chain of which it is not known yet what they pay, oldest first. */
export function listUnrecognised(db: Queries, page: Page = {}): Listing<ForeignPayment> {
  return { rows: unrecognised(db).all(pageBounds(page)), total: countUnrecognised(db) };
}
