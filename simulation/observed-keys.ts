// A node's keys with an eye on every nonce that is made and every share that is computed. The schemes are the real ones.

import type { NonceOwner } from '../ceremony/signing/nonce-pool.ts';
import { BoundedCache } from '../crypto/bounded-cache.ts';
import { toHex } from '../crypto/bytes.ts';
import type { FrostScheme, GroupKey, SchemeName } from '../crypto/scheme.ts';
import type { KeyRing } from '../operator/keys/key-ring.ts';
import { type FederationKey, Keys } from '../operator/keys/keys.ts';
import type { Queries } from '../store/database.ts';
import { onceForAll } from './draws.ts';

/** What a node does with its shares; `nonce`: the secret one, in hexadecimal; `message`: what the share signs. */
export type KeyUse =
  | { readonly kind: 'nonce'; readonly scheme: SchemeName; readonly nonce: string }
  | { readonly kind: 'share'; readonly scheme: SchemeName; readonly nonce: string; readonly message: string };

const KEYS_KEPT_MAX = 64;
const SECRET_SCALARS_BYTES = 64;
const groupKeys = new BoundedCache<GroupKey>(KEYS_KEPT_MAX);

export class ObservedKeys extends Keys {
  readonly #sees: (use: KeyUse) => void;
  readonly #observed = new WeakMap<NonceOwner, NonceOwner>();
  readonly #alike = new WeakMap<FederationKey, FederationKey>();

  constructor(db: Queries, ring: KeyRing, myIndex: number, sees: (use: KeyUse) => void) {
    super(db, ring, myIndex);
    this.#sees = sees;
  }

  override get(keyId: string): FederationKey | null {
    const key = super.get(keyId);
    return key === null ? null : this.#shared(key);
  }

  override live(): FederationKey | null {
    const key = super.live();
    return key === null ? null : this.#shared(key);
  }

  override list(): readonly FederationKey[] {
    return super.list().map((key) => this.#shared(key));
  }

  override owner(keyId: string, scheme: SchemeName): NonceOwner | null {
    const owner = super.owner(keyId, scheme);
    if (owner === null) return null;
    const known = this.#observed.get(owner) ?? { ...owner, scheme: this.#observe(owner.scheme) };
    this.#observed.set(owner, known);
    return known;
  }

  #shared(key: FederationKey): FederationKey {
    const known = this.#alike.get(key) ?? {
      ...key,
      bitcoin: shared(key.bitcoin),
      attestation: shared(key.attestation),
    };
    this.#alike.set(key, known);
    return known;
  }

  #observe(scheme: FrostScheme): FrostScheme {
    const { name } = scheme;
    const generateNonce = onceForAll(scheme);
    return {
      ...scheme,
      generateNonce: (key, index, signingShare, random) => {
        const pair = generateNonce(key, index, signingShare, random);
        this.#sees({ kind: 'nonce', scheme: name, nonce: scalarsOf(pair.secret) });
        return pair;
      },
      sign: (key, index, signingShare, secretNonce, session) => {
        const nonce = scalarsOf(secretNonce);
        this.#sees({ kind: 'share', scheme: name, nonce, message: toHex(session.message) });
        return scheme.sign(key, index, signingShare, secretNonce, session);
      },
    };
  }
}

// Behind its two secret scalars a nonce may hold what is public.
function scalarsOf(secretNonce: Uint8Array): string {
  return toHex(secretNonce.subarray(0, SECRET_SCALARS_BYTES));
}

// The schemes keep what they compute of a key per object: all nodes share one, as each would compute the same.
function shared(key: GroupKey): GroupKey {
  const { scheme, threshold, participants, publicKey, verifyingShares } = key;
  const name = [scheme, threshold, participants, ...[publicKey, ...verifyingShares].map(toHex)].join('/');
  return groupKeys.get(name, () => key);
}
