// Deposits that wait to be attested: deep enough, and never attested, or with an attestation that ran out before it was
// used.
import { and, asc, eq, inArray, isNull, or, sql } from 'drizzle-orm';
import { type Listing, type Page, pageBounds, type Queries } from './database.ts';
import type { Deposit } from './deposits.ts';
import { given, givenPage, prepared, preparedCount } from './prepared.ts';
import { attestations, deposits } from './schema.ts';

const { height: blockHeight, status } = deposits;
const { signatureExpiry } = attestations;

const isOpen = (db: Queries) => {
  const isOver = sql`${signatureExpiry} <= ${given(signatureExpiry, 'nowSeconds')}`;
  const ranOut = db
    .select({ txid: attestations.txid })
    .from(attestations)
    .where(
      and(
        eq(attestations.txid, deposits.txid),
        eq(attestations.vout, deposits.vout),
        or(isNull(signatureExpiry), isOver),
      ),
    );
  return and(
    sql`${blockHeight} <= ${given(blockHeight, 'height')}`,
    or(inArray(status, ['seen', 'confirmed']), and(eq(status, 'attested'), inArray(deposits.txid, ranOut))),
  );
};
const openOnes = prepared((db) =>
  db
    .select()
    .from(deposits)
    .where(isOpen(db))
    .orderBy(asc(blockHeight), asc(deposits.txid), asc(deposits.vout))
    .limit(givenPage.limit)
    .offset(givenPage.offset)
    .prepare(),
);
const countOpen = preparedCount(deposits, isOpen);

/** Those in blocks up to `height`, oldest block first; `nowSeconds` since 1970. */
export function listOpenDeposits(db: Queries, height: number, nowSeconds: bigint, page: Page = {}): Listing<Deposit> {
  const until = { height, nowSeconds };
  return { rows: openOnes(db).all({ ...until, ...pageBounds(page) }), total: countOpen(db, until) };
}
