// The files that pages load: style, htmx and a little script of our own. Each is served under the hash of its content, for ever.
import { sha256 } from '@noble/hashes/sha2.js';
import stream from 'htmx.org/dist/ext/hx-sse.min.js' with { type: 'text' };
import htmx from 'htmx.org/dist/htmx.min.js' with { type: 'text' };
import { toHex } from '../../crypto/bytes.ts';
import passkeyLibrary from '../../node_modules/@simplewebauthn/browser/dist/bundle/index.umd.min.js' with {
  type: 'text',
};
import style from '../../views/assets/admin.css' with { type: 'text' };
import script from '../../views/assets/admin.js' with { type: 'text' };
import icon from '../../views/assets/icon.svg' with { type: 'text' };
import passkeys from '../../views/assets/passkeys.js' with { type: 'text' };

const TYPES = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8', svg: 'image/svg+xml' } as const;
const HASH_CHARACTERS = 16;

interface Asset {
  readonly path: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly packed: Uint8Array<ArrayBuffer>;
  readonly type: string;
}

function asset(name: string, kind: keyof typeof TYPES, text: string): Asset {
  const body = new Uint8Array(new TextEncoder().encode(text));
  const hash = toHex(sha256(body)).slice(0, HASH_CHARACTERS);
  return {
    path: `/assets/${hash}/${name}.${kind}`,
    body,
    packed: new Uint8Array(Bun.gzipSync(body)),
    type: TYPES[kind],
  };
}

const ALL = {
  style: asset('admin', 'css', style),
  htmx: asset('htmx', 'js', htmx),
  stream: asset('stream', 'js', stream),
  script: asset('admin', 'js', script),
  passkeyLibrary: asset('webauthn', 'js', passkeyLibrary),
  passkeys: asset('passkeys', 'js', passkeys),
  icon: asset('icon', 'svg', icon),
} as const;
const byPath = new Map(Object.values(ALL).map((one) => [one.path, one]));

/** Where each file is served. */
export const ASSETS = {
  style: ALL.style.path,
  htmx: ALL.htmx.path,
  stream: ALL.stream.path,
  script: ALL.script.path,
  passkeyLibrary: ALL.passkeyLibrary.path,
  passkeys: ALL.passkeys.path,
  icon: ALL.icon.path,
} as const;

/** The answer for a path under /assets; null where there is no such file. */
export function assetResponse(path: string, acceptEncoding: string): Response | null {
  const found = byPath.get(path);
  if (found === undefined) return null;
  const isPacked = /\bgzip\b/.test(acceptEncoding);
  return new Response(isPacked ? found.packed : found.body, {
    headers: {
      'content-type': found.type,
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
      ...(isPacked && { 'content-encoding': 'gzip' }),
    },
  });
}
