// Secrets at rest: age files (age-encryption.org/v1) under an scrypt passphrase, so the standard age tool opens them in an
// emergency, and the key file inside. The age library is asynchronous and draws its own salt and file key, so this is the
// one file of crypto/ in which `await` is allowed; it reads no clock and does no input or output.
import { armor, Decrypter, Encrypter } from 'age-encryption';
import { z } from 'zod';
import { fromHex, toHex, utf8 } from './bytes.ts';
import { canonicalBytes, parseCanonicalJson } from './canonical-json.ts';
import { hexOf } from './json-fields.ts';
import type { GroupKey, SchemeName } from './scheme.ts';

/** Base-2 logarithm of scrypt's cost for new files: what the age tool uses. */
export const SCRYPT_WORK_FACTOR_DEFAULT = 18;
/** Highest work factor that both this library and the age tool open. */
export const SCRYPT_WORK_FACTOR_MAX = 20;
/** Largest sealed file, in bytes. */
export const SEALED_BYTES_MAX = 4 * 1024 * 1024;

/** Verdict on opening a sealed file. */
export type OpenVerdict =
  | { readonly ok: true; readonly plaintext: Uint8Array }
  | { readonly ok: false; readonly reason: 'too_large' | 'wrong_passphrase' | 'malformed' };

/**
 * Seals a secret into an armored age file (ASCII). Blocks for the time of one scrypt (about a second at the default work
 * factor, with 256 MiB of memory). Throws on an empty passphrase or a work factor out of range. The caller zeroes
 * `plaintext`.
 */
export async function sealSecrets(
  plaintext: Uint8Array,
  passphrase: string,
  options: { readonly workFactor?: number } = {},
): Promise<Uint8Array> {
  const workFactor = options.workFactor ?? SCRYPT_WORK_FACTOR_DEFAULT;
  if (passphrase === '') throw new Error('the passphrase is empty');
  if (!Number.isInteger(workFactor) || workFactor < 1 || workFactor > SCRYPT_WORK_FACTOR_MAX) {
    throw new RangeError(`the scrypt work factor must be between 1 and ${SCRYPT_WORK_FACTOR_MAX}`);
  }
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(workFactor);
  return utf8(armor.encode(await encrypter.encrypt(plaintext)));
}

/** Opens an age file, armored or binary, that a passphrase seals. Never throws on the file's contents. */
export async function openSecrets(file: Uint8Array, passphrase: string): Promise<OpenVerdict> {
  if (file.length > SEALED_BYTES_MAX) return { ok: false, reason: 'too_large' };
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    return { ok: true, plaintext: await decrypter.decrypt(withoutArmor(file)) };
  } catch (error) {
    // The library tells this case apart by its message alone: scrypt gave a key that does not open the file key.
    const isOtherKey = error instanceof Error && error.message.startsWith('no identity matched');
    return { ok: false, reason: isOtherKey ? 'wrong_passphrase' : 'malformed' };
  }
}

/** One key's public part with this node's signing share (32 secret bytes). */
export interface KeyShare {
  readonly groupKey: GroupKey;
  readonly signingShare: Uint8Array;
}

/** What one key ceremony left on this node. `createdAt` in ms since 1970. */
export interface CeremonyKeys {
  readonly ceremonyId: string;
  readonly createdAt: number;
  readonly bitcoin: KeyShare;
  readonly attestation: KeyShare;
}

/** All secrets of a node. `identitySeed` and `hostSecret`: 32 bytes each. */
export interface KeyFile {
  readonly network: string;
  readonly index: number;
  readonly identitySeed: Uint8Array;
  readonly hostSecret: Uint8Array;
  readonly keys: readonly CeremonyKeys[];
}

/** Verdict on the contents of a key file. */
export type KeyFileVerdict =
  | { readonly ok: true; readonly keyFile: KeyFile }
  | { readonly ok: false; readonly reason: 'malformed' | 'unsupported_version' };

const keyShareSchema = (pointBytes: number) =>
  z
    .strictObject({
      threshold: z.int().min(2).max(64),
      participants: z.int().min(2).max(64),
      public_key: hexOf(pointBytes),
      verifying_shares: z.array(hexOf(pointBytes)).max(64),
      signing_share: hexOf(32),
    })
    .refine((key) => key.threshold <= key.participants && key.verifying_shares.length === key.participants);

