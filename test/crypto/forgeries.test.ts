// Forgeries that only a shortcut would take: each is made by somebody who knows the key, so that nothing but the one check
// that a shortcut could leave out tells it from a signature.
import { describe, expect, test } from 'bun:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { schnorr } from '@noble/curves/secp256k1.js';
import { bytesToNumberBE } from '@noble/curves/utils.js';
import { deal } from '../../bench/deal.ts';
import { signaturesHold } from '../../crypto/bip340-batch.ts';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import { sharesInterpolate } from '../../crypto/bip445/key-context.ts';
import { derivedKeyVerifies, tweakContextInit, tweakThresholdPublicKey } from '../../crypto/bip445/tweak.ts';
import { nonceGen } from '../../crypto/bip445.ts';
import { concat, sha256, sha512, u32be, utf8 } from '../../crypto/bytes.ts';
import { ed25519Scheme } from '../../crypto/ed25519-frost.ts';
import { interpolates } from '../../crypto/ed25519-key.ts';
import type { SigningSession } from '../../crypto/scheme.ts';
import { Fn, G, hasEvenY, parsePoint, scalarToBytes, xOnlyBytes } from '../../crypto/secp256k1.ts';
import { weightsOf } from '../../crypto/signature-weights.ts';
import { taggedHash } from '../../crypto/tagged-hash.ts';
import { bytesOf, dealtKey, one } from './chilldkg-session.ts';

const NO_BYTES = new Uint8Array(0);
const hashed = (...numbers: number[]) => sha256(...numbers.map(u32be));
const scalarOf = (...numbers: number[]) => Fn.create(bytesToNumberBE(hashed(...numbers)));

/** One signature of a batch: the hash of its challenge, and itself. */
interface Claimed {
  readonly challenge: Uint8Array;
  readonly signature: Uint8Array;
}

/** What the weights might be drawn from where s is left out, so that whoever makes the signatures knows them first. */
const WITHOUT_S: readonly ((claimed: Claimed) => readonly Uint8Array[])[] = [
  ({ challenge }) => [challenge],
  ({ challenge, signature }) => [challenge, signature.subarray(0, 32)],
  ({ signature }) => [signature.subarray(0, 32)],
  ({ challenge, signature }) => [challenge, concat(signature.subarray(0, 32), new Uint8Array(32))],
  () => [],
];

const moved = (signature: Uint8Array, by: bigint) => {
  return concat(signature.subarray(0, 32), scalarToBytes(Fn.add(bytesToNumberBE(signature.subarray(32)), by)));
};

/** Two signatures, neither of them right, that a batch with the weights of `transcript` would take for two right ones. */
function forgedPair([first, second]: readonly [Claimed, Claimed], transcript: (typeof WITHOUT_S)[number]) {
  const [, weight = 0n] = weightsOf([transcript(first), transcript(second)]);
  return [moved(first.signature, weight), moved(second.signature, Fn.neg(1n))] as const;
}

describe('a pair of wrong signatures made for weights that are known before s is chosen', () => {
  test('is made for the weights: with these the errors do cancel out', () => {
    const pair: [Claimed, Claimed] = [
      { challenge: hashed(1), signature: concat(hashed(2), hashed(3)) },
      { challenge: hashed(4), signature: concat(hashed(5), hashed(6)) },
    ];
    for (const transcript of WITHOUT_S) {
      const weights = weightsOf(pair.map(transcript));
      const sum = (signatures: readonly Uint8Array[]) =>
        signatures.reduce((total, each, i) => {
          return Fn.add(total, Fn.mul(weights[i] ?? 0n, Fn.create(bytesToNumberBE(each.subarray(32)))));
        }, 0n);
      const forged = forgedPair(pair, transcript);
      expect(forged).not.toEqual([pair[0].signature, pair[1].signature]);
      expect(sum(forged)).toBe(sum(pair.map(({ signature }) => signature)));
    }
  });

  test('is no batch of BIP 340 signatures that holds', () => {
    const claims = [1, 2].map((seed) => {
      const [secretKey, message] = [hashed(seed), hashed(seed, 1)];
      const [xOnly, signature] = [schnorr.getPublicKey(secretKey), schnorr.sign(message, secretKey, hashed(seed, 2))];
      const publicKey = parsePoint(concat(Uint8Array.of(2), xOnly));
      if (publicKey === null) throw new Error('a public key');
      const challenge = taggedHash('BIP0340/challenge', signature.subarray(0, 32), xOnly, message);
      return { message, publicKey, signature, challenge };
    });
    const [first, second] = [one(claims, 0), one(claims, 1)];
    expect(signaturesHold(claims)).toBe(true);
    for (const transcript of WITHOUT_S) {
      const signatures = forgedPair([first, second], transcript);
      expect(signaturesHold(claims.map((claim, i) => ({ ...claim, signature: one(signatures, i) })))).toBe(false);
    }
  });

  test('is no pair of session signatures that hold together', () => {
    const { key, shares } = deal('bip340', 2, 3);
    const outputKey = bip340Scheme.outputKey(key, []);
    const signed = [1, 2].map((seed) => {
      const message = hashed(seed, 3);
      const { session, signature } = signedBy(key, shares, message);
      return {
        session,
        signature,
        challenge: taggedHash('BIP0340/challenge', signature.subarray(0, 32), outputKey, message),
      };
    });
    expect(bip340Scheme.verifyTogether(key, signed)).toBe(true);
    for (const transcript of WITHOUT_S) {
      const signatures = forgedPair([one(signed, 0), one(signed, 1)], transcript);
      const forged = signed.map(({ session }, i) => ({ session, signature: one(signatures, i) }));
      expect(bip340Scheme.verifyTogether(key, forged)).toBe(false);
    }
  });
});

