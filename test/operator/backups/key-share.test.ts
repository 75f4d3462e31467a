import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { toHex, utf8 } from '../../../crypto/bytes.ts';
import { isIdentity, openedBy, passingIdentity, sealArmored, sealSecrets } from '../../../crypto/seal.ts';
import { backupKeyShare } from '../../../operator/backup-commands.ts';
import { drill } from '../../../operator/backups/drill.ts';
import { decodeBackup, type KeyShareBackup } from '../../../operator/backups/key-share-backup.ts';
import { proveBackup } from '../../../operator/backups/prove-backup.ts';
import { listAudit } from '../../../store/audit-log.ts';
import { codeOf } from '../custody.ts';
import { type FederationInMemory, PASSPHRASE, ringOf } from '../federation-in-memory.ts';
import { archiveOf, backedUpFederation, backupOf } from './backed-up.ts';

const AGE = Bun.which('age');
let federation: FederationInMemory;
let folder: string;
beforeAll(async () => {
  federation = await backedUpFederation();
  folder = mkdtempSync(join(tmpdir(), 'key-share-backup-'));
}, 60_000);
afterAll(async () => {
  await federation.close();
  rmSync(folder, { recursive: true });
});

const FILE = { path: '/b', sha256: '0'.repeat(64), bytes: 1, changedAt: 0, home: '/nowhere' };
const proven = (backup: KeyShareBackup) => proveBackup(backup, '/nowhere/config.json', '/nowhere').problems;

describe('a backup of key material', () => {
  test('holds in a drill, which names keys, ceremony, root, cards, and the node that may record it', async () => {
    const verdict = drill(await archiveOf(federation, 0), FILE);
    if (!verdict.ok) throw new Error(verdict.detail);
    const { keyId } = federation.key();
    const found = Object.fromEntries(verdict.report.found.map(({ name, value }) => [name, value]));
    expect(verdict.report.problems).toEqual([]);
    expect(found).toMatchObject({ keys: keyId, ceremonies: 'first', 'operator cards': '0, 1, 2' });
    expect(found['treasury root']).toBe('signed by all operators');
    const identity_key = toHex(federation.at(0).node.keyRing.identity().publicKey);
    expect(verdict.report.record).toMatchObject({ event: 'drilled', kind: 'key_share', key_id: keyId, identity_key });
  });

  test('is in the audit log before it leaves the node, with its recipient', async () => {
    const { recipient } = await passingIdentity();
    await backupKeyShare(federation.at(1).node, { recipient });
    const [last] = listAudit(federation.at(1).node.store.db, { limit: 1 }).rows;
    expect(last).toMatchObject({ kind: 'key_share_exported', body: { recipient, key_ids: [federation.key().keyId] } });
  });

  test('is erased once it was tried', async () => {
    const archive = await archiveOf(federation, 0);
    drill(archive, FILE);
    expect(archive.every((byte) => byte === 0)).toBe(true);
  });

  test('of a sealed node needs the passphrase of its key file, and the node stays sealed', async () => {
    await federation.stop(2);
    const { node } = await federation.start(2, true);
    const { recipient } = await passingIdentity();
    expect(await codeOf(backupKeyShare(node, { recipient }))).toBe('sealed');
    const wrong = backupKeyShare(node, { recipient, passphrase: 'another passphrase' });
    expect(await wrong.catch((error: Error) => error.message)).toContain('the passphrase does not open');
    const made = await backupKeyShare(node, { recipient, passphrase: PASSPHRASE });
    expect(made.key_ids).toEqual([federation.key().keyId]);
    expect(node.keyRing.sealed).toBe(true);
    await federation.restart(2);
  });

  test('is refused for a text that is no recipient', async () => {
    expect(await codeOf(backupKeyShare(federation.at(0).node, { recipient: 'age1nobody' }))).toBe('recipient');
  });
});

