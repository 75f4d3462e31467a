// Deposits that wait to be attested: deep enough, and never attested, or with an attestation that ran out before it was
// used.
import { and, asc, eq, inArray, isNull, lte, or } from 'drizzle-orm';
import { countRows, type Listing, type Page, pageBounds, type Queries } from './database.ts';
import type { Deposit } from './deposits.ts';
import { attestations, deposits } from './schema.ts';

/** Those in blocks up to `height`, oldest block first; `nowSeconds` since 1970. */
export function listOpenDeposits(db: Queries, height: number, nowSeconds: bigint, page: Page = {}): Listing<Deposit> {
  const { limit, offset } = pageBounds(page);
  const ranOut = db
    .select({ txid: attestations.txid })
    .from(attestations)
    .where(
      and(
        eq(attestations.txid, deposits.txid),
        eq(attestations.vout, deposits.vout),
        or(isNull(attestations.signatureExpiry), lte(attestations.signatureExpiry, nowSeconds)),
      ),
    );
  const where = and(
    lte(deposits.height, height),
    or(
      inArray(deposits.status, ['seen', 'confirmed']),
      and(eq(deposits.status, 'attested'), inArray(deposits.txid, ranOut)),
    ),
  );
  const query = db.select().from(deposits).where(where);
  const rows = query
    .orderBy(asc(deposits.height), asc(deposits.txid), asc(deposits.vout))
    .limit(limit)
    .offset(offset)
    .all();
  return { rows, total: countRows(db, deposits, where) };
}
