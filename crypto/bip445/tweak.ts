// Tweaking the threshold public key, plain (BIP 32) and x-only (BIP 341): BIP 445, "Tweaking the Threshold Public Key"

import { equalBytes } from '@noble/curves/utils.js';
import type { Tweak } from '../scheme.ts';
import {
  Fn,
  G,
  hasEvenY,
  multiplyPublic,
  normalized,
  type Point,
  parsePoint,
  parseScalar,
  reduceScalar,
  SCALAR_BYTES,
  SIGNATURE_BYTES,
  sumOfProductsPublic,
  ValueError,
  xOnlyBytes,
} from '../secp256k1.ts';
import { taggedHash } from '../tagged-hash.ts';

/** A threshold public key with the tweaks applied so far (BIP 445, Tweak Context). */
export interface TweakContext {
  /** Q, normalized; never infinity. */
  readonly publicKey: Point;
  /** The x-coordinate of Q: what a BIP 340 verifier uses. */
  readonly xOnly: Uint8Array;
  /** Whether Q has an even y-coordinate; where it has not, signers negate their shares. */
  readonly evenY: boolean;
  /** Product of the signs, 1 or −1, that x-only tweaks brought in. */
  readonly gacc: bigint;
  /** What the tweaks add to the discrete logarithm. */
  readonly tacc: bigint;
}

function contextOf(point: Point, gacc: bigint, tacc: bigint): TweakContext {
  const publicKey = normalized(point);
  return { publicKey, xOnly: xOnlyBytes(publicKey), evenY: hasEvenY(publicKey), gacc, tacc };
}

/** The context of an untweaked threshold public key (33 bytes). Throws a ValueError if it is not a point. */
export function tweakContextInit(thresholdPublicKey: Uint8Array): TweakContext {
  const point = parsePoint(thresholdPublicKey);
  if (!point) throw new ValueError('The threshold public key is not a valid point.');
  return contextOf(point, 1n, 0n);
}

/** Applies one tweak. Throws a ValueError if it is not 32 bytes, not below the group order, or cancels the key. */
export function applyTweak(context: TweakContext, { tweak, xOnly }: Tweak): TweakContext {
  if (tweak.length !== SCALAR_BYTES) throw new ValueError('The tweak must be a 32-byte array.');
  const t = parseScalar(tweak);
  if (t === null) throw new ValueError('The tweak value is out of range.');
  const negate = xOnly && !context.evenY;
  const base = negate ? context.publicKey.negate() : context.publicKey;
  const tweaked = base.add(multiplyPublic(t, G));
  if (tweaked.is0()) throw new ValueError('The result of tweaking cannot be infinity.');
  return contextOf(
    tweaked,
    negate ? Fn.neg(context.gacc) : context.gacc,
    Fn.add(t, negate ? Fn.neg(context.tacc) : context.tacc),
  );
}

/** Applies tweaks in order to a threshold public key (33 bytes). Throws as `applyTweak` does. */
export function tweakThresholdPublicKey(thresholdPublicKey: Uint8Array, tweaks: readonly Tweak[]): TweakContext {
  return tweaks.reduce(applyTweak, tweakContextInit(thresholdPublicKey));
}

/** g · gacc: the sign under which every signing share enters a signature for this key. */
export function shareSign(context: TweakContext): bigint {
  return context.evenY ? context.gacc : Fn.neg(context.gacc);
}

/** e·Q for the Q of even y that BIP 340 verifies under, with Q = gacc·P + tacc·G for the untweaked P: as scalars of P and G. */
export function ofKeyAndGenerator(tweaked: TweakContext, e: bigint): readonly [bigint, bigint] {
  const signed = tweaked.evenY ? e : Fn.neg(e);
  return [Fn.mul(signed, tweaked.gacc), Fn.mul(signed, tweaked.tacc)];
}

/**
 * R + e·Q: what s·G is where a signature holds (BIP 340, Verification). It can be computed before any partial signature
 * is there. `liftedR` has an even y-coordinate.
 */
export function expectedPoint(untweaked: TweakContext, tweaked: TweakContext, liftedR: Point, e: bigint): Point {
  return sumOfProductsPublic([liftedR, untweaked.publicKey, G], [1n, ...ofKeyAndGenerator(tweaked, e)]);
}

/** Whether the s of a signature (64 bytes) is the one of which s·G is `expected`. False where it is no scalar. */
export function meetsExpected(expected: Point, signature: Uint8Array): boolean {
  const s = parseScalar(signature.subarray(SCALAR_BYTES));
  return s !== null && sumOfProductsPublic([G, expected.negate()], [s, 1n]).is0();
}

/**
 * BIP 340 verification under a key that tweaks were applied to, where the untweaked one has a precomputed table: with
 * Q = gacc·P + tacc·G, R = s·G − e·g·Q takes two multiplications by points with tables, whatever the tweak. `message` of
 * any length; `signature` 64 bytes. False where the plain verification is false.
 */
export function derivedKeyVerifies(
  untweaked: TweakContext,
  tweaked: TweakContext,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const xOnlyR = signature.subarray(0, SCALAR_BYTES);
  const s = parseScalar(signature.subarray(SCALAR_BYTES));
  if (s === null || signature.length !== SIGNATURE_BYTES) return false;
  const e = reduceScalar(taggedHash('BIP0340/challenge', xOnlyR, tweaked.xOnly, message));
  const [ofKey, ofGenerator] = ofKeyAndGenerator(tweaked, e);
  const r = sumOfProductsPublic([G, untweaked.publicKey], [Fn.sub(s, ofGenerator), Fn.neg(ofKey)]);
  return !r.is0() && hasEvenY(r) && equalBytes(xOnlyBytes(r), xOnlyR);
}