describe('a drill names what does not hold:', () => {
  const flaws: readonly (readonly [string, string, (b: KeyShareBackup) => KeyShareBackup | Promise<KeyShareBackup>])[] =
    [
      [
        'a changed bitcoin share',
        'the share of the bitcoin key',
        (b) => {
          for (const { bitcoin } of b.keyFile.keys) bitcoin.signingShare[31] = (bitcoin.signingShare[31] ?? 0) ^ 1;
          return b;
        },
      ],
      [
        'a share of zeros',
        'the share of the attestation key',
        (b) => {
          for (const { attestation } of b.keyFile.keys) attestation.signingShare.fill(0);
          return b;
        },
      ],
      [
        'shares with public shares that no ceremony made',
        'are not those of its ceremony',
        (b) => ({
          ...b,
          keyFile: {
            ...b.keyFile,
            keys: b.keyFile.keys.map((key) => {
              const { groupKey } = key.attestation;
              const verifyingShares = [...groupKey.verifyingShares].reverse();
              return { ...key, attestation: { ...key.attestation, groupKey: { ...groupKey, verifyingShares } } };
            }),
          },
        }),
      ],
      ['a missing ceremony', 'the exported ceremony that made key', (b) => ({ ...b, ceremonies: [] })],
      [
        'a changed ceremony',
        'an exported ceremony does not hold',
        (b) => ({ ...b, ceremonies: [JSON.parse(JSON.stringify(b.ceremonies[0]).replace('"t":2', '"t":3'))] }),
      ],
      ['a missing card', 'the card of operator 1 is missing', (b) => ({ ...b, cards: b.cards.toSpliced(1, 1) })],
      ['a damaged card', 'an operator card is damaged', (b) => ({ ...b, cards: [...b.cards, utf8('{}')] })],
      ['a damaged configuration', 'the configuration', (b) => ({ ...b, config: utf8('{"parties": 3}') })],
      [
        'a key of another certificate',
        'the TLS key is not that of',
        async (b) => ({ ...b, tlsKey: (await backupOf(federation, 1)).tlsKey }),
      ],
      [
        'an unreadable certificate',
        'the TLS certificate cannot be read',
        (b) => ({ ...b, tlsCertificate: utf8('none') }),
      ],
      [
        'another host key',
        "this node's identity key or host key took no part",
        (b) => ({
          ...b,
          keyFile: {
            ...b.keyFile,
            hostSecret: Uint8Array.from(b.keyFile.hostSecret, (byte, at) => (at === 31 ? byte ^ 1 : byte)),
          },
        }),
      ],
      [
        'another identity key',
        'the identity key is not the one that the manifest names',
        (b) => ({ ...b, keyFile: { ...b.keyFile, identitySeed: new Uint8Array(32).fill(7) } }),
      ],
      ['a damaged treasury file', 'the file of the treasury is damaged', (b) => ({ ...b, treasury: utf8('{}') })],
      [
        'another node’s manifest',
        'the key file belongs to operator 0',
        (b) => ({ ...b, manifest: { ...b.manifest, index: 1 } }),
      ],
    ];
  for (const [what, says, change] of flaws) {
    test(what, async () => {
      const backup = await backupOf(federation, 0);
      expect(proven(backup)).toEqual([]);
      expect(proven(await change(backup)).join('\n')).toContain(says);
    });
  }

  test('an archive of anything else, and one of a newer version', async () => {
    expect(decodeBackup(utf8('something else'))).toMatchObject({ ok: false, reason: 'no_backup' });
    const archive = await archiveOf(federation, 0);
    const at = Buffer.from(archive).indexOf('"v":1');
    archive[at + 4] = 0x32;
    expect(decodeBackup(archive)).toMatchObject({ ok: false, reason: 'unsupported_version' });
  });
});

describe('by hand, with age and tar alone,', () => {
  test.skipIf(AGE === null)(
    'a backup opens, and its key file, sealed again by age, is the key file of the node',
    async () => {
      const keygen = Bun.spawnSync(['age-keygen', '-o', join(folder, 'identity')], { stderr: 'pipe' });
      expect(keygen.exitCode).toBe(0);
      const text = readFileSync(join(folder, 'identity'), 'utf8');
      const recipient = /age1[0-9a-z]+/.exec(text)?.[0] ?? '';
      expect(isIdentity(text.trim().split('\n').at(-1) ?? '')).toBe(true);
      const { file } = await backupKeyShare(federation.at(0).node, { recipient });
      expect(openedBy(utf8(file))).toBe('identity');
      writeFileSync(join(folder, 'backup.enc'), file);
      const run = Bun.spawnSync(['bash', '-c', 'age -d -i identity backup.enc | tar -x'], {
        cwd: folder,
        stderr: 'pipe',
      });
      expect(run.stderr.toString()).toBe('');
      expect(statSync(join(folder, 'key_share.json')).mode & 0o077).toBe(0);
      const path = join(folder, 'key_share.enc');
      writeFileSync(
        path,
        await sealSecrets(readFileSync(join(folder, 'key_share.json')), PASSPHRASE, { workFactor: 2 }),
      );
      const ring = ringOf({ ...federation.member(0).config, keySharePath: path });
      await ring.unseal(PASSPHRASE);
      expect(ring.keyIds()).toEqual([federation.key().keyId]);
      ring.close();
      const ceremony = JSON.parse(readFileSync(join(folder, 'ceremonies/first.json'), 'utf8'));
      expect(z.object({ treasury_root: z.object({}) }).safeParse(ceremony).success).toBe(true);
    },
  );

  test('a backup under a passphrase is an age file of scrypt, armored', async () => {
    const sealed = await sealArmored(await archiveOf(federation, 0), { passphrase: PASSPHRASE, workFactor: 2 });
    expect(new TextDecoder().decode(sealed.subarray(0, 34))).toBe('-----BEGIN AGE ENCRYPTED FILE-----');
    expect(openedBy(sealed)).toBe('passphrase');
  });
});
