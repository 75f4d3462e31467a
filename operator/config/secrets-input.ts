// Where the passphrase of the key file comes from: a file, an inherited file descriptor, a systemd credential
// (systemd.exec(5), "Credentials"), or a person. Never an argument or a plain environment value: other users can list
// the one, and child processes, crash reports and service managers show the other.
import { isUtf8 } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { equal, zeroize } from '../../crypto/bytes.ts';
import { pathFlaw } from './path-trust.ts';
import { absolutePath, type PathContext } from './paths.ts';

export const PASSPHRASE_CHARACTERS_MIN = 12;
export const PASSPHRASE_BYTES_MAX = 1024;

const FILE_VARIABLE = 'MPC_OPERATOR_PASSPHRASE_FILE';
/** The long name is for units that hold credentials of several programs. */
const CREDENTIAL_NAMES = ['passphrase', 'mpc-operator-passphrase'];
const REFUSED_VARIABLES = ['MPC_OPERATOR_PASSPHRASE', 'MPC_OPERATOR_PASSWORD'];

/** Asks a person without showing what is typed; null where they gave up. The caller zeroes the result. */
export type SecretPrompt = (question: string) => Promise<Uint8Array | null>;

/** Where to look. */
export interface PassphraseSources {
  /** `--passphrase-file`. */
  readonly file: string | undefined;
  /** `--passphrase-fd`. */
  readonly descriptor: number | undefined;
  readonly paths: PathContext;
  /** Null where nobody can be asked. */
  readonly prompt: SecretPrompt | null;
}

/** `open`: for an existing key file. `create`: a new one, which asks twice and insists on strength. */
export type PassphrasePurpose = 'open' | 'create';

export type PassphraseRefusal =
  | 'two_sources'
  | 'plain_environment'
  | 'unreadable'
  | 'readable_by_others'
  | 'open_to_others'
  | 'empty'
  | 'too_long'
  | 'too_weak'
  | 'not_text'
  | 'mismatch'
  | 'cancelled';

/** `passphrase` null: no source, so a server starts sealed. It is the caller's to zero. */
export type PassphraseVerdict =
  | { readonly ok: true; readonly passphrase: Uint8Array | null }
  | { readonly ok: false; readonly reason: PassphraseRefusal; readonly detail: string };

/** Finds the passphrase: command line first, then environment, then systemd, then a person. */
export async function readPassphrase(
  sources: PassphraseSources,
  purpose: PassphrasePurpose,
): Promise<PassphraseVerdict> {
  const { paths, file, descriptor } = sources;
  const plain = REFUSED_VARIABLES.find((name) => paths.env[name] !== undefined);
  if (plain !== undefined) {
    const remedy = `Put the passphrase into a file of mode 0600 and set ${FILE_VARIABLE}, or use --passphrase-fd`;
    return no('plain_environment', `${plain} is set, but environment values show in process listings. ${remedy}`);
  }
  if (file !== undefined && descriptor !== undefined) {
    return no('two_sources', 'Give one of --passphrase-file and --passphrase-fd, not both');
  }
  if (descriptor !== undefined) return validated(fromDescriptor(descriptor), purpose);
  const path = file ?? (paths.env[FILE_VARIABLE] || undefined);
  if (path !== undefined)
    return validated(fromFile(absolutePath(path, paths.workingDirectory, paths.home), true), purpose);
  const credentials = paths.env['CREDENTIALS_DIRECTORY'];
  if (credentials !== undefined && credentials !== '') {
    // systemd guards this folder itself, and its access lists make the mode bits look wider than they are.
    for (const name of CREDENTIAL_NAMES) {
      const found = fromFile(join(credentials, name), false);
      if (found !== 'missing') return validated(found, purpose);
    }
  }
  if (sources.prompt === null) return { ok: true, passphrase: null };
  return ask(sources.prompt, purpose, 'key file');
}

/**
 * Finds the passphrase of a backup: its file, then a person. What the environment and systemd hold is the key file's, and
 * must not seal a backup by chance.
 */
export async function readBackupPassphrase(
  { file, paths, prompt }: Pick<PassphraseSources, 'file' | 'paths' | 'prompt'>,
  purpose: PassphrasePurpose,
): Promise<PassphraseVerdict> {
  if (file !== undefined) {
    return validated(fromFile(absolutePath(file, paths.workingDirectory, paths.home), true), purpose);
  }
  return prompt === null ? { ok: true, passphrase: null } : ask(prompt, purpose, 'backup');
}

/** The bytes of a file that nobody else may read or replace, such as one with an identity of age; the caller zeroes them. */
export function readGuardedFile(path: string): PassphraseVerdict {
  const found = fromFile(path, true);
  if (found === 'missing') return no('unreadable', `There is no file ${path}`);
  return found instanceof Uint8Array ? { ok: true, passphrase: found } : found;
}

