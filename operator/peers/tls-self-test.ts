// Whether peers would accept this node's certificate: a TLS handshake with itself on loopback, in both roles at once, by the
// options of the real listener and client. Whatever the runtime refuses shows, without a list of what that may be.

import type { OperatorConfig } from '../config/config.ts';
import { CommandError } from '../runtime/command-error.ts';
import { connectionFault } from './connection-fault.ts';
import { listenerTls, loadTlsIdentity, pinnedSession, type TlsIdentity } from './tls.ts';

/** Says why no peer would accept a certificate, a sentence that names what to do; null where one would. */
export type ProveTls = (identity: TlsIdentity, certificatePath: string) => Promise<string | null>;

const LOOPBACK = '127.0.0.1';
const HANDSHAKE_MS_MAX = 10_000;
const REMEDY =
  'use a self-signed one without extended key usage, or with serverAuth and clientAuth, and with digitalSignature if it names key usages';

/** Shows the certificate to itself, as listener and as client. Its dates are validated by the machine's clock. */
export const proveTlsIdentity: ProveTls = async (identity, certificatePath) => {
  const fault = await handshakeFault(identity);
  return fault === null ? null : `${certificatePath}: no peer would accept this certificate (${fault}): ${REMEDY}`;
};

/** This node's certificate and key, validated at `now` (ms since 1970) and proven. Throws `CommandError`. */
export async function provenTlsIdentity(
  { tlsCertPath, tlsKeyPath }: Pick<OperatorConfig, 'tlsCertPath' | 'tlsKeyPath'>,
  now: number,
): Promise<TlsIdentity> {
  const tls = await loadTlsIdentity(tlsCertPath, tlsKeyPath, now);
  if (!tls.ok) throw new CommandError('tls', tls.detail);
  const flaw = await proveTlsIdentity(tls.identity, tlsCertPath);
  if (flaw !== null) throw new CommandError('tls', flaw);
  return tls.identity;
}

async function handshakeFault(identity: TlsIdentity): Promise<string | null> {
  const { pem } = identity.facts;
  let server: Bun.Server<undefined> | undefined;
  let session: Bun.FetchSession | undefined;
  try {
    const tls = listenerTls(identity, [pem]);
    server = Bun.serve({ hostname: LOOPBACK, port: 0, tls, development: false, fetch: () => new Response('ok') });
    session = pinnedSession(identity, pem);
    const signal = AbortSignal.timeout(HANDSHAKE_MS_MAX);
    const response = await session.fetch(`https://${LOOPBACK}:${server.port}/`, { proxy: false, signal });
    await response.text();
    return null;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : null;
    // The listener, which is the stricter of the two about clients, closes without a word.
    if (code === 'ECONNRESET') return 'a listener refuses it as a client’s';
    return code ?? connectionFault(error, LOOPBACK);
  } finally {
    session?.close();
    await server?.stop(true);
  }
}
