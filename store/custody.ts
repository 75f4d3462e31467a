// The sums behind custody and what is owed for it, as this node's database has them. Amounts in sats.
import { and, eq, isNotNull, isNull, ne, not, sql } from 'drizzle-orm';
import type { Queries } from './database.ts';
import { burns, deposits, lineBurns, lineSteps, utxos } from './schema.ts';
import { TREASURY_LEAF } from './utxos.ts';

/**
 * `attested`: deposits for which a mint was attested, minted or not. `redeemed`: burns that a mined step pays, their fees among
 * them. `unswept`: mined outputs to deposit addresses that no mined transaction spends. `unknown`: burns and lists of burns of
 * mined steps that this node cannot count, as it does not know them.
 */
export interface CustodySums {
  readonly attested: bigint;
  readonly redeemed: bigint;
  readonly unswept: bigint;
  readonly unknown: number;
}

/** All of them. */
export function custodySums(db: Queries): CustodySums {
  const attested = db
    .select({ sats: sql<bigint>`coalesce(sum(${deposits.amount}), 0)` })
    .from(deposits)
    .where(sql`${deposits.status} in ('attested', 'minted')`)
    .get();
  const unswept = db
    .select({ sats: sql<bigint>`coalesce(sum(${utxos.amount}), 0)` })
    .from(utxos)
    .where(
      and(
        isNotNull(utxos.height),
        ne(utxos.status, 'gone'),
        isNull(utxos.spentHeight),
        not(sql`${utxos.leaf} = ${sql.param(TREASURY_LEAF)}`),
      ),
    )
    .get();
  const redeemed = db
    .select({
      sats: sql<bigint>`coalesce(sum(${burns.amount}), 0)`,
      unknown: sql<bigint>`count(*) - count(${burns.burnTxid})`,
    })
    .from(lineBurns)
    .innerJoin(lineSteps, and(eq(lineSteps.txid, lineBurns.txid), isNotNull(lineSteps.height)))
    .leftJoin(burns, eq(burns.burnTxid, lineBurns.burnTxid))
    .get();
  const unlisted = db
    .select({ steps: sql<bigint>`count(*)` })
    .from(lineSteps)
    .where(and(isNull(lineSteps.kind), isNotNull(lineSteps.height)))
    .get();
  return {
    attested: BigInt(attested?.sats ?? 0n),
    redeemed: BigInt(redeemed?.sats ?? 0n),
    unswept: BigInt(unswept?.sats ?? 0n),
    unknown: Number(redeemed?.unknown ?? 0n) + Number(unlisted?.steps ?? 0n),
  };
}
