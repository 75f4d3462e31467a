// What an operator asks of a node about its backups: its key material sealed for one recipient, and what is known of backups
// that were made and drills that were held. Files are written by the command line, with the rights of its user.

import { toHex, zeroize } from '../crypto/bytes.ts';
import { isRecipient, sealArmored } from '../crypto/seal.ts';
import { appendAudit } from '../store/audit-log.ts';
import { type BackupKind, listBackups, newestBackup, recordBackup } from '../store/backups.ts';
import { ownerOf } from '../store/owner.ts';
import { encodeBackup } from './backups/key-share-backup.ts';
import { CONFIG_BYTES_MAX } from './config/config.ts';
import { bindDatabase } from './keys/database-owner.ts';
import { KeyRing } from './keys/key-ring.ts';
import { TREASURY_FILE_BYTES_MAX } from './keys/treasury-file.ts';
import type { Node } from './node.ts';
import { PEM_BYTES_MAX } from './peers/certificate.ts';
import { listCards } from './peers/federation.ts';
import { ceremonyShown } from './reports.ts';
import type { BackupAges } from './runtime/backup-command-types.ts';
import { CommandError } from './runtime/command-error.ts';
import type { CommandParams, CommandResults } from './runtime/command-types.ts';
import { readBounded } from './runtime/durable-file.ts';

/** The key material of this node, sealed for a recipient, with an entry in the audit log before it leaves. */
export async function backupKeyShare(
  node: Node,
  { recipient, passphrase }: CommandParams<'backup-key-share'>,
): Promise<CommandResults['backup-key-share']> {
  if (!isRecipient(recipient)) throw new CommandError('recipient', 'this is no recipient of age (age1…)');
  if (!node.keyRing.sealed) return sealedFor(node, node.keyRing, recipient);
  if (passphrase === undefined) {
    throw new CommandError('sealed', 'the node is sealed: give the passphrase of its key file');
  }
  const { config } = node;
  const ring = new KeyRing({ path: config.keySharePath, network: config.network, index: config.myIndex });
  try {
    await ring.unseal(passphrase);
    return await sealedFor(node, ring, recipient);
  } finally {
    ring.close();
  }
}

async function sealedFor(node: Node, ring: KeyRing, recipient: string): Promise<CommandResults['backup-key-share']> {
  const { config, input, store, keys } = node;
  bindDatabase(config, store.db, ring);
  const live = keys.live();
  if (live !== null && ring.keysOf(live.keyId) === null) {
    const flaw = `the key file holds no shares of the live key ${live.keyId}, so its backup would bring nothing back`;
    throw new CommandError('shares_missing', `${flaw}: run \`mpc_operator ceremony recover FILE\` first`);
  }
  const createdAt = input.effects.now();
  const manifest = {
    ...{ version: input.version, network: config.network, index: config.myIndex, name: config.name },
    ...{ identity_key: toHex(ring.identity().publicKey), key_ids: [...ring.keyIds()] },
    live_key: live?.keyId ?? null,
  };
  const config_file = await required(config.file, CONFIG_BYTES_MAX);
  const tlsCertificate = await required(config.tlsCertPath, PEM_BYTES_MAX);
  const treasury = await ring.readTreasury(TREASURY_FILE_BYTES_MAX);
  const publics = {
    config: config_file,
    tlsCertificate,
    treasury,
    cards: listCards(store.db),
    ceremonies: exported(node),
  };
  const tlsKey = await required(config.tlsKeyPath, PEM_BYTES_MAX);
  const keyFile = ring.plaintext();
  const archive = encodeBackup({ manifest, createdAt, keyFile, tlsKey, ...publics });
  zeroize(keyFile, tlsKey);
  try {
    const file = new TextDecoder().decode(await sealArmored(archive, { recipient }));
    appendAudit(store.db, createdAt, 'key_share_exported', { recipient, key_ids: manifest.key_ids });
    const { network, index, identity_key, key_ids } = manifest;
    return { file, created_at: new Date(createdAt).toISOString(), network, index, identity_key, key_ids };
  } finally {
    zeroize(archive);
  }
}

function exported(node: Node) {
  return node.keys.list().flatMap(({ ceremonyId }) => {
    const { file } = ceremonyShown(node, ceremonyId);
    return file === null ? [] : [{ ceremonyId, file: JSON.parse(JSON.stringify(file)) }];
  });
}

async function required(path: string, bytesMax: number): Promise<Uint8Array> {
  const bytes = await readBounded(path, bytesMax);
  if (bytes !== null) return bytes;
  throw new CommandError('file_missing', `there is no file ${path}, so the backup would lack it: put it back`);
}

/** Writes down what happened to a backup of this node. */
export function noteBackup(
  { store, input }: Node,
  params: CommandParams<'backup-record'>,
): CommandResults['backup-record'] {
  const { made_at, key_id: keyId, identity_key, ...rest } = params;
  const owner = ownerOf(store.db);
  if (owner !== null && owner.identityKey !== identity_key) {
    throw new CommandError('other_node', 'this is the backup of a node with another identity key: try it there');
  }
  recordBackup(store.db, { ...rest, madeAt: Date.parse(made_at), keyId }, input.effects.now());
  return { recorded: true };
}

/** Backups and drills that this node knows of, newest first. */
export function backupReports(
  { store, input }: Node,
  page: CommandParams<'backup-list'>,
): CommandResults['backup-list'] {
  const { rows, total } = listBackups(store.db, page);
  const backups = rows.map(({ event, kind, at, madeAt, path, bytes, sha256, keyId }) => ({
    ...{ event, kind, at: iso(at), made_at: iso(madeAt), path, bytes, sha256, key_id: keyId },
  }));
  return { backups, total, newest: backupAges(store.db, input.effects.now()) };
}

/** When the newest backups and the last drill were made, up to `now` (ms since 1970). */
export function backupAges(db: Node['store']['db'], now: number): BackupAges {
  const made = (kind: BackupKind) => newestBackup(db, kind, 'made', { now });
  const [keyShare, database] = [made('key_share'), made('database')];
  const drill = newestBackup(db, 'key_share', 'drilled', { now });
  return {
    key_share: keyShare === null ? null : iso(keyShare.madeAt),
    database: database === null ? null : iso(database.madeAt),
    drill: drill === null ? null : iso(drill.at),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
