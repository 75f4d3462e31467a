// The federation's keys as this node can use them: public halves from the store, shares from the key ring. A key keeps
// one GroupKey object for as long as the process runs, because the schemes keep what they compute per object.

import { z } from 'zod';
import type { NonceOwner } from '../../ceremony/signing/nonce-pool.ts';
import { certificateSchema } from '../../ceremony/transcript.ts';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import { equal, fromHex, toHex, zeroize } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { ed25519Scheme } from '../../crypto/ed25519-frost.ts';
import type { FrostScheme, GroupKey, SchemeName } from '../../crypto/scheme.ts';
import type { CeremonyKeys, KeyShare } from '../../crypto/seal.ts';
import { verifyingShareOf } from '../../crypto/verifying-share.ts';
import type { Queries } from '../../store/database.ts';
import { getKey, listKeys, liveKey, type StoredKey } from '../../store/keys.ts';
import type { KeyRing } from './key-ring.ts';

const SCHEMES: Record<SchemeName, FrostScheme> = { bip340: bip340Scheme, ed25519: ed25519Scheme };

const hex = z.string().regex(/^([0-9a-f]{2})+$/);
const groupKeyJson = z.strictObject({
  threshold: z.int().min(2).max(64),
  participants: z.int().min(2).max(64),
  public_key: hex,
  verifying_shares: z.array(hex).max(64),
});
const groupKeysJson = z.strictObject({ bitcoin: groupKeyJson, attestation: groupKeyJson });

/** Both public keys of a ceremony. */
export interface FederationKey {
  readonly keyId: string;
  readonly ceremonyId: string;
  readonly status: StoredKey['status'] | 'rehearsal';
  readonly bitcoin: GroupKey;
  readonly attestation: GroupKey;
  readonly transcriptHash: string;
  readonly createdAt: number;
}

/** The JSON in which the store keeps both group keys. */
export function groupKeysToJson(bitcoin: GroupKey, attestation: GroupKey): Json {
  const json = (key: GroupKey): Json => ({
    threshold: key.threshold,
    participants: key.participants,
    public_key: toHex(key.publicKey),
    verifying_shares: key.verifyingShares.map(toHex),
  });
  return { bitcoin: json(bitcoin), attestation: json(attestation) };
}

/** Looks keys up, each once. */
export class Keys {
  readonly #db: Queries;
  readonly #ring: KeyRing;
  readonly #myIndex: number;
  readonly #known = new Map<string, FederationKey>();
  readonly #owners = new Map<string, NonceOwner>();
  /** Keys of rehearsals: in memory only, and gone with the rehearsal. */
  readonly #rehearsals = new Map<string, { readonly key: FederationKey; readonly shares: CeremonyKeys }>();

  readonly #endListeners: ((keyId: string) => void)[] = [];

  constructor(db: Queries, ring: KeyRing, myIndex: number) {
    this.#db = db;
    this.#ring = ring;
    this.#myIndex = myIndex;
  }

  /** The scheme of a name. */
  scheme(name: SchemeName): FrostScheme {
    return SCHEMES[name];
  }