describe('shares on no polynomial, made for a random word that is known before they are chosen', () => {
  const [THRESHOLD, PARTICIPANTS] = [2, 4];
  /** What the word might be drawn from where points are left out. The last two shares are free then. */
  const heads: readonly ((points: readonly Uint8Array[]) => readonly Uint8Array[])[] = [
    () => [],
    (points) => points.slice(0, 1),
    (points) => points.slice(0, -2),
  ];
  const denominator = (field: typeof Fn, x: number) =>
    [0, 1, 2, 3, 4].reduce(
      (value, other) => (other === x ? value : field.mul(value, field.create(BigInt(x - other)))),
      1n,
    );
  /** By how much the last two shares may be moved without a word of these coefficients noticing. */
  const errors = (field: typeof Fn, coefficients: readonly bigint[]): readonly [bigint, bigint] => {
    const at = (x: number) => {
      const value = coefficients.reduceRight((sum, c) => field.add(field.mul(sum, BigInt(x)), c), 0n);
      return field.mul(field.inv(denominator(field, x)), value);
    };
    return [at(PARTICIPANTS), field.neg(at(PARTICIPANTS - 1))];
  };
  const counters = Array.from({ length: PARTICIPANTS - THRESHOLD + 1 }, (_, i) => u32be(i));

  test('are no bitcoin key', () => {
    const { key } = dealtKey([scalarOf(30), scalarOf(31)], PARTICIPANTS);
    const points = [key.publicKey, ...key.verifyingShares].map((bytes) => parsePoint(bytes) ?? G);
    const [publicKey = G, ...shares] = points;
    expect(sharesInterpolate(publicKey, shares, THRESHOLD)).toBe(true);
    const domain = '0BTC/bip340/low degree';
    for (const head of heads) {
      const transcript = taggedHash(domain, u32be(THRESHOLD), ...head(points.map((point) => point.toBytes(true))));
      const [first, second] = errors(
        Fn,
        counters.map((i) => Fn.create(bytesToNumberBE(taggedHash(domain, transcript, i)))),
      );
      const forged = [
        one(shares, 0),
        one(shares, 1),
        one(shares, 2).add(G.multiply(first)),
        one(shares, 3).add(G.multiply(second)),
      ];
      expect(sharesInterpolate(publicKey, forged, THRESHOLD)).toBe(false);
    }
  });

  test('are no attestation key', () => {
    const { key } = deal('ed25519', THRESHOLD, PARTICIPANTS);
    const { BASE, Fn: field } = ed25519.Point;
    const points = [key.publicKey, ...key.verifyingShares].map((bytes) =>
      ed25519.Point.fromBytes(Uint8Array.from(bytes)),
    );
    const [publicKey = BASE, ...shares] = points;
    expect(interpolates(publicKey, shares, THRESHOLD)).toBe(true);
    const domain = utf8('0BTC_WIRE_ED25519_LOW_DEGREE/v1');
    for (const head of heads) {
      const seed = sha512(domain, u32be(THRESHOLD), ...head(points.map((point) => point.toBytes())));
      const [first, second] = errors(
        field,
        counters.map((i) => field.create(bytesToNumberBE(sha512(domain, seed, i)))),
      );
      const forged = [
        one(shares, 0),
        one(shares, 1),
        one(shares, 2).add(BASE.multiply(first)),
        one(shares, 3).add(BASE.multiply(second)),
      ];
      expect(interpolates(publicKey, forged, THRESHOLD)).toBe(false);
    }
  });
});

