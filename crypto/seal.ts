// Secrets at rest: age files (age-encryption.org/v1) under an scrypt passphrase or to a recipient, so the standard age tool
// opens them in an emergency, and the key file inside. The age library is asynchronous and draws its own salts and keys, so
// this is the one file of crypto/ in which `await` is allowed; it reads no clock and does no input or output.
import { armor, Decrypter, Encrypter, identityToRecipient } from 'age-encryption';
import { z } from 'zod';
import { fromHex, toHex, utf8, zeroize } from './bytes.ts';
import { canonicalBytes, parseCanonicalJson } from './canonical-json.ts';
import { hexOf } from './json-fields.ts';
import type { GroupKey, SchemeName } from './scheme.ts';

/** Base-2 logarithm of scrypt's cost for new files: what the age tool uses. */
export const SCRYPT_WORK_FACTOR_DEFAULT = 18;
/** Highest work factor that both this library and the age tool open. */
export const SCRYPT_WORK_FACTOR_MAX = 20;
/** Largest sealed file, in bytes. */
export const SEALED_BYTES_MAX = 4 * 1024 * 1024;

/** What tells a sealed file's kind: its first line, and the beginning of the second. */
const HEAD_BYTES = 64;

/** Verdict on opening a sealed file. */
export type OpenVerdict =
  | { readonly ok: true; readonly plaintext: Uint8Array }
  | { readonly ok: false; readonly reason: 'too_large' | 'wrong_passphrase' | 'malformed' };

/** What opens a sealed file again: a passphrase, or the identity of a recipient (`age1…`). `workFactor`: scrypt's. */
export type Sealing = { readonly passphrase: string; readonly workFactor?: number } | { readonly recipient: string };

/** A passphrase, or an identity: the text `AGE-SECRET-KEY-1…`, or an X25519 key of the runtime's own. */
export type Opening = { readonly passphrase: string } | { readonly identity: string | CryptoKey };

