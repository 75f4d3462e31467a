// The audit log for people and auditors: listed, verified and exported. It is read from the database beside a running server or
// without one, and never written; a log that is damaged can be read as well, for that is when people look at it.
import { canonicalJsonWith } from '../crypto/canonical-json.ts';
import {
  AUDIT_LOG_START,
  type AuditFilter,
  type AuditHead,
  type AuditVerdict,
  auditHead,
  auditRowsAfter,
  filterAudit,
  type StoredAuditRow,
  verifyAuditLog,
  verifyAuditRows,
} from '../store/audit-log.ts';
import type { Page, Queries } from '../store/database.ts';
import { openReader } from '../store/open.ts';
import { ownerOf } from '../store/owner.ts';
import type { OperatorConfig } from './config/config.ts';
import { untrustedFile } from './config/trusted-files.ts';
import { assertOwnPlace } from './keys/database-owner.ts';
import { CommandError } from './runtime/command-error.ts';

const ROWS_AT_ONCE = 200;

/** One entry, `at` in ISO 8601, or as it is stored where it is no time; `body` as it is stored, a text where that is no JSON. */
export interface AuditEntryReport {
  readonly seq: number;
  readonly at: string;
  readonly kind: string;
  readonly body: unknown;
  readonly prev_hash: string;
  readonly hash: string;
}

/** A page of entries, newest first, and the head of the whole log. */
export interface AuditListReport {
  readonly entries: readonly AuditEntryReport[];
  readonly total: number;
  readonly head: AuditHead;
}

/** Whether each entry goes with the one before; `broken`: the first that does not. */
export interface AuditVerifyReport {
  readonly ok: boolean;
  readonly entries: number;
  readonly head: AuditHead;
  readonly broken: { readonly seq: number; readonly detail: string } | null;
}

const BROKEN: Readonly<Record<Extract<AuditVerdict, { ok: false }>['reason'], string>> = {
  gap: 'it is missing',
  prev_hash: 'it does not follow the entry before it',
  body: 'its contents are not in the form in which they are written',
  hash: 'its contents are not those of its hash',
};

/** Opens the node's database for reading and gives it to `use`. Throws named errors with one sentence. */
export async function withAuditLog<T>(config: OperatorConfig, use: (db: Queries) => T | Promise<T>): Promise<T> {
  const untrusted = untrustedFile(config);
  if (untrusted !== null) throw new CommandError('untrusted_file', untrusted);
  const store = openReader(config.securityDbPath);
  try {
    assertOwnPlace(config, store.db);
    return await use(store.db);
  } finally {
    store.close();
  }
}

/** A page of the entries that a filter lets through. */
export function auditList(db: Queries, filter: AuditFilter, page: Page): AuditListReport {
  const { rows, total } = filterAudit(db, filter, page);
  return { entries: rows.map(entryReport), total, head: auditHead(db) };
}

/** Verifies the whole log. Entries that are missing at its end only the peers can notice, who keep its head. */
export function auditVerify(db: Queries): AuditVerifyReport {
  return verifyReport(db, verifyAuditLog(db));
}

function verifyReport(db: Queries, verdict: AuditVerdict): AuditVerifyReport {
  const head = auditHead(db);
  if (verdict.ok) return { ok: true, entries: verdict.head.seq, head: verdict.head, broken: null };
  const { seq, reason } = verdict;
  return { ok: false, entries: seq - 1, head, broken: { seq, detail: BROKEN[reason] } };
}

/** As `auditVerify`, with a pause after every few entries, so that other work goes on beside it. */
export async function auditVerifyInTurns(db: Queries, pause: () => Promise<void>): Promise<AuditVerifyReport> {
  let at: AuditHead = AUDIT_LOG_START;
  for (;;) {
    const verdict = verifyAuditRows(db, at, ROWS_AT_ONCE);
    if (!verdict.ok) return verifyReport(db, verdict);
    if (!verdict.more) return verifyReport(db, { ok: true, head: verdict.head });
    at = verdict.head;
    await pause();
  }
}

/**
 * The log as lines of canonical JSON (RFC 8785): an entry each, oldest first, `{seq, at, kind, body, prev_hash, hash}` with `at`
 * in ms since 1970, and at last `{head: {seq, hash}, network, index, identity_key}`. Each text is of many lines.
 */
export function* auditLines(db: Queries): Generator<string> {
  const head = auditHead(db);
  let after = 0;
  for (;;) {
    const rows = auditRowsAfter(db, after, head.seq, ROWS_AT_ONCE);
    if (rows.length === 0) break;
    after = rows.at(-1)?.seq ?? head.seq;
    yield rows.map((row) => `${entryLine(row)}\n`).join('');
  }
  const owner = ownerOf(db);
  const end = {
    head: { seq: head.seq, hash: head.hash },
    ...(owner !== null && { network: owner.network, index: owner.index, identity_key: owner.identityKey }),
  };
  yield `${canonicalJsonWith(end, 'v', '1')}\n`;
}

// The text of the body is what its hash was made of, so it goes out as it is, unless it would break the line.
function entryLine({ seq, at, kind, prevHash, hash, bodyText }: StoredAuditRow): string {
  const body = parsed(bodyText) === undefined ? JSON.stringify(bodyText) : bodyText.replaceAll('\n', ' ');
  return canonicalJsonWith({ seq, at, kind, prev_hash: prevHash, hash }, 'body', body);
}

function entryReport({ seq, at, kind, prevHash, hash, bodyText }: StoredAuditRow): AuditEntryReport {
  const body = parsed(bodyText) ?? bodyText;
  return { seq, at: timeText(at), kind, body, prev_hash: prevHash, hash };
}

// Of a damaged row it may be a number that no calendar has.
function timeText(at: number): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? `${at}` : time.toISOString();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
