import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';
import { statusReport } from '../../../operator/status/status-report.ts';
import { recordBackup } from '../../../store/backups.ts';
import { FederationInMemory } from '../federation-in-memory.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
let federation: FederationInMemory;
beforeAll(async () => {
  federation = await FederationInMemory.make();
  await federation.dkgByAll();
}, 60_000);
afterAll(() => federation.close());
beforeEach(() => {
  for (const member of federation.members) member.clockOffsetMs = 0;
});

async function codes(index: number, later: number): Promise<readonly string[]> {
  federation.member(index).clockOffsetMs = later;
  const { problems } = await statusReport(federation.at(index).node);
  return problems.map(({ code }) => code).filter((code) => code.startsWith('backup'));
}

function note(index: number, event: 'made' | 'drilled', keyId: string | null, at = Date.now()): void {
  const file = { kind: 'key_share', sha256: 'ab'.repeat(32), bytes: 5, path: '/b', madeAt: at } as const;
  recordBackup(federation.at(index).node.store.db, { event, keyId, ...file }, at);
}

test('a key without a backup that holds its shares is a problem after a day, until there is one', async () => {
  expect(await codes(0, DAY_MS - HOUR_MS)).toEqual([]);
  expect(await codes(0, DAY_MS + HOUR_MS)).toEqual(['backup_old']);
  note(0, 'made', null);
  expect(await codes(0, DAY_MS + HOUR_MS)).toEqual(['backup_old']);
  note(0, 'made', federation.key().keyId, Date.now() + 1);
  expect(await codes(0, DAY_MS + HOUR_MS)).toEqual([]);
});

test('no drill for 90 days is a problem, until one is held', async () => {
  note(1, 'made', federation.key().keyId);
  expect(await codes(1, 89 * DAY_MS)).toEqual([]);
  expect(await codes(1, 91 * DAY_MS)).toEqual(['backup_drill_old']);
  note(1, 'drilled', federation.key().keyId, Date.now() + 50 * DAY_MS);
  expect(await codes(1, 91 * DAY_MS)).toEqual([]);
  expect(await codes(1, 141 * DAY_MS)).toEqual(['backup_drill_old']);
});

test('a schedule that is behind by more than one backup is a problem', async () => {
  const { node } = federation.at(2);
  const backup = { folder: '/backups', everyHours: 6, keep: 2, recipient: 'age1' };
  const scheduled = { ...node, config: { ...node.config, backup } };
  const at = async (later: number) => {
    federation.member(2).clockOffsetMs = later;
    const { problems, backups } = await statusReport(scheduled);
    return { late: problems.some(({ code, subject }) => code === 'backup_old' && subject === 'database'), backups };
  };
  expect((await at(11 * HOUR_MS)).late).toBe(false);
  const behind = await at(13 * HOUR_MS);
  expect(behind.late).toBe(true);
  expect(behind.backups.database).toBeNull();
});

test('a backup that says it is of the future, and a drill of one without the live key, make nothing look new', async () => {
  const { keyId } = federation.key();
  note(2, 'made', keyId, Date.now() + 400 * DAY_MS);
  note(2, 'drilled', '00'.repeat(8), Date.now() + 90 * DAY_MS);
  note(2, 'drilled', keyId, Date.now() + 400 * DAY_MS);
  expect(await codes(2, 91 * DAY_MS)).toEqual(['backup_old', 'backup_drill_old']);
  const { backups } = await statusReport(federation.at(2).node);
  expect(backups.key_share).toBeNull();
});
