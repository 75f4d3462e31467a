// Burns as this node's own Wire nodes told them. What a burn says never changes; payouts.ts sets its anchor.
import { asc, eq, isNull, sql } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { countRows, type Listing, type Outpoint, type Page, pageBounds, type Queries, transact } from './database.ts';
import { given, prepared } from './prepared.ts';
import { burns } from './schema.ts';

/** What the Wire ledger says of a burn; ids 64 lowercase hex characters, `amount` (fee included) and `fee` in sats. */
export interface BurnRecord {
  readonly burnTxid: string;
  readonly nullifier: string;
  readonly address: string;
  readonly amount: bigint;
  readonly fee: bigint;
  readonly wireSeq: bigint;
  readonly wireHeight: number;
}

/** A stored burn: `anchor` is the outpoint that each of its payout transactions spends; `seenAt` in ms since 1970. */
export interface Burn extends BurnRecord {
  readonly anchor: Outpoint | null;
  readonly seenAt: number;
}

/** The verdict on a burn; `data` is what is known under this id or nullifier. `added` is false for a repetition. */
export type BurnVerdict =
  | { readonly ok: true; readonly added: boolean }
  | { readonly ok: false; readonly reason: 'burn_mismatch'; readonly data: Json };

const ofId = prepared((db) =>
  db
    .select()
    .from(burns)
    .where(eq(burns.burnTxid, given(burns.burnTxid, 'burnTxid')))
    .prepare(),
);

/** Keeps a burn. The same burn again is ok; the same id or nullifier with other content is not. */
export function recordBurn(db: Queries, burn: BurnRecord, now: number): BurnVerdict {
  const { burnTxid, nullifier, address, amount, fee, wireSeq, wireHeight } = burn;
  return transact(db, (tx): BurnVerdict => {
    const known = getBurn(tx, burnTxid) ?? withNullifier(tx, nullifier);
    if (known === null) {
      tx.insert(burns).values({ burnTxid, nullifier, address, amount, fee, wireSeq, wireHeight, seenAt: now }).run();
      return { ok: true, added: true };
    }
    if (!saysTheSame(known, burn)) return { ok: false, reason: 'burn_mismatch', data: burnJson(known) };
    // A reorganisation of the Wire ledger may move a burn.
    if (known.wireHeight !== wireHeight) tx.update(burns).set({ wireHeight }).where(eq(burns.burnTxid, burnTxid)).run();
    return { ok: true, added: false };
  });
}

/** A burn by its id, or null. */
export function getBurn(db: Queries, burnTxid: string): Burn | null {
  return asBurn(ofId(db).get({ burnTxid }));
}

/** Burns for which no payout was ever decided here, oldest on the Wire ledger first. */
export function listUndecidedBurns(db: Queries, page: Page = {}): Listing<Burn> {
  const { limit, offset } = pageBounds(page);
  const open = isNull(burns.anchorTxid);
  const rows = db.select().from(burns).where(open).orderBy(asc(burns.wireSeq)).limit(limit).offset(offset).all();
  return { rows: rows.flatMap((row) => asBurn(row) ?? []), total: countRows(db, burns, open) };
}

/** Every burn that is paid so many sats (its amount less its fee). Reads the whole table: not for what comes often. */
export function listBurnsPaying(db: Queries, paid: bigint): readonly Burn[] {
  const rows = db.select().from(burns).where(sql`${burns.amount} - ${burns.fee} = ${paid}`).all();
  return rows.flatMap((row) => asBurn(row) ?? []);
}

/** A row of the table as a burn. */
export function asBurn(row: typeof burns.$inferSelect | undefined): Burn | null {
  if (row === undefined) return null;
  const { anchorTxid, anchorVout, ...record } = row;
  return {
    ...record,
    anchor: anchorTxid === null || anchorVout === null ? null : { txid: anchorTxid, vout: anchorVout },
  };
}

function withNullifier(db: Queries, nullifier: string): Burn | null {
  return asBurn(db.select().from(burns).where(eq(burns.nullifier, nullifier)).get());
}

// wireSeq is left out: it is a place in one Wire node's list, and after a reorganisation the place may be another.
function saysTheSame(a: BurnRecord, b: BurnRecord): boolean {
  return (
    a.burnTxid === b.burnTxid &&
    a.nullifier === b.nullifier &&
    a.address === b.address &&
    a.amount === b.amount &&
    a.fee === b.fee
  );
}

function burnJson({ burnTxid, nullifier, address, amount, fee }: Burn): Json {
  return { burn_txid: burnTxid, nullifier, address, amount: `${amount}`, fee: `${fee}` };
}