describe('a signature whose R has an odd y-coordinate', () => {
  // R = k·G as it is, where BIP 340 has the signer negate k.
  const oddNonce = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => scalarOf(seed, 9)).find((k) => !hasEvenY(G.multiply(k)));
  if (oddNonce === undefined) throw new Error('one of eight points has an odd y-coordinate');
  const message = bytesOf('odd');

  test('verifies under no derived key, though it meets the equation with its own R', () => {
    const secret = scalarOf(20);
    const { key } = dealtKey([secret, scalarOf(21)], 3);
    for (const tweaks of [[], [{ tweak: bytesOf('t'), xOnly: true }], [{ tweak: bytesOf('t'), xOnly: false }]]) {
      const tweaked = tweakThresholdPublicKey(key.publicKey, tweaks);
      const logarithm = Fn.add(Fn.mul(tweaked.gacc, secret), tweaked.tacc);
      const d = tweaked.evenY ? logarithm : Fn.neg(logarithm);
      const signatureBy = (k: bigint) => {
        const xOnlyR = xOnlyBytes(G.multiply(k));
        const e = Fn.create(bytesToNumberBE(taggedHash('BIP0340/challenge', xOnlyR, tweaked.xOnly, message)));
        return concat(xOnlyR, scalarToBytes(Fn.add(k, Fn.mul(e, d))));
      };
      const [right, odd] = [signatureBy(Fn.neg(oddNonce)), signatureBy(oddNonce)];
      expect(right.subarray(0, 32)).toEqual(odd.subarray(0, 32));
      const outputKey = bip340Scheme.outputKey(key, tweaks);
      expect(schnorr.verify(right, message, outputKey)).toBe(true);
      expect(schnorr.verify(odd, message, outputKey)).toBe(false);
      const untweaked = tweakContextInit(key.publicKey);
      expect(derivedKeyVerifies(untweaked, tweaked, message, right)).toBe(true);
      expect(derivedKeyVerifies(untweaked, tweaked, message, odd)).toBe(false);
      expect(bip340Scheme.verify(outputKey, message, right)).toBe(true);
      expect(bip340Scheme.verify(outputKey, message, odd)).toBe(false);
    }
  });
});

describe('a nonce', () => {
  test('of either scheme changes with the signing share, where the randomness is the same', () => {
    for (const scheme of [bip340Scheme, ed25519Scheme]) {
      const { key, shares } = deal(scheme.name, 2, 3);
      const made = [0, 1].map((i) => scheme.generateNonce(key, 0, one(shares, i), bytesOf('stuck')).public);
      expect(one(made, 0)).not.toEqual(one(made, 1));
    }
  });

  test('of the bitcoin key is that of NonceGen with share, verifying share and key', () => {
    const { key, shares } = deal('bip340', 2, 3);
    const random = bytesOf('random');
    const made = bip340Scheme.generateNonce(key, 1, one(shares, 1), random);
    const inputs = {
      signingShare: one(shares, 1),
      verifyingShare: one(key.verifyingShares, 1),
      thresholdPublicKey: key.publicKey.subarray(1),
    };
    expect(made).toEqual(nonceGen(random, inputs));
    for (const left of Object.keys(inputs)) {
      expect(made.public).not.toEqual(nonceGen(random, { ...inputs, [left]: undefined }).public);
    }
  });
});

/** A session of the first two participants over a message, with its signature. */
function signedBy(key: ReturnType<typeof deal>['key'], shares: readonly Uint8Array[], message: Uint8Array) {
  const nonces = [0, 1].map((i) => bip340Scheme.generateNonce(key, i, one(shares, i), sha256(message, u32be(i))));
  const combined = bip340Scheme.combineNonces(
    [0, 1],
    nonces.map((nonce) => nonce.public),
  );
  if (!combined.ok) throw new Error('the nonces are right');
  const session: SigningSession = { signers: [0, 1], nonceCommitment: combined.nonceCommitment, message, tweaks: [] };
  const partials = nonces.map(({ secret }, i) => bip340Scheme.sign(key, i, one(shares, i), secret, session));
  const made = bip340Scheme.aggregate(key, session, partials);
  return { session, signature: made.ok ? made.signature : NO_BYTES };
}
