// The listener of the web admin: HTTPS with a certificate of its own.

import type { AdminCertificate } from '../operator/admin/admin-certificate.ts';
import type { HostPort } from '../operator/config/config-address.ts';
import type { AdminOrigin } from './admin/guard.ts';

/** How long a connection may be silent, in seconds; streams are let off. */
const CONNECTION_IDLE_S_MAX = 30;
const BODY_BYTES_MAX = 8 * 1024 * 1024;

/** A running listener. */
export interface AdminListener {
  /** `host:port` it listens on. */
  readonly address: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts to listen; port 0 picks a free one. Throws the system's error where it cannot. */
export function listenForAdmin(
  { host, port }: Pick<HostPort, 'host' | 'port'>,
  { certificate, key }: Pick<AdminCertificate, 'certificate' | 'key'>,
  fetch: (request: Request, origin: AdminOrigin) => Response | Promise<Response>,
): AdminListener {
  const server = Bun.serve({
    hostname: host,
    port,
    reusePort: false,
    tls: { cert: certificate, key },
    maxRequestBodySize: BODY_BYTES_MAX,
    idleTimeout: CONNECTION_IDLE_S_MAX,
    development: false,
    fetch: (request, of) => {
      const address = of.requestIP(request)?.address ?? '';
      return fetch(request, { address, keepOpen: () => of.timeout(request, 0) });
    },
    error: () => new Response('The node could not answer; its log says more.\n', { status: 500 }),
  });
  const at = server.port;
  if (at === undefined) throw new Error('a TCP listener has a port');
  return { address: `${host}:${at}`, port: at, stop: () => server.stop(true) };
}
