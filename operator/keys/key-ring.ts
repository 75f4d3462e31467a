// The node's secrets: closed (sealed) until a passphrase opens the key file, then in memory until the process ends. Every
// change is written whole to the key file before it is used, so a share that signs is a share that survives.

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { concat, equal, utf8, zeroize } from '../../crypto/bytes.ts';
import { hostpubkeyGen } from '../../crypto/chilldkg.ts';
import { type Ed25519Signer, signerFromSeed } from '../../crypto/ed25519.ts';
import { keyIdOf } from '../../crypto/key-id.ts';
import {
  type CeremonyKeys,
  decodeKeyFile,
  encodeKeyFile,
  type KeyFile,
  openSecrets,
  SEALED_BYTES_MAX,
  sealSecrets,
} from '../../crypto/seal.ts';
import { isNonzeroScalar } from '../../crypto/secp256k1.ts';
import { readBounded, writeDurably } from '../runtime/durable-file.ts';
import { contentStamp } from '../runtime/file-watch.ts';

/** What a node without an open key file cannot do. */
export class SealedError extends Error {
  constructor() {
    super('the node is sealed: open its key file with `mpc_operator unseal`');
    this.name = 'SealedError';
  }
}

/** A key file that cannot be opened or does not belong to this node. */
export class KeyFileError extends Error {
  readonly reason: 'missing' | 'wrong_passphrase' | 'malformed' | 'other_node';
  constructor(reason: KeyFileError['reason'], message: string) {
    super(message);
    this.name = 'KeyFileError';
    this.reason = reason;
  }
}

/** What to tell where the database knows of a key in use whose key file is gone: what `init` makes no peer would accept. */
export function lostKeyFile(path: string, keyId: string): string {
  const remedy = 'put it back from a backup, and do not run `mpc_operator init`, whose new identity no peer accepts';
  return `there is no key file at ${path}, but the key ${keyId} is in use: ${remedy}`;
}

/** Where the key file lies and whose it must be. `workFactor`: scrypt's, for tests and one-machine federations. */
export interface KeyRingOptions {
  readonly path: string;
  readonly network: string;
  readonly index: number;
  readonly workFactor?: number;
}

interface OpenRing {
  readonly passphrase: string;
  readonly identity: Ed25519Signer;
  file: KeyFile;
}

const EVENT_KEY_DOMAIN = '0BTC_WIRE_CEREMONY_EVENTS/v1';
const CONTENTS_UNREAD = {
  malformed: (path: string) => `the contents of ${path} are damaged: put the key file back from a backup`,
  unsupported_version: (path: string) => `${path} was written by a newer mpc_operator: run that one`,
};
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Where the public part about the treasury lies: beside the key file, so that a copy of one takes the other along. */
export function treasuryPath(keySharePath: string): string {
  return `${keySharePath}.treasury.json`;
}

/** The secrets of one node. Methods that need them throw `SealedError` while it is sealed. */
export class KeyRing {
  readonly #options: KeyRingOptions;
  #open: OpenRing | null = null;
  /** What the key file looks like since it was read or written last; null while it is being written. */
  #stamp: string | null = null;
  /** The change of the key file that is under way: two at once would each lose the other's. */
  #writing: Promise<void> = Promise.resolve();

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /** Writes a new key file with fresh identity and host keys. `random` gives 32 bytes at each call. Leaves it open. */
  async create(passphrase: string, random: () => Uint8Array): Promise<void> {
    let hostSecret = random();
    while (!isNonzeroScalar(hostSecret)) hostSecret = random();
    const { network, index } = this.#options;
    const file: KeyFile = { network, index, identitySeed: random(), hostSecret, keys: [] };
    await this.#write(file, passphrase);
    this.#open = { passphrase, identity: signerFromSeed(file.identitySeed), file };
  }

  /** Opens the key file. Throws `KeyFileError`. */
  async unseal(passphrase: string): Promise<void> {
    const { path, network, index } = this.#options;
    const stamp = contentStamp(path);
    const bytes = await readBounded(path, SEALED_BYTES_MAX);
    if (bytes === null) {
      throw new KeyFileError('missing', `there is no key file at ${path}: run \`mpc_operator init\``);
    }
    const opened = await openSecrets(bytes, passphrase);
    if (!opened.ok) {
      if (opened.reason === 'wrong_passphrase') {
        throw new KeyFileError('wrong_passphrase', `the passphrase does not open ${path}`);
      }
      throw new KeyFileError('malformed', `${path} is damaged, or is not a key file: put it back from a backup`);
    }
    const decoded = decodeKeyFile(opened.plaintext);
    zeroize(opened.plaintext);
    if (!decoded.ok) throw new KeyFileError('malformed', CONTENTS_UNREAD[decoded.reason](path));
    const file = decoded.keyFile;
    if (file.network !== network || file.index !== index) {
      const whose = `operator ${file.index} on ${file.network}`;
      const flaw = `${path} belongs to ${whose}, not to operator ${index} on ${network}`;
      const remedy = 'correct the network and index, or put this node’s own key file in its place';
      throw new KeyFileError('other_node', `${flaw}: ${remedy}`);
    }
    this.close();
    this.#open = { passphrase, identity: signerFromSeed(file.identitySeed), file };
    this.#stamp = stamp;
  }

  /** What its file must look like (runtime/file-watch.ts); null while it is sealed or being written. */
  get stamp(): string | null {
    return this.#stamp;
  }

