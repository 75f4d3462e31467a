// What became of a payout transaction: decided → signed → broadcast → confirmed → settled. Steps may be skipped, since
// a node that did not coordinate learns from the chain alone. A reorganisation takes `confirmed` back, never `settled`.
import { and, eq, ne } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { appendAudit } from './audit-log.ts';
import { type Queries, transact } from './database.ts';
import { getPayout, type Payout } from './payout-listing.ts';
import { payoutTransactionInputs, payoutTransactions } from './schema.ts';

/**
 * The verdict on a step. `final`: the payout is settled, or a conflicting one is. `not_confirmed`: only a confirmed
 * payout settles or loses its block.
 */
export type ProgressVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'payout_unknown' | 'final' | 'not_confirmed' };

type Changes = Partial<typeof payoutTransactions.$inferInsert>;

const DONE: ProgressVerdict = { ok: true };

/**
 * Keeps the complete transaction, hex with witnesses, whose signatures were verified: also of one that was seen in the
 * mempool or a block first, for it may have to be sent again.
 */
export function recordPayoutSigned(db: Queries, txid: string, signedTx: string, now: number): ProgressVerdict {
  return step(db, txid, (tx, payout) => {
    if (payout.signedTx !== null) return DONE;
    const status = payout.status === 'decided' ? 'signed' : payout.status;
    return change(tx, txid, { status, signedTx, signedAt: now }, now, 'payout_signed', {});
  });
}

/** A Bitcoin node took the transaction into its mempool. */
export function recordPayoutBroadcast(db: Queries, txid: string, now: number): ProgressVerdict {
  return step(db, txid, (tx, payout) => {
    if (payout.status !== 'decided' && payout.status !== 'signed') return DONE;
    return change(tx, txid, { status: 'broadcast', broadcastAt: now }, now, 'payout_broadcast', {});
  });
}

/**
 * The transaction is in a block. Another one that shares an input and was confirmed before cannot be in the same chain:
 * it falls back to `broadcast`.
 */
export function recordPayoutConfirmed(
  db: Queries,
  txid: string,
  block: { readonly height: number; readonly hash: string },
  now: number,
): ProgressVerdict {
  return step(db, txid, (tx, payout) => {
    if (payout.status === 'settled') return DONE;
    if (payout.status === 'replaced') return { ok: false, reason: 'final' };
    if (payout.status === 'confirmed' && payout.blockHash === block.hash) return DONE;
    for (const other of rivals(tx, payout)) {
      if (other.status === 'confirmed') unconfirm(tx, other.txid, now);
    }
    const { height, hash: blockHash } = block;
    const changes: Changes = { status: 'confirmed', height, blockHash, confirmedAt: now };
    return change(tx, txid, changes, now, 'payout_confirmed', { height, block_hash: blockHash });
  });
}

/** The block of a confirmed transaction left the best chain. */
export function recordPayoutReorganised(db: Queries, txid: string, now: number): ProgressVerdict {
  return step(db, txid, (tx, payout) => {
    if (payout.status === 'settled') return { ok: false, reason: 'final' };
    if (payout.status !== 'confirmed') return { ok: false, reason: 'not_confirmed' };
    return unconfirm(tx, txid, now);
  });
}

/** The transaction is as deep as the policy asks. Every other one that shares an input is `replaced` from here on. */
export function recordPayoutSettled(db: Queries, txid: string, now: number): ProgressVerdict {
  return step(db, txid, (tx, payout) => {
    if (payout.status === 'settled') return DONE;
    if (payout.status !== 'confirmed') return { ok: false, reason: 'not_confirmed' };
    for (const other of rivals(tx, payout)) {
      if (other.status !== 'replaced')
        change(tx, other.txid, { status: 'replaced' }, now, 'payout_replaced', { by: txid });
    }
    return change(tx, txid, { status: 'settled', settledAt: now }, now, 'payout_settled', {});
  });
}

/** Another transaction (`by`) spends an input of this one so deep in the chain that this one can never be mined. */
export function recordPayoutReplaced(db: Queries, txid: string, by: string, now: number): ProgressVerdict {
  return step(db, txid, (tx, payout) => {
    if (payout.status === 'replaced') return DONE;
    if (payout.status === 'confirmed' || payout.status === 'settled') return { ok: false, reason: 'final' };
    return change(tx, txid, { status: 'replaced' }, now, 'payout_replaced', { by });
  });
}

function step(db: Queries, txid: string, body: (tx: Queries, payout: Payout) => ProgressVerdict): ProgressVerdict {
  return transact(db, (tx): ProgressVerdict => {
    const payout = getPayout(tx, txid);
    return payout === null ? { ok: false, reason: 'payout_unknown' } : body(tx, payout);
  });
}

function change(
  tx: Queries,
  txid: string,
  changes: Changes,
  now: number,
  kind: string,
  body: { readonly [key: string]: Json },
): ProgressVerdict {
  tx.update(payoutTransactions).set(changes).where(eq(payoutTransactions.txid, txid)).run();
  appendAudit(tx, now, kind, { txid, ...body });
  return DONE;
}

function unconfirm(tx: Queries, txid: string, now: number): ProgressVerdict {
  const changes: Changes = { status: 'broadcast', height: null, blockHash: null, confirmedAt: null };
  return change(tx, txid, changes, now, 'payout_reorganised', {});
}

function rivals(tx: Queries, payout: Payout): readonly Payout[] {
  const own = payoutTransactionInputs;
  const shared = new Set(
    payout.inputs.flatMap((input) =>
      tx
        .select({ txid: own.txid })
        .from(own)
        .where(and(eq(own.prevTxid, input.txid), eq(own.prevVout, input.vout), ne(own.txid, payout.txid)))
        .all()
        .map(({ txid }) => txid),
    ),
  );
  return [...shared].flatMap((txid) => getPayout(tx, txid) ?? []);
}
