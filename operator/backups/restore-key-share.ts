// Brings a node back from a backup of its key material, on an empty machine or over what is there: configuration, TLS files,
// key file, and, where there is no database of this node, a new one with the cards, the key and the root of the treasury.
//
// What comes back signs nothing by itself. The node starts sealed. Once it is unsealed, the state guard holds it until its
// peers have answered (ceremony/guard.ts) and it has read the chain. A database that is made here holds no decision of the
// operator: whatever an operator must switch on is off in it.

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { equal } from '../../crypto/bytes.ts';
import { encodeKeyFile, sealSecrets } from '../../crypto/seal.ts';
import { recordBackup } from '../../store/backups.ts';
import { listKeys, liveKey } from '../../store/keys.ts';
import { lockDatabase, openReader, openStore } from '../../store/open.ts';
import { ownerOf } from '../../store/owner.ts';
import { loadConfig, type OperatorConfig } from '../config/config.ts';
import { untrustedFile } from '../config/trusted-files.ts';
import { recoverKeys } from '../key-ceremonies/recover-keys.ts';
import { bindDatabase } from '../keys/database-owner.ts';
import { KeyRing, treasuryPath } from '../keys/key-ring.ts';
import { Keys } from '../keys/keys.ts';
import { parseTreasuryFile, TREASURY_FILE_BYTES_MAX } from '../keys/treasury-file.ts';
import { PEM_BYTES_MAX } from '../peers/certificate.ts';
import { keepCard, listCards } from '../peers/federation.ts';
import { CommandError } from '../runtime/command-error.ts';
import { readBounded } from '../runtime/durable-file.ts';
import type { Effects } from '../runtime/effects.ts';
import type { Log } from '../runtime/log.ts';
import type { KeyShareBackup } from './key-share-backup.ts';
import { assertPlaceable, Placing } from './place-files.ts';
import { idOf, type ProvenBackup, proveBackup } from './prove-backup.ts';

/** What a restore is told. `file`: where the configuration is, or is to be; `home`: what `~` in it stands for. */
export interface RestoreInput {
  readonly backup: KeyShareBackup;
  /** The sealed file, for the records of the new database. */
  readonly sealed: { readonly path: string; readonly sha256: string; readonly bytes: number };
  readonly file: string;
  readonly home: string;
  /** Lets key material and a configuration that are not this node's make room. */
  readonly force: boolean;
  readonly effects: Effects;
  readonly log: Log;
  /** Told of each change of the disk; tests make it fail. */
  readonly before?: (step: string) => void;
}

/** What will be done with a file. */
export interface PlannedFile {
  readonly what: 'configuration' | 'certificate' | 'certificate key' | 'key file' | 'treasury file' | 'database';
  readonly path: string;
  readonly action: 'write' | 'replace' | 'keep';
}

/** A restore that nothing stands against. Nothing has changed so far. */
export interface RestorePlan {
  readonly input: RestoreInput;
  readonly config: OperatorConfig;
  readonly proven: ProvenBackup;
  readonly files: readonly PlannedFile[];
}

const configSchema = z.looseObject({
  policy: z.looseObject({ consolidate_addresses: z.array(z.string()).optional() }).optional(),
});

/** A file after a restore. `aside`: where the old one is now. */
export interface RestoredFile extends PlannedFile {
  readonly aside: string | null;
}

/**
 * Proves a backup, looks at what is there, and says what a restore would do. Throws `CommandError` where the backup does not
 * hold, or where something is in the way that only `force` moves.
 */
export async function planRestore(input: RestoreInput): Promise<RestorePlan> {
  const { backup, file, home, force } = input;
  const proven = proveBackup(backup, file, home);
  if (proven.config === null || proven.problems.length > 0) {
    throw new CommandError('backup_wrong', `the backup does not hold: ${proven.problems.join('; ')}`);
  }
  const own = configHere(input, proven.config);
  const config = own ?? proven.config;
  const untrusted = untrustedFile(config);
  if (untrusted !== null) throw new CommandError('untrusted_file', untrusted);
  const database = databaseHere(config, backup, force);
  const isOwn = database === 'keep';
  const tls = await tlsHere(config, backup, isOwn, force);
  if (existsSync(config.keySharePath) && !isOwn && !force) {
    throw inTheWay(`${config.keySharePath} is there, and may be the key file of another node`);
  }
  const files: PlannedFile[] = [
    ...tls,
    { what: 'key file', path: config.keySharePath, action: existsSync(config.keySharePath) ? 'replace' : 'write' },
    ...(await treasuryHere(config, backup, isOwn)),
    { what: 'database', path: config.securityDbPath, action: database },
    { what: 'configuration', path: file, action: own !== null ? 'keep' : existsSync(file) ? 'replace' : 'write' },
  ];
  for (const { path, action } of files) if (action !== 'keep') await assertPlaceable(path);
  return { input, config, proven, files };
}

