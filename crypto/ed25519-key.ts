// What is computed once per attestation key and kept: parsed points, interpolating values per set of signers, and the
// binding of each session. All of it is public.
import { mulAddUnsafe } from '@noble/curves/abstract/curve.js';
import type { EdwardsPoint } from '@noble/curves/abstract/edwards.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { BoundedCache } from './bounded-cache.ts';
import { sha512, toHex, u32be, utf8 } from './bytes.ts';
import { primeOrderPoint } from './ed25519.ts';
import { type Binding, bindSession, type NoncePoints, sessionPrefix } from './ed25519-binding.ts';
import type { GroupKey, SigningSession } from './scheme.ts';

const POINT_BYTES = 32;
const PUBLIC_NONCE_BYTES = 2 * POINT_BYTES;
const LOW_DEGREE_DOMAIN = utf8('0BTC_WIRE_ED25519_LOW_DEGREE/v1');
/** Most participants that a key may have. */
export const PARTICIPANTS_MAX = 64;
const SIGNER_SETS_MAX = 256;
const BINDINGS_MAX = 1024;
/** As many nonces as are in stock and with a few peers. */
const OWN_NONCES_MAX = 4096;

const { Fn, Point } = { Fn: ed25519.Point.Fn, Point: ed25519.Point };

interface Interpolation {
  /** By participant index. */
  readonly values: ReadonlyMap<number, bigint>;
}

/** A key that was checked, with what is known about it. */
export interface Ed25519KeyContext {
  readonly key: GroupKey;
  readonly shares: readonly EdwardsPoint[];
  readonly interpolations: BoundedCache<Interpolation>;
  readonly bindings: BoundedCache<Binding>;
  /** The commitments to nonces that were made here, by their bytes in hexadecimal: they need not be read back. */
  readonly ownNonces: BoundedCache<NoncePoints>;
}

/** What a partial signature of one signer depends on. */
export interface BoundSession {
  readonly binding: Binding;
  /** Interpolating values by participant index. */
  readonly interpolating: ReadonlyMap<number, bigint>;
}

const contexts = new WeakMap<GroupKey, Ed25519KeyContext>();

/** The context of a key; the first call for a key object checks all of it and throws what is wrong. */
export function ed25519Context(key: GroupKey): Ed25519KeyContext {
  const known = contexts.get(key);
  if (known !== undefined) return known;
  assertShape(key);
  const [publicKey, ...shares] = [key.publicKey, ...key.verifyingShares].map(pointOf);
  if (publicKey === undefined) throw new Error('an ed25519 key has a public key');
  if (!interpolates(publicKey, shares, key.threshold)) throw new Error('shares do not interpolate to the ed25519 key');
  const context = {
    key,
    shares,
    interpolations: new BoundedCache<Interpolation>(SIGNER_SETS_MAX),
    bindings: new BoundedCache<Binding>(BINDINGS_MAX),
    ownNonces: new BoundedCache<NoncePoints>(OWN_NONCES_MAX),
  };
  contexts.set(key, context);
  return context;
}

/**
 * Checks a session and computes, or finds again, what its shares depend on. Throws on signers that are no ascending
 * quorum, on tweaks, and on commitments that are no points.
 */
export function boundSession(context: Ed25519KeyContext, session: SigningSession): BoundSession {
  const { key } = context;
  assertSession(key, session);
  const { values } = context.interpolations.get(session.signers.join(), () => ({
    values: interpolatingValues(session.signers),
  }));
  const input = { publicKey: key.publicKey, ...session };
  // The prefix commits to the key, the message, the signers and their commitments.
  const prefix = sessionPrefix(input);
  const binding = context.bindings.get(toHex(prefix), () => bindSession(input, prefix, context.ownNonces));
  return { binding, interpolating: values };
}

/** Throws unless the key is an ed25519 key with a possible threshold and one verifying share per participant. */
export function assertShape({ scheme, threshold, participants, verifyingShares }: GroupKey): void {
  if (scheme !== 'ed25519') throw new Error('not an ed25519 key');
  if (!Number.isInteger(participants) || participants > PARTICIPANTS_MAX) throw new Error('too many participants');
  if (!Number.isInteger(threshold) || threshold < 2 || threshold > participants) throw new Error('wrong threshold');
  if (verifyingShares.length !== participants) throw new Error('one verifying share for each participant');
}

/** Throws unless 0 ≤ index < n. */
export function assertIndex(key: GroupKey, index: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= key.participants) {
    throw new Error('no participant of that index');
  }
}

/**
 * The interpolating values at x = 0 of participants (RFC 9591 section 4.2), in their order, with one field inversion:
 * λ_i = Π_j x_j / (x_i · Π_{j≠i} (x_j − x_i)).
 */
export function interpolatingValues(signers: readonly number[]): ReadonlyMap<number, bigint> {
  const product = signers.reduce((value, index) => Fn.mul(value, BigInt(index + 1)), 1n);
  const denominators = signers.map((index) =>
    signers.reduce(
      (value, other) => (other === index ? value : Fn.mul(value, Fn.create(BigInt(other - index)))),
      BigInt(index + 1),
    ),
  );
  const inverses = Fn.invertBatch(denominators);
  return new Map(signers.map((index, position) => [index, Fn.mul(product, inverses[position] ?? 0n)]));
}

/**
 * Whether n verifying shares and the public key lie on one polynomial of degree t − 1 in the exponent. One
 * multi-scalar multiplication with a random word of the dual code (SCRAPE, Cascudo and David 2017), drawn by a hash of
 * the points. Sound for points of prime order, which the caller has checked.
 */
export function interpolates(publicKey: EdwardsPoint, shares: readonly EdwardsPoint[], threshold: number): boolean {
  const points = [publicKey, ...shares];
  const seed = sha512(LOW_DEGREE_DOMAIN, u32be(threshold), ...points.map((point) => point.toBytes()));
  const coefficients = Array.from({ length: shares.length - threshold + 1 }, (_, i) =>
    Fn.create(BigInt(`0x${toHex(sha512(LOW_DEGREE_DOMAIN, seed, u32be(i)))}`)),
  );
  const denominators = points.map((_, x) =>
    points.reduce((value, __, other) => (other === x ? value : Fn.mul(value, Fn.create(BigInt(x - other)))), 1n),
  );
  const word = Fn.invertBatch(denominators).map((inverse, x) => {
    const value = coefficients.reduceRight((sum, coefficient) => Fn.add(Fn.mul(sum, BigInt(x)), coefficient), 0n);
    return Fn.mul(inverse, value);
  });
  return mulAddUnsafe(Point, points, word).is0();
}

function assertSession(key: GroupKey, { signers, nonceCommitment, tweaks }: SigningSession): void {
  if (tweaks.length > 0) throw new Error('the ed25519 key takes no tweaks');
  if (signers.length < key.threshold || signers.length > key.participants) throw new Error('wrong number of signers');
  if (nonceCommitment.length !== signers.length * PUBLIC_NONCE_BYTES) throw new Error('one 64-byte nonce per signer');
  let before = -1;
  for (const index of signers) {
    assertIndex(key, index);
    if (index <= before) throw new Error('signers must be in ascending order');
    before = index;
  }
}

function pointOf(bytes: Uint8Array): EdwardsPoint {
  const point = primeOrderPoint(bytes);
  if (point === null) throw new Error('malformed point in ed25519 key');
  return point;
}
