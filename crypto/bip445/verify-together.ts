// The final signatures of many sessions under one threshold key, verified together (BIP 340, "Batch Verification"):
// Σ aᵢ·sᵢ·G = Σ aᵢ·Rᵢ + Σ aᵢ·eᵢ·Qᵢ. The keys Qᵢ = gaccᵢ·P + taccᵢ·G all stand for multiples of two points with tables, and
// the Rᵢ are known from their sessions, so that a signature costs the product of one point by a weight of half the length.

import { equalBytes } from '@noble/curves/utils.js';
import { Fn, G, type Point, parseScalar, SCALAR_BYTES, SIGNATURE_BYTES, sumOfProductsPublic } from '../secp256k1.ts';
import { weightsOf } from '../signature-weights.ts';
import type { Binding } from './session.ts';
import { ofKeyAndGenerator, type TweakContext } from './tweak.ts';

/** A signature that came out of a session. */
export interface SessionSignature {
  readonly binding: Binding;
  /** The key of the session, with its tweaks. */
  readonly key: TweakContext;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/**
 * Whether all signatures hold for the messages of their sessions; true for none. Which one fails, only verifying them
 * one by one can tell. `untweaked` is the key that all sessions' keys come from.
 */
export function sessionSignaturesHold(untweaked: TweakContext, signed: readonly SessionSignature[]): boolean {
  const weights = weightsOf(signed.map(({ binding, signature }) => [binding.challenge, signature]));
  const points: Point[] = [];
  const scalars: bigint[] = [];
  let [ofKey, ofGenerator] = [0n, 0n];
  for (const [i, { binding, key, signature }] of signed.entries()) {
    const s = parseScalar(signature.subarray(SCALAR_BYTES));
    const weight = weights[i];
    if (s === null || weight === undefined || signature.length !== SIGNATURE_BYTES) return false;
    if (!equalBytes(signature.subarray(0, SCALAR_BYTES), binding.xOnlyR)) return false;
    const [keyPart, generatorPart] = ofKeyAndGenerator(key, binding.e);
    points.push(binding.liftedR);
    scalars.push(weight);
    ofKey = Fn.add(ofKey, Fn.mul(weight, keyPart));
    ofGenerator = Fn.add(ofGenerator, Fn.mul(weight, Fn.sub(generatorPart, s)));
  }
  return sumOfProductsPublic([...points, untweaked.publicKey, G], [...scalars, ofKey, ofGenerator]).is0();
}
