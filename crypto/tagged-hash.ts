// SHA-256 and BIP 340 tagged hashes, SHA-256(SHA-256(tag) ‖ SHA-256(tag) ‖ message), on the native SHA-256.

import { concat, sha256, utf8 } from './bytes.ts';

const prefixes = new Map<string, Uint8Array>();

/** The two tag hashes; tags are constants of the code, so the map stays small. */
function prefixOf(tag: string): Uint8Array {
  const known = prefixes.get(tag);
  if (known) return known;
  const tagHash = sha256(utf8(tag));
  const prefix = concat(tagHash, tagHash);
  prefixes.set(tag, prefix);
  return prefix;
}

/**
 * hash_tag(parts[0] ‖ parts[1] ‖ …): 32 bytes, of which no copy is kept, nor of the parts. `tag` must be a constant, never
 * outside data.
 */
export function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(prefixOf(tag), ...parts);
}
