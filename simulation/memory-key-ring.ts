// A node's key file held in memory: the same secrets through the same methods, without scrypt and a disk. What `add`
// wrote survives a crash.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { concat, sha256, utf8 } from '../crypto/bytes.ts';
import { type Ed25519Signer, signerFromSeed } from '../crypto/ed25519.ts';
import { keyIdOf } from '../crypto/key-id.ts';
import type { CeremonyKeys, KeyFile } from '../crypto/seal.ts';
import { KeyRing } from '../operator/keys/key-ring.ts';

/** The key file of one node. */
export interface MemoryKeyFile {
  contents: KeyFile;
  /** What lies beside it about the treasury. */
  treasury?: Uint8Array;
}

/** How the simulated disk takes a write: it may take long, or never finish where the node crashes. */
export type WriteKeyFile = (write: () => void) => Promise<void>;

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The ring of one start of a node; open from the beginning. */
export class MemoryKeyRing extends KeyRing {
  readonly #file: MemoryKeyFile;
  readonly #write: WriteKeyFile;
  readonly #identity: Ed25519Signer;

  constructor(network: string, index: number, file: MemoryKeyFile, write: WriteKeyFile) {
    super({ path: '', network, index });
    this.#file = file;
    this.#write = write;
    this.#identity = signerFromSeed(file.contents.identitySeed);
  }

  override get sealed(): boolean {
    return false;
  }

  override identity(): Ed25519Signer {
    return this.#identity;
  }

  override hostSecret(): Uint8Array {
    return this.#file.contents.hostSecret;
  }

  override hostPublicKey(): Uint8Array {
    return secp256k1.getPublicKey(this.#file.contents.hostSecret, true);
  }

  override keysOf(keyId: string): CeremonyKeys | null {
    const isIt = ({ bitcoin, attestation }: CeremonyKeys): boolean =>
      keyIdOf(bitcoin.groupKey.publicKey, attestation.groupKey.publicKey) === keyId;
    return this.#file.contents.keys.find(isIt) ?? null;
  }

  override add(keys: CeremonyKeys): Promise<void> {
    return this.#write(() => {
      const { contents } = this.#file;
      if (this.keysOf(keyIdOf(keys.bitcoin.groupKey.publicKey, keys.attestation.groupKey.publicKey)) !== null) return;
      this.#file.contents = { ...contents, keys: [...contents.keys, keys] };
    });
  }

  override readTreasury(): Promise<Uint8Array | null> {
    return Promise.resolve(this.#file.treasury ?? null);
  }

  override writeTreasury(bytes: Uint8Array): Promise<void> {
    return this.#write(() => {
      this.#file.treasury = bytes;
    });
  }

  override sealForSelf(plaintext: Uint8Array, context: string, random: Uint8Array): Uint8Array {
    const cipher = createCipheriv('aes-256-gcm', this.#ownKey(), random, { authTagLength: TAG_BYTES });
    cipher.setAAD(utf8(context));
    return concat(random, cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
  }

  override openForSelf(box: Uint8Array, context: string): Uint8Array {
    const nonce = box.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', this.#ownKey(), nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(utf8(context)).setAuthTag(box.subarray(box.length - TAG_BYTES));
    return concat(decipher.update(box.subarray(NONCE_BYTES, box.length - TAG_BYTES)), decipher.final());
  }

  override close(): void {}

  #ownKey(): Uint8Array {
    return sha256(utf8('simulated events'), this.#file.contents.identitySeed);
  }
}
