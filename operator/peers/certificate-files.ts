// A new TLS certificate beside the one in use: made under other names, and moved into place in steps that a start can finish.
import { existsSync } from 'node:fs';
import { copyFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { utf8 } from '../../crypto/bytes.ts';
import { CommandError } from '../runtime/command-error.ts';
import { flushFolder, writeDurably } from '../runtime/durable-file.ts';
import { makeCertificate } from './certificate.ts';
import { loadTlsIdentity, type TlsIdentity } from './tls.ts';
import { proveTlsIdentity } from './tls-self-test.ts';

/** The files in use. */
export interface TlsFiles {
  readonly tlsCertPath: string;
  readonly tlsKeyPath: string;
}

const NEXT = '.next';
const OLD = '.old';

/** Makes a key and certificate beside those in use, proven as those of a start are. Throws `CommandError`. */
export async function makeNextTlsFiles(
  { tlsCertPath, tlsKeyPath }: TlsFiles,
  about: { readonly name: string; readonly address: string; readonly now: number },
): Promise<TlsIdentity> {
  const { certificate, key } = await makeCertificate(about);
  await writeDurably(`${tlsKeyPath}${NEXT}`, utf8(key), 0o600);
  await writeDurably(`${tlsCertPath}${NEXT}`, utf8(certificate), 0o644);
  const loaded = await loadTlsIdentity(`${tlsCertPath}${NEXT}`, `${tlsKeyPath}${NEXT}`, about.now);
  if (!loaded.ok) throw new CommandError('tls', loaded.detail);
  const flaw = await proveTlsIdentity(loaded.identity, `${tlsCertPath}${NEXT}`);
  if (flaw !== null) throw new CommandError('tls', flaw);
  return loaded.identity;
}

/** Moves them into place; those of before stay beside them. Called again after a crash in between, it does what is left. */
export async function useNextTlsFiles({ tlsCertPath, tlsKeyPath }: TlsFiles): Promise<void> {
  for (const path of [tlsKeyPath, tlsCertPath]) {
    if (!existsSync(`${path}${NEXT}`)) continue;
    if (existsSync(path)) await copyFile(path, `${path}${OLD}`);
    await rename(`${path}${NEXT}`, path);
    // Before the database says that the change is over: with the old files back, no peer would know this node.
    await flushFolder(dirname(path));
  }
}
