// A node's identity: the Ed25519 key that its peers know it by, and the session keys that it certifies. Each start of the
// node has one, certified together with its boot id. So a token signs once per start, and a second live copy shows.
import { z } from 'zod';
import { concat, fromHex, toHex, tryFromHex, utf8 } from './bytes.ts';
import { canonicalJson, type Json } from './canonical-json.ts';
import {
  ED25519_SIGNATURE_BYTES,
  type Ed25519Signer,
  signerFromSeed,
  verifyEd25519,
  verifyEd25519Once,
} from './ed25519.ts';
import { hexOf } from './json-fields.ts';

/** The long-lived key of a node. */
export type IdentitySecret = Ed25519Signer;

/** Domain tag under which an identity key signs session certificates. */
export const SESSION_CERTIFICATE_DOMAIN = '0BTC_WIRE_SESSION_CERTIFICATE/v1';
/** Length of a boot id in bytes. */
export const BOOT_ID_BYTES = 16;

const certificateSchema = z.strictObject({
  v: z.literal(1),
  network: z.string().min(1).max(32),
  index: z.int().min(0).max(63),
  boot: hexOf(BOOT_ID_BYTES),
  session_key: hexOf(32),
  issued_at: z.int().min(0),
  sig: hexOf(ED25519_SIGNATURE_BYTES),
});

/**
 * The identity key's certificate that a session key speaks for the node since `issued_at` (ms since 1970), as long as no
 * later boot supersedes it. `boot` 16 bytes, `session_key` 32, `sig` 64, all lowercase hexadecimal.
 */
export type SessionCertificate = Readonly<z.infer<typeof certificateSchema>>;

/** A start's right to speak for its node. */
export interface Session {
  readonly certificate: SessionCertificate;
  readonly signer: Ed25519Signer;
}

/** What `createSession` needs. `boot` 16 and `seed` 32 fresh random bytes; `now` in ms. */
export interface SessionInput {
  readonly identity: IdentitySecret;
  readonly network: string;
  readonly index: number;
  readonly boot: Uint8Array;
  readonly seed: Uint8Array;
  readonly now: number;
}

/** Verdict on a session certificate. */
export type SessionVerdict =
  | { readonly ok: true; readonly certificate: SessionCertificate }
  | { readonly ok: false; readonly reason: 'malformed' | 'wrong_network' | 'wrong_index' | 'bad_signature' };

/** The identity whose secret is a 32-byte seed. */
export function identityFromSeed(seed: Uint8Array): IdentitySecret {
  return signerFromSeed(seed);
}

/** Signs a JSON value under a domain tag: Ed25519 over tag ‖ 0x00 ‖ RFC 8785 bytes. Returns lowercase hexadecimal. */
export function signJson(signer: Ed25519Signer, domain: string, value: Json): string {
  return signJsonText(signer, domain, canonicalJson(value));
}

/** `signJson` of a value whose RFC 8785 text is at hand. */
export function signJsonText(signer: Ed25519Signer, domain: string, text: string): string {
  return toHex(signer.sign(domainMessage(domain, text)));
}

/** Whether `signature` (hexadecimal) is `signJson` of this value by the holder of this key. */
export function verifyJson(publicKey: Uint8Array, domain: string, value: Json, signature: string): boolean {
  const bytes = tryFromHex(signature, { bytes: ED25519_SIGNATURE_BYTES });
  return bytes !== null && verifyEd25519(publicKey, domainMessage(domain, canonicalJson(value)), bytes);
}

/** `verifyJson` of a value whose RFC 8785 text is at hand, and which is verified this once. */
export function verifyJsonText(publicKey: Uint8Array, domain: string, text: string, signature: string): boolean {
  const bytes = tryFromHex(signature, { bytes: ED25519_SIGNATURE_BYTES });
  return bytes !== null && verifyEd25519Once(publicKey, domainMessage(domain, text), bytes);
}

/** Makes a session key and its certificate; throws where the boot id or seed has the wrong length. */
export function createSession(input: SessionInput): Session {
  if (input.boot.length !== BOOT_ID_BYTES) throw new Error('a boot id has 16 bytes');
  const signer = signerFromSeed(input.seed);
  const unsigned = {
    v: 1 as const,
    network: input.network,
    index: input.index,
    boot: toHex(input.boot),
    session_key: toHex(signer.publicKey),
    issued_at: input.now,
  };
  const sig = signJson(input.identity, SESSION_CERTIFICATE_DOMAIN, unsigned);
  return { certificate: certificateSchema.parse({ ...unsigned, sig }), signer };
}

/** Validates a certificate that came from outside, against who it should speak for. Never throws. */
export function verifySessionCertificate(
  value: unknown,
  expected: { readonly identityKey: Uint8Array; readonly network: string; readonly index: number },
): SessionVerdict {
  const parsed = certificateSchema.safeParse(value);
  if (!parsed.success) return { ok: false, reason: 'malformed' };
  const { sig, ...unsigned } = parsed.data;
  if (unsigned.network !== expected.network) return { ok: false, reason: 'wrong_network' };
  if (unsigned.index !== expected.index) return { ok: false, reason: 'wrong_index' };
  const good = verifyJson(expected.identityKey, SESSION_CERTIFICATE_DOMAIN, unsigned, sig);
  return good ? { ok: true, certificate: parsed.data } : { ok: false, reason: 'bad_signature' };
}

/** The session key of a verified certificate, as 32 bytes. */
export function sessionKeyOf(certificate: SessionCertificate): Uint8Array {
  return fromHex(certificate.session_key, { bytes: 32 });
}

function domainMessage(domain: string, text: string): Uint8Array {
  return concat(utf8(domain), new Uint8Array(1), utf8(text));
}
