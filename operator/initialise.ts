// `init`: configuration, TLS certificate, keys, database and operator card. The configuration comes last, so that one
// that exists belongs to a node that is complete. Nothing is lost: what must make room is renamed, and stays where it was.

import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { equal, zeroize } from '../crypto/bytes.ts';
import { cardFingerprint } from '../crypto/operator-card.ts';
import { liveKey, type StoredKey } from '../store/keys.ts';
import { openStore } from '../store/open.ts';
import { type Owner, ownerOf } from '../store/owner.ts';
import { CONFIG_BYTES_MAX, checkConfig, describeProblem, loadConfig, type OperatorConfig } from './config/config.ts';
import type { ConfigFile } from './config/config-keys.ts';
import { configBytes, writeConfig } from './config/config-write.ts';
import type { PassphrasePurpose } from './config/secrets-input.ts';
import { untrustedFile } from './config/trusted-files.ts';
import { scryptWorkFactor } from './config/work-factor.ts';
import { bindDatabase } from './keys/database-owner.ts';
import { KeyRing, lostKeyFile } from './keys/key-ring.ts';
import { Keys } from './keys/keys.ts';
import { assertFederation } from './node.ts';
import { ensureOwnCard } from './peers/federation.ts';
import { ensureTlsFiles } from './peers/tls.ts';
import { provenTlsIdentity } from './peers/tls-self-test.ts';
import { CommandError } from './runtime/command-error.ts';
import { readBounded, writeDurably } from './runtime/durable-file.ts';
import type { Effects } from './runtime/effects.ts';

/** What `init` is told. `file`: absolute path of the configuration; `home`: what `~` stands for. */
export interface InitialiseInput {
  readonly file: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly content: ConfigFile;
  /** Of the key file, which is there already ('open') or is to be made; asked for once nothing stands against it. */
  readonly passphrase: (purpose: PassphrasePurpose) => Promise<string>;
  /** The RPC password, where it is to be written into the file that `content` names; zeroed here. */
  readonly rpcPassword?: () => Promise<Uint8Array>;
  /**
   * Changes the configuration of a node that is set up. Keys and database make room only for another network or index, and
   * only while no key is in use.
   */
  readonly force: boolean;
  readonly effects: Effects;
}

/** What was made. `kept`: files that made room, by their new names; `fingerprint`: the operator card's words. */
export interface InitialiseResult {
  readonly configPath: string;
  readonly certificatePath: string;
  readonly created: readonly string[];
  readonly kept: readonly string[];
  readonly fingerprint: string;
}

/** Sets a node up. Throws `CommandError`, `KeyFileError` or `StoreError` with one sentence each. */
export async function initialise(input: InitialiseInput): Promise<InitialiseResult> {
  const { file, content, effects } = input;
  const config = checked(input);
  const { tlsCertPath: certificatePath, tlsKeyPath: keyPath, keySharePath, securityDbPath, network, myIndex } = config;
  const ring = new KeyRing({ path: keySharePath, network, index: myIndex, ...scryptWorkFactor(network, input.env) });
  const database = lookAtDatabase(config, ring, input);
  assertMayChange(config, file, input.force);
  const hadKeys = existsSync(keySharePath) && database !== 'of another';
  const passphrase = await input.passphrase(hadKeys ? 'open' : 'create');
  const rpcPassword = (await input.rpcPassword?.()) ?? null;

  const address = config.partyAddresses[config.myIndex]?.text ?? '';
  const made = await ensureTlsFiles({ certificatePath, keyPath, name: config.name, address, now: effects.now() });
  if (made.outcome === 'incomplete') {
    throw new CommandError(
      'tls',
      `only one of ${certificatePath} and ${keyPath} is there: put both, or remove the other`,
    );
  }
  const tls = await provenTlsIdentity(config, effects.now());

  const suffix = `.old-${new Date(effects.now()).toISOString().replaceAll(':', '-')}`;
  // The key file first: a database of another alone is known as such by the next `init`, a key file is not.
  const moved = database === 'of another' ? [keySharePath, securityDbPath] : [];
  const kept: string[] = [];
  for (const path of moved) kept.push(...(await setAside(path, suffix)));
  if (hadKeys) await ring.unseal(passphrase);
  else await ring.create(passphrase, () => effects.random(32));
  const store = openStore(securityDbPath);
  try {
    bindDatabase(config, store.db, ring);
    const card = ensureOwnCard(config, store.db, ring, tls.facts.pem, effects.now());
    const passwordFile = await writeRpcPassword(config, rpcPassword);
    kept.push(...(await replaceConfig(file, content, suffix)));
    const created = [
      ...passwordFile,
      ...(made.outcome === 'made' ? [certificatePath, keyPath] : []),
      ...(hadKeys ? [] : [keySharePath]),
      ...(database === 'own' ? [] : [securityDbPath]),
      file,
    ];
    const fingerprint = cardFingerprint(card).join(' ');
    return { configPath: file, certificatePath, created, kept, fingerprint };
  } finally {
    ring.close();
    store.close();
  }
}

