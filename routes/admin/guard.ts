// What every request to the web admin passes first: the right host, the right origin, and headers that let a page load nothing
// but the node's own files.

import { isIP } from 'node:net';
import type { MiddlewareHandler } from 'hono';
import type { Visitor } from '../../operator/admin/web-sessions.ts';

/** Where a request comes from, as the listener knows it; `keepOpen` lets a stream be silent for longer. */
export interface AdminOrigin {
  readonly address: string;
  readonly keepOpen?: () => void;
}

/** What the routes of the web admin pass along. */
export interface AdminEnv {
  Bindings: AdminOrigin;
  Variables: { visitor: Visitor };
}

const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // With no-referrer, browsers would call the origin of a form null.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self)',
};
const SAFE = new Set(['GET', 'HEAD']);
/** Not on localhost, where it would hold for every port of the machine. */
const HSTS = 'max-age=31536000';

/** Hosts by which this machine itself is reached. */
const LOOPBACK_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Refuses a host that is not one of these names, so that no other name can be made to lead here; then sets the headers. */
export function guard(hosts: ReadonlySet<string>): MiddlewareHandler<AdminEnv> {
  return async (c, next) => {
    const host = c.req.header('host') ?? '';
    const name = hostName(host);
    const isLocal = LOOPBACK_HOSTS.has(name);
    const refused = refusal(c.req.method, host, name, hosts, c.req.raw.headers);
    if (refused !== null) c.res = refused;
    else if (isLocal && isIP(name.replace(/[[\]]/g, '')) !== 0 && SAFE.has(c.req.method)) {
      // Passkeys belong to a name, never to an address.
      const url = new URL(c.req.url);
      c.res = c.redirect(`https://localhost:${host.split(':').at(-1)}${url.pathname}${url.search}`, 307);
    } else await next();
    for (const [header, value] of Object.entries(HEADERS)) c.res.headers.set(header, value);
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store');
    if (!isLocal) c.res.headers.set('strict-transport-security', HSTS);
  };
}

function refusal(
  method: string,
  host: string,
  name: string,
  hosts: ReadonlySet<string>,
  headers: Headers,
): Response | null {
  if (!LOOPBACK_HOSTS.has(name) && !hosts.has(name)) {
    return text(
      421,
      'This node does not answer by that name: open it by the name in "admin_address", or by localhost.',
    );
  }
  if (SAFE.has(method)) return null;
  if (method !== 'POST') return text(405, 'There is nothing to do here by that method.');
  const origin = headers.get('origin');
  const site = headers.get('sec-fetch-site');
  const isOwn = origin === `https://${host}` && (site === null || site === 'same-origin');
  return isOwn ? null : text(403, 'This request does not come from a page of this node.');
}

/** The name in a Host header, without its port. */
export function hostName(host: string): string {
  return host.toLowerCase().replace(/:[0-9]+$/, '');
}

function text(status: number, sentence: string): Response {
  return new Response(`${sentence}\n`, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } });
}
