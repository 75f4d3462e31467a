// Whether the audit log is what this node wrote: at start the rows since the last check, and while the node runs, a little at
// a time, all of them. A row that was changed or taken out means that other rows may be wrong as well: nothing is signed then.
import { AUDIT_LOG_START, type AuditHead, type AuditVerdict, verifyAuditRows } from '../store/audit-log.ts';
import { loadVerifiedHead, saveVerifiedHead } from '../store/audit-verified.ts';
import type { Queries } from '../store/database.ts';
import { CommandError } from './runtime/command-error.ts';
import type { Effects } from './runtime/effects.ts';

/** Rows that are verified without a pause, and the pause after them, in ms: other work goes on beside it. */
const ROWS_AT_ONCE = 200;
const PAUSE_MS = 50;
/** Time after all is verified until what was written since is, in ms. */
const AGAIN_MS = 3_600_000;

/**
 * Verifies the rows since the last check, and remembers how far, unless the database is open for reading only
 * (`remembers` false). Throws `CommandError` where one is wrong.
 */
export function assertAuditLog(db: Queries, path: string, remembers: boolean): void {
  let at = loadVerifiedHead(db);
  for (;;) {
    const verdict = verifyAuditRows(db, at, ROWS_AT_ONCE);
    if (!verdict.ok) throw new CommandError('database_damaged', auditDamage(path, verdict));
    at = verdict.head;
    if (verdict.more) continue;
    if (remembers) remember(db, at);
    return;
  }
}

/** What it works with. `onDamage` is told once, in a sentence. */
export interface AuditWatchInput {
  readonly db: Queries;
  readonly path: string;
  readonly effects: Pick<Effects, 'sleep'>;
  readonly onDamage: (detail: string) => void;
}

/** Verifies the whole log, and again and again what was added; until the signal aborts. Rejects where the database fails. */
export async function watchAuditLog(input: AuditWatchInput, signal: AbortSignal): Promise<void> {
  const { db, path, effects, onDamage } = input;
  let at: AuditHead = AUDIT_LOG_START;
  while (!signal.aborted) {
    const verdict = verifyAuditRows(db, at, ROWS_AT_ONCE);
    if (!verdict.ok) return onDamage(auditDamage(path, verdict));
    at = verdict.head;
    if (!verdict.more) remember(db, at);
    await effects.sleep(verdict.more ? PAUSE_MS : AGAIN_MS, signal);
  }
}

function remember(db: Queries, head: AuditHead): void {
  if (head.seq > loadVerifiedHead(db).seq) saveVerifiedHead(db, head);
}

function auditDamage(path: string, { seq, reason }: Extract<AuditVerdict, { ok: false }>): string {
  const what =
    reason === 'gap' ? `entry ${seq} of its audit log is missing` : `entry ${seq} of its audit log was changed`;
  return `the database ${path} is damaged (${what}): nothing is signed with it; replace it with its latest backup`;
}
