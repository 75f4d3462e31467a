import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '../../../crypto/bytes.ts';
import type { KeyShareBackup } from '../../../operator/backups/key-share-backup.ts';
import { carryOut, planRestore } from '../../../operator/backups/restore-key-share.ts';
import { loadConfig } from '../../../operator/config/config.ts';
import { KeyRing } from '../../../operator/keys/key-ring.ts';
import { Keys } from '../../../operator/keys/keys.ts';
import { systemEffects } from '../../../operator/runtime/effects.ts';
import { silentLog } from '../../../operator/runtime/log.ts';
import { newestBackup } from '../../../store/backups.ts';
import { openReader, openStore } from '../../../store/open.ts';
import { ownerOf } from '../../../store/owner.ts';
import { listPeers } from '../../../store/peers.ts';
import { currentRoot } from '../../../store/treasury-roots.ts';
import { codeOf } from '../custody.ts';
import type { FederationInMemory } from '../federation-in-memory.ts';
import { backedUpFederation, backupOf } from './backed-up.ts';

const PASSPHRASE = 'a passphrase after the restore';
const SEALED = { path: '/backup', sha256: 'ab'.repeat(32), bytes: 5 };
let federation: FederationInMemory;
let backup: KeyShareBackup;
let home: string;
beforeAll(async () => {
  federation = await backedUpFederation();
}, 60_000);
afterAll(() => federation.close());
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'restore-'));
  backup = await backupOf(federation, 1);
});
afterEach(() => rmSync(home, { recursive: true }));

const file = () => join(home, 'node/config.json');
const plan = (force = false, before?: (step: string) => void) =>
  planRestore({
    ...{ backup, sealed: SEALED, file: file(), home, force, effects: systemEffects, log: silentLog },
    ...(before !== undefined && { before }),
  });
const restore = async (force = false, before?: (step: string) => void) =>
  carryOut(await plan(force, before), PASSPHRASE, { workFactor: 2 });

/** Every file below the home folder with its contents, but for those that a database makes for its own use. */
function contents(): Record<string, string> {
  const names = readdirSync(home, { recursive: true }).map(String).sort();
  const files = names.filter((name) => statSync(join(home, name)).isFile() && !/\.lock$|-shm|-wal/.test(name));
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(home, name)).toString('base64')]));
}

function configHere() {
  const loaded = loadConfig(file(), home);
  if (!loaded.ok) throw new Error(loaded.problems[0]?.problem);
  return loaded.config;
}

