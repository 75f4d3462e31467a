import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { partialSignature, partialSignatureHolds } from '../../crypto/bip445/signature.ts';
import {
  applyTweak,
  interpolatingValue,
  interpolatingValues,
  nonceGen,
  partialSigVerify,
  sign,
  tweakContextInit,
  tweakThresholdPublicKey,
} from '../../crypto/bip445.ts';
import { Fn, G, parseScalar, pointToBytes, scalarToBytes, sumOfProductsPublic } from '../../crypto/secp256k1.ts';
import { taggedHash } from '../../crypto/tagged-hash.ts';
import { bytesOf, dealtKey, forAll, one, scalars, tweakLists } from './chilldkg-session.ts';

const indexSets = fc.uniqueArray(fc.nat({ max: 63 }), { minLength: 1, maxLength: 12 });

/** λ_i = Π_{j≠i} x_j / (x_j − x_i), term by term. */
function plainInterpolatingValue(indices: readonly number[], index: number): bigint {
  let product = 1n;
  for (const other of indices) {
    if (other === index) continue;
    const difference = Fn.sub(BigInt(other + 1), BigInt(index + 1));
    product = Fn.mul(product, Fn.mul(BigInt(other + 1), Fn.inv(difference)));
  }
  return product;
}

describe('interpolation', () => {
  test('both ways of computing interpolating values follow the formula', () => {
    forAll(
      fc.property(indexSets, (indices) => {
        const plain = indices.map((index) => plainInterpolatingValue(indices, index));
        expect(interpolatingValues(indices)).toEqual(plain);
        expect(indices.map((index) => interpolatingValue(indices, index))).toEqual(plain);
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  test('a duplicate or an absent index throws', () => {
    expect(() => interpolatingValues([1, 1])).toThrow('duplicates');
    expect(() => interpolatingValue([1, 1], 1)).toThrow('duplicates');
    expect(() => interpolatingValue([1, 2], 3)).toThrow('not in the list');
  });
});

describe('variable-time arithmetic', () => {
  test('a sum of products is the sum of constant-time products, for any number of points', () => {
    forAll(
      fc.property(fc.array(fc.tuple(scalars, scalars), { minLength: 1, maxLength: 5 }), (pairs) => {
        const points = pairs.map(([k]) => G.multiply(k));
        const factors = pairs.map(([, k]) => k);
        const plain = points.reduce((sum, point, i) => sum.add(point.multiply(one(factors, i))), G.subtract(G));
        expect(sumOfProductsPublic(points, factors).equals(plain)).toBe(true);
      }),
      { seed: 2, numRuns: 15 },
    );
  });

  test('the rearranged verification equation accepts what s·G = ±(R1 + b·R2) + c·P accepts, and nothing one off', () => {
    const values = fc.tuple(scalars, scalars, scalars, scalars, scalars, fc.boolean());
    forAll(
      fc.property(values, ([k1, k2, b, coefficient, share, evenR]) => {
        const binding = { b, evenR, liftedR: G, xOnlyR: new Uint8Array(32), e: 1n, challenge: new Uint8Array(32) };
        const publicNonce = Uint8Array.of(...pointToBytes(G.multiply(k1)), ...pointToBytes(G.multiply(k2)));
        const signature = partialSignature(
          binding,
          [scalarToBytes(k1), scalarToBytes(k2)],
          coefficient,
          scalarToBytes(share),
        );
        const s = parseScalar(signature) ?? 0n;
        const nonce = G.multiply(k1).add(G.multiply(k2).multiply(b));
        const verifyingShare = G.multiply(share);
        const plain = (evenR ? nonce : nonce.negate()).add(verifyingShare.multiply(coefficient));
        expect(G.multiply(s).equals(plain)).toBe(true);
        expect(partialSignatureHolds(binding, publicNonce, coefficient, verifyingShare, signature)).toBe(true);
        const off = scalarToBytes(Fn.add(s, 1n));
        expect(partialSignatureHolds(binding, publicNonce, coefficient, verifyingShare, off)).toBe(false);
        const flipped = { ...binding, evenR: !evenR };
        expect(partialSignatureHolds(flipped, publicNonce, coefficient, verifyingShare, signature)).toBe(false);
      }),
      { seed: 3, numRuns: 15 },
    );
  });
});

describe('tweaks', () => {
  test('gacc·d + tacc is the discrete logarithm of the tweaked key', () => {
    forAll(
      fc.property(scalars, tweakLists, (d, tweaks) => {
        const { publicKey, gacc, tacc } = tweakThresholdPublicKey(pointToBytes(G.multiply(d)), tweaks);
        expect(G.multiply(Fn.add(Fn.mul(gacc, d), tacc)).equals(publicKey)).toBe(true);
      }),
      { seed: 4, numRuns: 25 },
    );
  });

  test('a key that is not a point, and an x-only tweak that cancels an odd key, throw', () => {
    expect(() => tweakContextInit(new Uint8Array(33))).toThrow('not a valid point');
    const odd = [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n].find((d) => pointToBytes(G.multiply(d))[0] === 3);
    if (odd === undefined) throw new Error('Some small multiple of G has an odd y-coordinate.');
    const context = tweakContextInit(pointToBytes(G.multiply(odd)));
    expect(() => applyTweak(context, { tweak: scalarToBytes(odd), xOnly: true })).toThrow('cannot be infinity');
    expect(() => applyTweak(context, { tweak: scalarToBytes(odd), xOnly: false })).not.toThrow();
  });
});

describe('nonces', () => {
  const random = bytesOf('random');
  const inputs = {
    signingShare: scalarToBytes(5n),
    verifyingShare: pointToBytes(G.multiply(5n)),
    thresholdPublicKey: bytesOf('key'),
    message: bytesOf('message'),
    extra: bytesOf('extra'),
  };

  test('every input changes the nonce, and an empty message is not the same as none', () => {
    const all = [
      nonceGen(random, inputs),
      nonceGen(bytesOf('other'), inputs),
      nonceGen(random, { ...inputs, message: new Uint8Array(0) }),
      nonceGen(random, {}),
      ...Object.keys(inputs).map((name) => nonceGen(random, { ...inputs, [name]: undefined })),
    ].map((nonce) => Buffer.from(nonce.public).toString('hex'));
    expect(new Set(all).size).toBe(all.length);
  });

  test('the randomness is not touched, and wrong lengths throw', () => {
    nonceGen(random, {});
    expect(random).toEqual(bytesOf('random'));
    expect(() => nonceGen(random.subarray(1), {})).toThrow('randomness must be 32 bytes');
    expect(() => nonceGen(random, { signingShare: random.subarray(1) })).toThrow('signing share must be 32 bytes');
    expect(() => nonceGen(random, { verifyingShare: random })).toThrow('verifying share must be 33 bytes');
    expect(() => nonceGen(random, { thresholdPublicKey: inputs.verifyingShare })).toThrow('32 bytes');
  });
});

describe('signing', () => {
  const { key, shares } = dealtKey([7n, 11n], 3);
  const signers = {
    participants: 3,
    threshold: 2,
    ids: [0, 2],
    verifyingShares: [one(key.verifyingShares, 0), one(key.verifyingShares, 2)],
    thresholdPublicKey: key.publicKey,
  };
  const nonce = nonceGen(bytesOf('a'), {});
  const other = nonceGen(bytesOf('b'), {});
  const session = { aggregateNonce: new Uint8Array(66), signers, tweaks: [], message: new Uint8Array(0) };

  test('a share outside the list of verifying shares throws after the nonce is gone', () => {
    const secret = nonce.secret.slice();
    expect(() => sign(secret, one(shares, 1), 0, session)).toThrow('must be included in the list of pubshares');
    expect(secret).toEqual(new Uint8Array(64));
  });

  test('a nonce of a wrong length throws', () => {
    expect(() => sign(nonce.secret.slice(1), one(shares, 0), 0, session)).toThrow('64-byte array');
  });

  test('lists of different lengths throw', () => {
    const nonces = [nonce.public, other.public];
    const verify = (ctx: typeof signers, publicNonces: Uint8Array[], position: number) =>
      partialSigVerify(scalarToBytes(1n), publicNonces, ctx, [], session.message, position);
    expect(() => verify(signers, [nonce.public], 0)).toThrow('pubnonces and ids');
    expect(() => verify({ ...signers, verifyingShares: [] }, nonces, 0)).toThrow('pubshares and ids');
    expect(() => verify(signers, nonces, 2)).toThrow('no signer at this position');
    expect(() => verify({ ...signers, threshold: 4 }, nonces, 0)).toThrow('1 <= t <= n');
  });
});

test('a tagged hash is that of BIP 340, whether the message comes whole or in parts', () => {
  // hash_TapTweak of nothing: SHA-256(SHA-256("TapTweak") ‖ SHA-256("TapTweak")).
  const tag = new Bun.CryptoHasher('sha256').update('TapTweak').digest();
  const plain = new Bun.CryptoHasher('sha256').update(tag).update(tag).update('abc').digest();
  const bytes = new TextEncoder().encode('abc');
  expect(taggedHash('TapTweak', bytes)).toEqual(new Uint8Array(plain));
  expect(taggedHash('TapTweak', bytes.subarray(0, 1), bytes.subarray(1))).toEqual(new Uint8Array(plain));
});
