// Carries a DKG share to its one recipient: ECDH on secp256k1 between the ChillDKG host keys, HKDF (RFC 5869, SHA-256),
// AES-256-GCM. TLS already hides the share from strangers; the box hides it from whoever relays it, and binds it to the
// ceremony, the attempt and both parties.
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { concat, sha256, u32be, utf8, zeroize } from './bytes.ts';
import { isNonzeroScalar, parsePoint, sharedSecret } from './secp256k1.ts';

/** Length of a share in bytes. */
export const SHARE_BYTES = 32;
const TAG_BYTES = 16;
/** Length of a sealed share in bytes. */
export const SHARE_BOX_BYTES = SHARE_BYTES + TAG_BYTES;
const SHARE_BOX_DOMAIN = '0BTC_WIRE_SHARE_BOX/v1';

/** Who sends what to whom; both sides must hold the same. Public keys are 33-byte compressed ChillDKG host keys. */
export interface ShareRoute {
  readonly ceremonyId: string;
  /** Distinguishes the attempts of a ceremony: two different shares must never go under the same route. */
  readonly context: Uint8Array;
  readonly senderIndex: number;
  readonly recipientIndex: number;
  readonly senderPublicKey: Uint8Array;
  readonly recipientPublicKey: Uint8Array;
}

// Each route has its own key and carries one share, so a fixed nonce is used once per key.
const ZERO_NONCE = new Uint8Array(12);

/** Seals a 32-byte share with the sender's host secret (32 bytes). Throws where a key or the share is malformed. */
export function sealShare(share: Uint8Array, senderSecret: Uint8Array, route: ShareRoute): Uint8Array {
  if (share.length !== SHARE_BYTES) throw new Error('a share has 32 bytes');
  const key = routeKey(senderSecret, route.recipientPublicKey, route);
  try {
    const cipher = createCipheriv('aes-256-gcm', key, ZERO_NONCE, { authTagLength: TAG_BYTES });
    return concat(cipher.update(share), cipher.final(), cipher.getAuthTag());
  } finally {
    zeroize(key);
  }
}

/** Opens a sealed share with the recipient's host secret; null where it was not sealed for exactly this route. */
export function openShare(box: Uint8Array, recipientSecret: Uint8Array, route: ShareRoute): Uint8Array | null {
  if (box.length !== SHARE_BOX_BYTES) return null;
  try {
    const key = routeKey(recipientSecret, route.senderPublicKey, route);
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, ZERO_NONCE, { authTagLength: TAG_BYTES });
      decipher.setAuthTag(box.subarray(SHARE_BYTES));
      return concat(decipher.update(box.subarray(0, SHARE_BYTES)), decipher.final());
    } finally {
      zeroize(key);
    }
  } catch {
    return null;
  }
}

function routeKey(secret: Uint8Array, otherPublicKey: Uint8Array, route: ShareRoute): Uint8Array {
  const other = parsePoint(otherPublicKey);
  if (other === null || !isNonzeroScalar(secret)) throw new Error('a host key is malformed');
  const shared = sharedSecret(secret, other);
  const secretX = shared.slice(1);
  // Fields of free length are hashed, so no two routes can share one encoding.
  const info = concat(
    sha256(utf8(route.ceremonyId)),
    sha256(route.context),
    sha256(route.senderPublicKey),
    sha256(route.recipientPublicKey),
    u32be(route.senderIndex),
    u32be(route.recipientIndex),
  );
  const key = new Uint8Array(hkdfSync('sha256', secretX, utf8(SHARE_BOX_DOMAIN), info, 32));
  zeroize(shared, secretX);
  return key;
}