describe('on an empty machine', () => {
  test('all files are there, the key file opens with the new passphrase, and the node knows key, cards and root', async () => {
    const files = await restore();
    expect(files.map(({ what, action, aside }) => [what, action, aside])).toEqual([
      ['certificate', 'write', null],
      ['certificate key', 'write', null],
      ['key file', 'write', null],
      ['database', 'write', null],
      ['configuration', 'write', null],
    ]);
    const config = configHere();
    for (const path of [config.keySharePath, config.tlsKeyPath, config.file, config.securityDbPath]) {
      expect(statSync(path).mode & 0o777).toBe(0o600);
    }
    const store = openStore(config.securityDbPath);
    const ring = new KeyRing({ path: config.keySharePath, network: 'regtest', index: 1 });
    await ring.unseal(PASSPHRASE);
    const { keyId } = federation.key();
    const keys = new Keys(store.db, ring, 1);
    expect({ live: keys.live()?.keyId, fits: keys.sharesFit(keyId) }).toEqual({ live: keyId, fits: true });
    expect(toHex(ring.identity().publicKey)).toBe(ownerOf(store.db)?.identityKey ?? '');
    expect(listPeers(store.db).map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(currentRoot(store.db, keyId)?.certificate ?? null).not.toBeNull();
    expect(newestBackup(store.db, 'key_share', 'drilled', { now: Date.now() })).toMatchObject({
      sha256: SEALED.sha256,
      keyId,
    });
    ring.close();
    store.close();
    expect(readdirSync(join(home, 'node')).filter((name) => name.includes('.new') || name.includes('.old'))).toEqual(
      [],
    );
  });
});

test('a backup from when the operator listed an address for consolidations does not list it again', async () => {
  const told = JSON.parse(new TextDecoder().decode(backup.config));
  const listed = ['bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'];
  const policy = { deposit_min_sats: 2_000, consolidate_addresses: listed };
  backup = { ...backup, config: new TextEncoder().encode(JSON.stringify({ ...told, policy })) };
  await restore();
  expect(configHere().policy).toMatchObject({ depositMinSats: 2_000n, consolidateScripts: [] });
  const { policy: _, ...rest } = JSON.parse(readFileSync(file(), 'utf8'));
  expect(rest).toEqual(told);
  const adapted = { ...rest, policy };
  writeFileSync(file(), JSON.stringify(adapted), { mode: 0o600 });
  await restore();
  expect(configHere().policy.consolidateScripts).toHaveLength(1);
});

describe('where a node is', () => {
  test('of this very identity, its database and certificate stay, and the old key file is kept', async () => {
    await restore();
    const before = contents();
    const files = await restore();
    const done = Object.fromEntries(files.map(({ what, action }) => [what, action]));
    expect(done).toMatchObject({ database: 'keep', certificate: 'keep', configuration: 'keep', 'key file': 'replace' });
    const aside = files.find(({ what }) => what === 'key file')?.aside ?? '';
    expect(readFileSync(aside).toString('base64')).toBe(before['node/key_share.enc'] ?? '');
  });

  test('a configuration that was adapted to the machine stays', async () => {
    await restore();
    const adapted = { ...JSON.parse(readFileSync(file(), 'utf8')), bitcoin_nodes: ['http://127.0.0.1:9'] };
    writeFileSync(file(), JSON.stringify(adapted), { mode: 0o600 });
    await restore();
    expect(configHere().bitcoinNodes).toEqual(['http://127.0.0.1:9']);
  });

  test('of another identity, nothing is overwritten without --force, and with it everything is kept under another name', async () => {
    const own = backup;
    backup = await backupOf(federation, 0);
    await restore();
    const before = contents();
    backup = own;
    expect(await codeOf(plan())).toBe('in_the_way');
    expect(contents()).toEqual(before);
    const files = await restore(true);
    for (const { path, aside } of files) {
      expect(readFileSync(aside ?? '').toString('base64')).toBe(before[path.slice(home.length + 1)] ?? '');
    }
    const store = openReader(configHere().securityDbPath);
    expect(ownerOf(store.db)?.index).toBe(1);
    store.close();
  });

  const inTheWay: readonly (readonly [string, string, () => void])[] = [
    ['a key file whose owner no database tells', 'may be the key file of another node', () => put('key_share.enc')],
    ['another certificate', 'is another than the peers of this node know', () => put('tls.crt')],
    ['a database that is none', 'security.db cannot be read', () => put('security.db')],
    ['a configuration that cannot be read', 'cannot be used as a configuration', () => put('config.json')],
  ];
  const put = (name: string): void => {
    mkdirSync(join(home, 'node'), { recursive: true, mode: 0o700 });
    writeFileSync(join(home, 'node', name), 'precious', { mode: 0o600 });
  };
  for (const [what, says, make] of inTheWay) {
    test(`${what} is in the way, and with --force is kept under another name`, async () => {
      make();
      const before = contents();
      expect(await plan().catch((error: Error) => error.message)).toContain(says);
      expect(contents()).toEqual(before);
      await restore(true);
      const after = Object.entries(contents()).filter(([name]) => name.includes('.old-'));
      expect(after.map(([, content]) => content)).toEqual(Object.values(before));
    });
  }

  test('a backup that is older than a key of the node is refused without --force', async () => {
    await restore();
    backup = {
      ...backup,
      manifest: { ...backup.manifest, key_ids: [], live_key: null },
      keyFile: { ...backup.keyFile, keys: [] },
    };
    expect(await plan().catch((error: Error) => error.message)).toContain('is older than key');
  });

  test('another process that writes the database is not disturbed', async () => {
    await restore();
    const store = openStore(configHere().securityDbPath);
    const before = contents();
    expect(await restore().catch((error: Error) => error.message)).toContain('another process is using');
    expect(contents()).toEqual(before);
    store.close();
  });
});

/** Runs a restore, and keeps what the disk holds before each of its steps: what a process that is killed there leaves. */
async function killedEverywhere(force: boolean): Promise<readonly (readonly [string, string])[]> {
  const left: (readonly [string, string])[] = [];
  await restore(force, (step) => {
    const folder = join(home, `killed-${left.length}`);
    if (existsSync(join(home, 'node'))) cpSync(join(home, 'node'), join(folder, 'node'), { recursive: true });
    left.push([step.replace(/ .*\//, ' '), folder]);
  });
  return left;
}

/** Everything that must hold of a node that was restored, at the home folder. */
async function expectWhole(): Promise<void> {
  const config = configHere();
  const store = openStore(config.securityDbPath);
  const ring = new KeyRing({ path: config.keySharePath, network: 'regtest', index: 1 });
  await ring.unseal(PASSPHRASE);
  const { keyId } = federation.key();
  const keys = new Keys(store.db, ring, 1);
  const certificate = readFileSync(config.tlsCertPath);
  const names = readdirSync(join(home, 'node'));
  expect({
    owner: ownerOf(store.db)?.index,
    ...{
      live: keys.live()?.keyId,
      fits: keys.sharesFit(keyId),
      certificate: certificate.equals(backup.tlsCertificate),
    },
    left: names.filter((name) => name.endsWith('.new')),
  }).toEqual({ owner: 1, live: keyId, fits: true, certificate: true, left: [] });
  ring.close();
  store.close();
}

describe('a restore that is killed at any step', () => {
  for (const [where, force] of [
    ['on an empty machine', false],
    ['over the same node', false],
    ['over another node', true],
  ] as const) {
    test(`is finished by the next one, ${where}`, async () => {
      const wanted = backup;
      if (where !== 'on an empty machine') {
        if (force) backup = await backupOf(federation, 0);
        await restore();
        backup = wanted;
      }
      const old = contents();
      const root = home;
      try {
        const killed = await killedEverywhere(force);
        expect(killed.filter(([step]) => step.startsWith('place ')).map(([step]) => step)).toContain(
          'place key_share.enc',
        );
        for (const [step, folder] of killed) {
          home = folder;
          mkdirSync(home, { recursive: true });
          // Each old file is in its place or under its second name.
          const here = Object.values(contents());
          expect([step, Object.values(old).filter((content) => !here.includes(content))]).toEqual([step, []]);
          await restore(force);
          await expectWhole();
        }
      } finally {
        home = root;
      }
    }, 120_000);
  }
});

describe('a failure', () => {
  for (const where of ['over another node', 'on an empty machine']) {
    test(`at any step leaves everything as it was, ${where}`, async () => {
      const isEmpty = where === 'on an empty machine';
      if (!isEmpty) {
        const own = backup;
        backup = await backupOf(federation, 0);
        await restore();
        backup = own;
      }
      const before = contents();
      const steps: string[] = [];
      await restore(true, (step) => void steps.push(step));
      expect(steps.length).toBeGreaterThan(9);
      // On an empty machine what was placed is taken away again; the last step has the most of it.
      for (let failing = isEmpty ? steps.length - 1 : 0; failing < steps.length; failing++) {
        rmSync(join(home, 'node'), { recursive: true });
        for (const [name, content] of Object.entries(before)) {
          mkdirSync(join(home, 'node'), { recursive: true, mode: 0o700 });
          writeFileSync(join(home, name), Buffer.from(content, 'base64'), { mode: 0o600 });
        }
        let at = 0;
        const failed = restore(true, (step) => {
          if (at++ === failing) throw new Error(`no ${step}`);
        });
        expect(await failed.catch((error: Error) => error.message)).toBe(`no ${steps[failing]}`);
        expect(contents()).toEqual(before);
      }
    }, 60_000);
  }

  test('of a share leaves the machine untouched', async () => {
    for (const { bitcoin } of backup.keyFile.keys) bitcoin.signingShare.fill(1);
    expect(await codeOf(plan())).toBe('backup_wrong');
    expect(existsSync(join(home, 'node'))).toBe(false);
  });
});
