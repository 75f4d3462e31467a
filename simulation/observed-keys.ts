// A node's keys with an eye on every nonce that is made and every share that is computed. The schemes are the real ones.

import type { NonceOwner } from '../ceremony/nonce-pool.ts';
import { toHex } from '../crypto/bytes.ts';
import type { FrostScheme, SchemeName } from '../crypto/scheme.ts';
import type { KeyRing } from '../operator/key-ring.ts';
import { Keys } from '../operator/keys.ts';
import type { Queries } from '../store/database.ts';

/** What a node does with its shares; `nonce`: the secret one, in hexadecimal; `message`: what the share signs. */
export type KeyUse =
  | { readonly kind: 'nonce'; readonly scheme: SchemeName; readonly nonce: string }
  | { readonly kind: 'share'; readonly scheme: SchemeName; readonly nonce: string; readonly message: string };

export class ObservedKeys extends Keys {
  readonly #sees: (use: KeyUse) => void;
  readonly #observed = new WeakMap<NonceOwner, NonceOwner>();

  constructor(db: Queries, ring: KeyRing, myIndex: number, sees: (use: KeyUse) => void) {
    super(db, ring, myIndex);
    this.#sees = sees;
  }

  override owner(keyId: string, scheme: SchemeName): NonceOwner | null {
    const owner = super.owner(keyId, scheme);
    if (owner === null) return null;
    const known = this.#observed.get(owner) ?? { ...owner, scheme: this.#observe(owner.scheme) };
    this.#observed.set(owner, known);
    return known;
  }

  #observe(scheme: FrostScheme): FrostScheme {
    const { name } = scheme;
    return {
      ...scheme,
      generateNonce: (key, index, signingShare, random) => {
        const pair = scheme.generateNonce(key, index, signingShare, random);
        this.#sees({ kind: 'nonce', scheme: name, nonce: toHex(pair.secret) });
        return pair;
      },
      sign: (key, index, signingShare, secretNonce, session) => {
        const nonce = toHex(secretNonce);
        this.#sees({ kind: 'share', scheme: name, nonce, message: toHex(session.message) });
        return scheme.sign(key, index, signingShare, secretNonce, session);
      },
    };
  }
}
