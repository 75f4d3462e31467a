// What the node knows of its own state: its epoch, which rises each time a peer shows a state of it that its log lacks, as
// after a restore (Never 5).
import { eq } from 'drizzle-orm';
import { type AuditHead, appendAudit, auditHead } from './audit-log.ts';
import { type Queries, transact } from './database.ts';
import { voidApprovals } from './payout-requests.ts';
import { given, prepared } from './prepared.ts';
import { auditLog, nodeState } from './schema.ts';

/** How often the node was found to have an older state than it had shown. */
export interface NodeState {
  readonly epoch: number;
}

/** The end of the log together with the epoch it stands in. */
export interface StateHeadRow extends AuditHead {
  readonly epoch: number;
}

const ownState = prepared((db) => db.select().from(nodeState).where(eq(nodeState.id, 1)).prepare());
const hashAt = prepared((db) =>
  db
    .select({ hash: auditLog.hash })
    .from(auditLog)
    .where(eq(auditLog.seq, given(auditLog.seq, 'seq')))
    .prepare(),
);

/** The node's state; epoch 0 where it never was put back. */
export function getNodeState(db: Queries): NodeState {
  const row = ownState(db).get();
  return { epoch: row?.epoch ?? 0 };
}

/** The head as peers are to see it. */
export function stateHead(db: Queries): StateHeadRow {
  return transact(db, (tx) => ({ epoch: getNodeState(tx).epoch, ...auditHead(tx) }));
}

/** The hash of a row of the audit log; the genesis hash for row 0, null where the log is shorter. */
export function auditHashAt(db: Queries, seq: number): string | null {
  if (seq === 0) return '0'.repeat(64);
  return hashAt(db).get({ seq })?.hash ?? null;
}

/**
 * A peer showed (`shown`) a state of this node that its log lacks: the epoch rises to `epoch`, above the one shown, and an
 * audit row says from what to what. Throws where the epoch would not rise.
 */
export function recordRegression(
  db: Queries,
  regression: { readonly epoch: number; readonly peer: number; readonly shown: StateHeadRow },
  now: number,
): void {
  const { epoch, peer, shown } = regression;
  transact(db, (tx) => {
    const own = stateHead(tx);
    if (epoch <= own.epoch || epoch <= shown.epoch) throw new Error('an epoch only rises');
    write(tx, { epoch });
    appendAudit(tx, now, 'state_regressed', { epoch, from: placeOf(own), shown: placeOf(shown), shown_by: peer });
    // What this database holds as approved may have been taken back since.
    voidApprovals(tx, null, now);
  });
}

function placeOf({ epoch, seq, hash }: StateHeadRow): { epoch: number; seq: number; hash: string } {
  return { epoch, seq, hash };
}

function write(tx: Queries, state: NodeState): void {
  const updated = tx.update(nodeState).set(state).where(eq(nodeState.id, 1)).returning({ id: nodeState.id }).all();
  if (updated.length > 0) return;
  tx.insert(nodeState)
    .values({ id: 1, ...state })
    .run();
}
