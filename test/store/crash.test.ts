import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getAttestation } from '../../store/attestations.ts';
import { auditHead, verifyAuditLog } from '../../store/audit-log.ts';
import { getStep } from '../../store/line.ts';
import { openStore, type Store } from '../../store/open.ts';
import { claim, outpoint, raw } from './fixture.ts';
import { step } from './line-fixture.ts';

const ROUNDS = 3;
const ACKNOWLEDGED_MIN = 40;

// Starts a writer, kills it with SIGKILL once it acknowledged enough, and returns all that it acknowledged.
async function writeAndKill(path: string, first: number): Promise<readonly string[]> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'crash-child.ts'), path, `${first}`], {
    stdout: 'pipe',
    stderr: 'inherit',
  });
  let output = '';
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    output += decoder.decode(chunk, { stream: true });
    if (output.split('\n').length > ACKNOWLEDGED_MIN) child.kill('SIGKILL');
  }
  await child.exited;
  expect(child.signalCode).toBe('SIGKILL');
  // A line that was cut off was not acknowledged.
  return output.split('\n').slice(0, -1);
}

function isStored({ db }: Store, line: string): boolean {
  const [kind, name = ''] = line.split(' ');
  if (kind === 'attested') return getAttestation(db, outpoint(Number(name)))?.amount === claim(name).amount;
  const stored = getStep(db, step({ burns: [Number(name)], swept: [Number(name)] }).txid);
  return stored?.inputs.length === 2 && stored.burns?.length === 1;
}

test('everything that a writer acknowledged before it was killed is there, whole, and the audit log verifies', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'store-'));
  const path = join(folder, 'security.db');
  try {
    const acknowledged: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      acknowledged.push(...(await writeAndKill(path, round * 1_000_000)));
      const store = openStore(path);
      try {
        expect(acknowledged.filter((line) => !isStored(store, line))).toEqual([]);
        const verdict = verifyAuditLog(store.db);
        expect(verdict).toEqual({ ok: true, head: auditHead(store.db) });
        expect(auditHead(store.db).seq).toBeGreaterThanOrEqual(acknowledged.length);
        raw(store, (database) => {
          expect(database.query('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
          expect(database.query('PRAGMA foreign_key_check').all()).toEqual([]);
        });
      } finally {
        store.close();
      }
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(ROUNDS * ACKNOWLEDGED_MIN);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 30_000);
