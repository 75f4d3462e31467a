// What this node attested, in the order in which it wrote that down, for a peer that was away: windows of the audit log,
// whose rows are never deleted, so that one question costs the same however long the history is.
import { and, asc, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { type Attestation, getAttestation } from './attestations.ts';
import { auditHead } from './audit-log.ts';
import type { Queries } from './database.ts';
import { given, prepared } from './prepared.ts';
import { auditLog } from './schema.ts';

/** How many rows of the log one window looks at. */
export const FINISHED_WINDOW_ROWS = 500;

/** Part of the log: what it holds, the last row that was looked at, and whether there are more behind. */
export interface FinishedWindow {
  readonly attestations: readonly Attestation[];
  readonly seq: number;
  readonly more: boolean;
}

const attestationBody = z.object({ txid: z.string(), vout: z.number() });

const windowRows = prepared((db) => {
  const { seq, kind } = auditLog;
  const within = sql`${seq} > ${given(seq, 'after')} and ${seq} <= ${given(seq, 'end')}`;
  const where = and(within, eq(kind, 'attestation_signed'));
  return db.select().from(auditLog).where(where).orderBy(asc(seq)).prepare();
});

/** What was attested after a row of the log (0: from the first). */
export function finishedWindow(db: Queries, after: number): FinishedWindow {
  const { seq: last } = auditHead(db);
  const end = Math.min(after + FINISHED_WINDOW_ROWS, last);
  const entries = after < end ? windowRows(db).all({ after, end }) : [];
  const attestations: Attestation[] = [];
  const told = new Set<string>();
  for (const { body } of entries) {
    const outpoint = attestationBody.parse(JSON.parse(body));
    const name = `${outpoint.txid}:${outpoint.vout}`;
    // One that stands in the window several times is told once, as it is now.
    const attestation = told.has(name) ? null : getAttestation(db, outpoint);
    told.add(name);
    if (attestation !== null) attestations.push(attestation);
  }
  return { attestations, seq: Math.max(after, end), more: end < last };
}
