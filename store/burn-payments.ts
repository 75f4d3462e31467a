// The one answer to the question whether a burn is paid: by a step of the line that is mined, or by one that is signed and can
// still be mined. A step that this node only agreed to sign does not count, nor one that the line has passed.
import { and, asc, desc, eq, isNotNull, ne, notExists, sql } from 'drizzle-orm';
import { type Burn, getBurn } from './burns.ts';
import { countRows, type Listing, type Page, pageBounds, type Queries } from './database.ts';
import { given, givenPage, prepared, preparedCount } from './prepared.ts';
import { burns, lineBurns, lineSteps } from './schema.ts';
import { minedInstead } from './step-state.ts';

/** Below this, in sats, no output is relayed: the dust of P2WPKH. */
const DUST_MIN = 294;

/** Where a burn stands. `txid`: the step that pays it; `height` of its block, or null. */
export type BurnPayment =
  | { readonly state: 'waiting' }
  | { readonly state: 'signed' | 'mined' | 'settled'; readonly txid: string; readonly height: number | null };

/** A burn with every step that pays it, the newest last. */
export interface BurnPayments {
  readonly burn: Burn;
  readonly payment: BurnPayment;
  readonly steps: readonly BurnStep[];
}

/** A step that pays a burn, in short; times in ms since 1970, `fee` in sats. */
export interface BurnStep {
  readonly txid: string;
  readonly fee: bigint | null;
  readonly isSigned: boolean;
  /** A sibling of it, or of an ancestor, is mined: it cannot be mined unless blocks leave the chain. */
  readonly isPassed: boolean;
  readonly height: number | null;
  readonly createdAt: number;
}

const paying = prepared((db) => {
  const { txid, fee, signedAt, height, createdAt } = lineSteps;
  return db
    .select({ txid, fee, signedAt, height, createdAt })
    .from(lineBurns)
    .innerJoin(lineSteps, eq(txid, lineBurns.txid))
    .where(eq(lineBurns.burnTxid, given(lineBurns.burnTxid, 'burnTxid')))
    .orderBy(asc(createdAt), asc(lineSteps.depth), asc(txid))
    .prepare();
});
const isUnmined = (db: Queries) => {
  const mined = db
    .select({ one: sql`1` })
    .from(lineBurns)
    .innerJoin(lineSteps, eq(lineSteps.txid, lineBurns.txid))
    .where(and(eq(lineBurns.burnTxid, burns.burnTxid), isNotNull(lineSteps.height)));
  return notExists(mined);
};
const unmined = prepared((db) =>
  db
    .select()
    .from(burns)
    .where(isUnmined(db))
    .orderBy(asc(burns.wireSeq), asc(burns.burnTxid))
    .limit(givenPage.limit)
    .offset(givenPage.offset)
    .prepare(),
);
const payable = prepared((db) => {
  const pays = sql`${burns.amount} - ${burns.fee} >= ${DUST_MIN}`;
  const bears = sql`${burns.fee} >= ${given(burns.fee, 'feeMin')}`;
  // Bech32 may be written in capitals as well.
  const isOther = sql`lower(${burns.address}) <> ${sql.placeholder('notTo')}`;
  return db
    .select()
    .from(burns)
    .where(and(pays, bears, isOther, isUnmined(db)))
    .orderBy(asc(burns.wireSeq), asc(burns.burnTxid))
    .limit(givenPage.limit)
    .offset(givenPage.offset)
    .prepare();
});
const above = prepared((db) => {
  const isAbove = sql`${burns.amount} > ${given(burns.amount, 'amount')}`;
  const bears = sql`${burns.fee} >= ${given(burns.fee, 'feeMin')}`;
  const isOther = sql`lower(${burns.address}) <> ${sql.placeholder('notTo')}`;
  return db
    .select()
    .from(burns)
    .where(and(isAbove, bears, isOther, isUnmined(db)))
    .orderBy(desc(burns.fee), asc(burns.burnTxid))
    .limit(givenPage.limit)
    .offset(givenPage.offset)
    .prepare();
});
const twinPaid = prepared((db) => {
  const { txid, height } = lineSteps;
  const isTwin = and(
    eq(lineBurns.nullifier, given(lineBurns.nullifier, 'nullifier')),
    ne(lineBurns.burnTxid, given(lineBurns.burnTxid, 'burnTxid')),
  );
  return db
    .select({ txid, burnTxid: lineBurns.burnTxid })
    .from(lineBurns)
    .innerJoin(lineSteps, eq(txid, lineBurns.txid))
    .where(and(isTwin, isNotNull(height)))
    .limit(1)
    .prepare();
});
const countUnmined = preparedCount(burns, isUnmined);

