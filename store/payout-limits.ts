// What the policy needs to know of payouts: since when a burn is final here, and what this node has signed within a day. A node
// that has forgotten it begins anew, and signs nothing that it would not sign otherwise.
import { asc, eq, gt } from 'drizzle-orm';
import { type Queries, transact } from './database.ts';
import { given, prepared } from './prepared.ts';
import { burnFinality, payoutsSigned } from './schema.ts';

/** What counts towards the cap of a day, in ms: exactly so old counts no more. */
export const DAY_CAP_MS = 86_400_000;

/** What this node has signed to be paid. `at`: when it did so first, in ms since 1970. */
export interface SignedPayout {
  readonly burnTxid: string;
  readonly sats: bigint;
  readonly at: number;
}

const finality = prepared((db) =>
  db
    .select()
    .from(burnFinality)
    .where(eq(burnFinality.burnTxid, given(burnFinality.burnTxid, 'burnTxid')))
    .prepare(),
);
const signed = prepared((db) =>
  db
    .select()
    .from(payoutsSigned)
    .where(eq(payoutsSigned.burnTxid, given(payoutsSigned.burnTxid, 'burnTxid')))
    .prepare(),
);
const signedAfter = prepared((db) =>
  db
    .select()
    .from(payoutsSigned)
    .where(gt(payoutsSigned.at, given(payoutsSigned.at, 'after')))
    .orderBy(asc(payoutsSigned.at))
    .prepare(),
);

/** Since when a burn has been final here: the first time is written down, and never changes. In ms since 1970. */
export function finalSince(db: Queries, burnTxid: string, now: number): number {
  const known = finality(db).get({ burnTxid });
  if (known !== undefined) return known.at;
  db.insert(burnFinality).values({ burnTxid, at: now }).run();
  return now;
}

/** Since when a burn has been final here, where that was written down; else null. */
export function knownFinalSince(db: Queries, burnTxid: string): number | null {
  return finality(db).get({ burnTxid })?.at ?? null;
}

/** Whether this node has signed a payout of the burn before. */
export function isPayoutSigned(db: Queries, burnTxid: string): boolean {
  return signed(db).get({ burnTxid }) !== undefined;
}

/** What this node signed first within the day that ends at `now`, the oldest first. */
export function signedWithinDay(db: Queries, now: number): readonly SignedPayout[] {
  return signedAfter(db).all({ after: Math.max(0, now - DAY_CAP_MS) });
}

/** Writes down what a share is given for now; what was signed before counts from then on still. */
export function notePayouts(db: Queries, payouts: readonly Omit<SignedPayout, 'at'>[], now: number): void {
  transact(db, (tx) => {
    for (const { burnTxid, sats } of payouts) {
      if (!isPayoutSigned(tx, burnTxid)) tx.insert(payoutsSigned).values({ burnTxid, sats, at: now }).run();
    }
  });
}
