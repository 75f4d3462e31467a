// `audit`: read from the database itself, so a server neither has to run nor to stop for it.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { readFileSync, statSync } from 'node:fs';
import { AUDIT_LOG_DOMAIN, appendAudit, auditHead } from '../../../store/audit-log.ts';
import { openStore, type Store } from '../../../store/open.ts';
import { recordOwner } from '../../../store/owner.ts';
import { Desk } from './desk.ts';

const DAY_MS = 86_400_000;
const MARCH = Date.parse('2026-03-01T12:00:00Z');

let desk: Desk;
let store: Store;
beforeEach(() => {
  desk = new Desk();
  // Stays open for writing, as a running server has it.
  store = openStore(desk.path('security.db'));
  recordOwner(store.db, { network: 'regtest', index: 0, identityKey: 'aa'.repeat(32) });
  for (let day = 0; day < 3; day++) {
    appendAudit(store.db, MARCH + day * DAY_MS, 'peer_added', { index: day });
    appendAudit(store.db, MARCH + day * DAY_MS, 'hold', { burn: `${day}` });
  }
});
afterEach(async () => {
  store.close();
  await desk.close();
});

/** Changes a row as somebody with the file in hand would. */
function tamper(sql: string): void {
  store.db.run('DROP TRIGGER audit_log_no_update');
  store.db.run('DROP TRIGGER audit_log_no_delete');
  store.db.run(sql);
}

const entriesOf = (stdout: string): readonly { seq: number; kind: string; body: unknown }[] =>
  JSON.parse(stdout).entries;

describe('audit list', () => {
  test('shows the newest entries first, a page at a time, while a server has the database open', async () => {
    const { code, stdout } = await desk.run(['audit', 'list', '--limit', '2', '--offset', '1']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ENTRY {2}TIME +KIND +CONTENTS\n +5 {2}\S+ {2}peer_added {2}\{"index":2\}\n/);
    expect(stdout).toContain('2 to 3 of 6; go on with --offset 3');
  });

  test('keeps to kinds and to a span of time, which has its beginning and not its end', async () => {
    const span = ['--since', '2026-03-02T12:00Z', '--until', '2026-03-03T12:00:00Z'];
    const { stdout } = await desk.run(['audit', 'list', '--kind', 'hold', ...span, '--json']);
    expect(entriesOf(stdout).map(({ seq, body }) => [seq, body])).toEqual([[4, { burn: '1' }]]);
    const both = await desk.run(['audit', 'list', '--kind', 'hold', '--kind', 'peer_added', '--json']);
    expect(JSON.parse(both.stdout).total).toBe(6);
    expect((await desk.run(['audit', 'list', '--kind', 'none'])).stdout).toBe('No entry is of that kind and time.\n');
  });

  test('refuses what is no time, and a span without time, with exit code 2', async () => {
    for (const flags of [
      ['--since', 'yesterday'],
      ['--since', '2026-02-31T99:00'],
      ['--until', '1'],
    ]) {
      const { code, stderr } = await desk.run(['audit', 'list', ...flags]);
      expect(code).toBe(2);
      expect(stderr).toContain('is not a time such as 2026-03-01');
    }
    const { code, stderr } = await desk.run(['audit', 'list', '--since', '2026-03-02', '--until', '2026-03-02']);
    expect([code, stderr]).toEqual([
      2,
      'mpc_operator: --until is not later than --since, so no entry could be of that time.\n',
    ]);
  });

  test('of a node without a database is one sentence', async () => {
    const { code, stderr } = await desk.run(['audit', 'list', '--config', desk.write('other.json', otherConfig())]);
    expect([code, stderr]).toEqual([1, `mpc_operator: There is no database at ${desk.path('none.db')}.\n`]);
  });
});

function otherConfig(): string {
  return readFileSync(desk.path('config.json'), 'utf8').replace('security.json', 'none.db');
}

describe('audit verify', () => {
  test('says how many entries go together, and the head that peers keep', async () => {
    const { seq, hash } = auditHead(store.db);
    const { code, stdout } = await desk.run(['audit', 'verify']);
    expect([code, stdout]).toEqual([0, `6 entries, each goes with the one before. Head: ${seq}, ${hash}\n`]);
  });

  for (const [claim, sql, seq, detail] of [
    ['changed', `UPDATE audit_log SET body = '{"index":7}' WHERE seq = 3`, 3, 'its contents are not those of its hash'],
    ['taken out', 'DELETE FROM audit_log WHERE seq = 2', 2, 'it is missing'],
    [
      'given a time that no calendar has',
      'UPDATE audit_log SET at = 9007199254740991 WHERE seq = 3',
      3,
      'its contents are not those of its hash',
    ],
    [
      'made no JSON',
      `UPDATE audit_log SET body = 'x' WHERE seq = 4`,
      4,
      'its contents are not in the form in which they are written',
    ],
    [
      'tied elsewhere',
      `UPDATE audit_log SET prev_hash = '${'0'.repeat(64)}' WHERE seq = 5`,
      5,
      'it does not follow the entry before it',
    ],
  ] as const) {
    test(`names the first entry that was ${claim}, exit code 1`, async () => {
      tamper(sql);
      const { code, stdout, stderr } = await desk.run(['audit', 'verify']);
      expect(code).toBe(1);
      expect(stdout).toBe(`Broken at entry ${seq}: ${detail}. The ${seq - 1} before it are whole.\n`);
      expect(stderr).toContain(`Entry ${seq} of the audit log is broken`);
      expect((await desk.run(['audit', 'list'])).code).toBe(0);
    });
  }
});

describe('audit export', () => {
  test('writes lines of JSON whose hashes anybody can work out again, and the head in the last', async () => {
    const { code, stdout, stderr } = await desk.run(['audit', 'export']);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    const { seq, hash } = auditHead(store.db);
    expect(JSON.parse(lines.pop() ?? '')).toEqual({
      ...{ v: 1, head: { seq, hash }, network: 'regtest', index: 0, identity_key: 'aa'.repeat(32) },
    });
    let before = '0'.repeat(64);
    for (const line of lines) {
      const { hash: told, ...row } = JSON.parse(line);
      // Keys in order and no spaces: for these values JSON.stringify writes RFC 8785.
      const { at, body, kind, prev_hash, seq: place } = row;
      const text = JSON.stringify({ at, body, kind, prev_hash, seq: place });
      expect(prev_hash).toBe(before);
      expect(new Bun.CryptoHasher('sha256').update(`${AUDIT_LOG_DOMAIN}\0${text}`).digest('hex')).toBe(told);
      before = told;
    }
    expect(before).toBe(hash);
    expect(stderr).toBe(`Exported with the head ${seq}, ${hash}.\n`);
  });

  test('--output writes a file for this user alone, whole or not at all', async () => {
    const { code, stdout } = await desk.run(['audit', 'export', '--output', 'audit.jsonl']);
    expect([code, stdout]).toEqual([0, '']);
    expect(statSync(desk.path('audit.jsonl')).mode & 0o777).toBe(0o600);
    expect(readFileSync(desk.path('audit.jsonl'), 'utf8').split('\n')).toHaveLength(8);
    const missing = await desk.run(['audit', 'export', '--output', 'no/such/file']);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('there is no folder');
  });

  test('of a damaged log writes all there is, and exits with 1', async () => {
    tamper(`UPDATE audit_log SET body = 'x' WHERE seq = 4`);
    const { code, stdout, stderr } = await desk.run(['audit', 'export']);
    expect(code).toBe(1);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).body)[3],
    ).toBe('x');
    expect(stderr).toContain('Entry 4 of the audit log is broken');
  });
});
