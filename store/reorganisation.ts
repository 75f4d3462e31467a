// What the store takes back when blocks leave the best chain: heights, never decisions. What was attested or minted stays
// so, and is an alarm until it is mined again; steps of the line are broadcast again by whoever follows the line.
import { and, asc, eq, gt, isNull, sql } from 'drizzle-orm';
import { appendAudit } from './audit-log.ts';
import { dropBlockTimesAbove } from './block-times.ts';
import { BATCH_ITEMS_MAX, type Outpoint, type Queries, transact } from './database.ts';
import type { Deposit } from './deposits.ts';
import { takeBackStepsAbove } from './line.ts';
import { deposits, takenBackDeposits, utxos } from './schema.ts';

/** Deposits whose blocks left the chain. `exposed`: those that were attested or minted already. */
export interface TakenBack {
  readonly waiting: readonly Deposit[];
  readonly exposed: readonly Deposit[];
  /** Steps of the line that are no longer in the chain, by txid. */
  readonly steps: readonly string[];
}

/** Takes back everything that the blocks above `height` brought, in one commit; `now` in ms since 1970. */
export function takeBackAbove(db: Queries, height: number, now: number): TakenBack {
  return transact(db, (tx): TakenBack => {
    const isAbove = gt(deposits.height, height);
    const gone = tx.select().from(deposits).where(isAbove).all();
    tx.update(deposits)
      .set({ status: 'seen' })
      .where(and(isAbove, eq(deposits.status, 'confirmed')))
      .run();
    tx.update(deposits).set({ height: null, blockHash: null, updatedAt: now }).where(isAbove).run();
    tx.update(utxos).set({ height: null, updatedAt: now }).where(gt(utxos.height, height)).run();
    // What spent them is unmined: nothing spends them in the chain.
    tx.update(utxos)
      .set({ status: 'unspent', spentBy: null, spentHeight: null, updatedAt: now })
      .where(gt(utxos.spentHeight, height))
      .run();
    const steps = takeBackStepsAbove(tx, height);
    dropBlockTimesAbove(tx, height);
    const waiting = gone.filter(({ status }) => status === 'seen' || status === 'confirmed');
    const exposed = gone.filter(({ status }) => status === 'attested' || status === 'minted');
    remember(tx, exposed, now);
    appendAudit(tx, now, 'blocks_taken_back', {
      height,
      waiting: waiting.map(outpointJson),
      exposed: exposed.map((deposit) => ({ ...outpointJson(deposit), amount: `${deposit.amount}` })),
      steps: steps.slice(0, BATCH_ITEMS_MAX),
    });
    return { waiting, exposed, steps };
  });
}

/** Deposits that are attested or minted although no block holds them any more, the longest known first. */
export function exposedDeposits(db: Queries): readonly Deposit[] {
  const { txid, vout, at } = takenBackDeposits;
  const isSame = and(eq(txid, deposits.txid), eq(vout, deposits.vout));
  const rows = db
    .select({ deposit: deposits })
    .from(takenBackDeposits)
    .innerJoin(deposits, isSame)
    .where(isNull(deposits.height))
    .orderBy(asc(at), asc(sql`${takenBackDeposits}.rowid`))
    .all();
  return rows.map(({ deposit }) => deposit);
}

// A row stays when a block holds the deposit again: the deposit's own height says that.
function remember(tx: Queries, added: readonly Deposit[], now: number): void {
  for (const { txid, vout } of added) {
    tx.insert(takenBackDeposits).values({ txid, vout, at: now }).onConflictDoNothing().run();
  }
}

function outpointJson({ txid, vout }: Outpoint) {
  return { txid, vout };
}
