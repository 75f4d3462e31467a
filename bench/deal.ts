// Threshold keys for measurements, dealt by one who knows the whole secret, and the same keys in noble's form.
import { ed25519, ed25519_FROST } from '@noble/curves/ed25519.js';
import { schnorr_FROST, secp256k1 } from '@noble/curves/secp256k1.js';
import { bip340Scheme } from '../crypto/bip340-scheme.ts';
import { ed25519Scheme } from '../crypto/ed25519-frost.ts';
import type { FrostScheme, GroupKey, SchemeName } from '../crypto/scheme.ts';

/** A federation's key with all its shares. */
export interface Dealt {
  readonly key: GroupKey;
  /** 32 bytes each, in index order. */
  readonly shares: readonly Uint8Array[];
}

/** The project's scheme of a name. */
export function schemeOf(name: SchemeName): FrostScheme {
  return name === 'bip340' ? bip340Scheme : ed25519Scheme;
}

/** noble's FROST of the same curve and signature. */
export function nobleOf(name: SchemeName): typeof schnorr_FROST {
  return name === 'bip340' ? schnorr_FROST : ed25519_FROST;
}

/** Fresh random bytes. */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** Deals a fresh key of n shares, t of which sign. */
export function deal(scheme: SchemeName, threshold: number, participants: number): Dealt {
  const { Fn, BASE } = scheme === 'bip340' ? secp256k1.Point : ed25519.Point;
  const draw = (): bigint => Fn.create(BigInt(`0x${Buffer.from(randomBytes(48)).toString('hex')}`));
  const polynomial = Array.from({ length: threshold }, draw);
  const valueAt = (x: number): bigint =>
    polynomial.reduceRight((sum, coefficient) => Fn.add(Fn.mul(sum, BigInt(x)), coefficient), 0n);
  const publicOf = (secret: bigint): Uint8Array => BASE.multiply(secret).toBytes();
  const secrets = Array.from({ length: participants }, (_, index) => valueAt(index + 1));
  const key = {
    scheme,
    threshold,
    participants,
    publicKey: publicOf(valueAt(0)),
    verifyingShares: secrets.map(publicOf),
  };
  return { key, shares: secrets.map((secret) => Fn.toBytes(secret)) };
}

/** One signature by t signers with noble's FROST, one step after the other: commitments, shares, aggregation. */
export function nobleSerial(
  scheme: SchemeName,
  threshold: number,
  participants: number,
): (message: Uint8Array) => void {
  const frost = nobleOf(scheme);
  const dealt = frost.trustedDealer({ min: threshold, max: participants });
  const signers = Object.values(dealt.secretShares).slice(0, threshold);
  return (message) => {
    const text = Uint8Array.from(message);
    const made = signers.map((secret) => frost.commit(secret));
    const commitments = made.map((nonce) => nonce.commitments);
    const shares: Record<string, ReturnType<typeof frost.signShare>> = {};
    for (const [position, secret] of signers.entries()) {
      const nonces = made[position]?.nonces;
      if (nonces === undefined) throw new Error('one nonce per signer');
      shares[secret.identifier] = frost.signShare(secret, dealt.public, nonces, commitments, text);
    }
    // noble checks the signature itself before it returns it.
    frost.aggregate(dealt.public, commitments, text, shares);
  };
}
