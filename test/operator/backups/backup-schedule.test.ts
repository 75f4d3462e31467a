import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { passingIdentity } from '../../../crypto/seal.ts';
import { backUpWhenDue, keepBackups } from '../../../operator/backups/backup-schedule.ts';
import { checkConfig, type OperatorConfig } from '../../../operator/config/config.ts';
import { draftConfig } from '../../../operator/config/config-write.ts';
import { systemEffects } from '../../../operator/runtime/effects.ts';

const HOUR_MS = 3_600_000;
const BEGIN = Date.UTC(2026, 10, 30, 12);
let folder: string;
let recipient: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'backup-schedule-'));
  ({ recipient } = await passingIdentity());
});
afterEach(() => rmSync(folder, { recursive: true }));

function configWith(backup: unknown) {
  const addresses = ['a:1', 'b:1', 'c:1'];
  return checkConfig({ ...draftConfig({ parties: 3, threshold: 2, index: 1, addresses }), backup }, '/c.json', '/');
}

function scheduled(): OperatorConfig {
  const verdict = configWith({ folder, every_hours: 6, keep: 2, recipient });
  if (!verdict.ok) throw new Error(verdict.problems[0]?.problem);
  return verdict.config;
}

async function lookAt(now: number, make = async (path: string) => writeFileSync(path, 'sealed')) {
  const config = scheduled();
  if (config.backup === null) throw new Error('a schedule is configured');
  await backUpWhenDue({ config, effects: { ...systemEffects, now: () => now }, log: () => {}, make }, config.backup);
  return readdirSync(folder).sort();
}

describe('the schedule of backups', () => {
  test('makes one when the newest is older than its hours, keeps the newest so many, and touches no other file', async () => {
    writeFileSync(join(folder, 'security-db-0-2020-01-01T00-00-00Z.age'), 'of another operator');
    const others = readdirSync(folder);
    const first = 'security-db-1-2026-11-30T12-00-00Z.age';
    expect(await lookAt(BEGIN)).toEqual([...others, first]);
    expect(await lookAt(BEGIN + 6 * HOUR_MS - 1)).toEqual([...others, first]);
    const second = 'security-db-1-2026-11-30T18-00-00Z.age';
    expect(await lookAt(BEGIN + 6 * HOUR_MS)).toEqual([...others, first, second]);
    expect(await lookAt(BEGIN + 12 * HOUR_MS)).toEqual([...others, second, 'security-db-1-2026-12-01T00-00-00Z.age']);
  });

  test('of a clock that was ahead leaves files that neither pass for new nor take the place of those made now', async () => {
    await lookAt(BEGIN + 100 * 24 * HOUR_MS);
    await lookAt(BEGIN + 101 * 24 * HOUR_MS);
    const ahead = readdirSync(folder).sort();
    const [first, second] = ['security-db-1-2026-11-30T12-00-00Z.age', 'security-db-1-2026-11-30T18-00-00Z.age'];
    expect(await lookAt(BEGIN)).toEqual([first, ...ahead]);
    let made = 0;
    const counted = async (path: string) => writeFileSync(path, `${made++}`);
    expect(await lookAt(BEGIN + 60_000, counted)).toEqual([first, ...ahead]);
    expect(await lookAt(BEGIN + 6 * HOUR_MS, counted)).toEqual([first, second, ...ahead]);
    expect(made).toBe(1);
  });

  test('keeps the old ones where a new one fails, and logs it', async () => {
    await lookAt(BEGIN);
    const failing = lookAt(BEGIN + 6 * HOUR_MS, () => Promise.reject(new Error('no room')));
    await expect(failing).rejects.toThrow('no room');
    expect(readdirSync(folder)).toHaveLength(1);
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const stop = keepBackups({
      ...{ config: scheduled(), make: () => Promise.reject(new Error('no room')) },
      effects: { ...systemEffects, now: () => BEGIN + 6 * HOUR_MS },
      log: (level, event, fields) => resolve([level, event, fields?.['detail']]),
    });
    expect(await promise).toEqual(['error', 'backup_failed', 'no room']);
    stop();
  });

  test('in a configuration is checked key by key', () => {
    for (const [key, value] of [
      ['every_hours', 0],
      ['keep', 0],
      ['recipient', 'ssh-ed25519 AAAA'],
      ['folder', ''],
    ] as const) {
      const verdict = configWith({ folder, every_hours: 6, keep: 2, recipient, [key]: value });
      expect(verdict.ok ? [] : verdict.problems.map((problem) => problem.key)).toEqual([`backup.${key}`]);
    }
  });

  test('for a recipient that is none does not let the server start', () => {
    const config = scheduled();
    if (config.backup === null) throw new Error('a schedule is configured');
    const backup = { ...config.backup, recipient: `age1${'q'.repeat(58)}` };
    const begin = () =>
      keepBackups({ config: { ...config, backup }, effects: systemEffects, log: () => {}, make: async () => {} });
    expect(begin).toThrow('"backup.recipient" is no recipient of age');
  });
});
