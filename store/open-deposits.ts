// Deposits that wait to be attested: deep enough, and never attested, or with an attestation that ran out before it was
// used. And those that are attested and wait for their mint.
import { and, asc, eq, getTableColumns, inArray, isNotNull, isNull, or, sql } from 'drizzle-orm';
import { type Page, pageBounds, type Queries } from './database.ts';
import type { Deposit } from './deposits.ts';
import { given, givenPage, prepared } from './prepared.ts';
import { attestations, deposits } from './schema.ts';

const { height: blockHeight, status, amount } = deposits;
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
    sql`${amount} >= ${given(amount, 'least')}`,
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

/** Deposits of `least` sats or more in blocks up to `height`; `nowSeconds` since 1970. */
export interface OpenUntil {
  readonly height: number;
  readonly nowSeconds: bigint;
  readonly least: bigint;
}

/** Those that wait to be attested, oldest block first. */
export function listOpenDeposits(db: Queries, until: OpenUntil, page: Page = {}): readonly Deposit[] {
  return openOnes(db).all({ ...until, ...pageBounds(page) });
}

/** A place in the order in which deposits were first seen; `seenAt` in ms since 1970. */
export interface AttestedPlace {
  readonly seenAt: number;
  readonly place: number;
}

/** A deposit that is attested, with its place. */
export type AttestedDeposit = Deposit & AttestedPlace;

const { seenAt } = deposits;
const attestedOnes = prepared((db) => {
  const place = sql<number>`rowid`.mapWith(Number);
  // The index on status and time holds the row's place as well: what was passed is not read again.
  const isAfter = sql`(${seenAt}, rowid) > (${given(seenAt, 'seenAt')}, ${sql.placeholder('place')})`;
  return db
    .select({ ...getTableColumns(deposits), place: place.as('place') })
    .from(deposits)
    .where(and(eq(status, 'attested'), isNotNull(blockHeight), isAfter))
    .orderBy(asc(seenAt), asc(place))
    .limit(sql.placeholder('limit'))
    .prepare();
});

/** At most `limit` deposits in blocks that are attested and not minted, oldest first, after a place (null: from the first). */
export function listAttestedAfter(db: Queries, after: AttestedPlace | null, limit: number): readonly AttestedDeposit[] {
  return attestedOnes(db).all({
    seenAt: after?.seenAt ?? -1,
    place: after?.place ?? -1,
    limit: pageBounds({ limit }).limit,
  });
}
