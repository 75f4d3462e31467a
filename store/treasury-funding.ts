// What funds the root of the treasury line: which outpoints its transaction spends, and whether a block has shown another
// transaction that spends one of them. Only then, and deep enough, can the root never exist again.
import { asc, isNotNull, sql } from 'drizzle-orm';
import { z } from 'zod';
import { loadCursor, saveCursor } from './cursors.ts';
import { type Outpoint, type Queries, transact } from './database.ts';
import { utxos } from './schema.ts';
import { TREASURY_LEAF } from './utxos.ts';

const CURSOR = 'treasury_funding';

const outpointSchema = z.strictObject({ txid: z.string(), vout: z.int() });
const fundingSchema = z.strictObject({
  root: outpointSchema,
  inputs: z.array(outpointSchema),
  rival: z.strictObject({ txid: z.string(), height: z.int(), hash: z.string() }).nullable(),
});

/** The funding of a root. `rival`: what spent one of its inputs, and in which block this was; it may have left the chain. */
export type StoredFunding = Readonly<z.infer<typeof fundingSchema>>;

/** Remembers what funds a root; that of an earlier root is forgotten. */
export function saveFunding(db: Queries, root: Outpoint, inputs: readonly Outpoint[], now: number): void {
  const plain = ({ txid, vout }: Outpoint): Outpoint => ({ txid, vout });
  saveCursor(db, CURSOR, { root: plain(root), inputs: inputs.map(plain), rival: null }, now);
}

/** The funding of the root in use, or null. */
export function loadFunding(db: Queries): StoredFunding | null {
  const stored = fundingSchema.safeParse(loadCursor(db, CURSOR));
  return stored.success ? stored.data : null;
}

/** Takes what a block spends, and remembers a transaction other than the funding itself that spends an input of it. */
export function noteFundingSpends(
  db: Queries,
  spends: readonly { readonly txid: string; readonly outpoint: Outpoint }[],
  block: { readonly height: number; readonly hash: string },
  now: number,
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
    saveCursor(tx, CURSOR, { root, inputs, rival: { txid: rival.txid, height, hash } }, now);
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
