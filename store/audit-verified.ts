// How far the audit log was verified, so that a start needs to look at what was added since, and at no more.
import { eq } from 'drizzle-orm';
import { AUDIT_LOG_START, type AuditHead } from './audit-log.ts';
import type { Queries } from './database.ts';
import { auditVerified } from './schema.ts';

/** The last row that was verified, together with all before it. */
export function loadVerifiedHead(db: Queries): AuditHead {
  const row = db.select().from(auditVerified).where(eq(auditVerified.id, 1)).get();
  return row === undefined ? AUDIT_LOG_START : { seq: row.seq, hash: row.hash };
}

/** Remembers how far the log was verified. */
export function saveVerifiedHead(db: Queries, { seq, hash }: AuditHead): void {
  const set = { seq, hash };
  db.insert(auditVerified)
    .values({ id: 1, ...set })
    .onConflictDoUpdate({ target: auditVerified.id, set })
    .run();
}
