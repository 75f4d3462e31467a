// The listener of the peer endpoints. The runtime fixes the trusted certificates when it starts to listen. So a changed list
// of peers means a new listener on the same port, while the old one finishes what it has begun.
import { PEER_MESSAGE_BYTES_MAX } from '../crypto/envelope.ts';
import { listenerTls, type TlsIdentity } from '../operator/peers/tls.ts';
import { CommandError } from '../operator/runtime/command-error.ts';
import type { RequestOrigin } from './peer.ts';

/** How long requests may still run on a listener that was told to stop, in ms. */
export const DRAIN_MS_MAX = 5_000;
/** How long a connection may be silent, in seconds; above what peers keep idle connections for. */
export const CONNECTION_IDLE_S_MAX = 60;
// The routes refuse and count what is over the limit; this stops what is far over it before it is buffered.
const BODY_BYTES_MAX = PEER_MESSAGE_BYTES_MAX * 2;

/** What to listen on and for whom. `port` 0 picks a free one; `peerCertificates` are PEM. */
export interface PeerListenerInput {
  readonly hostname: string;
  readonly port: number;
  readonly identity: TlsIdentity;
  readonly peerCertificates: readonly string[];
  readonly fetch: (request: Request, origin: RequestOrigin) => Response | Promise<Response>;
}

/** A running listener. */
export interface PeerListener {
  readonly hostname: string;
  readonly port: number;
  /** Listens anew on the same port for the holders of these certificates (PEM) alone. */
  replacePeers(peerCertificates: readonly string[]): Promise<void>;
  /** Listens anew with another certificate of this node. */
  replaceIdentity(identity: TlsIdentity): Promise<void>;
  /** Stops listening; resolves when running requests are done or `DRAIN_MS_MAX` has passed. */
  stop(): Promise<void>;
}

/** Starts to listen. Throws `CommandError` where it cannot, and another error where a certificate is not readable. */
export function listenForPeers(input: PeerListenerInput): PeerListener {
  let { identity, peerCertificates } = input;
  let server = serve(input, input.port);
  const { port } = server;
  if (port === undefined) throw new Error('a TCP listener has a port');
  let stopped = false;
  const drains = new Set<Promise<void>>();

  const relisten = async (next: Pick<PeerListenerInput, 'identity' | 'peerCertificates'>): Promise<void> => {
    if (stopped) throw new Error('the listener has been stopped');
    // What can be wrong with the certificates must show before the old listener is gone.
    listenerTls(next.identity, next.peerCertificates);
    const old = server;
    const draining = drain(old);
    drains.add(draining);
    void draining.finally(() => drains.delete(draining));
    server = serve({ ...input, ...next }, port);
    ({ identity, peerCertificates } = next);
  };

  return {
    hostname: input.hostname,
    port,
    replacePeers: (certificates) => relisten({ identity, peerCertificates: certificates }),
    replaceIdentity: (fresh) => relisten({ identity: fresh, peerCertificates }),
    stop: async () => {
      stopped = true;
      await Promise.all([drain(server), ...drains]);
    },
  };
}

function serve(input: PeerListenerInput, port: number): Bun.Server<undefined> {
  const tls = listenerTls(input.identity, input.peerCertificates);
  try {
    return Bun.serve({
      hostname: input.hostname,
      port,
      // Without it the runtime lets several processes of one user share the port, each hearing a part of the peers.
      reusePort: false,
      tls,
      maxRequestBodySize: BODY_BYTES_MAX,
      idleTimeout: CONNECTION_IDLE_S_MAX,
      development: false,
      fetch: (request, server) => input.fetch(request, { address: server.requestIP(request)?.address ?? '' }),
      error: () => Response.json({ rejected: 'fault', detail: 'the receiver could not answer' }, { status: 500 }),
    });
  } catch (error) {
    throw cannotListen(error, input.hostname, port);
  }
}

function cannotListen(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'EADDRINUSE') {
    return new CommandError(
      'port_taken',
      `another program listens on port ${port} already, so peers cannot be heard at ${host}:${port}: find it with \`ss -ltnp 'sport = :${port}'\` and end it, or set "listen_address" to another port`,
    );
  }
  if (code === 'EADDRNOTAVAIL') {
    const remedy = 'set "listen_address" to one that `ip address` shows, or to 0.0.0.0 for all';
    return new CommandError('no_such_address', `this machine has no address ${host}: ${remedy}`);
  }
  if (code === 'EACCES') {
    const remedy = 'set "listen_address" to a port of 1024 or above';
    return new CommandError('port_forbidden', `this user may not listen on port ${port}: ${remedy}`);
  }
  return error;
}

// Stopping closes the listening socket at once and idle connections with it; what runs gets a while to finish.
async function drain(server: Bun.Server<undefined>): Promise<void> {
  const finished = server.stop(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, DRAIN_MS_MAX);
  });
  await Promise.race([finished, late]);
  clearTimeout(timer);
  await server.stop(true);
}
