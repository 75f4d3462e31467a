// Time-based one-time codes (RFC 6238): six digits, a new one every 30 s, HMAC-SHA-1, as every authenticator app has them.
import { base32nopad } from '@scure/base';
import { generateURI, verifySync } from 'otplib';
import { TOTP_SECRET_BYTES } from '../../crypto/account-secrets.ts';

const STEP_S = 30;

/** How old the first code of a new secret may be when the account is stored: others sign in meanwhile. */
export const FIRST_CODE_AGE_S = 600;

/**
 * The step whose code this is, at most one step after now (ms since 1970) and `pastS` before; null where it is the code of
 * none.
 */
export function codeStep(secret: Uint8Array, code: string, now: number, pastS: number = STEP_S): number | null {
  const token = code.replaceAll(/\s/g, '');
  if (!/^[0-9]{6}$/.test(token)) return null;
  const verdict = verifySync({ secret, token, epoch: Math.floor(now / 1000), epochTolerance: [pastS, STEP_S] });
  return verdict.valid && 'timeStep' in verdict ? verdict.timeStep : null;
}

/** The secret as people type it into an app that cannot scan: base32 in groups of four. */
export function secretText(secret: Uint8Array): string {
  return base32nopad.encode(secret).replace(/.{4}(?=.)/g, '$& ');
}

/** A secret from its base32; null where it is none. Spaces and small letters do not matter. */
export function secretFromText(text: string): Uint8Array | null {
  try {
    const secret = base32nopad.decode(text.replaceAll(/\s/g, '').toUpperCase());
    return secret.length === TOTP_SECRET_BYTES ? secret : null;
  } catch {
    return null;
  }
}

/** What the QR code says: `otpauth://totp/…`, with the node's name, so that an app shows which node a code is for. */
export function enrolmentUri(secret: Uint8Array, user: string, node: string): string {
  return generateURI({ issuer: `0BTC Wire ${node}`, label: user, secret: base32nopad.encode(secret) });
}
