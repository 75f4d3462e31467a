// What became of a fee bump child: decided → signed → broadcast → confirmed → settled, or void. Steps may be skipped, as a
// node that did not coordinate learns from its own Bitcoin nodes alone. Each step is in the audit log.
import { and, eq, inArray, ne } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { appendAudit } from './audit-log.ts';
import { type Outpoint, type Queries, transact } from './database.ts';
import { getChild, LIVE_CHILD_STATUSES, type PayoutChild } from './payout-children.ts';
import { payoutChildren } from './schema.ts';

/** The verdict on a step. `final`: the child is settled or void, or a sibling is in the chain. */
export type ChildProgress = { readonly ok: true } | { readonly ok: false; readonly reason: 'child_unknown' | 'final' };

type Changes = Partial<typeof payoutChildren.$inferInsert>;

const DONE: ChildProgress = { ok: true };

/** Keeps the complete transaction, hex with witnesses, whose signature was verified. */
export function recordChildSigned(db: Queries, txid: string, signedTx: string, now: number): ChildProgress {
  return step(db, txid, (tx, child) => {
    if (child.signedTx !== null) return DONE;
    const status = child.status === 'decided' ? 'signed' : child.status;
    return change(tx, child, { status, signedTx }, now, 'child_signed', { fee: `${child.fee}` });
  });
}

/** It waits in a mempool; one that was in a block no longer is. */
export function recordChildWaiting(db: Queries, txid: string, now: number): ChildProgress {
  return step(db, txid, (tx, child) => {
    if (child.status === 'broadcast') return DONE;
    const kind = child.status === 'confirmed' ? 'child_reorganised' : 'child_broadcast';
    return change(tx, child, { status: 'broadcast', height: null }, now, kind, {});
  });
}

/** It is in a block of this height. A sibling that was so before cannot be in the same chain. */
export function recordChildConfirmed(db: Queries, txid: string, height: number, now: number): ChildProgress {
  return step(db, txid, (tx, child) => {
    if (child.height === height) return DONE;
    for (const other of siblings(tx, child)) {
      if (other.status !== 'confirmed') continue;
      change(tx, other, { status: 'broadcast', height: null }, now, 'child_reorganised', {});
    }
    const { parentTxid, fee } = child;
    const body = { height, parent_txid: parentTxid, fee: `${fee}` };
    return change(tx, child, { status: 'confirmed', height }, now, 'child_confirmed', body);
  });
}

/** It is as deep as the policy asks; its siblings are void from here on. */
export function recordChildSettled(db: Queries, txid: string, now: number): ChildProgress {
  return step(db, txid, (tx, child) => {
    if (child.status !== 'confirmed') return { ok: false, reason: 'final' };
    for (const other of siblings(tx, child)) giveUp(tx, other, now, `${txid} is settled`);
    return change(tx, child, { status: 'settled' }, now, 'child_settled', {});
  });
}

/** It can never be mined any more, or nobody has it: its output is free again. `why`: one phrase for the audit log. */
export function recordChildVoid(db: Queries, txid: string, why: string, now: number): ChildProgress {
  return step(db, txid, (tx, child) => giveUp(tx, child, now, why));
}

/** Voids all live children of an output that a mined transaction spends. */
export function voidChildrenOn(db: Queries, { txid, vout }: Outpoint, why: string, now: number): void {
  const { parentTxid, parentVout, status } = payoutChildren;
  const live = and(eq(parentTxid, txid), eq(parentVout, vout), inArray(status, [...LIVE_CHILD_STATUSES]));
  transact(db, (tx) => {
    for (const child of tx.select().from(payoutChildren).where(live).all()) giveUp(tx, child, now, why);
  });
}

function step(db: Queries, txid: string, body: (tx: Queries, child: PayoutChild) => ChildProgress): ChildProgress {
  return transact(db, (tx): ChildProgress => {
    const child = getChild(tx, txid);
    if (child === null) return { ok: false, reason: 'child_unknown' };
    return child.status === 'settled' || child.status === 'void' ? { ok: false, reason: 'final' } : body(tx, child);
  });
}

function giveUp(tx: Queries, child: PayoutChild, now: number, why: string): ChildProgress {
  if (child.status === 'void') return DONE;
  return change(tx, child, { status: 'void', height: null }, now, 'child_void', { why });
}

function change(
  tx: Queries,
  { txid }: PayoutChild,
  changes: Changes,
  now: number,
  kind: string,
  body: { readonly [key: string]: Json },
): ChildProgress {
  tx.update(payoutChildren)
    .set({ ...changes, updatedAt: now })
    .where(eq(payoutChildren.txid, txid))
    .run();
  appendAudit(tx, now, kind, { txid, ...body });
  return DONE;
}

function siblings(tx: Queries, { txid, parentTxid }: PayoutChild): readonly PayoutChild[] {
  const where = and(eq(payoutChildren.parentTxid, parentTxid), ne(payoutChildren.txid, txid));
  return tx.select().from(payoutChildren).where(where).all();
}