function checked({ file, home, content }: InitialiseInput): OperatorConfig {
  const verdict = checkConfig(content, file, home);
  if (!verdict.ok) {
    throw new CommandError('config', verdict.problems.map((problem) => describeProblem(file, problem)).join(' '));
  }
  const untrusted = untrustedFile(verdict.config);
  if (untrusted !== null) throw new CommandError('untrusted_file', untrusted);
  return verdict.config;
}

// A draft that belongs to no node yet is completed without a word; one that is in use changes by `force` alone.
function assertMayChange({ keySharePath, securityDbPath }: OperatorConfig, file: string, force: boolean): void {
  const isSetUp = existsSync(keySharePath) || existsSync(securityDbPath);
  if (force || !isSetUp || !existsSync(file)) return;
  const remedy = 'give --force to change it; settings without a flag stay, keys and certificate too';
  throw new CommandError('config_exists', `${file} belongs to a node that is set up: ${remedy}`);
}

// One for another network or index makes room by `force`: where the configuration in use was set up with it, and no key is
// in use. Without its key file it gets no other keys: they would make a node that no peer knows.
function lookAtDatabase(
  config: OperatorConfig,
  ring: KeyRing,
  { file, home, force }: InitialiseInput,
): 'none' | 'own' | 'of another' {
  const { keySharePath, securityDbPath, myIndex } = config;
  if (!existsSync(securityDbPath)) return 'none';
  const store = openStore(securityDbPath);
  try {
    const owner = ownerOf(store.db);
    const live = liveKey(store.db);
    const hasKeys = existsSync(keySharePath);
    if (live !== null && !hasKeys) throw lost(lostKeyFile(keySharePath, live.keyId));
    if (owner !== null && !isOwner(owner, config)) {
      const before = loadConfig(file, home);
      const mayMakeRoom = live === null && before.ok && isOwner(owner, before.config);
      if (mayMakeRoom && force) return 'of another';
      throw foreign(config, owner, mayMakeRoom, live);
    }
    if (owner !== null && !hasKeys) {
      const told = `${securityDbPath} belongs to a node whose key file is not at ${keySharePath}`;
      const anew = `to start over as a new node, move ${securityDbPath} away and run init again`;
      throw lost(`${told}: put the key file back from its backup; ${anew}`);
    }
    assertFederation(config, new Keys(store.db, ring, myIndex).live());
    return 'own';
  } finally {
    store.close();
  }
}

function isOwner(owner: Owner, { network, myIndex }: OperatorConfig): boolean {
  return owner.network === network && owner.index === myIndex;
}

function lost(detail: string): CommandError {
  return new CommandError('key_file_lost', detail);
}

function foreign(
  { keySharePath, securityDbPath, network, myIndex }: OperatorConfig,
  owner: Owner,
  mayMakeRoom: boolean,
  live: StoredKey | null,
): CommandError {
  const whose = `operator ${owner.index} on ${owner.network}`;
  const flaw = `${securityDbPath} is the database of ${whose}, not of operator ${myIndex} on ${network}`;
  const inUse = live === null ? '' : `, with the key ${live.keyId} in use`;
  const anew = `to start over as a new node, move ${keySharePath} and ${securityDbPath} to a safe place and run init again`;
  const remedy = mayMakeRoom
    ? 'correct the flags, or give --force, which keeps it and its key file beside new ones'
    : `correct the flags, or put this node’s own database in its place; ${anew}`;
  return new CommandError('foreign_database', `${flaw}${inUse}: ${remedy}`);
}

async function writeRpcPassword(
  { bitcoinRpc: { passwordFile } }: OperatorConfig,
  password: Uint8Array | null,
): Promise<readonly string[]> {
  if (password === null || passwordFile === null) return [];
  try {
    await writeDurably(passwordFile, password);
  } finally {
    zeroize(password);
  }
  return [passwordFile];
}

async function replaceConfig(file: string, content: ConfigFile, suffix: string): Promise<readonly string[]> {
  const before = await readBounded(file, CONFIG_BYTES_MAX);
  if (before === null) {
    // Whoever wrote one meanwhile is not overwritten.
    const written = await writeConfig(file, content, { force: false });
    if (!written.ok) throw new CommandError('config_exists', `${file} exists already: run init again`);
    return [];
  }
  if (equal(before, configBytes(content))) return [];
  const aside = `${file}${suffix}`;
  await writeDurably(aside, before);
  await writeConfig(file, content, { force: true });
  return [aside];
}

// A database's last changes may lie in the file beside it, which SQLite finds by its name.
async function setAside(path: string, suffix: string): Promise<readonly string[]> {
  for (const end of ['-wal', '-shm']) {
    if (existsSync(`${path}${end}`)) await rename(`${path}${end}`, `${path}${suffix}${end}`);
  }
  if (!existsSync(path)) return [];
  await rename(path, `${path}${suffix}`);
  return [`${path}${suffix}`];
}
