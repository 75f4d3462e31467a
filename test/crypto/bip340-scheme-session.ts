// One signing session of the bitcoin key's scheme, from nonces to the signature.

import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import type { GroupKey, SigningSession, Tweak } from '../../crypto/scheme.ts';
import { bytesOf, one } from './chilldkg-session.ts';

export interface Signed {
  readonly session: SigningSession;
  readonly publicNonces: Uint8Array[];
  readonly secretNonces: Uint8Array[];
  readonly partials: Uint8Array[];
}

/** One signing session in full, from nonces to partial signatures. */
export function signAll(
  { key, shares }: { key: GroupKey; shares: readonly Uint8Array[] },
  signers: readonly number[],
  message: Uint8Array,
  tweaks: readonly Tweak[] = [],
  random: Uint8Array = bytesOf('nonces'),
): Signed {
  const nonces = signers.map((index) => bip340Scheme.generateNonce(key, index, one(shares, index), random));
  const publicNonces = nonces.map((nonce) => nonce.public);
  const combined = bip340Scheme.combineNonces(signers, publicNonces);
  if (!combined.ok) throw new Error('The nonces are fine.');
  const session = { signers, nonceCommitment: combined.nonceCommitment, message, tweaks };
  const secretNonces = nonces.map((nonce) => nonce.secret.slice());
  const partials = signers.map((index, i) =>
    bip340Scheme.sign(key, index, one(shares, index), one(nonces, i).secret, session),
  );
  return { session, publicNonces, secretNonces, partials };
}

/** The aggregate of partial signatures that are all well formed. */
export function aggregated(key: GroupKey, session: SigningSession, partials: readonly Uint8Array[]): Uint8Array {
  const result = bip340Scheme.aggregate(key, session, partials);
  if (!result.ok) throw new Error(`Participant ${result.culprit} is blamed.`);
  return result.signature;
}
