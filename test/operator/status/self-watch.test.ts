// What a node finds when it looks at itself: few file descriptors, little room, a disk that can be written again.
import { afterEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkConfig, type OperatorConfig } from '../../../operator/config/config.ts';
import { draftConfig } from '../../../operator/config/config-write.ts';
import { KeyRing } from '../../../operator/keys/key-ring.ts';
import { countDescriptors, type DescriptorCount, DescriptorWatch } from '../../../operator/runtime/descriptor-watch.ts';
import { EventWatch } from '../../../operator/runtime/event-watch.ts';
import { silentLog } from '../../../operator/runtime/log.ts';
import type { DiskFinding } from '../../../operator/status/disk-space.ts';
import { SelfWatch } from '../../../operator/status/self-watch.ts';
import { openStore, type Store } from '../../../store/open.ts';

const folder = mkdtempSync(join(tmpdir(), 'self-watch-'));
const clock = { at: 1_000_000, now: () => clock.at + 1_900_000_000_000, monotonic: () => clock.at };
let store: Store | null = null;
afterEach(() => {
  store?.close();
  store = null;
  rmSync(folder, { recursive: true, force: true });
});

const outOf = (): never => {
  throw Object.assign(new Error('EMFILE: too many open files, scandir'), { code: 'EMFILE' });
};

function sampleConfig(file: string): OperatorConfig {
  const addresses = ['127.0.0.1:7100', '127.0.0.1:7101', '127.0.0.1:7102'];
  const content = draftConfig({ parties: 3, threshold: 2, index: 0, addresses, more: { network: 'regtest' } });
  const verdict = checkConfig(content, file, folder);
  if (!verdict.ok) throw new Error('the draft is valid');
  return verdict.config;
}

/** A node's watch whose descriptors and disk are as told. */
function watched() {
  const events = new EventWatch(clock);
  const log = events.over(silentLog);
  const told: { descriptors: () => DescriptorCount | null; disk: DiskFinding | null } = {
    descriptors: () => ({ used: 100, limit: 1_000 }),
    disk: null,
  };
  store = openStore(join(folder, 'security.db'));
  const file = join(folder, 'config.json');
  const config = sampleConfig(file);
  const keyRing = new KeyRing({ path: config.keySharePath, network: config.network, index: config.myIndex });
  const watch = new SelfWatch({
    ...{ config, db: store.db, databasePath: store.path, keyRing, events, effects: clock, log },
    descriptors: new DescriptorWatch(clock, log, async () => told.descriptors()),
    disk: async () => told.disk,
  });
  const codes = () => [...watch.problems(), ...events.problems()].map(({ code }) => code);
  return { watch, events, log, told, codes };
}

describe('file descriptors', () => {
  test('are counted as the system tells them, against the limit of this process', async () => {
    const counted = await countDescriptors();
    expect(counted?.used).toBeGreaterThan(3);
    expect(counted?.limit).toBeGreaterThan(counted?.used ?? 0);
    expect(await countDescriptors('/no/such/process')).toBeNull();
  });

  test('that are nearly used up are a problem with count, limit and remedy, since then and until they are free', async () => {
    const { watch, told, codes } = watched();
    told.descriptors = () => ({ used: 900, limit: 1_000 });
    await watch.look();
    expect(codes()).toEqual([]);
    told.descriptors = () => ({ used: 901, limit: 1_000 });
    const since = new Date(clock.now()).toISOString();
    await watch.look();
    clock.at += 60_000;
    told.descriptors = outOf;
    await watch.look();
    const [found] = watch.problems();
    expect(found).toMatchObject({ code: 'descriptors_low', severity: 'critical', since });
    expect(found?.cause).toContain('1000 of 1000 file descriptors are in use');
    expect(found?.action).toContain('firewall');
    told.descriptors = () => ({ used: 100, limit: 1_000 });
    await watch.look();
    expect(codes()).toEqual([]);
  });

  test('that were used up are the problem, not the peer whose message met it, and that ends with it', async () => {
    const { watch, events, log, told, codes } = watched();
    await watch.look();
    told.descriptors = outOf;
    await watch.look();
    log('error', 'message_failed', { from: 2, type: 'ping', detail: 'unable to open database file' });
    log('error', 'heartbeat_failed', { peer: 1, detail: 'EMFILE: too many open files' });
    expect(events.problems().map(({ subject }) => subject)).toEqual(['file descriptors']);
    expect(new Set(codes())).toEqual(new Set(['descriptors_low']));
    told.descriptors = () => ({ used: 100, limit: 1_000 });
    await watch.look();
    expect(codes()).toEqual([]);
  });

  test('that are free do not hide a database whose folder is gone', async () => {
    const { watch, log, codes } = watched();
    log('error', 'message_failed', { from: 2, type: 'ping', detail: 'unable to open database file' });
    await watch.look();
    expect(codes()).toEqual(['descriptors_low']);
  });
});

describe('a full disk', () => {
  const full = { code: 'disk_full', cause: '0 MiB are left' } as const;

  test('is told since when, as long as it is full', async () => {
    const { watch, told } = watched();
    told.disk = full;
    const since = new Date(clock.now()).toISOString();
    await watch.look();
    clock.at += 60_000;
    await watch.look();
    expect(watch.problems()).toMatchObject([{ code: 'disk_full', since }]);
    told.disk = null;
    await watch.look();
    expect(watch.problems()).toEqual([]);
  });

  test('that the log told of is over at the next look that can write, and not before', async () => {
    const { watch, log, told, codes } = watched();
    log('error', 'message_failed', { from: 2, type: 'ping', detail: 'database or disk is full' });
    told.disk = full;
    await watch.look();
    expect(codes()).toEqual(['disk_full', 'disk_full']);
    told.disk = null;
    store?.close();
    await watch.look();
    expect(codes()).toContain('disk_full');
  });

  test('that the log told of is over once there is room again', async () => {
    const { watch, log, codes } = watched();
    log('error', 'message_failed', { from: 2, type: 'ping', detail: 'database or disk is full' });
    expect(codes()).toEqual(['disk_full']);
    await watch.look();
    expect(codes()).toEqual([]);
  });
});
