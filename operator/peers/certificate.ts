// TLS certificates (X.509, RFC 5280): reading and validating those that openssl or this node made, and making one where
// there is none. Peers pin each other's certificate by its SHA-256 fingerprint, so names in it carry no trust.
import { type KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

/** How long a certificate made here is valid, in days. */
export const CERTIFICATE_VALID_DAYS = 825;
/** Smallest RSA modulus that is accepted, in bits. */
export const RSA_KEY_BITS_MIN = 2048;
/** Largest PEM file that is read as a certificate or key, in bytes. */
export const PEM_BYTES_MAX = 64 * 1024;

const DAY_MS = 86_400_000;
// RFC 5280 appendix A.1, ub-common-name.
const COMMON_NAME_CHARS_MAX = 64;
// Peers' clocks may run behind ours by more than a moment when a certificate has just been made.
const BACKDATED_MS = 3_600_000;
const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** What a certificate says. Times in ms since 1970; `fingerprint` is SHA-256 of the DER form in lowercase hexadecimal. */
export interface CertificateFacts {
  readonly pem: string;
  readonly fingerprint: string;
  readonly subject: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** For people: `RSA 4096`, `EC prime256v1`, `Ed25519`. */
  readonly key: string;
}

/** Verdict on a certificate; the facts are there as soon as it could be read. */
export type CertificateVerdict =
  | { readonly ok: true; readonly facts: CertificateFacts }
  | { readonly ok: false; readonly reason: 'malformed'; readonly detail: string }
  | {
      readonly ok: false;
      readonly reason: 'expired' | 'not_yet_valid' | 'weak_key';
      readonly detail: string;
      readonly facts: CertificateFacts;
    };

/** A certificate and its private key (PKCS#8), both PEM. */
export interface CertificateAndKey {
  readonly certificate: string;
  readonly key: string;
}

/** Reads the first certificate of a PEM text; null where there is none. Says nothing about whether to accept it. */
export function readCertificate(pem: string): CertificateFacts | null {
  return parse(pem)?.facts ?? null;
}

/** Validates a certificate at `now` (ms since 1970): readable, within its validity, with a key strong enough. */
export function checkCertificate(pem: string, now: number): CertificateVerdict {
  const parsed = parse(pem);
  if (parsed === null) return { ok: false, reason: 'malformed', detail: 'this is not a PEM certificate' };
  const { facts, strong } = parsed;
  if (now > facts.notAfter) {
    return { ok: false, reason: 'expired', detail: `the certificate expired on ${day(facts.notAfter)}`, facts };
  }
  if (now < facts.notBefore) {
    const detail = `the certificate is not valid before ${new Date(facts.notBefore).toISOString()}`;
    return { ok: false, reason: 'not_yet_valid', detail, facts };
  }
  if (!strong) {
    const detail = `the certificate's key is ${facts.key}; RSA of ${RSA_KEY_BITS_MIN} bits or more, P-256 or Ed25519 is needed`;
    return { ok: false, reason: 'weak_key', detail, facts };
  }
  return { ok: true, facts };
}

/** Whole days until a certificate expires; negative once it has. */
export function daysLeft(facts: CertificateFacts, now: number): number {
  return Math.floor((facts.notAfter - now) / DAY_MS);
}

/** How long a certificate still holds, for people: `has 12 days left`, `expired 3 days ago`, `is not valid before …`. */
export function validityText(facts: CertificateFacts, now: number): string {
  if (now < facts.notBefore) return `is not valid before ${new Date(facts.notBefore).toISOString()}`;
  if (now <= facts.notAfter) return `has ${countDays(daysLeft(facts, now))} left`;
  const ago = Math.floor((now - facts.notAfter) / DAY_MS);
  return ago === 0 ? 'expired today' : `expired ${countDays(ago)} ago`;
}

/** Whether a certificate holds at `now` (ms since 1970). */
export function isValidAt({ notBefore, notAfter }: CertificateFacts, now: number): boolean {
  return now >= notBefore && now <= notAfter;
}

function countDays(days: number): string {
  return days === 1 ? '1 day' : `${days} days`;
}

/** Whether a private key is the one that a certificate (PEM) was made for. Throws where the certificate is unreadable. */
export function holdsKeyOf(certificate: string, privateKey: KeyObject): boolean {
  return new X509Certificate(certificate).checkPrivateKey(privateKey);
}

/**
 * Makes a self-signed P-256 certificate: CN = `name`, the host of `address` (`host`, `host:port`, IPv6 in brackets) as
 * subject alternative name, valid from an hour before `now` for `days`.
 */
export async function makeCertificate(input: {
  readonly name: string;
  readonly address: string;
  readonly now: number;
  readonly days?: number;
}): Promise<CertificateAndKey> {
  // Only `init` makes certificates: no other start should load this library and the global polyfill it asks for.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const host = hostOf(input.address);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: new x509.Name([{ CN: [{ utf8String: [...input.name].slice(0, COMMON_NAME_CHARS_MAX).join('') }] }]),
    notBefore: new Date(input.now - BACKDATED_MS),
    notAfter: new Date(input.now + (input.days ?? CERTIFICATE_VALID_DAYS) * DAY_MS),
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }]),
      // Where two operators chose one name, this tells their certificates apart in a bundle of trusted ones.
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = x509.PemConverter.encode(pkcs8, 'PRIVATE KEY');
  pkcs8.fill(0);
  return { certificate: `${made.toString('pem')}\n`, key: `${key}\n` };
}

/** The host of `host:port`, `host`, `[ipv6]:port` or `[ipv6]`. */
export function hostOf(address: string): string {
  const bracketed = /^\[([^\]]+)\](?::[0-9]+)?$/.exec(address)?.[1];
  if (bracketed !== undefined) return bracketed;
  if (isIP(address) === 6) return address;
  return address.replace(/:[0-9]+$/, '');
}

function parse(pem: string): { readonly facts: CertificateFacts; readonly strong: boolean } | null {
  if (pem.length > PEM_BYTES_MAX || !pem.includes('-----BEGIN CERTIFICATE-----')) return null;
  try {
    const certificate = new X509Certificate(pem);
    const key = describeKey(certificate);
    return {
      facts: {
        pem,
        fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
        subject: certificate.subject.replaceAll('\n', ', '),
        notBefore: certificate.validFromDate.getTime(),
        notAfter: certificate.validToDate.getTime(),
        key: key.name,
      },
      strong: key.strong,
    };
  } catch {
    return null;
  }
}

function describeKey(certificate: X509Certificate): { readonly name: string; readonly strong: boolean } {
  const publicKey = publicKeyOf(certificate);
  if (publicKey === null) return { name: 'of a kind that TLS here does not know', strong: false };
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey;
  if (type === 'rsa') {
    const bits = details?.modulusLength ?? 0;
    return { name: `RSA ${bits}`, strong: bits >= RSA_KEY_BITS_MIN };
  }
  if (type === 'ec') {
    const curve = details?.namedCurve ?? 'unknown';
    return { name: `EC ${curve}`, strong: CURVES.has(curve) };
  }
  if (type === 'ed25519') return { name: 'Ed25519', strong: true };
  return { name: type ?? 'unknown', strong: false };
}

// The certificate itself is well; its library knows RSA, elliptic curves and Ed25519 alone.
function publicKeyOf(certificate: X509Certificate): KeyObject | null {
  try {
    return certificate.publicKey;
  } catch {
    return null;
  }
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
