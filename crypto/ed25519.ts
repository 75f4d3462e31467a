// Plain Ed25519 (RFC 8032) by the runtime's native code: who signs with one key, and verification that is stricter than
// the native one alone.
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { EdwardsPoint } from '@noble/curves/abstract/edwards.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { BoundedCache } from './bounded-cache.ts';
import { concat, fromHex, sha256, toHex } from './bytes.ts';

/** Length of an Ed25519 public key or seed, in bytes. */
export const ED25519_KEY_BYTES = 32;
/** Length of an Ed25519 signature, in bytes. */
export const ED25519_SIGNATURE_BYTES = 64;

/** Something that signs with one Ed25519 key: a seed in memory, or a token that never lets the key out. */
export interface Ed25519Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The 64-byte RFC 8032 signature of a message. */
  sign(message: Uint8Array): Uint8Array;
}

// RFC 8410: everything of the PKCS#8 and SubjectPublicKeyInfo encodings that stands before the 32 bytes of a key.
const PKCS8_PREFIX = fromHex('302e020100300506032b657004220420');
const SPKI_PREFIX = fromHex('302a300506032b6570032100');
const KEYS_KEPT_MAX = 256;
const verificationKeys = new Map<string, KeyObject>();
/** Enough for what comes again and again: session certificates and state heads with heartbeats, attestations, signatures. */
const VERIFIED_KEPT_MAX = 4096;
const VERIFIED = {};
/** Signatures that were found to be right, by the hash of key, signature and message. */
const verified = new BoundedCache<object>(VERIFIED_KEPT_MAX);

/** A signer that holds the key in memory. `seed`: 32 secret bytes (RFC 8032 section 5.1.5), which may be zeroed after. */
export function signerFromSeed(seed: Uint8Array): Ed25519Signer {
  if (seed.length !== ED25519_KEY_BYTES) throw new Error('an Ed25519 seed has 32 bytes');
  // On a buffer of its own, so that the view of it below is no copy: see `zeroize`.
  const der = new Uint8Array(new ArrayBuffer(PKCS8_PREFIX.length + seed.length));
  der.set(PKCS8_PREFIX);
  der.set(seed, PKCS8_PREFIX.length);
  const key = createPrivateKey({ key: Buffer.from(der.buffer), format: 'der', type: 'pkcs8' });
  der.fill(0);
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const publicKey = new Uint8Array(spki.subarray(SPKI_PREFIX.length));
  return { publicKey, sign: (message) => new Uint8Array(sign(null, message, key)) };
}

/**
 * Whether a signature is right. Never throws on outside data. Stricter than RFC 8032 asks: the public key must be
 * canonical and of prime order (checked once per key and kept), the scalar reduced, the equation holds without cofactor.
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ED25519_KEY_BYTES || signature.length !== ED25519_SIGNATURE_BYTES) return false;
  const name = toHex(sha256(publicKey, signature, message));
  if (verified.find(name) !== undefined) return true;
  if (!verifyEd25519Once(publicKey, message, signature)) return false;
  verified.keep(name, VERIFIED);
  return true;
}

/** `verifyEd25519` of what is never verified again, such as a message that is no replay: nothing of it is kept. */
export function verifyEd25519Once(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ED25519_KEY_BYTES || signature.length !== ED25519_SIGNATURE_BYTES) return false;
  const key = verificationKey(publicKey);
  return key !== null && verify(null, message, key, signature);
}

function verificationKey(publicKey: Uint8Array): KeyObject | null {
  const name = toHex(publicKey);
  const known = verificationKeys.get(name);
  if (known !== undefined) return known;
  if (!isPrimeOrderPoint(publicKey)) return null;
  const der = concat(SPKI_PREFIX, publicKey);
  const key = createPublicKey({ key: Buffer.from(der.buffer), format: 'der', type: 'spki' });
  // Insertion order is age: the oldest key makes room, so a peer that shows many keys cannot fill the memory.
  const oldest = verificationKeys.keys().next();
  if (verificationKeys.size >= KEYS_KEPT_MAX && oldest.done !== true) verificationKeys.delete(oldest.value);
  verificationKeys.set(name, key);
  return key;
}

/** Whether 32 bytes are the canonical encoding of a point of prime order that is not the identity. */
export function isPrimeOrderPoint(bytes: Uint8Array): boolean {
  return primeOrderPoint(bytes) !== null;
}

/** The point of prime order that 32 bytes encode canonically; null where they encode none, or the identity. */
export function primeOrderPoint(bytes: Uint8Array): EdwardsPoint | null {
  try {
    const point = ed25519.Point.fromBytes(Uint8Array.from(bytes));
    return !point.is0() && point.isTorsionFree() ? point : null;
  } catch {
    return null;
  }
}
