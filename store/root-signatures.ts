// The signatures under a treasury root that this node has gathered so far, so that opening goes on after a restart.
import { and, eq } from 'drizzle-orm';
import type { Outpoint, Queries } from './database.ts';
import { rootSignatures as table } from './schema.ts';

/** Keeps an operator's signature, which the caller has verified. */
export function keepRootSignature(db: Queries, root: Outpoint, index: number, signature: string): void {
  const { txid, vout } = root;
  db.insert(table)
    .values({ txid, vout, index, signature })
    .onConflictDoUpdate({ target: [table.txid, table.vout, table.index], set: { signature } })
    .run();
}

/** The signatures under a root, by the index of the operator. */
export function rootSignatures(db: Queries, { txid, vout }: Outpoint): ReadonlyMap<number, string> {
  const rows = db
    .select()
    .from(table)
    .where(and(eq(table.txid, txid), eq(table.vout, vout)))
    .all();
  return new Map(rows.map(({ index, signature }) => [index, signature]));
}
