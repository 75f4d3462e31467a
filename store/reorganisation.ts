// What the store takes back when blocks leave the best chain: heights, never decisions. What was attested or minted stays
// so, and is an alarm until it is mined again; a settled payout is remembered, so that it is broadcast again.
import { and, eq, gt, inArray } from 'drizzle-orm';
import { z } from 'zod';
import { appendAudit } from './audit-log.ts';
import { loadCursor, saveCursor } from './cursors.ts';
import { type Outpoint, type Queries, transact } from './database.ts';
import { type Deposit, getDeposit } from './deposits.ts';
import { anchorReleases, deposits, foreignPayments, payoutTransactions, utxos } from './schema.ts';

const CURSOR = 'taken_back';
/** Most deposits and payouts that are remembered; the audit log has them all. */
const REMEMBERED_MAX = 10_000;

const takenBackSchema = z.strictObject({
  deposits: z.array(z.strictObject({ txid: z.string(), vout: z.int() })),
  payouts: z.array(z.string()),
});
type Remembered = z.infer<typeof takenBackSchema>;

/** Deposits whose blocks left the chain. `exposed`: those that were attested or minted already. */
export interface TakenBack {
  readonly waiting: readonly Deposit[];
  readonly exposed: readonly Deposit[];
  /** Settled payouts that are no longer in the chain. */
  readonly payouts: readonly string[];
  /** Burns whose anchor was released because of a transaction that is no longer in the chain. */
  readonly released: readonly string[];
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
    tx.update(utxos).set({ spentHeight: null, updatedAt: now }).where(gt(utxos.spentHeight, height)).run();
    tx.update(foreignPayments).set({ height: null, burnTxid: null }).where(gt(foreignPayments.height, height)).run();
    const payouts = settledAbove(tx, height);
    const released = releasedAbove(tx, height);
    const waiting = gone.filter(({ status }) => status === 'seen' || status === 'confirmed');
    const exposed = gone.filter(({ status }) => status === 'attested' || status === 'minted');
    remember(tx, { deposits: exposed.map(outpointJson), payouts: [...payouts] }, now);
    appendAudit(tx, now, 'blocks_taken_back', {
      height,
      waiting: waiting.map(outpointJson),
      exposed: exposed.map((deposit) => ({ ...outpointJson(deposit), amount: `${deposit.amount}` })),
      payouts,
      released,
    });
    return { waiting, exposed, payouts, released };
  });
}

/** Deposits that are attested or minted although no block holds them any more. */
export function exposedDeposits(db: Queries): readonly Deposit[] {
  return remembered(db).deposits.flatMap((outpoint) => {
    const deposit = getDeposit(db, outpoint);
    return deposit === null || deposit.height !== null ? [] : [deposit];
  });
}

/** Settled payouts whose blocks left the chain. */
export function thrownOutPayouts(db: Queries): readonly string[] {
  return remembered(db).payouts;
}

/** Ends the care for a payout that is deep in the chain again. */
export function forgetThrownOut(db: Queries, txid: string, now: number): void {
  transact(db, (tx) => {
    const { deposits: kept, payouts } = remembered(tx);
    saveCursor(tx, CURSOR, { deposits: kept, payouts: payouts.filter((other) => other !== txid) }, now);
  });
}

function remember(tx: Queries, added: Remembered, now: number): void {
  if (added.deposits.length === 0 && added.payouts.length === 0) return;
  const open = [...exposedDeposits(tx).map(outpointJson), ...added.deposits];
  const unique = new Map(open.map((outpoint) => [`${outpoint.txid}:${outpoint.vout}`, outpoint]));
  const payouts = [...new Set([...remembered(tx).payouts, ...added.payouts])];
  const kept = { deposits: [...unique.values()].slice(-REMEMBERED_MAX), payouts: payouts.slice(-REMEMBERED_MAX) };
  saveCursor(tx, CURSOR, kept, now);
}

function remembered(db: Queries): Remembered {
  const stored = takenBackSchema.safeParse(loadCursor(db, CURSOR));
  return stored.success ? stored.data : { deposits: [], payouts: [] };
}

function settledAbove(tx: Queries, height: number): readonly string[] {
  const { txid, status } = payoutTransactions;
  const where = and(gt(payoutTransactions.height, height), inArray(status, ['settled']));
  const rows = tx.select({ txid }).from(payoutTransactions).where(where).all();
  return rows.map((row) => row.txid);
}

function releasedAbove(tx: Queries, height: number): readonly string[] {
  const { burnTxid, spentHeight } = anchorReleases;
  const rows = tx.selectDistinct({ burnTxid }).from(anchorReleases).where(gt(spentHeight, height)).all();
  return rows.map((row) => row.burnTxid);
}

function outpointJson({ txid, vout }: Outpoint) {
  return { txid, vout };
}