// An operator may have adapted the configuration to this machine; of this very node, it stays.
function configHere({ file, home, force }: RestoreInput, backed: OperatorConfig): OperatorConfig | null {
  if (!existsSync(file)) return null;
  const here = loadConfig(file, home);
  const isOwn =
    here.ok &&
    (['network', 'myIndex', 'parties', 'threshold'] as const).every((key) => here.config[key] === backed[key]);
  if (isOwn) return here.config;
  if (force) return null;
  throw inTheWay(
    here.ok
      ? `${file} is the configuration of operator ${here.config.myIndex} of ${here.config.parties} on ${here.config.network}`
      : `${file} is there, and cannot be used as a configuration`,
  );
}

function databaseHere(
  { securityDbPath }: OperatorConfig,
  { manifest }: KeyShareBackup,
  force: boolean,
): PlannedFile['action'] {
  if (!existsSync(securityDbPath)) return 'write';
  let known: { readonly identityKey: string | null; readonly keyIds: readonly string[] } | null = null;
  try {
    const store = openReader(securityDbPath);
    try {
      const keyIds = listKeys(store.db).map(({ keyId }) => keyId);
      known = { identityKey: ownerOf(store.db)?.identityKey ?? null, keyIds };
    } finally {
      store.close();
    }
  } catch (error) {
    if (!force)
      throw inTheWay(`${securityDbPath} cannot be read (${error instanceof Error ? error.message : 'fault'})`);
  }
  if (known?.identityKey !== manifest.identity_key) {
    if (force) return 'replace';
    throw inTheWay(`${securityDbPath} is the database of a node with another identity key`);
  }
  const lacking = known.keyIds.filter((keyId) => !manifest.key_ids.includes(keyId));
  if (lacking.length > 0 && !force) {
    throw inTheWay(`this backup is older than key ${lacking.join(', ')}, whose shares the key file here may hold`);
  }
  return 'keep';
}

// The certificate that a node of this identity uses now may be newer than that of the backup: its peers know the newer one.
async function tlsHere(
  { tlsCertPath, tlsKeyPath }: OperatorConfig,
  { tlsCertificate, tlsKey }: KeyShareBackup,
  isOwn: boolean,
  force: boolean,
): Promise<readonly PlannedFile[]> {
  const here = [await readBounded(tlsCertPath, PEM_BYTES_MAX), await readBounded(tlsKeyPath, PEM_BYTES_MAX)] as const;
  const [certificate, key] = here;
  const isWhole = isOwn && certificate !== null && key !== null;
  const action = (path: string, found: Uint8Array | null, backed: Uint8Array): PlannedFile['action'] => {
    if (found === null) return 'write';
    // The one of the backup is there already where a restore ended too early.
    if (isWhole || equal(found, backed)) return 'keep';
    if (!isOwn && !force) throw inTheWay(`${path} is another than the peers of this node know`);
    return 'replace';
  };
  return [
    { what: 'certificate', path: tlsCertPath, action: action(tlsCertPath, certificate, tlsCertificate) },
    { what: 'certificate key', path: tlsKeyPath, action: action(tlsKeyPath, key, tlsKey) },
  ];
}

async function treasuryHere(
  { keySharePath }: OperatorConfig,
  { treasury }: KeyShareBackup,
  isOwn: boolean,
): Promise<readonly PlannedFile[]> {
  const path = treasuryPath(keySharePath);
  const here = await readBounded(path, TREASURY_FILE_BYTES_MAX).catch(() => null);
  if (treasury === null) return [];
  const stays = isOwn && here !== null && parseTreasuryFile(here)?.certificate != null;
  return [{ what: 'treasury file', path, action: stays ? 'keep' : existsSync(path) ? 'replace' : 'write' }];
}

/**
 * Carries a plan out: everything is written beside its place and proven there, then takes its place; where a step fails, all
 * is as before. `passphrase`: of the key file from now on. No server may run with these files.
 */
