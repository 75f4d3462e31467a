// Outputs that the bitcoin key can spend, as the blocks that this node has read show them.
import { and, asc, desc, eq, gte, lte, not, sql } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { countRows, type Listing, type Outpoint, type Page, pageBounds, type Queries, transact } from './database.ts';
import { given, prepared } from './prepared.ts';
import { type UTXO_STATUSES, utxos } from './schema.ts';

/** The leaf of outputs to a treasury script, as it is stored. */
export const TREASURY_LEAF = JSON.stringify({ kind: 'treasury' });

/** `gone`: the transaction that made it is no longer in the best chain or the mempool. */
export type UtxoStatus = (typeof UTXO_STATUSES)[number];

/** An output as the chain shows it: `amount` in sats, `leaf` of its address, `height` null while unconfirmed. */
export interface UtxoSighting extends Outpoint {
  readonly amount: bigint;
  readonly leaf: Json;
  readonly height: number | null;
}

/** A stored output; `spentBy` the txid that spends it, `spentHeight` null while that is unconfirmed. */
export interface Utxo extends UtxoSighting {
  readonly status: UtxoStatus;
  readonly spentBy: string | null;
  readonly spentHeight: number | null;
  readonly updatedAt: number;
}

const ofOutpoint = prepared((db) => {
  const { txid, vout } = utxos;
  const where = and(eq(txid, given(txid, 'txid')), eq(vout, given(vout, 'vout')));
  return db.select().from(utxos).where(where).prepare();
});
const insertUnspent = prepared((db) => {
  const { txid, vout, amount, leaf, height, updatedAt } = utxos;
  const row = {
    ...{ txid: given(txid, 'txid'), vout: given(vout, 'vout'), amount: given(amount, 'amount') },
    ...{ leaf: given(leaf, 'leaf'), height: given(height, 'height'), updatedAt: given(updatedAt, 'now') },
  };
  return db
    .insert(utxos)
    .values({ ...row, status: 'unspent' })
    .prepare();
});
const afterPlace = prepared((db) => {
  const place = sql<number>`rowid`.mapWith(Number);
  return db
    .select({ place: place.as('place'), txid: utxos.txid, vout: utxos.vout })
    .from(utxos)
    .where(sql`${place} > ${sql.placeholder('after')}`)
    .orderBy(asc(place))
    .limit(sql.placeholder('limit'))
    .prepare();
});

/** Keeps an output, or its new height; one that was gone is unspent again. Throws where the amount differs: a bug. */
export function recordUtxo(db: Queries, sighting: UtxoSighting, now: number): void {
  const { txid, vout, amount, leaf, height } = sighting;
  transact(db, (tx) => {
    const known = getUtxo(tx, sighting);
    if (known === null) {
      insertUnspent(tx).run({ txid, vout, amount, leaf, height, now });
      return;
    }
    if (known.amount !== amount) throw new Error('two sightings of one output differ in amount');
    const status = known.status === 'gone' ? 'unspent' : known.status;
    if (known.height === height && known.status === status) return;
    tx.update(utxos).set({ height, status, updatedAt: now }).where(atOutpoint(sighting)).run();
  });
}

/** An output is spent by `spentBy`, in a block of that height or (null) in the mempool. False where it is unknown. */
export function markUtxoSpent(
  db: Queries,
  outpoint: Outpoint,
  spentBy: string,
  spentHeight: number | null,
  now: number,
): boolean {
  return update(db, outpoint, { status: 'spent', spentBy, spentHeight, updatedAt: now });
}

/** The transaction that made the output left the chain and the mempool. False where the output is unknown. */
export function markUtxoGone(db: Queries, outpoint: Outpoint, now: number): boolean {
  return update(db, outpoint, { status: 'gone', height: null, spentBy: null, spentHeight: null, updatedAt: now });
}

/** An output, or null. */
export function getUtxo(db: Queries, { txid, vout }: Outpoint): Utxo | null {
  return ofOutpoint(db).get({ txid, vout }) ?? null;
}

/** Every output, largest first. */
export function listUtxos(db: Queries, page: Page = {}): Listing<Utxo> {
  return list(db, undefined, page);
}

/** Unspent outputs to a treasury script in blocks up to a height, the largest first, at most so many. */
export function listMaturedStrays(db: Queries, heightMax: number, limit: number): readonly Utxo[] {
  const { amount, txid, vout } = utxos;
  const where = and(isMatured(heightMax), isTreasury);
  return db.select().from(utxos).where(where).orderBy(desc(amount), asc(txid), asc(vout)).limit(limit).all();
}

/**
 * Unspent deposits of at least so many sats in blocks up to a height, at most so many: first those that this node has seen
 * minted, of both the largest first.
 */
export function listMaturedDeposits(db: Queries, heightMax: number, amountMin: bigint, limit: number): readonly Utxo[] {
  const { amount, txid, vout } = utxos;
  const minted = sql`exists (select 1 from deposits d
    where d.txid = ${txid} and d.vout = ${vout} and d.status = 'minted')`;
  return db
    .select()
    .from(utxos)
    .where(and(isMatured(heightMax), not(isTreasury), gte(amount, amountMin)))
    .orderBy(desc(minted), desc(amount), asc(txid), asc(vout))
    .limit(limit)
    .all();
}

/** Outpoints in the order in which they came, after the place of one that was listed before (0: from the first on). */
export function listOutpointsAfter(
  db: Queries,
  after: number,
  limit: number,
): readonly (Outpoint & { readonly place: number })[] {
  return afterPlace(db).all({ after, limit: pageBounds({ limit }).limit });
}

const isTreasury = sql`${utxos.leaf} = ${sql.param(TREASURY_LEAF)}`;

function isMatured(heightMax: number) {
  return and(eq(utxos.status, 'unspent'), lte(utxos.height, heightMax));
}

function list(db: Queries, where: ReturnType<typeof and>, page: Page): Listing<Utxo> {
  const { limit, offset } = pageBounds(page);
  const rows = db
    .select()
    .from(utxos)
    .where(where)
    .orderBy(desc(utxos.amount), asc(utxos.txid), asc(utxos.vout))
    .limit(limit)
    .offset(offset)
    .all();
  return { rows, total: countRows(db, utxos, where) };
}

function update(db: Queries, outpoint: Outpoint, changes: Partial<typeof utxos.$inferInsert>): boolean {
  return transact(db, (tx): boolean => {
    if (getUtxo(tx, outpoint) === null) return false;
    tx.update(utxos).set(changes).where(atOutpoint(outpoint)).run();
    return true;
  });
}

function atOutpoint({ txid, vout }: Outpoint) {
  return and(eq(utxos.txid, txid), eq(utxos.vout, vout));
}
