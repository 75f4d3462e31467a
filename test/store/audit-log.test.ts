import { describe, expect, test } from 'bun:test';
import { sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import {
  AUDIT_BODY_BYTES_MAX,
  AUDIT_LOG_START,
  appendAudit,
  auditHead,
  listAudit,
  verifyAuditLog,
  verifyAuditRows,
} from '../../store/audit-log.ts';
import type { Store } from '../../store/open.ts';
import { NOW, raw, withStore } from './fixture.ts';

function filled<T>(rows: number, body: (store: Store) => T): T {
  return withStore((store) => {
    for (let i = 1; i <= rows; i++) appendAudit(store.db, NOW + i, 'thing', { n: i, amount: `${i}` });
    return body(store);
  });
}

// What somebody with the file in hand can do: drop the triggers first.
function tamper(store: Store, statement: string): void {
  raw(store, (database) => {
    for (const name of ['chain', 'no_update', 'no_delete']) database.run(`DROP TRIGGER IF EXISTS audit_log_${name}`);
    database.run(statement);
  });
}

describe('the audit log', () => {
  test('hashes a row as documented: SHA-256 of tag, zero byte and canonical JSON', () => {
    filled(1, ({ db }) => {
      const prev = '0'.repeat(64);
      const text = `{"at":${NOW + 1},"body":{"amount":"1","n":1},"kind":"thing","prev_hash":"${prev}","seq":1}`;
      expect(auditHead(db)).toEqual({ seq: 1, hash: toHex(sha256(utf8(`0BTC_WIRE_AUDIT_LOG/v1\0${text}`))) });
    });
  });

  test('verifies from its first row to its head, over more rows than one read takes', () => {
    withStore(({ db }) => {
      expect(verifyAuditLog(db)).toEqual({ ok: true, head: { seq: 0, hash: '0'.repeat(64) } });
    });
    filled(501, ({ db }) => {
      expect(verifyAuditLog(db)).toEqual({ ok: true, head: auditHead(db) });
      expect(auditHead(db).seq).toBe(501);
    });
  });

  test('lists pages, newest first', () => {
    filled(5, ({ db }) => {
      const { rows, total } = listAudit(db, { limit: 2, offset: 1 });
      expect(total).toBe(5);
      expect(rows.map(({ seq, body }) => [seq, body])).toEqual([
        [4, { n: 4, amount: '4' }],
        [3, { n: 3, amount: '3' }],
      ]);
      expect(() => listAudit(db, { limit: 0 })).toThrow(RangeError);
      expect(() => listAudit(db, { limit: 501 })).toThrow(RangeError);
      expect(() => listAudit(db, { offset: -1 })).toThrow(RangeError);
    });
  });

  const cases: readonly [string, string, number, string][] = [
    ['a changed body', `UPDATE audit_log SET body = '{"amount":"9","n":3}' WHERE seq = 3`, 3, 'hash'],
    ['a body in another spelling', `UPDATE audit_log SET body = body || ' ' WHERE seq = 3`, 3, 'body'],
    ['a body that is no JSON', `UPDATE audit_log SET body = '{' WHERE seq = 3`, 3, 'body'],
    ['a changed time', `UPDATE audit_log SET at = at + 1 WHERE seq = 2`, 2, 'hash'],
    ['a changed kind', `UPDATE audit_log SET kind = 'other' WHERE seq = 5`, 5, 'hash'],
    ['a changed hash', `UPDATE audit_log SET hash = '${'a'.repeat(64)}' WHERE seq = 4`, 4, 'hash'],
    ['a changed link', `UPDATE audit_log SET prev_hash = '${'a'.repeat(64)}' WHERE seq = 4`, 4, 'prev_hash'],
    ['a row taken out', 'DELETE FROM audit_log WHERE seq = 3', 3, 'gap'],
    ['the first row taken out', 'DELETE FROM audit_log WHERE seq = 1', 1, 'gap'],
  ];
  for (const [name, statement, seq, reason] of cases) {
    test(`names the row of ${name}`, () => {
      filled(5, (store) => {
        tamper(store, statement);
        expect(verifyAuditLog(store.db)).toMatchObject({ ok: false, seq, reason });
      });
    });
  }

  test('is verified from where the last check ended, so many rows at a time, and a missing end of what was checked shows', () => {
    filled(5, (store) => {
      const first = verifyAuditRows(store.db, AUDIT_LOG_START, 3);
      if (!first.ok) throw new Error(first.reason);
      expect(first).toMatchObject({ head: { seq: 3 }, more: true });
      const rest = verifyAuditRows(store.db, first.head, 3);
      expect(rest).toEqual({ ok: true, head: auditHead(store.db), more: false });
      tamper(store, `UPDATE audit_log SET kind = 'other' WHERE seq = 2`);
      expect(verifyAuditRows(store.db, first.head, 3)).toEqual(rest);
      tamper(store, 'DELETE FROM audit_log WHERE seq > 2');
      expect(verifyAuditRows(store.db, first.head, 3)).toMatchObject({ ok: false, seq: 3, reason: 'gap' });
    });
  });

  test('refuses a body over the limit', () => {
    withStore(({ db }) => {
      expect(() => appendAudit(db, NOW, 'x', 'x'.repeat(AUDIT_BODY_BYTES_MAX))).toThrow(RangeError);
      expect(auditHead(db).seq).toBe(0);
    });
  });
});
