// How far the audit log was verified, so that a start needs to look at what was added since, and at no more.
import { z } from 'zod';
import { AUDIT_LOG_START, type AuditHead } from './audit-log.ts';
import { loadCursor, saveCursor } from './cursors.ts';
import type { Queries } from './database.ts';

const CURSOR = 'audit_verified';
const headSchema = z.strictObject({ seq: z.int().min(1), hash: z.string().regex(/^[0-9a-f]{64}$/) });

/** The last row that was verified, together with all before it. */
export function loadVerifiedHead(db: Queries): AuditHead {
  const stored = headSchema.safeParse(loadCursor(db, CURSOR));
  return stored.success ? stored.data : AUDIT_LOG_START;
}

/** Remembers how far the log was verified; `now` in ms since 1970. */
export function saveVerifiedHead(db: Queries, { seq, hash }: AuditHead, now: number): void {
  saveCursor(db, CURSOR, { seq, hash }, now);
}
