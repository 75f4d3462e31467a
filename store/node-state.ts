// What the node knows of its own state: its epoch, which rises each time it is brought back from an older state, and when
// its peers last agreed that nothing is missing (Never 5).
import { eq } from 'drizzle-orm';
import type { Json } from '../crypto/canonical-json.ts';
import { type AuditHead, appendAudit, auditHead } from './audit-log.ts';
import { type Queries, transact } from './database.ts';
import { given, prepared } from './prepared.ts';
import { auditLog, nodeState } from './schema.ts';

/** `wholeAt` in ms since 1970, null before the first time. */
export interface NodeState {
  readonly epoch: number;
  readonly wholeAt: number | null;
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

/** The node's state; epoch 0 where it was never brought back. */
export function getNodeState(db: Queries): NodeState {
  const row = ownState(db).get();
  return { epoch: row?.epoch ?? 0, wholeAt: row?.wholeAt ?? null };
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

/** Keeps when peers agreed that the state is whole. Not audited: it would lengthen the log once a minute. */
export function markWhole(db: Queries, now: number): void {
  transact(db, (tx) => write(tx, { ...getNodeState(tx), wholeAt: now }));
}

/**
 * Ends the catching up: the epoch rises to `epoch`, and an audit row says from what to what and what was adopted. Throws
 * where the epoch would not rise.
 */
export function recordRecovery(db: Queries, epoch: number, body: { readonly [key: string]: Json }, now: number): void {
  transact(db, (tx) => {
    const state = getNodeState(tx);
    if (epoch <= state.epoch) throw new Error('an epoch only rises');
    const { seq, hash } = auditHead(tx);
    write(tx, { epoch, wholeAt: state.wholeAt });
    appendAudit(tx, now, 'state_recovered', { ...body, epoch, from: { epoch: state.epoch, seq, hash } });
  });
}

function write(tx: Queries, state: NodeState): void {
  const updated = tx.update(nodeState).set(state).where(eq(nodeState.id, 1)).returning({ id: nodeState.id }).all();
  if (updated.length === 0)
    tx.insert(nodeState)
      .values({ id: 1, ...state })
      .run();
}
