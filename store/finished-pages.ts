// What this node finished, in the order in which it wrote that down, for a peer that was away: windows of the audit log,
// whose rows are never deleted, so that one question costs the same however long the history is.
import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Json } from '../crypto/canonical-json.ts';
import { type Attestation, getAttestation } from './attestations.ts';
import { auditHead } from './audit-log.ts';
import type { Queries } from './database.ts';
import { given, prepared } from './prepared.ts';
import { auditLog, payoutTransactions } from './schema.ts';

/** How many rows of the log one window looks at. */
export const FINISHED_WINDOW_ROWS = 500;

/** A row of the log by which something was finished. */
export type Finished =
  | { readonly kind: 'attestation'; readonly seq: number; readonly attestation: Attestation }
  /** `intent` null where it was kept by an earlier version; `signedTx` null where it was learnt from a block. */
  | { readonly kind: 'payout'; readonly seq: number; readonly intent: Json; readonly signedTx: string | null };

/** Part of the log: what it holds, the last row that was looked at, and whether there are more behind. */
export interface FinishedWindow {
  readonly rows: readonly Finished[];
  readonly seq: number;
  readonly more: boolean;
}

const KINDS = ['attestation_signed', 'payout_signed', 'payout_confirmed'] as const;
const attestationBody = z.object({ txid: z.string(), vout: z.number() });
const payoutBody = z.object({ txid: z.string() });

const windowRows = prepared((db) => {
  const { seq, kind } = auditLog;
  const within = sql`${seq} > ${given(seq, 'after')} and ${seq} <= ${given(seq, 'end')}`;
  const where = and(within, inArray(kind, [...KINDS]));
  return db.select().from(auditLog).where(where).orderBy(asc(seq)).prepare();
});
const ofTxid = prepared((db) => {
  const { txid, intent, signedTx } = payoutTransactions;
  return db
    .select({ intent, signedTx })
    .from(payoutTransactions)
    .where(eq(txid, given(txid, 'txid')))
    .prepare();
});

/** What was finished after a row of the log (0: from the first). */
export function finishedWindow(db: Queries, after: number): FinishedWindow {
  const { seq: last } = auditHead(db);
  const end = Math.min(after + FINISHED_WINDOW_ROWS, last);
  const entries = after < end ? windowRows(db).all({ after, end }) : [];
  const rows: Finished[] = [];
  const told = new Set<string>();
  for (const { seq, kind, body } of entries) {
    const finished = read(db, seq, kind, JSON.parse(body), told);
    if (finished !== null) rows.push(finished);
  }
  return { rows, seq: Math.max(after, end), more: end < last };
}

// One that stands in the window several times is told once, as it is now.
function read(db: Queries, seq: number, kind: string, body: Json, told: Set<string>): Finished | null {
  const isFirst = (name: string): boolean => !told.has(name) && told.add(name).has(name);
  if (kind === 'attestation_signed') {
    const outpoint = attestationBody.parse(body);
    const attestation = getAttestation(db, outpoint);
    const isNew = attestation !== null && isFirst(`${outpoint.txid}:${outpoint.vout}`);
    return isNew ? { kind: 'attestation', seq, attestation } : null;
  }
  const { txid } = payoutBody.parse(body);
  const payout = ofTxid(db).get({ txid });
  return payout !== undefined && isFirst(txid) ? { kind: 'payout', seq, ...payout } : null;
}