  /** Whether this is the passphrase that the key file was opened with; false while sealed. */
  isOpenWith(passphrase: string): boolean {
    return this.#open !== null && equal(utf8(this.#open.passphrase), utf8(passphrase));
  }

  get sealed(): boolean {
    return this.#open === null;
  }

  /** The identity key's signer. */
  identity(): Ed25519Signer {
    return this.#unsealed().identity;
  }

  /** The ChillDKG host secret, 32 bytes; not to be changed or kept. */
  hostSecret(): Uint8Array {
    return this.#unsealed().file.hostSecret;
  }

  /** The ChillDKG host public key, 33 bytes. */
  hostPublicKey(): Uint8Array {
    return hostpubkeyGen(this.#unsealed().file.hostSecret);
  }

  /** The shares made by a ceremony; null where this node holds none of that name. */
  keysOf(keyId: string): CeremonyKeys | null {
    const { keys } = this.#unsealed().file;
    return (
      keys.find((key) => keyIdOf(key.bitcoin.groupKey.publicKey, key.attestation.groupKey.publicKey) === keyId) ?? null
    );
  }

  /** Ids of all keys that it holds shares of, the newest last. */
  keyIds(): readonly string[] {
    const { keys } = this.#unsealed().file;
    return keys.map((key) => keyIdOf(key.bitcoin.groupKey.publicKey, key.attestation.groupKey.publicKey));
  }

  /** Whether there is a file where the key file should be. */
  exists(): boolean {
    return existsSync(this.#options.path);
  }

  /**
   * Adds the shares of a finished ceremony, durably. Adding the same keys twice changes nothing. Keys are told apart by
   * themselves: where the database was lost, a later ceremony may bear the name of one that this file knows.
   */
  add(keys: CeremonyKeys): Promise<void> {
    const added = this.#writing.then(() => this.#add(keys));
    this.#writing = added.catch(() => {});
    return added;
  }

  async #add(keys: CeremonyKeys): Promise<void> {
    const open = this.#unsealed();
    if (this.keysOf(keyIdOf(keys.bitcoin.groupKey.publicKey, keys.attestation.groupKey.publicKey)) !== null) return;
    const file: KeyFile = { ...open.file, keys: [...open.file.keys, keys] };
    await this.#write(file, open.passphrase);
    open.file = file;
  }

  /** The key file as it is inside its sealing, for a backup: secret bytes, which the caller zeroes. */
  plaintext(): Uint8Array {
    return encodeKeyFile(this.#unsealed().file);
  }

  /** What lies beside the key file about the treasury of its keys, public as it is; null where there is nothing. */
  readTreasury(bytesMax: number): Promise<Uint8Array | null> {
    return readBounded(treasuryPath(this.#options.path), bytesMax);
  }

  /** Writes what lies beside the key file, durably. */
  writeTreasury(bytes: Uint8Array): Promise<void> {
    return writeDurably(treasuryPath(this.#options.path), bytes);
  }

  /** Seals bytes that this node alone will read again: AES-256-GCM under a key of its own. `random`: 12 fresh bytes. */
  sealForSelf(plaintext: Uint8Array, context: string, random: Uint8Array): Uint8Array {
    if (random.length !== NONCE_BYTES) throw new Error('AES-GCM takes a nonce of 12 bytes');
    const key = this.#ownKey();
    try {
      const cipher = createCipheriv('aes-256-gcm', key, random, { authTagLength: TAG_BYTES }).setAAD(utf8(context));
      return concat(random, cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
    } finally {
      zeroize(key);
    }
  }

  /** Opens what `sealForSelf` made in the same context; throws where it was changed or is another node's. */
  openForSelf(box: Uint8Array, context: string): Uint8Array {
    const key = this.#ownKey();
    try {
      const nonce = box.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(utf8(context));
      decipher.setAuthTag(box.subarray(box.length - TAG_BYTES));
      return concat(decipher.update(box.subarray(NONCE_BYTES, box.length - TAG_BYTES)), decipher.final());
    } finally {
      zeroize(key);
    }
  }

  /** Forgets every secret. */
  close(): void {
    const file = this.#open?.file;
    this.#open = null;
    this.#stamp = null;
    if (file === undefined) return;
    zeroize(file.identitySeed);
    zeroize(file.hostSecret);
    for (const key of file.keys) {
      zeroize(key.bitcoin.signingShare);
      zeroize(key.attestation.signingShare);
    }
  }

  #unsealed(): OpenRing {
    if (this.#open === null) throw new SealedError();
    return this.#open;
  }

  #ownKey(): Uint8Array {
    const { identitySeed } = this.#unsealed().file;
    return new Uint8Array(hkdfSync('sha256', identitySeed, new Uint8Array(0), EVENT_KEY_DOMAIN, 32));
  }

  async #write(file: KeyFile, passphrase: string): Promise<void> {
    const plaintext = encodeKeyFile(file);
    const { workFactor } = this.#options;
    const sealed = await sealSecrets(plaintext, passphrase, workFactor === undefined ? {} : { workFactor });
    zeroize(plaintext);
    const before = this.#stamp;
    this.#stamp = null;
    try {
      await writeDurably(this.#options.path, sealed);
      this.#stamp = contentStamp(this.#options.path);
    } catch (error) {
      this.#stamp = before;
      throw error;
    }
  }
}
