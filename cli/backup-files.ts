// Backup files on the command line: where they may be written, what opens them, and what is in them. Loaded by the commands
// that need it, as it brings the whole of the key ceremonies along.

import { lstatSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { sha256, toHex, zeroize } from '../crypto/bytes.ts';
import { isIdentity, type Opening, openedBy, openSealed } from '../crypto/seal.ts';
import { absolutePath } from '../operator/config/paths.ts';
import { readBackupPassphrase, readGuardedFile } from '../operator/config/secrets-input.ts';
import type { CliContext } from './context.ts';
import { CliError, UsageError } from './errors.ts';
import { secretPrompt } from './prompt.ts';

/** The source of the key to a backup. */
export interface BackupKeyFlags {
  /** An age identity file. */
  readonly identity?: string;
  readonly backupPassphraseFile?: string;
}

/** Checks the path of a new backup before anything is asked, and returns it as absolute. Throws where nothing may be written. */
export function outputPlace(context: CliContext, path: string, force: boolean): string {
  const { paths } = context.surroundings;
  const whole = absolutePath(path, paths.workingDirectory, paths.home);
  const folder = statSync(dirname(whole), { throwIfNoEntry: false });
  if (folder?.isDirectory() !== true) {
    throw new CliError(`${path} cannot be written: there is no folder ${dirname(whole)}. Make it, or name another.`);
  }
  const there = lstatSync(whole, { throwIfNoEntry: false });
  if (there === undefined) return whole;
  if (!there.isFile()) throw new CliError(`${path} is not a regular file: name another path, or move it away.`);
  if (!force) throw new CliError(`${path} exists already: name another file, or give --force to replace it.`);
  return whole;
}

/** The absolute path of a backup that is to be read; a `CliError` where there is no such file. */
export function inputPlace(context: CliContext, path: string): string {
  const { paths } = context.surroundings;
  const whole = absolutePath(path, paths.workingDirectory, paths.home);
  const there = statSync(whole, { throwIfNoEntry: false });
  if (there === undefined) throw new CliError(`${path} cannot be read: there is no such file.`);
  if (!there.isFile()) throw new CliError(`${path} is not a regular file.`);
  return whole;
}

/** The passphrase of a new backup, asked for twice. The caller zeroes it. */
export async function newBackupPassphrase(context: CliContext, flags: BackupKeyFlags): Promise<Uint8Array> {
  const passphrase = await askedPassphrase(context, flags, 'create');
  if (passphrase !== null) return passphrase;
  throw new CliError('A backup needs a passphrase or a recipient: give --backup-passphrase-file or --recipient.');
}

async function askedPassphrase(
  { surroundings, signal }: CliContext,
  { backupPassphraseFile: file }: BackupKeyFlags,
  purpose: 'create' | 'open',
): Promise<Uint8Array | null> {
  const { paths, stdin, stderr } = surroundings;
  const prompt = secretPrompt(stdin, stderr, signal);
  const verdict = await readBackupPassphrase({ file, paths, prompt }, purpose);
  if (signal.aborted) {
    if (verdict.ok && verdict.passphrase !== null) zeroize(verdict.passphrase);
    throw new CliError('Stopped.');
  }
  if (!verdict.ok) throw new CliError(`${verdict.detail}.`);
  return verdict.passphrase;
}

/** Asks for the passphrase of a backup, or reads the identity that --identity names. The backup's head says which opens it. */
export async function openingOf(
  context: CliContext,
  path: string,
  head: Uint8Array,
  flags: BackupKeyFlags,
): Promise<Opening> {
  const by = openedBy(head);
  if (by === null) throw new CliError(`${path} is not a backup: it is no age file, or its beginning is damaged.`);
  if (by === 'identity') {
    if (flags.identity !== undefined) return { identity: identityIn(context, flags.identity) };
    throw new CliError(`${path} was sealed to a recipient: give the file of its identity with --identity.`);
  }
  if (flags.identity !== undefined) {
    throw new UsageError(`--identity does not open ${path}, which is sealed with a passphrase.`);
  }
  const passphrase = await askedPassphrase(context, flags, 'open');
  if (passphrase === null) {
    throw new CliError(`This needs the passphrase of the backup ${path}: give --backup-passphrase-file.`);
  }
  try {
    return { passphrase: new TextDecoder('utf-8', { ignoreBOM: true }).decode(passphrase) };
  } finally {
    zeroize(passphrase);
  }
}

// As age-keygen writes it: comments, and one line with the identity.
function identityIn({ surroundings }: CliContext, path: string): string {
  const { paths } = surroundings;
  const verdict = readGuardedFile(absolutePath(path, paths.workingDirectory, paths.home));
  if (!verdict.ok)
    throw new CliError(`${verdict.detail.replace(/\.$/, '')}.`.replace('passphrase file', 'identity file'));
  const bytes = verdict.passphrase ?? new Uint8Array(0);
  const lines = new TextDecoder().decode(bytes).split('\n');
  zeroize(bytes);
  const identity = lines.map((line) => line.trim()).find((line) => line !== '' && !line.startsWith('#'));
  if (identity !== undefined && isIdentity(identity)) return identity;
  throw new CliError(`${path} holds no identity of age (AGE-SECRET-KEY-1…).`);
}

/** A whole backup opened in memory, with the hash of the file; a `CliError` where it does not open. */
export async function openWhole(
  context: CliContext,
  path: string,
  bytesMax: number,
  flags: BackupKeyFlags,
): Promise<{
  readonly plaintext: Uint8Array;
  readonly sha256: string;
  readonly bytes: number;
  readonly place: string;
}> {
  const place = inputPlace(context, path);
  const file = Bun.file(place);
  if (file.size > bytesMax)
    throw new CliError(`${path} is larger than ${bytesMax} bytes, so it is no backup of this kind.`);
  const sealed = await file.bytes();
  const opening = await openingOf(context, path, sealed, flags);
  const opened = await openSealed(sealed, opening, bytesMax);
  if (!opened.ok) throw new CliError(notOpened(path, opened.reason, opening));
  return { plaintext: opened.plaintext, sha256: toHex(sha256(sealed)), bytes: sealed.length, place };
}

/** Why a backup did not open, as a sentence. */
export function notOpened(path: string, reason: string, opening: Opening): string {
  if (reason !== 'wrong_passphrase') return `${basename(path)} is damaged: take another copy of it.`;
  return 'passphrase' in opening
    ? `The passphrase does not open ${path}.`
    : `The identity does not open ${path}: it was sealed to another recipient.`;
}
