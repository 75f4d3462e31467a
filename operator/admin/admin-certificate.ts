// The certificate of the web admin: made by the node itself beside its configuration, or the operator's own, put there in its place.
// One that the node made is renewed at a start, before it ends.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { OperatorConfig } from '../config/config.ts';
import { makeNextTlsFiles, useNextTlsFiles } from '../peers/certificate-files.ts';
import { ensureTlsFiles } from '../peers/tls.ts';
import { CommandError } from '../runtime/command-error.ts';

/** With fewer days left, a certificate that this node made is replaced. */
const RENEWED_DAYS = 30;
const DAY_MS = 86_400_000;
/** Group-readable is how distributions hand keys to a service; anything wider is a leak. */
const OTHERS = 0o027;
const LOOPBACK = /^(127\.|::1$|localhost$)/;

/** A certificate and its key (PEM). */
export interface AdminCertificate {
  readonly certificate: string;
  readonly key: string;
  /** Ms since 1970. */
  readonly expiresAt: number;
}

/** Where the two files are. */
export function adminTlsFiles({ file }: Pick<OperatorConfig, 'file'>): {
  readonly tlsCertPath: string;
  readonly tlsKeyPath: string;
} {
  const folder = dirname(file);
  return { tlsCertPath: join(folder, 'admin_cert.pem'), tlsKeyPath: join(folder, 'admin_key.pem') };
}

/** Host names by which the web admin may be reached, besides those of the machine itself. */
export function adminHosts({ adminAddress, partyAddresses, myIndex }: OperatorConfig): ReadonlySet<string> {
  const { host } = adminAddress;
  const own = partyAddresses[myIndex]?.host;
  return new Set(LOOPBACK.test(host) ? [] : [host, ...(own === undefined ? [] : [own])]);
}

/** The certificate, made or renewed where that is due. Throws `CommandError` where the files are of no use. */
export async function adminCertificate(config: OperatorConfig, now: number): Promise<AdminCertificate> {
  const files = adminTlsFiles(config);
  const { host } = config.adminAddress;
  // The name that a browser shows must be the one in the certificate.
  const about = { name: `mpc_operator ${config.name}`, address: LOOPBACK.test(host) ? 'localhost' : host, now };
  const { tlsCertPath: certificatePath, tlsKeyPath: keyPath } = files;
  const { outcome } = await ensureTlsFiles({ certificatePath, keyPath, ...about });
  if (outcome === 'incomplete') {
    const missing = existsSync(certificatePath) ? keyPath : certificatePath;
    throw new CommandError('admin_tls', `${missing} is missing beside its other half: put it back, or remove both`);
  }
  const loaded = await load(files);
  if (!isOwnMade(loaded.certificate) || loaded.expiresAt - now > RENEWED_DAYS * DAY_MS) return loaded;
  await makeNextTlsFiles(files, about);
  await useNextTlsFiles(files);
  return load(files);
}

/** When the certificate of the web admin ends, ISO 8601; null where the file cannot be read. */
export async function adminCertificateEnd(config: OperatorConfig): Promise<string | null> {
  const pem = await readFile(adminTlsFiles(config).tlsCertPath, 'utf8').catch(() => null);
  const certificate = pem === null ? null : parse(pem);
  return certificate === null ? null : new Date(certificate.validTo).toISOString();
}

async function load({ tlsCertPath, tlsKeyPath }: ReturnType<typeof adminTlsFiles>): Promise<AdminCertificate> {
  const [certificate, key] = await Promise.all([readFile(tlsCertPath, 'utf8'), readFile(tlsKeyPath, 'utf8')]);
  if (((await stat(tlsKeyPath)).mode & OTHERS) !== 0) {
    throw new CommandError('admin_tls', `${tlsKeyPath} can be read by other users: chmod 600 ${tlsKeyPath}`);
  }
  const parsed = parse(certificate);
  if (parsed === null) throw new CommandError('admin_tls', `${tlsCertPath} is not a PEM certificate`);
  if (!fits(parsed, key)) throw new CommandError('admin_tls', `${tlsKeyPath} is not the key of ${tlsCertPath}`);
  return { certificate, key, expiresAt: Date.parse(parsed.validTo) };
}

function parse(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

function fits(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function isOwnMade(pem: string): boolean {
  const certificate = parse(pem);
  return (
    certificate !== null && certificate.issuer === certificate.subject && certificate.subject.includes('mpc_operator')
  );
}