export async function carryOut(
  plan: RestorePlan,
  passphrase: string,
  workFactor: { readonly workFactor?: number },
): Promise<readonly RestoredFile[]> {
  const { input, config, files } = plan;
  const suffix = `.old-${new Date(input.effects.now()).toISOString().replaceAll(':', '-')}`;
  const placing = new Placing({ suffix, ...(input.before !== undefined && { before: input.before }) });
  const action = (what: PlannedFile['what']) => files.find((file) => file.what === what)?.action ?? 'keep';
  const unlock = lockDatabase(config.securityDbPath);
  try {
    const { backup } = input;
    if (action('certificate') !== 'keep') await placing.write(config.tlsCertPath, backup.tlsCertificate, 0o644);
    if (action('certificate key') !== 'keep') await placing.write(config.tlsKeyPath, backup.tlsKey);
    if (action('treasury file') !== 'keep' && backup.treasury !== null) {
      await placing.write(treasuryPath(config.keySharePath), backup.treasury);
    }
    // Before the key file: where the machine ends in between, the database tells whose key file may make room.
    const isNew = action('database') !== 'keep';
    // A database's last changes may lie in the files beside it, which SQLite finds by its name.
    if (isNew) for (const ending of ['-wal', '-shm']) placing.clear(config.securityDbPath, ending);
    const staged = isNew ? await placing.reserve(config.securityDbPath) : null;
    const stagedKeys = await stageKeyFile(plan, placing, passphrase, workFactor);
    if (staged !== null) {
      await fillDatabase(plan, staged, stagedKeys, passphrase).finally(() => rm(`${staged}.lock`, { force: true }));
    }
    // Last: a configuration that is there belongs to a node that is complete.
    if (action('configuration') !== 'keep') await placing.write(input.file, unapproved(backup.config).bytes);
    const placed = await placing.place();
    unlock();
    if (action('database') === 'keep') {
      await fillDatabase(plan, config.securityDbPath, config.keySharePath, passphrase);
    }
    return files.map((file) => ({ ...file, aside: placed.find(({ path }) => path === file.path)?.aside ?? null }));
  } finally {
    await placing.discard();
    unlock();
  }
}

/**
 * A configuration without `policy.consolidate_addresses`, and how many that were. An old backup may list an address that its
 * operator has taken out since; this node would sign consolidations to it, which nobody approves today.
 */
export function unapproved(config: Uint8Array): { readonly bytes: Uint8Array; readonly addresses: number } {
  const json = configSchema.parse(JSON.parse(new TextDecoder().decode(config)));
  const { consolidate_addresses: listed, ...policy } = json.policy ?? {};
  if (listed === undefined || listed.length === 0) return { bytes: config, addresses: 0 };
  const text = `${JSON.stringify({ ...json, policy }, null, 2)}\n`;
  return { bytes: new TextEncoder().encode(text), addresses: listed.length };
}

async function stageKeyFile(
  { input, config }: RestorePlan,
  placing: Placing,
  passphrase: string,
  workFactor: { readonly workFactor?: number },
): Promise<string> {
  const plaintext = encodeKeyFile(input.backup.keyFile);
  try {
    return await placing.write(config.keySharePath, await sealSecrets(plaintext, passphrase, workFactor));
  } finally {
    plaintext.fill(0);
  }
}

// Adds the cards and the exported ceremony, as `peer add` and `ceremony recover` would, where the database lacks them.
async function fillDatabase(plan: RestorePlan, path: string, keyFile: string, passphrase: string): Promise<void> {
  const { input, config, proven } = plan;
  const { effects, log, backup, sealed } = input;
  const ring = new KeyRing({ path: keyFile, network: config.network, index: config.myIndex });
  const store = openStore(path);
  try {
    // It opens what was just written: a key file that does not open is found out here, before it takes its place.
    await ring.unseal(passphrase);
    bindDatabase(config, store.db, ring);
    const now = effects.now();
    const known = listCards(store.db).map(({ index }) => index);
    for (const card of proven.cards.filter(({ index }) => !known.includes(index))) {
      const kept = keepCard(store.db, card, false, now);
      if (!kept.ok) throw new CommandError('card', kept.detail);
    }
    const { live_key: live } = backup.manifest;
    const ceremony = proven.ceremonies.find(({ transcript }) => transcript.ceremony_id === ceremonyOf(backup, live));
    if (ceremony !== undefined && liveKey(store.db) === null) {
      const keys = new Keys(store.db, ring, config.myIndex);
      await recoverKeys({ config, db: store.db, keyRing: ring, keys, effects, log }, ceremony);
    }
    const record = {
      kind: 'key_share',
      ...sealed,
      madeAt: Date.parse(backup.manifest.created_at),
      keyId: live,
    } as const;
    recordBackup(store.db, { event: 'made', ...record }, now);
    recordBackup(store.db, { event: 'drilled', ...record }, now);
  } finally {
    ring.close();
    store.close();
  }
}

function ceremonyOf({ keyFile }: KeyShareBackup, keyId: string | null): string | null {
  return keyFile.keys.find((keys) => idOf(keys) === keyId)?.ceremonyId ?? null;
}

function inTheWay(what: string): CommandError {
  return new CommandError('in_the_way', `${what}: move it away, or give --force, which keeps it under another name`);
}
