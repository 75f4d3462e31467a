// SHA-256 and BIP 340 tagged hashes, SHA-256(SHA-256(tag) ‖ SHA-256(tag) ‖ message), on the native SHA-256.

import { createHash, type Hash } from 'node:crypto';

const midstates = new Map<string, Hash>();

/** The hash state after the two tag hashes; tags are constants of the code, so the map stays small. */
function midstateOf(tag: string): Hash {
  const known = midstates.get(tag);
  if (known) return known;
  const tagHash = createHash('sha256').update(tag, 'utf8').digest();
  const midstate = createHash('sha256').update(tagHash).update(tagHash);
  midstates.set(tag, midstate);
  return midstate;
}

/** A view of the digest, not a copy, so that whoever hashes secrets can zero the result. */
function digestOf(hash: Hash): Uint8Array {
  const digest = hash.digest();
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength);
}

/** SHA-256: 32 bytes. */
export function sha256(message: Uint8Array): Uint8Array {
  return digestOf(createHash('sha256').update(message));
}

/** hash_tag(parts[0] ‖ parts[1] ‖ …): 32 bytes. `tag` must be a constant, never outside data. */
export function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = midstateOf(tag).copy();
  for (const part of parts) hash.update(part);
  return digestOf(hash);
}
