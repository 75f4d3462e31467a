// Mutual TLS 1.3 between operators: this node's certificate and key as files, the options of the listener, and the pinned
// connection to one peer. TLS is the gate; who speaks is told by the signed envelope alone.
import { constants, createPrivateKey } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { utf8 } from '../../crypto/bytes.ts';
import { readBounded, writeNewDurably } from '../runtime/durable-file.ts';
import {
  type CertificateFacts,
  checkCertificate,
  holdsKeyOf,
  makeCertificate,
  PEM_BYTES_MAX,
  readCertificate,
} from './certificate.ts';

/** TLS 1.3 as the protocol writes it (RFC 8446 section 4.1.2), which is how the runtime takes it. */
const TLS_1_3 = 0x0304;
/** No session tickets: what resumes a session shows no certificate, so that one which has expired since would go on. */
const NO_TICKETS = constants.SSL_OP_NO_TICKET;
/** How long an idle connection to a peer is kept, in seconds. */
export const PEER_IDLE_S_MAX = 40;
/** How many idle connections to one peer are kept. */
export const PEER_IDLE_CONNECTIONS_MAX = 8;

/** This node's certificate and key, PEM. */
export interface TlsIdentity {
  readonly facts: CertificateFacts;
  readonly key: string;
}

/** What `loadTlsIdentity` found. */
export type TlsIdentityVerdict =
  | { readonly ok: true; readonly identity: TlsIdentity }
  | {
      readonly ok: false;
      readonly reason:
        | 'certificate_missing'
        | 'key_missing'
        | 'key_exposed'
        | 'key_malformed'
        | 'key_mismatch'
        | 'malformed'
        | 'expired'
        | 'not_yet_valid'
        | 'weak_key';
      readonly detail: string;
    };

/**
 * Reads and validates the certificate and key files at `now` (ms). The key must not be readable by everybody. Throws
 * `FileError` with a sentence where a file cannot be read or is too large.
 */
export async function loadTlsIdentity(
  certificatePath: string,
  keyPath: string,
  now: number,
): Promise<TlsIdentityVerdict> {
  const pem = await readPem(certificatePath);
  if (pem === null) return no('certificate_missing', `there is no certificate at ${certificatePath}`);
  const key = await readPem(keyPath);
  if (key === null) return no('key_missing', `there is no private key at ${keyPath}`);
  // Group-readable is how distributions hand keys to a service; anything wider is a leak.
  if (((await stat(keyPath)).mode & 0o027) !== 0) {
    return no('key_exposed', `${keyPath} can be read by other users or changed by its group: chmod 600 ${keyPath}`);
  }
  const validated = checkCertificate(pem, now);
  if (!validated.ok) return no(validated.reason, `${certificatePath}: ${validated.detail}`);
  try {
    const matches = holdsKeyOf(pem, createPrivateKey(key));
    if (!matches) return no('key_mismatch', `${keyPath} is not the key of the certificate ${certificatePath}`);
  } catch {
    return no('key_malformed', `${keyPath} is not an unencrypted PEM private key`);
  }
  return { ok: true, identity: { facts: validated.facts, key } };
}

/**
 * Writes a new self-signed certificate and its key (0600) where neither file exists. Says `kept` where both do, and
 * `incomplete` where only one does: overwriting a key that peers have pinned is for a person to decide.
 */
export async function ensureTlsFiles(input: {
  readonly certificatePath: string;
  readonly keyPath: string;
  readonly name: string;
  readonly address: string;
  readonly now: number;
}): Promise<{ readonly outcome: 'made' | 'kept' | 'incomplete' }> {
  const [certificate, key] = [await exists(input.certificatePath), await exists(input.keyPath)];
  if (certificate !== key) return { outcome: 'incomplete' };
  if (certificate) return { outcome: 'kept' };
  const made = await makeCertificate(input);
  if (!(await writeNewDurably(input.keyPath, utf8(made.key), 0o600))) return { outcome: 'incomplete' };
  const isWritten = await writeNewDurably(input.certificatePath, utf8(made.certificate), 0o644).catch(
    async (error: unknown) => {
      await rm(input.keyPath, { force: true });
      throw error;
    },
  );
  if (isWritten) return { outcome: 'made' };
  await rm(input.keyPath, { force: true });
  return { outcome: 'incomplete' };
}

/** Options of the peer listener: only holders of these certificates (PEM), only TLS 1.3. Throws where one is malformed. */
export function listenerTls(identity: TlsIdentity, peerCertificates: readonly string[]): Bun.TLSOptions {
  for (const pem of peerCertificates) {
    if (readCertificate(pem) === null) throw new Error('a peer certificate is not readable');
  }
  // An empty list must not mean the public certificate authorities: with no peers, only this node itself may connect.
  const ca = peerCertificates.length === 0 ? [identity.facts.pem] : [...peerCertificates];
  const options = {
    cert: identity.facts.pem,
    key: identity.key,
    ca,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: TLS_1_3,
    secureOptions: NO_TICKETS,
  };
  return options;
}

/**
 * Connections to one peer, kept alive and shared. The peer must show exactly one of the certificates (PEM) given: they are the
 * only trusted roots, so that expiry is checked, and the fingerprint stands in for the host name, which openssl's need not hold.
 */
export function pinnedSession(identity: TlsIdentity, ...peerCertificates: readonly string[]): Bun.FetchSession {
  const pinned = peerCertificates.map((pem) => {
    const facts = readCertificate(pem);
    if (facts === null) throw new Error('the peer certificate is not readable');
    return facts;
  });
  const fingerprints = new Set(pinned.map(({ fingerprint }) => fingerprint));
  const tls = {
    cert: identity.facts.pem,
    key: identity.key,
    ca: pinned.map(({ pem }) => pem),
    rejectUnauthorized: true,
    minVersion: TLS_1_3,
    secureOptions: NO_TICKETS,
    checkServerIdentity: (_host: string, shown: { readonly fingerprint256: string }): Error | undefined =>
      fingerprints.has(shown.fingerprint256.replaceAll(':', '').toLowerCase())
        ? undefined
        : new Error('the peer shows another certificate than the one on its operator card: add its new card'),
  };
  return new Bun.FetchSession({
    tls,
    keepAlive: { idleTimeout: PEER_IDLE_S_MAX, maxIdleSockets: PEER_IDLE_CONNECTIONS_MAX },
  });
}

async function readPem(path: string): Promise<string | null> {
  const bytes = await readBounded(path, PEM_BYTES_MAX);
  return bytes === null ? null : new TextDecoder().decode(bytes);
}

async function exists(path: string): Promise<boolean> {
  return Bun.file(path).exists();
}

function no(reason: Exclude<TlsIdentityVerdict, { ok: true }>['reason'], detail: string): TlsIdentityVerdict {
  return { ok: false, reason, detail };
}
