// Outputs that the bitcoin key can spend, as the node's own Bitcoin view shows them. An output that a live payout
// spends is reserved: new payouts take others.
import { and, asc, desc, eq, exists, gt, isNotNull, ne, not, sql } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { countRows, type Listing, type Outpoint, type Page, pageBounds, type Queries, transact } from './database.ts';
import { payoutTransactionInputs, payoutTransactions, type UTXO_STATUSES, utxos } from './schema.ts';

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

/** Keeps an output, or its new height; one that was gone is unspent again. Throws where the amount differs: a bug. */
export function recordUtxo(db: Queries, sighting: UtxoSighting, now: number): void {
  const { txid, vout, amount, leaf, height } = sighting;
  transact(db, (tx) => {
    const known = getUtxo(tx, sighting);
    if (known === null) {
      tx.insert(utxos).values({ txid, vout, amount, leaf, height, status: 'unspent', updatedAt: now }).run();
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

/** The spending transaction left the chain and the mempool. False where the output is unknown. */
export function markUtxoUnspent(db: Queries, outpoint: Outpoint, now: number): boolean {
  return update(db, outpoint, { status: 'unspent', spentBy: null, spentHeight: null, updatedAt: now });
}

/** The transaction that made the output left the chain and the mempool. False where the output is unknown. */
export function markUtxoGone(db: Queries, outpoint: Outpoint, now: number): boolean {
  return update(db, outpoint, { status: 'gone', height: null, spentBy: null, spentHeight: null, updatedAt: now });
}

/** An output, or null. */
export function getUtxo(db: Queries, outpoint: Outpoint): Utxo | null {
  return db.select().from(utxos).where(atOutpoint(outpoint)).get() ?? null;
}

/** Every output, largest first. */
export function listUtxos(db: Queries, page: Page = {}): Listing<Utxo> {
  return list(db, undefined, page);
}

/** Outpoints in the order in which they came, after the place of one that was listed before (0: from the first on). */
export function listOutpointsAfter(
  db: Queries,
  after: number,
  limit: number,
): readonly (Outpoint & { readonly place: number })[] {
  const place = sql<number>`rowid`.mapWith(Number);
  return db
    .select({ place: place.as('place'), txid: utxos.txid, vout: utxos.vout })
    .from(utxos)
    .where(gt(place, after))
    .orderBy(asc(place))
    .limit(pageBounds({ limit }).limit)
    .all();
}

/** Confirmed, unspent outputs that no live payout spends, largest first. */
export function listSpendableUtxos(db: Queries, page: Page = {}): Listing<Utxo> {
  const reserved = db
    .select({ one: sql`1` })
    .from(payoutTransactionInputs)
    .innerJoin(payoutTransactions, eq(payoutTransactions.txid, payoutTransactionInputs.txid))
    .where(
      and(
        eq(payoutTransactionInputs.prevTxid, utxos.txid),
        eq(payoutTransactionInputs.prevVout, utxos.vout),
        ne(payoutTransactions.status, 'replaced'),
      ),
    );
  return list(db, and(eq(utxos.status, 'unspent'), isNotNull(utxos.height), not(exists(reserved))), page);
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
