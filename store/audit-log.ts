// The audit log: every decision of this node, each row bound to the one before by a SHA-256 hash, so that a change of
// the past shows. Its head travels in heartbeats: a node whose log became shorter was restored or cloned (Never 5).
import { and, asc, count, desc, eq, gt, gte, inArray, lt, lte, sql } from 'drizzle-orm';
import { sha256, toHex, utf8 } from '../crypto/bytes.ts';
import { canonicalJson, canonicalJsonWith, type Json } from '../crypto/canonical-json.ts';
import { type Listing, type Page, pageBounds, type Queries, transact } from './database.ts';
import { given, prepared } from './prepared.ts';
import { auditLog } from './schema.ts';

/** Domain tag of the row hash: SHA-256(tag ‖ 0x00 ‖ RFC 8785 of {seq, at, kind, body, prev_hash}). */
export const AUDIT_LOG_DOMAIN = '0BTC_WIRE_AUDIT_LOG/v1';
/** What the first row has as `prevHash`. */
export const AUDIT_LOG_GENESIS = '0'.repeat(64);
export const AUDIT_BODY_BYTES_MAX = 1_048_576;
const VERIFY_ROWS = 500;

/** The end of the log; seq 0 with the genesis hash while it is empty. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

/** Before the first row. */
export const AUDIT_LOG_START: AuditHead = { seq: 0, hash: AUDIT_LOG_GENESIS };

/** One row, `at` in ms since 1970, hashes 64 lowercase hex characters. */
export interface AuditEntry extends AuditHead {
  readonly at: number;
  readonly kind: string;
  readonly body: Json;
  readonly prevHash: string;
}

/** What `verifyAuditLog` found; `seq` is the first row that is wrong. */
export type AuditVerdict =
  | { readonly ok: true; readonly head: AuditHead }
  | { readonly ok: false; readonly seq: number; readonly reason: 'gap' | 'prev_hash' | 'body' | 'hash' };

const lastRow = prepared((db) =>
  db.select({ seq: auditLog.seq, hash: auditLog.hash }).from(auditLog).orderBy(desc(auditLog.seq)).limit(1).prepare(),
);

const insertRow = prepared((db) => {
  const { seq, at, kind, body, prevHash, hash } = auditLog;
  const row = {
    ...{ seq: given(seq, 'seq'), at: given(at, 'at'), kind: given(kind, 'kind'), body: given(body, 'body') },
    ...{ prevHash: given(prevHash, 'prevHash'), hash: given(hash, 'hash') },
  };
  return db.insert(auditLog).values(row).prepare();
});

/** Appends a row, within the transaction that `db` may be; returns the new head. Amounts go as decimal strings. */
export function appendAudit(db: Queries, at: number, kind: string, body: Json): AuditHead {
  const text = canonicalJson(body);
  if (utf8(text).length > AUDIT_BODY_BYTES_MAX) throw new RangeError(`audit body over ${AUDIT_BODY_BYTES_MAX} bytes`);
  return transact(db, (tx) => {
    const previous = auditHead(tx);
    const row = { seq: previous.seq + 1, at, kind, prevHash: previous.hash };
    const hash = hashWith(row, text);
    insertRow(tx).run({ ...row, body: text, hash });
    return { seq: row.seq, hash };
  });
}

/** The end of the log. */
export function auditHead(db: Queries): AuditHead {
  return lastRow(db).get() ?? { seq: 0, hash: AUDIT_LOG_GENESIS };
}

/** Rows, newest first. */
export function listAudit(db: Queries, page: Page = {}): Listing<AuditEntry> {
  const { limit, offset } = pageBounds(page);
  const rows = db.select().from(auditLog).orderBy(desc(auditLog.seq)).limit(limit).offset(offset).all();
  return { rows: rows.map((row) => ({ ...row, body: JSON.parse(row.body) })), total: auditHead(db).seq };
}

/** Which rows: of these kinds (none: all), from `since` on and before `until` (ms since 1970). */
export interface AuditFilter {
  readonly kinds?: readonly string[];
  readonly since?: number | null;
  readonly until?: number | null;
  /** Stands somewhere in the body; only the newest entries are searched for it. */
  readonly text?: string | null;
}

/** So many of the newest entries are searched for a text: each is read. */
export const AUDIT_SEARCHED_MAX = 50_000;

/** A row as it is stored: `bodyText` is the canonical text, which of a damaged row may be no JSON. */
export interface StoredAuditRow extends Omit<AuditEntry, 'body'> {
  readonly bodyText: string;
}

