// CertEq, ChillDKG's equality check, and recovery acknowledgments: both are BIP 340 signatures of host keys over a
// message that names its purpose and its signer. The certificate is the list of all participants' signatures.

import { asciiToBytes, concatBytes } from '@noble/curves/utils.js';
import { type SignatureClaim, signaturesHold } from '../bip340-batch.ts';
import { parsePoint, SIGNATURE_BYTES, uintToBytes, ValueError } from '../secp256k1.ts';
import { BIP_TAG } from './encoding.ts';
import { schnorrSign, schnorrVerify } from './pop.ts';

/** BIP 340's advice for domain separation: a prefix padded to 33 bytes. */
const PREFIX_BYTES = 33;

/** What a host key signs: that it agrees in a session, or that it holds the recovery data. */
export type Purpose = 'certeq message' | 'recovery acknowledgment';

function signedMessage(purpose: Purpose, participantId: number, content: Uint8Array): Uint8Array {
  const prefix = new Uint8Array(PREFIX_BYTES);
  prefix.set(asciiToBytes(BIP_TAG + purpose));
  return concatBytes(prefix, uintToBytes(participantId, 4), content);
}

/** Participant `participantId`'s 64-byte signature of `content`. `auxRand` is 32 bytes. */
export function hostSign(
  purpose: Purpose,
  hostseckey: Uint8Array,
  participantId: number,
  content: Uint8Array,
  auxRand: Uint8Array,
): Uint8Array {
  return schnorrSign(signedMessage(purpose, participantId, content), hostseckey, auxRand);
}

/** Whether `signature` (64 bytes) is participant `participantId`'s of `content`. */
export function hostVerify(
  purpose: Purpose,
  hostpubkey: Uint8Array,
  participantId: number,
  content: Uint8Array,
  signature: Uint8Array,
): boolean {
  // The parity byte may be dropped: what is signed holds all host public keys in full.
  return schnorrVerify(signedMessage(purpose, participantId, content), hostpubkey.subarray(1), signature);
}

/** Length of a certificate in bytes. */
export function certificateBytes(participants: number): number {
  return SIGNATURE_BYTES * participants;
}

/**
 * The index of the first participant whose signature in the certificate is not valid; null if all are. Throws a
 * ValueError on a wrong length.
 */
export function firstInvalidSignature(
  hostpubkeys: readonly Uint8Array[],
  equalityInput: Uint8Array,
  certificate: Uint8Array,
): number | null {
  if (certificate.length !== certificateBytes(hostpubkeys.length))
    throw new ValueError('The certificate has a wrong length.');
  const signatureOf = (i: number) => certificate.subarray(i * SIGNATURE_BYTES, (i + 1) * SIGNATURE_BYTES);
  const claims = hostpubkeys.flatMap((hostpubkey, i): SignatureClaim[] => {
    const publicKey = parsePoint(hostpubkey);
    const message = signedMessage('certeq message', i, equalityInput);
    return publicKey ? [{ message, publicKey, signature: signatureOf(i) }] : [];
  });
  if (claims.length === hostpubkeys.length && signaturesHold(claims)) return null;
  for (const [i, hostpubkey] of hostpubkeys.entries()) {
    const signature = signatureOf(i);
    if (!hostVerify('certeq message', hostpubkey, i, equalityInput, signature)) return i;
  }
  return null;
}
