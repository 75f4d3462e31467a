// Burns that this operator holds back: its node signs no payout of them, until they are let go.
import { asc, eq } from 'drizzle-orm';
import { appendAudit } from './audit-log.ts';
import { type Queries, transact } from './database.ts';
import { holds } from './schema.ts';

/** A burn that is held; `at` in ms since 1970. */
export interface Hold {
  readonly burnTxid: string;
  readonly reason: string;
  readonly at: number;
}

/** Holds a burn back; false where it is held already. */
export function holdBurn(db: Queries, burnTxid: string, reason: string, now: number): boolean {
  return transact(db, (tx): boolean => {
    if (isHeld(tx, burnTxid)) return false;
    tx.insert(holds).values({ burnTxid, reason, at: now }).run();
    appendAudit(tx, now, 'burn_held', { burn_txid: burnTxid, reason });
    return true;
  });
}

/** Lets a burn go; false where it is not held. */
export function releaseHold(db: Queries, burnTxid: string, now: number): boolean {
  return transact(db, (tx): boolean => {
    if (!isHeld(tx, burnTxid)) return false;
    tx.delete(holds).where(eq(holds.burnTxid, burnTxid)).run();
    appendAudit(tx, now, 'burn_let_go', { burn_txid: burnTxid });
    return true;
  });
}

/** Whether a burn is held. */
export function isHeld(db: Queries, burnTxid: string): boolean {
  return heldBurn(db, burnTxid) !== null;
}

/** The hold of a burn, or null where it is not held. */
export function heldBurn(db: Queries, burnTxid: string): Hold | null {
  return db.select().from(holds).where(eq(holds.burnTxid, burnTxid)).get() ?? null;
}

/** Every burn that is held, the longest held first. */
export function listHolds(db: Queries): readonly Hold[] {
  return db.select().from(holds).orderBy(asc(holds.at)).all();
}
