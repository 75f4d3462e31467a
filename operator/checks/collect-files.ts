// Gathers the facts about files: modes and owners, and what lies beside the keys.
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openedBy, SEALED_BYTES_MAX, workFactorOf } from '../../crypto/seal.ts';
import type { OperatorConfig } from '../config/config.ts';
import { bitcoinCredentials } from '../config/config-bitcoin.ts';
import { pathFlaw } from '../config/path-trust.ts';
import { absolutePath, accountKeyPath } from '../config/paths.ts';
import type { NodeInput } from '../opened-node.ts';
import type { FileFact, FileFacts, KeyFileFacts } from './facts.ts';

const DATABASE_SUFFIXES = ['', '-wal', '-shm'];
const PASSPHRASE_VARIABLE = 'MPC_OPERATOR_PASSPHRASE_FILE';
/** A folder with more files is no folder of a node; of each file so many bytes tell what it is. */
const FILES_MAX = 500;
const HEAD_BYTES = 4096;
// What stands in a key file or an identity of age before it is sealed. Tools set spaces after a name of JSON.
const SECRET_MARKS = ['"identity_seed"', '"host_secret"', '"signing_share"', 'AGE-SECRET-KEY-1'].map((mark) =>
  Buffer.from(mark),
);

/** A file as it lies on the disk; links are followed. */
export function fileFact(path: string): FileFact {
  return { path, found: statOf(path), flaw: pathFlaw(path) };
}

/** The files of a node. `executable`: of this process. */
export function fileFacts({ config, env, home }: NodeInput, executable: string = process.execPath): FileFacts {
  const databases = [config.securityDbPath, config.userDbPath].flatMap((path) =>
    DATABASE_SUFFIXES.map((suffix) => `${path}${suffix}`),
  );
  const folders = [...new Set([config.file, config.keySharePath, config.securityDbPath].map((path) => dirname(path)))];
  return {
    config: fileFact(config.file),
    keyFile: fileFact(config.keySharePath),
    tlsKey: fileFact(config.tlsKeyPath),
    databases: [...databases, accountKeyPath(config.userDbPath)].map(fileFact),
    socket: fileFact(config.controlSocket),
    socketFolder: fileFact(dirname(config.controlSocket)),
    folders: folders.map(fileFact),
    executable: fileFact(executable),
    credentials: credentialFacts(config, env, home),
  };
}

function credentialFacts(config: OperatorConfig, env: NodeInput['env'], home: string): FileFacts['credentials'] {
  const verdict = bitcoinCredentials(config, env, home);
  if (!verdict.ok || verdict.credentials.kind === 'environment') return { kind: 'environment', files: [] };
  const { credentials } = verdict;
  const paths = credentials.kind === 'bitcoind' ? [credentials.cookie, credentials.conf] : [credentials.path];
  return { kind: 'file', files: paths.map(fileFact) };
}

/** The key file and what lies beside it; null where it cannot be read. */
export function keyFileFacts({ config, env, home }: NodeInput): KeyFileFacts | null {
  const { keySharePath } = config;
  let bytes: Uint8Array;
  try {
    if (statSync(keySharePath).size > SEALED_BYTES_MAX) return null;
    bytes = readFileSync(keySharePath);
  } catch {
    return null;
  }
  const folder = dirname(keySharePath);
  const told = env[PASSPHRASE_VARIABLE] ?? '';
  const passphrase = told === '' ? null : absolutePath(told, folder, home);
  const facts = {
    isSealed: openedBy(bytes) === 'passphrase',
    workFactor: workFactorOf(bytes),
    plainCopies: plainCopies(folder, keySharePath),
    passphraseBeside: passphrase !== null && dirname(passphrase) === folder ? passphrase : null,
  };
  // It may be a key file in the clear.
  bytes.fill(0);
  return facts;
}

// The key file itself has a check of its own.
function plainCopies(folder: string, keyFile: string): readonly string[] | null {
  try {
    const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
    const paths = names.slice(0, FILES_MAX).map(({ name }) => join(folder, name));
    const found = paths.filter((path) => path !== keyFile && beginsWithSecret(path));
    return found.length === 0 && names.length > FILES_MAX ? null : found;
  } catch {
    return null;
  }
}

function beginsWithSecret(path: string): boolean {
  const head = Buffer.alloc(HEAD_BYTES);
  try {
    const descriptor = openSync(path, 'r');
    try {
      readSync(descriptor, head, 0, head.length, 0);
    } finally {
      closeSync(descriptor);
    }
    return SECRET_MARKS.some((mark) => head.includes(mark));
  } catch {
    return false;
  } finally {
    head.fill(0);
  }
}

function statOf(path: string): FileFact['found'] {
  try {
    const { uid, mode, dev: device } = statSync(path);
    return { uid, mode: mode & 0o7777, device };
  } catch {
    return null;
  }
}
