// The backup of a node's key material: an archive (archive.ts) that is sealed as an age file. Each file in it has the form
// that it has on a node, so that `age` and `tar` alone bring it back in an emergency. docs/PROTOCOL.md has the format.

import { z } from 'zod';
import { utf8, zeroize } from '../../crypto/bytes.ts';
import { canonicalJson, type Json } from '../../crypto/canonical-json.ts';
import { encodeCard, type OperatorCard } from '../../crypto/operator-card.ts';
import { decodeKeyFile, type KeyFile } from '../../crypto/seal.ts';
import { type ArchivedFile, readArchive, writeArchive } from './archive.ts';

/** Largest sealed backup of key material, in bytes: the exported ceremonies are most of it. */
export const KEY_SHARE_BACKUP_BYTES_MAX = 32 * 1024 * 1024;
export const KEY_SHARE_BACKUP_KIND = '0btc-wire-key-share-backup';

const MANIFEST = 'manifest.json';
/** The key file as it is inside its own sealing. */
const KEY_FILE = 'key_share.json';
const CONFIG = 'config.json';
const TLS_CERTIFICATE = 'tls_cert.pem';
const TLS_KEY = 'tls_key.pem';
/** The public file beside the key file. */
const TREASURY = 'treasury.json';
const CARD = /^cards\/operator-([0-9]{1,2})\.json$/;
const CEREMONY = /^ceremonies\/[A-Za-z0-9][A-Za-z0-9._-]*\.json$/;

const keyId = z.string().regex(/^[0-9a-f]{16}$/);

const manifestSchema = z.strictObject({
  v: z.literal(1),
  kind: z.literal(KEY_SHARE_BACKUP_KIND),
  /** ISO 8601. */
  created_at: z.iso.datetime(),
  /** Of the program that wrote it. */
  version: z.string().max(64),
  network: z.string().min(1).max(32),
  index: z.int().min(0).max(63),
  name: z.string().min(1).max(128),
  identity_key: z.string().regex(/^[0-9a-f]{64}$/),
  /** Of the keys whose shares the backup holds, the newest last. */
  key_ids: z.array(keyId).max(64),
  /** The one that was in use. */
  live_key: keyId.nullable(),
});

/** What a backup says of itself; all of it public. */
export type BackupManifest = Readonly<z.infer<typeof manifestSchema>>;

/** The contents of a backup. Zero `keyFile` and `tlsKey` after use: `eraseBackup` does. */
export interface KeyShareBackup {
  readonly manifest: BackupManifest;
  readonly keyFile: KeyFile;
  /** The configuration file as it was written. */
  readonly config: Uint8Array;
  readonly tlsCertificate: Uint8Array;
  readonly tlsKey: Uint8Array;
  /** Null where no key was made yet. */
  readonly treasury: Uint8Array | null;
  /** Operator cards, this node's own too. */
  readonly cards: readonly Uint8Array[];
  /** Exported ceremonies, with the root certificate where there is one; not verified. */
  readonly ceremonies: readonly unknown[];
}

/** What goes into a backup. `keyFile`: the plaintext of the key file, secret bytes, which the caller zeroes. */
export interface BackupParts {
  readonly manifest: Omit<BackupManifest, 'v' | 'kind' | 'created_at'>;
  readonly createdAt: number;
  readonly keyFile: Uint8Array;
  readonly config: Uint8Array;
  readonly tlsCertificate: Uint8Array;
  readonly tlsKey: Uint8Array;
  readonly treasury: Uint8Array | null;
  readonly cards: readonly OperatorCard[];
  readonly ceremonies: readonly { readonly ceremonyId: string; readonly file: Json }[];
}