/** Where a burn stands; steps in blocks up to `settledHeight` are settled. A mined step counts before a signed one. */
export function paymentOf(db: Queries, burnTxid: string, settledHeight: number): BurnPayment {
  return paymentBy(stepsOfBurn(db, burnTxid), settledHeight);
}

/** The mined step that pays another burn with the nullifier of this one, and that burn; null where there is none. */
export function twinOf(
  db: Queries,
  { burnTxid, nullifier }: Pick<Burn, 'burnTxid' | 'nullifier'>,
): { readonly txid: string; readonly burnTxid: string } | null {
  return twinPaid(db).get({ burnTxid, nullifier }) ?? null;
}

/** Every step that is held and pays a burn, the newest last. */
export function stepsOfBurn(db: Queries, burnTxid: string): readonly BurnStep[] {
  return paying(db)
    .all({ burnTxid })
    .map(({ txid, fee, signedAt, height, createdAt }) => ({
      ...{ txid, fee, height, createdAt },
      isSigned: signedAt !== null,
      isPassed: height === null && minedInstead(db, txid) !== null,
    }));
}

/** Burns that no mined step pays, the oldest on the Wire ledger first. */
export function listWaitingBurns(db: Queries, page: Page = {}): Listing<Burn> {
  const rows = unmined(db).all(pageBounds(page));
  return { rows: rows, total: countUnmined(db) };
}

/**
 * As `listWaitingBurns`, without those that no payout can pay: whose fee is below `feeMin` sats, that pay dust, or that name
 * the address `notTo` (lower case).
 */
export function listPayableBurns(
  db: Queries,
  { feeMin, notTo }: { readonly feeMin: bigint; readonly notTo: string },
  page: Page = {},
): readonly Burn[] {
  return payable(db).all({ ...pageBounds(page), feeMin, notTo });
}

/** Unpaid burns of more than an amount, in sats, whose fee is `feeMin` or more and that do not name `notTo`; the highest fee first. */
export function listBurnsAbove(
  db: Queries,
  { amount, feeMin, notTo }: { readonly amount: bigint; readonly feeMin: bigint; readonly notTo: string },
  page: Page = {},
): readonly Burn[] {
  return above(db).all({ ...pageBounds(page), amount, feeMin, notTo });
}

/** A burn with its payments, or null where it is not known. */
export function burnPayments(db: Queries, burnTxid: string, settledHeight: number): BurnPayments | null {
  const burn = getBurn(db, burnTxid);
  return burn === null ? null : withSteps(db, burn, settledHeight);
}

/** Burns with their payments, the burn that was seen last first. */
export function listBurnPayments(db: Queries, settledHeight: number, page: Page = {}): Listing<BurnPayments> {
  const { limit, offset } = pageBounds(page);
  const rows = db
    .select()
    .from(burns)
    .orderBy(desc(burns.seenAt), asc(burns.burnTxid))
    .limit(limit)
    .offset(offset)
    .all();
  return {
    rows: rows.map((burn) => withSteps(db, burn, settledHeight)),
    total: countRows(db, burns),
  };
}

function withSteps(db: Queries, burn: Burn, settledHeight: number): BurnPayments {
  const steps = stepsOfBurn(db, burn.burnTxid);
  return { burn, payment: paymentBy(steps, settledHeight), steps };
}

function paymentBy(steps: readonly BurnStep[], settledHeight: number): BurnPayment {
  const mined = steps.find(({ height }) => height !== null);
  if (mined !== undefined && mined.height !== null) {
    return { state: mined.height <= settledHeight ? 'settled' : 'mined', txid: mined.txid, height: mined.height };
  }
  const signed = steps.findLast(({ isSigned, isPassed: isPast }) => isSigned && !isPast);
  return signed === undefined ? { state: 'waiting' } : { state: 'signed', txid: signed.txid, height: null };
}
