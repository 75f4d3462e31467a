// EncPedPop's encryption of partial shares to all participants at once: hashed ElGamal with one nonce for all
// recipients (Pinto, Poettering, Schuldt, "Multi-recipient encryption, revisited", section 5). A ciphertext is a share
// plus a pad, so ciphertexts can be summed by a coordinator who cannot read them.

import { concatBytes } from '@noble/curves/utils.js';
import { sha256 } from '../bytes.ts';
import {
  addSecrets,
  isNonzeroScalar,
  parsePoint,
  parseScalar,
  reduceSecret,
  type SecretScalar,
  scalarToBytes,
  sharedSecret,
  subtractSecret,
  uintToBytes,
  ValueError,
} from '../secp256k1.ts';
import { dkgHash } from './encoding.ts';
import { FaultyParticipantOrCoordinatorError } from './errors.ts';

/** What every pad is bound to besides its recipient: t and all encryption keys. */
export function encryptionContext(threshold: number, encryptionKeys: readonly Uint8Array[]): Uint8Array {
  return concatBytes(uintToBytes(threshold, 4), ...encryptionKeys);
}

/** The pad that two keys share; null if the other one's is not a point. */
function sharedPad(
  secretKey: Uint8Array,
  theirKey: Uint8Array,
  sender: Uint8Array,
  recipient: Uint8Array,
  context: Uint8Array,
): SecretScalar | null {
  if (!isNonzeroScalar(secretKey)) throw new ValueError('The secret key is out of range.');
  const point = parsePoint(theirKey);
  if (!point) return null;
  const shared = sharedSecret(secretKey, point);
  const secret = sha256(shared);
  const hash = dkgHash('encpedpop ecdh', secret, sender, recipient, context);
  const pad = reduceSecret(hash);
  for (const bytes of [shared, secret, hash]) bytes.fill(0);
  return pad;
}

/** The pad for a share to oneself, without the cost of a Diffie-Hellman exchange. */
function ownPad(decryptionKey: Uint8Array, publicNonce: Uint8Array, context: Uint8Array): SecretScalar {
  const hash = dkgHash('encaps_multi self_pad', decryptionKey, publicNonce, context);
  const pad = reduceSecret(hash);
  hash.fill(0);
  return pad;
}

function recipientContext(recipient: number, context: Uint8Array): Uint8Array {
  return concatBytes(uintToBytes(recipient, 4), context);
}

/** This participant's keys: where its own share goes, and how it reads what others sent it. */
export interface OwnKeys {
  readonly participantId: number;
  /** 32 bytes. Secret. */
  readonly decryptionKey: Uint8Array;
}

/** Encrypts one share to each participant, in index order, under a fresh nonce. What comes out is public. */
export function encryptShares(
  own: OwnKeys,
  nonce: { readonly secret: Uint8Array; readonly public: Uint8Array },
  encryptionKeys: readonly Uint8Array[],
  context: Uint8Array,
  shares: readonly SecretScalar[],
): bigint[] {
  return encryptionKeys.map((encryptionKey, recipient) => {
    const bound = recipientContext(recipient, context);
    const pad =
      recipient === own.participantId
        ? ownPad(own.decryptionKey, nonce.public, bound)
        : sharedPad(nonce.secret, encryptionKey, nonce.public, encryptionKey, bound);
    const share = shares[recipient];
    if (pad === null || share === undefined) throw new ValueError('There must be one share per encryption key.');
    const encrypted = parseScalar(addSecrets(share, pad));
    pad.fill(0);
    if (encrypted === null) throw new Error('A sum is below the group order.');
    return encrypted;
  });
}

/**
 * The pads of what all participants, in index order, sent to this one. Secret. Throws a
 * FaultyParticipantOrCoordinatorError that names a sender whose public nonce is not a point.
 */
export function padsFrom(
  own: OwnKeys,
  encryptionKeys: readonly Uint8Array[],
  publicNonces: readonly Uint8Array[],
  context: Uint8Array,
): SecretScalar[] {
  const { participantId, decryptionKey } = own;
  const encryptionKey = encryptionKeys[participantId];
  if (!encryptionKey) throw new ValueError('There is no participant with this index.');
  const bound = recipientContext(participantId, context);
  return publicNonces.map((publicNonce, sender) => {
    if (sender === participantId) return ownPad(decryptionKey, publicNonce, bound);
    const pad = sharedPad(decryptionKey, publicNonce, publicNonce, encryptionKey, bound);
    if (pad === null) throw new FaultyParticipantOrCoordinatorError(sender, 'invalid public nonce');
    return pad;
  });
}

/** What is left of an encrypted share, or of a sum of such, without its pads. Secret. */
export function withoutPads(encrypted: bigint, pads: readonly SecretScalar[]): SecretScalar {
  return pads.reduce<SecretScalar>((value, pad) => {
    const next = subtractSecret(value, pad);
    value.fill(0);
    return next;
  }, scalarToBytes(encrypted));
}