/** Rows that a filter lets through, newest first. */
export function filterAudit(db: Queries, filter: AuditFilter, page: Page = {}): Listing<StoredAuditRow> {
  const { limit, offset } = pageBounds(page);
  const { kinds = [], since = null, until = null, text = null } = filter;
  const where = and(
    kinds.length === 0 ? undefined : inArray(auditLog.kind, [...kinds]),
    since === null ? undefined : gte(auditLog.at, since),
    until === null ? undefined : lt(auditLog.at, until),
    text === null ? undefined : gt(auditLog.seq, auditHead(db).seq - AUDIT_SEARCHED_MAX),
    text === null ? undefined : sql`instr(lower(${auditLog.body}), lower(${text})) > 0`,
  );
  const rows = db.select().from(auditLog).where(where).orderBy(desc(auditLog.seq)).limit(limit).offset(offset).all();
  const total = db.select({ total: count() }).from(auditLog).where(where).get()?.total ?? 0;
  return { rows: rows.map(asStored), total: Number(total) };
}

/** At most so many rows after `after` and up to `last` (both seq), oldest first. */
export function auditRowsAfter(db: Queries, after: number, last: number, rowsMax: number): readonly StoredAuditRow[] {
  const where = and(gt(auditLog.seq, after), lte(auditLog.seq, last));
  return db.select().from(auditLog).where(where).orderBy(asc(auditLog.seq)).limit(rowsMax).all().map(asStored);
}

function asStored({ body, ...row }: typeof auditLog.$inferSelect): StoredAuditRow {
  return { ...row, bodyText: body };
}

/** Walks the log from its first row and names the first that is wrong. Rows missing at the end only peers can notice. */
export function verifyAuditLog(db: Queries): AuditVerdict {
  let head = AUDIT_LOG_START;
  for (;;) {
    const verdict = verifyAuditRows(db, head, VERIFY_ROWS);
    if (!verdict.ok) return verdict;
    if (!verdict.more) return { ok: true, head: verdict.head };
    head = verdict.head;
  }
}

/**
 * Verifies at most so many rows after one that was verified before, which must still be there; `more`: there may be further
 * ones.
 */
export function verifyAuditRows(
  db: Queries,
  after: AuditHead,
  rowsMax: number,
): (Extract<AuditVerdict, { ok: true }> & { readonly more: boolean }) | Extract<AuditVerdict, { ok: false }> {
  let head = after;
  if (after.seq > 0) {
    const known = db.select({ hash: auditLog.hash }).from(auditLog).where(eq(auditLog.seq, after.seq)).get();
    if (known === undefined) return { ok: false, seq: after.seq, reason: 'gap' };
    if (known.hash !== after.hash) return { ok: false, seq: after.seq, reason: 'hash' };
  }
  const rows = db
    .select()
    .from(auditLog)
    .where(gt(auditLog.seq, after.seq))
    .orderBy(asc(auditLog.seq))
    .limit(rowsMax)
    .all();
  for (const row of rows) {
    const seq = head.seq + 1;
    if (row.seq !== seq) return { ok: false, seq, reason: 'gap' };
    if (row.prevHash !== head.hash) return { ok: false, seq, reason: 'prev_hash' };
    const body = readBody(row.body);
    if (body === undefined) return { ok: false, seq, reason: 'body' };
    if (auditHash({ ...row, body }) !== row.hash) return { ok: false, seq, reason: 'hash' };
    head = { seq, hash: row.hash };
  }
  return { ok: true, head, more: rows.length === rowsMax };
}

/** The hash of a row, 64 lowercase hex characters. */
export function auditHash(row: Omit<AuditEntry, 'hash'>): string {
  return hashWith(row, canonicalJson(row.body));
}

// `bodyText`: the canonical text of the row's body, which may be large and is written once.
function hashWith({ seq, at, kind, prevHash }: Omit<AuditEntry, 'hash' | 'body'>, bodyText: string): string {
  const text = canonicalJsonWith({ seq, at, kind, prev_hash: prevHash }, 'body', bodyText);
  return toHex(sha256(utf8(AUDIT_LOG_DOMAIN), Uint8Array.of(0), utf8(text)));
}

// The stored text must be the canonical one: otherwise two texts would stand behind one hash.
function readBody(text: string): Json | undefined {
  try {
    const body: Json = JSON.parse(text);
    return canonicalJson(body) === text ? body : undefined;
  } catch {
    return undefined;
  }
}