/** Why a passphrase cannot protect a new key file, as a sentence; null where it can. Length in characters, not bytes. */
export function passphraseWeakness(passphrase: Uint8Array): string | null {
  // Characters of UTF-8 are its bytes less the continuation bytes; no string of the secret is made to count them.
  const characters = passphrase.reduce((count, byte) => ((byte & 0xc0) === 0x80 ? count : count + 1), 0);
  if (characters < PASSPHRASE_CHARACTERS_MIN) {
    return `The passphrase has fewer than ${PASSPHRASE_CHARACTERS_MIN} characters; it guards a share of the bridge's key`;
  }
  return new Set(passphrase).size < 4 ? 'The passphrase repeats the same few characters' : null;
}

async function ask(prompt: SecretPrompt, purpose: PassphrasePurpose, of: string): Promise<PassphraseVerdict> {
  const first = await prompt(purpose === 'create' ? `New passphrase of the ${of}` : `Passphrase of the ${of}`);
  if (first === null) return no('cancelled', 'No passphrase was given');
  const verdict = validated(first, purpose);
  if (!verdict.ok || purpose === 'open') return verdict;
  const second = await prompt('The same passphrase again');
  const same = second !== null && equal(first, second);
  if (second !== null) zeroize(second);
  if (same) return verdict;
  zeroize(first);
  return second === null ? no('cancelled', 'No passphrase was given') : no('mismatch', 'The two passphrases differ');
}

function validated(found: Uint8Array | PassphraseVerdict | 'missing', purpose: PassphrasePurpose): PassphraseVerdict {
  if (found === 'missing') return no('unreadable', 'The passphrase file does not exist');
  if (!(found instanceof Uint8Array)) return found;
  const reject = (reason: PassphraseRefusal, detail: string) => {
    zeroize(found);
    return no(reason, detail);
  };
  if (found.length === 0) return reject('empty', 'The passphrase is empty');
  if (found.length > PASSPHRASE_BYTES_MAX)
    return reject('too_long', `The passphrase exceeds ${PASSPHRASE_BYTES_MAX} bytes`);
  // age takes a text; what is no UTF-8, or holds control characters, could not be typed again in an emergency.
  if (!isTypeable(found)) return reject('not_text', 'The passphrase is not plain text on one line');
  const weakness = purpose === 'create' ? passphraseWeakness(found) : null;
  return weakness === null ? { ok: true, passphrase: found } : reject('too_weak', weakness);
}

function isTypeable(bytes: Uint8Array): boolean {
  if (bytes.some((byte) => byte < 0x20 || byte === 0x7f)) return false;
  return isUtf8(bytes);
}

function fromFile(path: string, guarded: boolean): Uint8Array | PassphraseVerdict | 'missing' {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown fault';
    return code === 'ENOENT' ? 'missing' : no('unreadable', `The passphrase file ${path} cannot be opened (${code})`);
  }
  try {
    const status = fstatSync(descriptor);
    // Pipes (process substitution) have no readers beside us; only files stay behind.
    if (guarded && status.isFile() && (status.mode & 0o077) !== 0) {
      return no('readable_by_others', `The passphrase file ${path} is open to other users. Run: chmod 600 ${path}`);
    }
    const flaw = guarded && status.isFile() ? pathFlaw(path) : null;
    if (flaw !== null) {
      return no('open_to_others', `The passphrase file ${path} ${flaw.problem}. ${flaw.remedy}`);
    }
    return fromDescriptor(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The bytes of a file descriptor without a closing line break, which the caller zeroes; or why there are none, in words. */
export function readDescriptor(descriptor: number): Uint8Array | string {
  const found = fromDescriptor(descriptor);
  if (!(found instanceof Uint8Array)) return 'it cannot be read';
  if (found.length <= PASSPHRASE_BYTES_MAX) return found;
  zeroize(found);
  return `it holds more than ${PASSPHRASE_BYTES_MAX} bytes`;
}

/** Reads to the end or one byte past the limit, and drops one closing line break. */
function fromDescriptor(descriptor: number): Uint8Array | PassphraseVerdict {
  const buffer = new Uint8Array(PASSPHRASE_BYTES_MAX + 3);
  try {
    let length = 0;
    while (length < buffer.length) {
      const count = readSync(descriptor, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    if (buffer[length - 1] === 0x0a) length -= buffer[length - 2] === 0x0d ? 2 : 1;
    return buffer.slice(0, length);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown fault';
    return no('unreadable', `The passphrase cannot be read from file descriptor ${descriptor} (${code})`);
  } finally {
    zeroize(buffer);
  }
}

function no(reason: PassphraseRefusal, detail: string): PassphraseVerdict {
  return { ok: false, reason, detail };
}