/** The archive of a backup. Secret as a whole: zero it once it is sealed. */
export function encodeBackup(parts: BackupParts): Uint8Array {
  const { createdAt, keyFile, config, tlsCertificate, tlsKey, treasury, cards, ceremonies } = parts;
  const created_at = new Date(createdAt).toISOString();
  const manifest = manifestSchema.parse({ v: 1, kind: KEY_SHARE_BACKUP_KIND, created_at, ...parts.manifest });
  const files: ArchivedFile[] = [
    { name: MANIFEST, bytes: utf8(`${canonicalJson(manifest)}\n`) },
    { name: KEY_FILE, bytes: keyFile },
    { name: CONFIG, bytes: config },
    { name: TLS_CERTIFICATE, bytes: tlsCertificate },
    { name: TLS_KEY, bytes: tlsKey },
    ...(treasury === null ? [] : [{ name: TREASURY, bytes: treasury }]),
    ...cards.map((card) => ({ name: `cards/operator-${card.index}.json`, bytes: encodeCard(card) })),
    ...ceremonies.map(({ ceremonyId, file }) => ({
      name: `ceremonies/${ceremonyId}.json`,
      bytes: utf8(`${canonicalJson(file)}\n`),
    })),
  ];
  return writeArchive(files, createdAt);
}

/** Verdict on the contents of an opened backup. */
export type BackupVerdict =
  | { readonly ok: true; readonly backup: KeyShareBackup }
  | { readonly ok: false; readonly reason: 'no_backup' | 'unsupported_version' | 'malformed'; readonly detail: string };

/**
 * Reads an opened backup. The result stands on copies of its own, so the archive can be zeroed. Never throws, and never
 * repeats a secret.
 */
export function decodeBackup(archive: Uint8Array): BackupVerdict {
  const files = readArchive(archive);
  const bytesOf = (name: string): Uint8Array | null => files?.find((file) => file.name === name)?.bytes ?? null;
  const told = bytesOf(MANIFEST);
  if (files === null || told === null) return no('no_backup', 'it holds no backup of key material');
  const manifest = manifestSchema.safeParse(jsonOf(told));
  if (!manifest.success) {
    const isOther = manifest.error.issues.some(({ path }) => path.length === 1 && path[0] === 'v');
    if (isOther) return no('unsupported_version', 'it was written by a newer mpc_operator: run that one');
    return no('malformed', `its ${MANIFEST} is damaged`);
  }
  const [keyFile, config, certificate, key] = [KEY_FILE, CONFIG, TLS_CERTIFICATE, TLS_KEY].map(bytesOf);
  if (keyFile == null || config == null || certificate == null || key == null) {
    return no('malformed', `it lacks one of ${KEY_FILE}, ${CONFIG}, ${TLS_CERTIFICATE}, ${TLS_KEY}`);
  }
  const decoded = decodeKeyFile(keyFile);
  if (!decoded.ok) return no(decoded.reason, `its ${KEY_FILE} is damaged, or of a newer version`);
  const treasury = bytesOf(TREASURY);
  const backup = {
    manifest: manifest.data,
    keyFile: decoded.keyFile,
    config: copyOf(config),
    tlsCertificate: copyOf(certificate),
    tlsKey: copyOf(key),
    treasury: treasury === null ? null : copyOf(treasury),
    cards: files.filter(({ name }) => CARD.test(name)).map(({ bytes }) => copyOf(bytes)),
    ceremonies: files.filter(({ name }) => CEREMONY.test(name)).map(({ bytes }) => jsonOf(bytes)),
  };
  return { ok: true, backup };
}

/** Erases what is secret in a backup. */
export function eraseBackup({ keyFile, tlsKey }: Pick<KeyShareBackup, 'keyFile' | 'tlsKey'>): void {
  zeroize(keyFile.identitySeed, keyFile.hostSecret, tlsKey);
  for (const { bitcoin, attestation } of keyFile.keys) zeroize(bitcoin.signingShare, attestation.signingShare);
}

function no(reason: Extract<BackupVerdict, { ok: false }>['reason'], detail: string): BackupVerdict {
  return { ok: false, reason, detail };
}

// On a buffer of its own, which the runtime never moves.
function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
}
