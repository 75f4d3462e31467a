// What funds the root of the treasury line: which outpoints its transaction spends, and whether a block has shown another
// transaction that spends one of them. Only then, and deep enough, can the root never exist again.
import { asc, eq, isNotNull, sql } from 'drizzle-orm';
import { type Outpoint, type Queries, transact } from './database.ts';
import { treasuryFunding, treasuryFundingInputs, utxos } from './schema.ts';
import { TREASURY_LEAF } from './utxos.ts';

/** The funding of a root. `rival`: what spent one of its inputs, and in which block this was; it may have left the chain. */
export interface StoredFunding {
  readonly root: Outpoint;
  readonly inputs: readonly Outpoint[];
  readonly rival: { readonly txid: string; readonly height: number; readonly hash: string } | null;
}

/** Remembers what funds a root; that of an earlier root is forgotten. */
export function saveFunding(db: Queries, root: Outpoint, inputs: readonly Outpoint[]): void {
  transact(db, (tx) => {
    tx.delete(treasuryFunding).run();
    tx.delete(treasuryFundingInputs).run();
    tx.insert(treasuryFunding).values({ id: 1, rootTxid: root.txid, rootVout: root.vout }).run();
    for (const { txid, vout } of inputs) tx.insert(treasuryFundingInputs).values({ txid, vout }).run();
  });
}

/** The funding of the root in use, or null. */
export function loadFunding(db: Queries): StoredFunding | null {
  const row = db.select().from(treasuryFunding).where(eq(treasuryFunding.id, 1)).get();
  if (row === undefined) return null;
  const { rootTxid, rootVout, rivalTxid: txid, rivalHeight: height, rivalHash: hash } = row;
  const rival = txid === null || height === null || hash === null ? null : { txid, height, hash };
  return { root: { txid: rootTxid, vout: rootVout }, inputs: db.select().from(treasuryFundingInputs).all(), rival };
}

/** Takes what a block spends, and remembers a transaction other than the funding itself that spends an input of it. */
export function noteFundingSpends(
  db: Queries,
  spends: readonly { readonly txid: string; readonly outpoint: Outpoint }[],
  block: { readonly height: number; readonly hash: string },
): void {
  if (spends.length === 0) return;
  transact(db, (tx) => {
    const funding = loadFunding(tx);
    if (funding === null) return;
    const { root, inputs } = funding;
    const rival = spends.find(
      ({ txid, outpoint }) =>
        txid !== root.txid && inputs.some((input) => input.txid === outpoint.txid && input.vout === outpoint.vout),
    );
    if (rival === undefined) return;
    const { height, hash } = block;
    tx.update(treasuryFunding).set({ rivalTxid: rival.txid, rivalHeight: height, rivalHash: hash }).run();
  });
}

/** The heights of blocks with an output of at least so many sats to a treasury script, ascending, each once. */
export function treasuryHeights(db: Queries, amountMin: bigint): readonly number[] {
  const { height, leaf, amount } = utxos;
  const rows = db
    .selectDistinct({ height })
    .from(utxos)
    .where(sql`${leaf} = ${sql.param(TREASURY_LEAF)} and ${amount} >= ${amountMin} and ${isNotNull(height)}`)
    .orderBy(asc(height))
    .all();
  return rows.flatMap((row) => row.height ?? []);
}

/** The largest output to a treasury script that the chain shows, in sats; null where there is none. */
export function largestTreasuryOutput(db: Queries): bigint | null {
  const { height, leaf, amount } = utxos;
  const row = db
    .select({ amount })
    .from(utxos)
    .where(sql`${leaf} = ${sql.param(TREASURY_LEAF)} and ${isNotNull(height)}`)
    .orderBy(sql`${amount} desc`)
    .get();
  return row?.amount ?? null;
}