type KeyShareJson = z.infer<ReturnType<typeof keyShareSchema>>;

const keyFileSchema = z.strictObject({
  v: z.literal(1),
  network: z.string().min(1).max(32),
  index: z.int().min(0).max(63),
  identity_seed: hexOf(32),
  host_secret: hexOf(32),
  keys: z
    .array(
      z.strictObject({
        ceremony_id: z.string().min(1).max(128),
        created_at: z.int().min(0),
        bitcoin: keyShareSchema(33),
        attestation: keyShareSchema(32),
      }),
    )
    .max(64),
});

/**
 * The plaintext of a key file: RFC 8785 JSON, bytes in hexadecimal. Throws where a field has the wrong length. The texts
 * made on the way cannot be erased, only the returned bytes can: zero them once sealed.
 */
export function encodeKeyFile(file: KeyFile): Uint8Array {
  const json = {
    v: 1,
    network: file.network,
    index: file.index,
    identity_seed: toHex(file.identitySeed),
    host_secret: toHex(file.hostSecret),
    keys: file.keys.map((key) => ({
      ceremony_id: key.ceremonyId,
      created_at: key.createdAt,
      bitcoin: encodeKeyShare(key.bitcoin, 'bip340'),
      attestation: encodeKeyShare(key.attestation, 'ed25519'),
    })),
  };
  const checked = keyFileSchema.safeParse(json);
  // The library's own error would repeat the values that failed.
  if (!checked.success) throw new Error(`key file field ${checked.error.issues[0]?.path.join('.') ?? ''} is malformed`);
  return canonicalBytes(checked.data);
}

/** Reads the plaintext of a key file. Never throws, and never repeats a value from it. */
export function decodeKeyFile(plaintext: Uint8Array): KeyFileVerdict {
  const json = parseCanonicalJson(plaintext, { bytesMax: SEALED_BYTES_MAX, depthMax: 8 });
  if (!json.ok) return { ok: false, reason: 'malformed' };
  const parsed = keyFileSchema.safeParse(json.value);
  if (!parsed.success) {
    const isOtherVersion = parsed.error.issues.some((issue) => issue.path.length === 1 && issue.path[0] === 'v');
    return { ok: false, reason: isOtherVersion ? 'unsupported_version' : 'malformed' };
  }
  const file = parsed.data;
  const keyFile: KeyFile = {
    network: file.network,
    index: file.index,
    identitySeed: fromHex(file.identity_seed),
    hostSecret: fromHex(file.host_secret),
    keys: file.keys.map((key) => ({
      ceremonyId: key.ceremony_id,
      createdAt: key.created_at,
      bitcoin: decodeKeyShare(key.bitcoin, 'bip340'),
      attestation: decodeKeyShare(key.attestation, 'ed25519'),
    })),
  };
  return { ok: true, keyFile };
}

function encodeKeyShare({ groupKey, signingShare }: KeyShare, scheme: SchemeName): KeyShareJson {
  if (groupKey.scheme !== scheme) throw new Error(`expected a key of scheme ${scheme}`);
  return {
    threshold: groupKey.threshold,
    participants: groupKey.participants,
    public_key: toHex(groupKey.publicKey),
    verifying_shares: groupKey.verifyingShares.map(toHex),
    signing_share: toHex(signingShare),
  };
}

function decodeKeyShare(json: KeyShareJson, scheme: SchemeName): KeyShare {
  const { threshold, participants } = json;
  const verifyingShares = json.verifying_shares.map((share) => fromHex(share));
  const groupKey = { scheme, threshold, participants, publicKey: fromHex(json.public_key), verifyingShares };
  return { groupKey, signingShare: fromHex(json.signing_share) };
}

function withoutArmor(file: Uint8Array): Uint8Array {
  const head = new TextDecoder().decode(file.subarray(0, 64)).trimStart();
  return head.startsWith('-----BEGIN AGE ENCRYPTED FILE-----') ? armor.decode(new TextDecoder().decode(file)) : file;
}
