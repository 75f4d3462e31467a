// What the store takes back when blocks leave the best chain: heights, never decisions. What was attested or minted stays
// so, and is an alarm until it is mined again; steps of the line are broadcast again by whoever follows the line.
import { and, eq, gt } from 'drizzle-orm';
import { z } from 'zod';
import { appendAudit } from './audit-log.ts';
import { loadCursor, saveCursor } from './cursors.ts';
import { BATCH_ITEMS_MAX, type Outpoint, type Queries, transact } from './database.ts';
import { type Deposit, getDeposit } from './deposits.ts';
import { takeBackStepsAbove } from './line.ts';
import { deposits, utxos } from './schema.ts';

const CURSOR = 'taken_back';
/** Most deposits that are remembered; the audit log has them all. */
const REMEMBERED_MAX = 10_000;

const takenBackSchema = z.strictObject({
  deposits: z.array(z.strictObject({ txid: z.string(), vout: z.int() })),
});

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

/** Deposits that are attested or minted although no block holds them any more. */
export function exposedDeposits(db: Queries): readonly Deposit[] {
  const stored = takenBackSchema.safeParse(loadCursor(db, CURSOR));
  const remembered = stored.success ? stored.data.deposits : [];
  return remembered.flatMap((outpoint) => {
    const deposit = getDeposit(db, outpoint);
    return deposit === null || deposit.height !== null ? [] : [deposit];
  });
}

function remember(tx: Queries, added: readonly Deposit[], now: number): void {
  if (added.length === 0) return;
  const open = [...exposedDeposits(tx), ...added].map(outpointJson);
  const unique = new Map(open.map((outpoint) => [`${outpoint.txid}:${outpoint.vout}`, outpoint]));
  saveCursor(tx, CURSOR, { deposits: [...unique.values()].slice(-REMEMBERED_MAX) }, now);
}

function outpointJson({ txid, vout }: Outpoint) {
  return { txid, vout };
}
