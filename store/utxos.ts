// Outputs that the bitcoin key can spend, as the node's own Bitcoin view shows them. An output that a live payout
// spends is reserved: new payouts take others.
import { and, asc, desc, eq, exists, isNotNull, isNull, ne, not, type SQL, sql } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import {
  countRows,
  type Listing,
  type Outpoint,
  PAGE_ROWS_MAX,
  type Page,
  pageBounds,
  type Queries,
  transact,
} from './database.ts';
import { isLapsed } from './lapsed-bindings.ts';
import { given, prepared } from './prepared.ts';
import {
  burns,
  payoutChildren,
  payoutTransactionInputs,
  payoutTransactions,
  type UTXO_STATUSES,
  utxos,
} from './schema.ts';

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

/**
 * The spending transaction (`by`) left the chain and the mempool. False where the output is unknown, or another transaction
 * has spent it meanwhile.
 */
export function markUtxoUnspent(db: Queries, outpoint: Outpoint, by: string, now: number): boolean {
  const spentBy = getUtxo(db, outpoint)?.spentBy ?? null;
  if (spentBy !== null && spentBy !== by) return false;
  return update(db, outpoint, { status: 'unspent', spentBy: null, spentHeight: null, updatedAt: now });
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

/** Outpoints in the order in which they came, after the place of one that was listed before (0: from the first on). */
export function listOutpointsAfter(
  db: Queries,
  after: number,
  limit: number,
): readonly (Outpoint & { readonly place: number })[] {
  return afterPlace(db).all({ after, limit: pageBounds({ limit }).limit });
}

/** Confirmed, unspent outputs that no live payout and no child of a payout spends, largest first. */
export function listSpendableUtxos(db: Queries, page: Page = {}): Listing<Utxo> {
  const isFree = and(not(exists(liveSpenders(db))), not(exists(promised(db))));
  return list(db, and(eq(utxos.status, 'unspent'), isNotNull(utxos.height), isFree), page);
}

/** Outputs that are spent by a transaction whose block has left the chain, at most a page of them. */
export function listSpentWithoutBlock(db: Queries): readonly Utxo[] {
  const { status, spentHeight, txid, vout } = utxos;
  const where = and(eq(status, 'spent'), isNull(spentHeight));
  return db.select().from(utxos).where(where).orderBy(asc(txid), asc(vout)).limit(PAGE_ROWS_MAX).all();
}

/**
 * Confirmed, unspent outputs that live payouts spend which are not signed as far as this node knows, or which spend one of
 * `spent` as well and so conflict with a payout that does. Not those to which burns are bound. Largest first.
 */
export function listHeldUtxos(db: Queries, spent: readonly Outpoint[], page: Page = {}): Listing<Utxo> {
  return listHeld(db, spent, not(exists(bound(db))), () => true, page);
}

/** Such outputs to which burns are bound all of whose bindings have lapsed at `now` (ms since 1970). Largest first. */
export function listLapsedUtxos(db: Queries, spent: readonly Outpoint[], now: number, page: Page = {}): Listing<Utxo> {
  const isFree = (utxo: Utxo): boolean => boundTo(db, utxo).every(({ burnTxid }) => isLapsed(db, burnTxid, utxo, now));
  return listHeld(db, spent, exists(bound(db)), isFree, page);
}

function listHeld(
  db: Queries,
  spent: readonly Outpoint[],
  where: SQL,
  isFree: (utxo: Utxo) => boolean,
  page: Page,
): Listing<Utxo> {
  const { limit, offset } = pageBounds(page);
  const rivals = new Set(spent.flatMap((outpoint) => spendersOf(db, outpoint).map(({ txid }) => txid)));
  const held = and(eq(utxos.status, 'unspent'), isNotNull(utxos.height), exists(liveSpenders(db)), where);
  const rows = db.select().from(utxos).where(held).orderBy(desc(utxos.amount), asc(utxos.txid), asc(utxos.vout)).all();
  const usable = rows.filter(
    (utxo) =>
      spendersOf(db, utxo).every(({ txid, status }) => status === 'decided' || rivals.has(txid)) && isFree(utxo),
  );
  return { rows: usable.slice(offset, offset + limit), total: usable.length };
}

function spendersOf(db: Queries, { txid, vout }: Outpoint) {
  return db
    .select({ txid: payoutTransactions.txid, status: payoutTransactions.status })
    .from(payoutTransactionInputs)
    .innerJoin(payoutTransactions, eq(payoutTransactions.txid, payoutTransactionInputs.txid))
    .where(
      and(
        eq(payoutTransactionInputs.prevTxid, txid),
        eq(payoutTransactionInputs.prevVout, vout),
        ne(payoutTransactions.status, 'replaced'),
      ),
    )
    .all();
}

function liveSpenders(db: Queries) {
  return db
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
}

function promised(db: Queries) {
  const { parentTxid, parentVout, status } = payoutChildren;
  return db
    .select({ one: sql`1` })
    .from(payoutChildren)
    .where(and(eq(parentTxid, utxos.txid), eq(parentVout, utxos.vout), ne(status, 'void')));
}

function boundTo(db: Queries, { txid, vout }: Outpoint) {
  const { burnTxid, anchorTxid, anchorVout } = burns;
  return db
    .select({ burnTxid })
    .from(burns)
    .where(and(eq(anchorTxid, txid), eq(anchorVout, vout)))
    .all();
}

function bound(db: Queries) {
  return db
    .select({ one: sql`1` })
    .from(burns)
    .where(and(eq(burns.anchorTxid, utxos.txid), eq(burns.anchorVout, utxos.vout)));
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