/** Whether a text is a recipient that age files can be sealed to. */
export function isRecipient(text: string): boolean {
  try {
    new Encrypter().addRecipient(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether a text is an identity that age files can be opened with. */
export function isIdentity(text: string): boolean {
  try {
    new Decrypter().addIdentity(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * A fresh identity for one passage from process to process, and its recipient. The key cannot be read out of the runtime, so
 * no text of it is left in memory.
 */
export async function passingIdentity(): Promise<{ readonly identity: CryptoKey; readonly recipient: string }> {
  const made: unknown = await crypto.subtle.generateKey({ name: 'X25519' }, false, ['deriveBits']);
  const identity = typeof made === 'object' && made !== null && 'privateKey' in made ? made.privateKey : null;
  if (!(identity instanceof CryptoKey)) throw new Error('the runtime made no key pair');
  return { identity, recipient: await identityToRecipient(identity) };
}

/**
 * Seals a secret into an armored age file (ASCII). With a passphrase it blocks for the time of one scrypt (about a second
 * at the default work factor, with 256 MiB of memory). Throws on an empty passphrase, a work factor out of range, or a text
 * that is no recipient. The caller zeroes `plaintext`.
 */
export async function sealArmored(plaintext: Uint8Array, sealing: Sealing): Promise<Uint8Array> {
  return utf8(armor.encode(await encrypterFor(sealing).encrypt(plaintext)));
}

/** As `sealArmored`, a piece at a time and binary, for what does not fit into memory. */
export function sealStream(
  plaintext: ReadableStream<Uint8Array>,
  sealing: Sealing,
): Promise<ReadableStream<Uint8Array>> {
  return encrypterFor(sealing).encrypt(plaintext);
}

/** Seals a key file: `sealArmored` with a passphrase. */
export function sealSecrets(
  plaintext: Uint8Array,
  passphrase: string,
  options: { readonly workFactor?: number } = {},
): Promise<Uint8Array> {
  return sealArmored(plaintext, { passphrase, ...options });
}

/** Opens an age file, armored or binary, that a passphrase seals. Never throws on the file's contents. */
export function openSecrets(file: Uint8Array, passphrase: string): Promise<OpenVerdict> {
  return openSealed(file, { passphrase }, SEALED_BYTES_MAX);
}

/** Opens an age file of at most `bytesMax` bytes, armored or binary. Never throws on the file's contents. */
export async function openSealed(file: Uint8Array, opening: Opening, bytesMax: number): Promise<OpenVerdict> {
  if (file.length > bytesMax) return { ok: false, reason: 'too_large' };
  try {
    const plaintext = await openStream(new Blob([withoutArmor(file)]).stream(), opening);
    return { ok: true, plaintext: await readErasing(plaintext) };
  } catch (error) {
    return { ok: false, reason: openingFault(error) };
  }
}

/** As `openSealed`, a piece at a time, of a binary file. Rejects where it does not open: `openingFault` says why. */
export function openStream(file: ReadableStream<Uint8Array>, opening: Opening): Promise<ReadableStream<Uint8Array>> {
  const decrypter = new Decrypter();
  if ('passphrase' in opening) decrypter.addPassphrase(opening.passphrase);
  else decrypter.addIdentity(opening.identity);
  return decrypter.decrypt(file);
}

/** Why a sealed file did not open: a passphrase or identity that is not its own, or damage. */
export function openingFault(error: unknown): 'wrong_passphrase' | 'malformed' {
  // The library tells this case apart by its message alone: no key that was given opens the file key.
  const isOtherKey = error instanceof Error && error.message.startsWith('no identity matched');
  return isOtherKey ? 'wrong_passphrase' : 'malformed';
}

/** What opens an age file, by what it begins with (all of it where it is armored): a passphrase or an identity; null where it is no age file. */
export function openedBy(file: Uint8Array): 'passphrase' | 'identity' | null {
  let head: string;
  try {
    head = new TextDecoder().decode(withoutArmor(file).subarray(0, HEAD_BYTES));
  } catch {
    return null;
  }
  if (!head.startsWith('age-encryption.org/v1\n-> ')) return null;
  return head.startsWith('age-encryption.org/v1\n-> scrypt ') ? 'passphrase' : 'identity';
}

/** The base-2 logarithm of scrypt's cost that an age file names (age-encryption.org/v1, scrypt recipient stanza); null where it names none. */
export function workFactorOf(file: Uint8Array): number | null {
  if (openedBy(file) !== 'passphrase') return null;
  const [, stanza = ''] = new TextDecoder().decode(withoutArmor(file).subarray(0, HEAD_BYTES)).split('\n');
  const factor = Number(/^-> scrypt \S+ ([1-9][0-9]?)$/.exec(stanza)?.[1]);
  return Number.isInteger(factor) ? factor : null;
}

function encrypterFor(sealing: Sealing): Encrypter {
  const encrypter = new Encrypter();
  if ('recipient' in sealing) {
    encrypter.addRecipient(sealing.recipient);
    return encrypter;
  }
  const { passphrase, workFactor = SCRYPT_WORK_FACTOR_DEFAULT } = sealing;
  if (passphrase === '') throw new Error('the passphrase is empty');
  if (!Number.isInteger(workFactor) || workFactor < 1 || workFactor > SCRYPT_WORK_FACTOR_MAX) {
    throw new RangeError(`the scrypt work factor must be between 1 and ${SCRYPT_WORK_FACTOR_MAX}`);
  }
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(workFactor);
  return encrypter;
}

// Joins a stream's parts, and erases each: the library keeps no other copy of what it decrypts.
async function readErasing(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  try {
    const reader = stream.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value);
    return ownCopy(parts);
  } finally {
    zeroize(...parts);
  }
}

// On a buffer of its own, which the runtime never moves: see `zeroize`.
function ownCopy(parts: readonly Uint8Array[]): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(parts.reduce((total, part) => total + part.length, 0)));
  let offset = 0;
  for (const part of parts) {
    copy.set(part, offset);
    offset += part.length;
  }
  return copy;
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

/** The members of a key file that are secret: 32 bytes each, in hexadecimal. */
const SECRET_MEMBERS = ['host_secret', 'identity_seed', 'signing_share'].map((name) => utf8(`"${name}":"`));
const [SECRET_BYTES, QUOTE] = [32, 0x22];

// Texts cannot be erased, so no secret is ever in one: in the JSON that is made and read as text, a number stands in its
// place, and its hexadecimal is written into, or taken out of, the bytes.
const placeholder = (position: number): string => position.toString(16).padStart(2 * SECRET_BYTES, '0');

/** Where the hexadecimal of secrets begins in canonical JSON. A quote inside of a text is escaped there. */
function secretPlaces(json: Uint8Array): number[] {
  const places: number[] = [];
  for (let at = 0; at < json.length; at++) {
    if (json[at] !== QUOTE) continue;
    const member = SECRET_MEMBERS.find((name) => name.every((byte, i) => json[at + i] === byte));
    const begin = at + (member?.length ?? 0);
    if (member !== undefined && json[begin + 2 * SECRET_BYTES] === QUOTE) places.push(begin);
  }
  return places;
}

/**
 * The plaintext of a key file: RFC 8785 JSON, bytes in hexadecimal. Throws where a field has the wrong length. No secret is
 * left anywhere but in the returned bytes: zero them once sealed.
 */
export function encodeKeyFile(file: KeyFile): Uint8Array {
  const secrets: Uint8Array[] = [];
  const secret = (bytes: Uint8Array): string => {
    secrets.push(bytes);
    return bytes.length === SECRET_BYTES ? placeholder(secrets.length - 1) : '';
  };
  const json = {
    v: 1,
    network: file.network,
    index: file.index,
    identity_seed: secret(file.identitySeed),
    host_secret: secret(file.hostSecret),
    keys: file.keys.map((key) => ({
      ceremony_id: key.ceremonyId,
      created_at: key.createdAt,
      bitcoin: encodeKeyShare(key.bitcoin, 'bip340', secret(key.bitcoin.signingShare)),
      attestation: encodeKeyShare(key.attestation, 'ed25519', secret(key.attestation.signingShare)),
    })),
  };
  const checked = keyFileSchema.safeParse(json);
  // The library's own error would repeat the values that failed.
  if (!checked.success) throw new Error(`key file field ${checked.error.issues[0]?.path.join('.') ?? ''} is malformed`);
  const bytes = canonicalBytes(checked.data);
  for (const at of secretPlaces(bytes)) {
    const position = Number.parseInt(new TextDecoder().decode(bytes.slice(at, at + 2 * SECRET_BYTES)), 16);
    writeHex(bytes, at, secrets[position] ?? new Uint8Array(0));
  }
  return bytes;
}

/** Reads the plaintext of a key file, and leaves it as it was. Never throws, and never repeats a value from it. */
export function decodeKeyFile(plaintext: Uint8Array): KeyFileVerdict {
  const bytes = ownCopy([plaintext]);
  const secrets: Uint8Array[] = [];
  for (const at of secretPlaces(bytes)) {
    const secret = readHex(bytes, at);
    if (secret === null) continue;
    secrets.push(secret);
    bytes.set(utf8(placeholder(secrets.length - 1)), at);
  }
  const verdict = decodeWith(bytes, secrets);
  zeroize(bytes, ...(verdict.ok ? [] : secrets));
  return verdict;
}

function decodeWith(bytes: Uint8Array, secrets: readonly Uint8Array[]): KeyFileVerdict {
  const json = parseCanonicalJson(bytes, { bytesMax: SEALED_BYTES_MAX, depthMax: 8 });
  if (!json.ok) return { ok: false, reason: 'malformed' };
  const parsed = keyFileSchema.safeParse(json.value);
  if (!parsed.success) {
    const isOtherVersion = parsed.error.issues.some((issue) => issue.path.length === 1 && issue.path[0] === 'v');
    return { ok: false, reason: isOtherVersion ? 'unsupported_version' : 'malformed' };
  }
  const file = parsed.data;
  const secret = (text: string): Uint8Array => {
    const found = secrets[Number.parseInt(text, 16)];
    if (found === undefined) throw new Error('a secret of the key file was not taken out of it');
    return found;
  };
  const keyFile: KeyFile = {
    network: file.network,
    index: file.index,
    identitySeed: secret(file.identity_seed),
    hostSecret: secret(file.host_secret),
    keys: file.keys.map((key) => ({
      ceremonyId: key.ceremony_id,
      createdAt: key.created_at,
      bitcoin: decodeKeyShare(key.bitcoin, 'bip340', secret(key.bitcoin.signing_share)),
      attestation: decodeKeyShare(key.attestation, 'ed25519', secret(key.attestation.signing_share)),
    })),
  };
  return { ok: true, keyFile };
}

const HEX_DIGITS = utf8('0123456789abcdef');

function writeHex(into: Uint8Array, at: number, secret: Uint8Array): void {
  for (const [i, byte] of secret.entries()) {
    into[at + 2 * i] = HEX_DIGITS[byte >> 4] ?? 0;
    into[at + 2 * i + 1] = HEX_DIGITS[byte & 15] ?? 0;
  }
}

// Null where the characters are no lowercase hexadecimal.
function readHex(from: Uint8Array, at: number): Uint8Array | null {
  const secret = new Uint8Array(SECRET_BYTES);
  for (let i = 0; i < SECRET_BYTES; i++) {
    const [upper, lower] = [HEX_DIGITS.indexOf(from[at + 2 * i] ?? 0), HEX_DIGITS.indexOf(from[at + 2 * i + 1] ?? 0)];
    if (upper < 0 || lower < 0) {
      zeroize(secret);
      return null;
    }
    secret[i] = 16 * upper + lower;
  }
  return secret;
}

function encodeKeyShare({ groupKey }: KeyShare, scheme: SchemeName, signingShare: string): KeyShareJson {
  if (groupKey.scheme !== scheme) throw new Error(`expected a key of scheme ${scheme}`);
  return {
    threshold: groupKey.threshold,
    participants: groupKey.participants,
    public_key: toHex(groupKey.publicKey),
    verifying_shares: groupKey.verifyingShares.map(toHex),
    signing_share: signingShare,
  };
}

function decodeKeyShare(json: KeyShareJson, scheme: SchemeName, signingShare: Uint8Array): KeyShare {
  const { threshold, participants } = json;
  const verifyingShares = json.verifying_shares.map((share) => fromHex(share));
  const groupKey = { scheme, threshold, participants, publicKey: fromHex(json.public_key), verifyingShares };
  return { groupKey, signingShare };
}

/** Whether a sealed file is in its form of ASCII. */
export function isArmored(file: Uint8Array): boolean {
  const head = new TextDecoder().decode(file.subarray(0, 64)).trimStart();
  return head.startsWith('-----BEGIN AGE ENCRYPTED FILE-----');
}

function withoutArmor(file: Uint8Array): Uint8Array {
  return isArmored(file) ? armor.decode(new TextDecoder().decode(file)) : file;
}
