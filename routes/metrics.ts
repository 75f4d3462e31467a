// The metrics endpoint: `GET /metrics` on `metrics_address`, loopback unless the configuration says otherwise. One scrape is
// answered at a time; others get the same answer.
import type { HostPort } from '../operator/config/config-address.ts';
import { METRICS_TYPE } from '../operator/status/metrics.ts';

/** A running endpoint. */
export interface MetricsListener {
  /** `host:port` it listens on. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts it. `port` 0 picks a free one. Throws the system's error where it cannot listen. */
export function listenMetrics(
  { host, port }: Pick<HostPort, 'host' | 'port'>,
  text: () => Promise<string>,
): MetricsListener {
  let running: Promise<string> | null = null;
  const scrape = (): Promise<string> => {
    running ??= text().finally(() => {
      running = null;
    });
    return running;
  };
  const server = Bun.serve({
    hostname: host,
    port,
    reusePort: false,
    development: false,
    maxRequestBodySize: 1024,
    fetch: async (request) => {
      // A `Host` header can make the address one that cannot be read.
      if (URL.parse(request.url)?.pathname !== '/metrics') return new Response('see /metrics\n', { status: 404 });
      if (request.method !== 'GET' && request.method !== 'HEAD') return new Response('', { status: 405 });
      return new Response(await scrape(), { headers: { 'content-type': METRICS_TYPE, 'cache-control': 'no-store' } });
    },
    error: () => new Response('the figures cannot be gathered; the log says more\n', { status: 500 }),
  });
  return { address: `${server.hostname}:${server.port}`, stop: () => server.stop(true) };
}
