// What an account keeps as a secret: the TOTP secret (RFC 6238), sealed with AES-256-GCM under a key that lies beside the
// database, and one-time codes, of which only a hash is kept.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { base32crockford } from '@scure/base';
import { concat, sha256, toHex, utf8 } from './bytes.ts';

/** Length of a TOTP secret in bytes (RFC 4226, section 4, R6). */
export const TOTP_SECRET_BYTES = 20;
/** Length of the key that seals TOTP secrets in bytes. */
export const ACCOUNT_KEY_BYTES = 32;
/** Length of the nonce of a box in bytes; it has to be random. */
export const BOX_NONCE_BYTES = 12;
/** Random bytes of a one-time code: 80 bits, so that a plain hash cannot be searched. */
export const CODE_BYTES = 10;

const TAG_BYTES = 16;
const TOTP_BOX_DOMAIN = '0BTC_WIRE_TOTP_BOX/v1';
const CODE_DOMAIN = '0BTC_WIRE_ACCOUNT_CODE/v1';
const CODE_CHARACTERS = 16;

/** What a one-time code is for: its hash is bound to it. */
export type CodePurpose = 'backup' | 'password' | 'totp';

/** Seals a TOTP secret for one account: nonce ‖ ciphertext ‖ tag. Under another name it does not open. */
export function sealTotpSecret(secret: Uint8Array, key: Uint8Array, nonce: Uint8Array, user: string): Uint8Array {
  if (nonce.length !== BOX_NONCE_BYTES) throw new Error(`a box nonce has ${BOX_NONCE_BYTES} bytes`);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo(user));
  return concat(nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag());
}

/** Opens a TOTP secret; null where it was not sealed for this account with this key. The caller zeroes it. */
export function openTotpSecret(box: Uint8Array, key: Uint8Array, user: string): Uint8Array | null {
  if (box.length < BOX_NONCE_BYTES + TAG_BYTES) return null;
  try {
    const nonce = box.slice(0, BOX_NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(boundTo(user));
    decipher.setAuthTag(box.slice(box.length - TAG_BYTES));
    return concat(decipher.update(box.slice(BOX_NONCE_BYTES, box.length - TAG_BYTES)), decipher.final());
  } catch {
    return null;
  }
}

/** A one-time code of 10 random bytes as people copy it: 16 characters (Crockford's base32) in groups of four. */
export function codeText(random: Uint8Array): string {
  if (random.length !== CODE_BYTES) throw new Error(`a code has ${CODE_BYTES} bytes`);
  const characters = base32crockford.encode(random).toLowerCase();
  return characters.replace(/.{4}(?=.)/g, '$&-');
}

/**
 * The hash of a one-time code as somebody typed it, bound to its account and purpose; null where it is none. Capitals, spaces
 * and dashes do not matter, nor do the letters that Crockford's base32 takes for digits.
 */
export function codeHash(typed: string, user: string, purpose: CodePurpose): string | null {
  const plain = typed.toLowerCase().replaceAll(/[\s-]/g, '').replaceAll('o', '0').replaceAll(/[il]/g, '1');
  if (plain.length !== CODE_CHARACTERS || !/^[0-9a-hjkmnp-tv-z]+$/.test(plain)) return null;
  return toHex(sha256(utf8([CODE_DOMAIN, purpose, user, plain].join('\0'))));
}

function boundTo(user: string): Uint8Array {
  return utf8(`${TOTP_BOX_DOMAIN}\0${user}`);
}
