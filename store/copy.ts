// A copy of a security database that stands alone, as a backup holds it: how one is made beside a running writer, and whether
// one is whole.
import type { Database } from 'bun:sqlite';
import { Database as Sqlite } from 'bun:sqlite';
import { closeSync, openSync, rmSync } from 'node:fs';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import { AUDIT_LOG_START, type AuditHead, auditHead, listAudit, verifyAuditLog } from './audit-log.ts';
import { liveKey } from './keys.ts';
import { assertMigrated, SECURITY_MIGRATIONS } from './migrations.ts';
import { type Owner, ownerOf } from './owner.ts';

const BUSY_TIMEOUT_MS = 5_000;

/** What a copy holds. `problems`: a sentence each, empty where it is whole; `writtenAt`: its last decision, ms since 1970. */
export interface CopyFacts {
  readonly owner: Owner | null;
  readonly liveKey: string | null;
  readonly head: AuditHead;
  readonly writtenAt: number | null;
  readonly problems: readonly string[];
}

/**
 * Writes all that is committed into a new file (mode 0600), beside a writer too, whom it does not hold up. Blocks until it
 * is done. The file must not exist; it is gone again where this throws.
 */
export function copyDatabase(source: string, target: string): void {
  closeSync(openSync(target, 'wx', 0o600));
  try {
    const database = new Sqlite(source, { readonly: true });
    try {
      database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
      database.run('VACUUM INTO ?', [target]);
    } finally {
      database.close();
    }
  } catch (error) {
    rmSync(target, { force: true });
    throw error;
  }
}

/** Looks whether a copy is whole: pages, schema, owner, and the chain of its audit log. Reads only. */
export function lookAtCopy(database: Database): CopyFacts {
  const check = database.query<{ quick_check: string }, []>('PRAGMA quick_check(1)').get()?.quick_check;
  const nothing = { owner: null, liveKey: null, head: AUDIT_LOG_START, writtenAt: null };
  if (check !== 'ok') return { ...nothing, problems: [`the database is damaged: ${check ?? 'it cannot be checked'}`] };
  try {
    assertMigrated(database, SECURITY_MIGRATIONS);
  } catch (error) {
    return { ...nothing, problems: [error instanceof Error ? error.message : 'its schema is unknown'] };
  }
  const db = drizzle(database);
  const problems: string[] = [];
  const owner = ownerOf(db);
  if (owner === null) problems.push('the database belongs to no node yet');
  const verdict = verifyAuditLog(db);
  if (!verdict.ok) problems.push(`entry ${verdict.seq} of its audit log was changed or is missing`);
  const [last] = listAudit(db, { limit: 1 }).rows;
  return { owner, liveKey: liveKey(db)?.keyId ?? null, head: auditHead(db), writtenAt: last?.at ?? null, problems };
}
