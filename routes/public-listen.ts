// The listener of the public API: plain HTTP, for a proxy on this machine that speaks TLS to the public.
import { CommandError } from '../operator/runtime/command-error.ts';
import type { PublicOrigin } from './public.ts';

/** How long a connection may be silent, in seconds. */
const CONNECTION_IDLE_S_MAX = 10;
/** The routes refuse what is over theirs; this stops what is far over it before it is buffered. */
const BODY_BYTES_MAX = 16 * 1024;

/** A running listener. */
export interface PublicListener {
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts to listen; port 0 picks a free one. Throws `CommandError` where it cannot. */
export function listenForPublic(
  { host, port }: { readonly host: string; readonly port: number },
  fetch: (request: Request, origin: PublicOrigin) => Response | Promise<Response>,
): PublicListener {
  try {
    const server = Bun.serve({
      hostname: host,
      port,
      reusePort: false,
      maxRequestBodySize: BODY_BYTES_MAX,
      idleTimeout: CONNECTION_IDLE_S_MAX,
      development: false,
      fetch: (request, of) => fetch(request, { address: of.requestIP(request)?.address ?? '' }),
      error: () => Response.json({ error: 'fault', detail: 'The operator could not answer.' }, { status: 500 }),
    });
    return { address: `${host}:${server.port}`, stop: () => server.stop(true) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? `${error.code}` : 'unknown fault';
    const cause = code === 'EADDRINUSE' ? 'another program listens there already' : code;
    throw new CommandError(
      'public_address',
      `the public API cannot listen on ${host}:${port} (${cause}): set "public_address" to another address, or remove it`,
    );
  }
}