  /** A key by its id, with its present status; null where the store has none. */
  get(keyId: string): FederationKey | null {
    const rehearsal = this.#rehearsals.get(keyId);
    if (rehearsal !== undefined) return rehearsal.key;
    const stored = getKey(this.#db, keyId);
    return stored === null ? null : this.#read(stored);
  }

  /** The key that is in use, or null before the first ceremony. */
  live(): FederationKey | null {
    const stored = liveKey(this.#db);
    return stored === null ? null : this.#read(stored);
  }

  /** All keys, newest first. */
  list(): readonly FederationKey[] {
    return listKeys(this.#db).map((stored) => this.#read(stored));
  }

  /** This node's share of a live key, ready to sign; null where there is none. Throws `SealedError` while sealed. */
  owner(keyId: string, scheme: SchemeName): NonceOwner | null {
    const rehearsal = this.#rehearsals.get(keyId);
    const shares = rehearsal?.shares ?? this.#ring.keysOf(keyId);
    const key = this.get(keyId);
    if (shares === null || key === null || (key.status !== 'live' && key.status !== 'rehearsal')) return null;
    const name = `${keyId}/${scheme}`;
    const { signingShare } = scheme === 'bip340' ? shares.bitcoin : shares.attestation;
    const known = this.#owners.get(name);
    // After the key file was closed and opened again, an owner of before would sign with an erased share.
    if (known !== undefined && known.signingShare === signingShare) return known;
    const groupKey = scheme === 'bip340' ? key.bitcoin : key.attestation;
    const owner = { scheme: SCHEMES[scheme], keyId, key: groupKey, index: this.#myIndex, signingShare };
    this.#owners.set(name, owner);
    return owner;
  }

  /** Lets a rehearsal's key sign its own proof, and nothing else, until `endRehearsal`. */
  beginRehearsal(keyId: string, shares: CeremonyKeys, transcriptHash: string): void {
    // Where its end could not be written down, it is taken up again with copies of its own.
    this.endRehearsal(keyId);
    const { ceremonyId, createdAt, bitcoin, attestation } = shares;
    const publics = { bitcoin: bitcoin.groupKey, attestation: attestation.groupKey };
    const key = { keyId, ceremonyId, status: 'rehearsal' as const, ...publics, transcriptHash, createdAt };
    this.#rehearsals.set(keyId, { key, shares });
  }

  /** Has a listener told of each rehearsal that ends: nothing of its key is needed any more. */
  whenEnded(listener: (keyId: string) => void): void {
    this.#endListeners.push(listener);
  }

  /** Destroys a rehearsal's shares. */
  endRehearsal(keyId: string): void {
    const rehearsal = this.#rehearsals.get(keyId);
    if (rehearsal === undefined) return;
    this.#rehearsals.delete(keyId);
    for (const scheme of ['bip340', 'ed25519']) this.#owners.delete(`${keyId}/${scheme}`);
    zeroize(rehearsal.shares.bitcoin.signingShare, rehearsal.shares.attestation.signingShare);
    for (const listener of this.#endListeners) listener(keyId);
  }

  /** Whether this node's shares are those that the public keys were made with. Null where it holds none or is sealed. */
  sharesFit(keyId: string): boolean | null {
    if (this.#ring.sealed) return null;
    const shares = this.#ring.keysOf(keyId);
    const key = this.get(keyId);
    if (shares === null || key === null) return null;
    return fits(key.bitcoin, this.#myIndex, shares.bitcoin) && fits(key.attestation, this.#myIndex, shares.attestation);
  }

  #read(stored: StoredKey): FederationKey {
    const known = this.#known.get(stored.keyId);
    if (known !== undefined) {
      return known.status === stored.status ? known : this.#remember({ ...known, status: stored.status });
    }
    const parsed = groupKeysJson.parse(stored.groupKeys);
    const { keyId, ceremonyId, status, createdAt } = stored;
    const bitcoin = groupKeyOf('bip340', parsed.bitcoin);
    const attestation = groupKeyOf('ed25519', parsed.attestation);
    const { transcript_hash: transcriptHash } = certificateSchema.parse(stored.certificate);
    return this.#remember({ keyId, ceremonyId, status, bitcoin, attestation, transcriptHash, createdAt });
  }

  #remember(key: FederationKey): FederationKey {
    this.#known.set(key.keyId, key);
    return key;
  }
}

function groupKeyOf(scheme: SchemeName, json: z.infer<typeof groupKeyJson>): GroupKey {
  return {
    scheme,
    threshold: json.threshold,
    participants: json.participants,
    publicKey: fromHex(json.public_key),
    verifyingShares: json.verifying_shares.map((share) => fromHex(share)),
  };
}

function fits(key: GroupKey, index: number, share: KeyShare): boolean {
  const verifying = key.verifyingShares[index];
  if (verifying === undefined || !equal(key.publicKey, share.groupKey.publicKey)) return false;
  return equal(verifyingShareOf(key.scheme, share.signingShare), verifying);
}
