// Decisions about fee bump children: which transactions this node agrees to sign that spend the change of a payout that
// waits. All children of a payout spend that one output, so one at most is mined; the output is promised to them until they
// are settled or void. Triggers in migrations/0005_payout_children.sql hold the same rules.
import { and, asc, eq, inArray, ne, sql } from 'drizzle-orm';
import { fromHex, sha256, toHex } from '../crypto/bytes.ts';
import { appendAudit } from './audit-log.ts';
import { type Outpoint, type Queries, transact } from './database.ts';
import { getPayout } from './payout-listing.ts';
import { given, prepared } from './prepared.ts';
import { burns, type CHILD_STATUSES, payoutChildren, payoutTransactionInputs, payoutTransactions } from './schema.ts';

/** decided → signed → broadcast → confirmed → settled; `void` once it can never be mined, or was given up. */
export type ChildStatus = (typeof CHILD_STATUSES)[number];

/** A child to agree to, judged before. Amounts in sats; `unsignedTx` lowercase hex without witnesses. */
export interface ChildDecision {
  readonly txid: string;
  readonly unsignedTx: string;
  readonly parentTxid: string;
  readonly parentVout: number;
  readonly amount: bigint;
  readonly fee: bigint;
}

/** A stored child. Times in ms since 1970; `height` null while it is not in a block. */
export interface PayoutChild extends ChildDecision {
  readonly signedTx: string | null;
  readonly status: ChildStatus;
  readonly height: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/**
 * The verdict of `decideChild`. `parent_unknown`: no stored payout has this change. `parent_not_waiting`: that payout is
 * mined or replaced. `fee_too_high`: more than the burns' fees leave. `input_reserved`: the output is an anchor or a
 * payout's input. `input_spent`: another child is in the chain, or this one was given up.
 */
export type ChildDecisionVerdict =
  | { readonly ok: true; readonly repeated: boolean }
  | {
      readonly ok: false;
      readonly reason: 'parent_unknown' | 'parent_not_waiting' | 'fee_too_high' | 'input_reserved' | 'input_spent';
    };

type Reason = Extract<ChildDecisionVerdict, { ok: false }>['reason'];

/** Statuses in which a child may still be mined. */
export const LIVE_CHILD_STATUSES = ['decided', 'signed', 'broadcast', 'confirmed'] as const;

/** Agrees to sign a child, or says why not; one commit, on disk when this returns. Throws where the txid is not its own. */
export function decideChild(db: Queries, decision: ChildDecision, now: number): ChildDecisionVerdict {
  const hash = toHex(sha256(sha256(fromHex(decision.unsignedTx))).reverse());
  if (hash !== decision.txid) throw new Error('the txid is not of this transaction (without witnesses)');
  return transact(db, (tx): ChildDecisionVerdict => {
    const known = getChild(tx, decision.txid);
    const reason = refusalOf(tx, decision, known);
    if (reason !== null) return { ok: false, reason };
    if (known !== null) return { ok: true, repeated: true };
    tx.insert(payoutChildren)
      .values({ ...decision, status: 'decided', createdAt: now, updatedAt: now })
      .run();
    const { txid, parentTxid, parentVout, amount, fee } = decision;
    const body = { txid, parent_txid: parentTxid, parent_vout: parentVout, amount: `${amount}`, fee: `${fee}` };
    appendAudit(tx, now, 'child_decided', body);
    return { ok: true, repeated: false };
  });
}

/** A child, or null. */
export function getChild(db: Queries, txid: string): PayoutChild | null {
  return db.select().from(payoutChildren).where(eq(payoutChildren.txid, txid)).get() ?? null;
}

/** Every child of a payout, cheapest first. */
export function listChildrenOf(db: Queries, parentTxid: string): readonly PayoutChild[] {
  return db
    .select()
    .from(payoutChildren)
    .where(eq(payoutChildren.parentTxid, parentTxid))
    .orderBy(asc(payoutChildren.fee), asc(payoutChildren.txid))
    .all();
}

const liveOnes = prepared((db) =>
  db
    .select()
    .from(payoutChildren)
    .where(inArray(payoutChildren.status, [...LIVE_CHILD_STATUSES]))
    .orderBy(asc(payoutChildren.createdAt), asc(payoutChildren.txid))
    .limit(sql.placeholder('limit'))
    .prepare(),
);
const promisedTo = prepared((db) => {
  const { txid, parentTxid, parentVout, status } = payoutChildren;
  const isOf = and(eq(parentTxid, given(parentTxid, 'txid')), eq(parentVout, given(parentVout, 'vout')));
  return db
    .select({ txid })
    .from(payoutChildren)
    .where(and(isOf, ne(status, 'void')))
    .prepare();
});

/** Children that may still be mined, or lose their block; oldest first, at most `limit`. */
export function listLiveChildren(db: Queries, limit: number): readonly PayoutChild[] {
  return liveOnes(db).all({ limit });
}

/** Whether an outpoint is promised to a child: a payout must not spend it. */
export function isPromisedToChild(db: Queries, { txid, vout }: Outpoint): boolean {
  return promisedTo(db).get({ txid, vout }) !== undefined;
}

function refusalOf(tx: Queries, decision: ChildDecision, known: PayoutChild | null): Reason | null {
  const { parentTxid, parentVout, amount, fee } = decision;
  const parent = getPayout(tx, parentTxid);
  if (parent === null || parent.change?.vout !== parentVout || parent.change.amount !== amount) return 'parent_unknown';
  if (parent.height !== null || parent.status === 'replaced') return 'parent_not_waiting';
  if (known?.status === 'void') return 'input_spent';
  const siblings = listChildrenOf(tx, parentTxid);
  if (siblings.some(({ height }) => height !== null)) return 'input_spent';
  const paid = parent.burns.map(({ burnTxid }) => burnTxid);
  const rows = tx.select({ fee: burns.fee }).from(burns).where(inArray(burns.burnTxid, paid)).all();
  const collected = rows.reduce((sum, row) => sum + row.fee, 0n);
  if (parent.fee + fee > collected) return 'fee_too_high';
  return isPromisedToPayout(tx, { txid: parentTxid, vout: parentVout }) ? 'input_reserved' : null;
}

// An anchor stays one also where the payout that made it so was replaced.
function isPromisedToPayout(tx: Queries, { txid, vout }: Outpoint): boolean {
  const isAnchor = and(eq(burns.anchorTxid, txid), eq(burns.anchorVout, vout));
  if (tx.select({ one: burns.burnTxid }).from(burns).where(isAnchor).get() !== undefined) return true;
  const { prevTxid, prevVout } = payoutTransactionInputs;
  const spending = tx
    .select({ one: payoutTransactions.txid })
    .from(payoutTransactionInputs)
    .innerJoin(payoutTransactions, eq(payoutTransactions.txid, payoutTransactionInputs.txid))
    .where(and(eq(prevTxid, txid), eq(prevVout, vout), ne(payoutTransactions.status, 'replaced')))
    .get();
  return spending !== undefined;
}
