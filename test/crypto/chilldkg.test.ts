import { describe, expect, test } from 'bun:test';
import { schnorr } from '@noble/curves/secp256k1.js';
import * as fc from 'fast-check';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import { popProve, popVerify, schnorrSign, schnorrVerify } from '../../crypto/chilldkg/pop.ts';
import { commit, commitToUnspendable, shareFor, shareMatches, verifyingShareFor } from '../../crypto/chilldkg/vss.ts';
import {
  coordinatorRecover,
  type DkgOutput,
  deriveUnspendableTaprootTweak,
  hostpubkeyGen,
  participantRecover,
  participantRecoveryAckSign,
  participantRecoveryAcksVerify,
  participantStep1,
  RandomnessError,
} from '../../crypto/chilldkg.ts';
import {
  addSecrets,
  Fn,
  G,
  parsePoint,
  parseScalar,
  pointToBytes,
  scalarToBytes,
  sumPoints,
} from '../../crypto/secp256k1.ts';
import {
  addedAt,
  bytesOf,
  forAll,
  hosts,
  keyOf,
  one,
  runSession,
  scalars,
  subsets,
  thrownBy,
} from './chilldkg-session.ts';

const SIZES = fc.integer({ min: 1, max: 5 }).chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 1, max: n })));

describe('an honest session', () => {
  test('gives all the same key, shares that fit, and recovery data that gives everything back', () => {
    forAll(
      fc.property(SIZES, fc.string(), ([n, t], label) => {
        const session = runSession(n, t, label);
        const { outputs, coordinatorOutput, recoveryData, hostseckeys, params } = session;
        for (const [i, output] of outputs.entries()) {
          const publicPart: DkgOutput = { ...output, signingShare: null };
          expect(publicPart).toEqual(coordinatorOutput);
          const share = parseScalar(output.signingShare ?? new Uint8Array(0)) ?? 0n;
          expect(pointToBytes(G.multiply(share))).toEqual(one(output.verifyingShares, i));
        }
        expect(() => bip340Scheme.validateKey(keyOf(session).key)).not.toThrow();
        const [data] = recoveryData;
        if (!data) throw new Error('There is recovery data.');
        for (const other of recoveryData) expect(other).toEqual(data);
        expect(coordinatorRecover(data)).toEqual({ output: coordinatorOutput, params });
        for (const [i, key] of hostseckeys.entries()) {
          expect(participantRecover(key, data)).toEqual({ output: one(outputs, i), params });
        }
      }),
      { seed: 327, numRuns: 12 },
    );
  });

  test('any t shares interpolate to the secret behind the public key', () => {
    const { key, shares } = keyOf(runSession(5, 3, 'interpolate'));
    for (const signers of subsets([0, 1, 2, 3, 4], 3)) {
      const secret = signers.reduce((sum, i) => {
        const factor = signers
          .filter((j) => j !== i)
          .reduce((product, j) => Fn.mul(product, Fn.mul(BigInt(j + 1), Fn.inv(Fn.create(BigInt(j - i))))), 1n);
        return Fn.add(sum, Fn.mul(factor, parseScalar(one(shares, i)) ?? 0n));
      }, 0n);
      expect(pointToBytes(G.multiply(secret))).toEqual(key.publicKey);
    }
  });

  test('replayed from the same secrets, randomness and messages, gives the same bytes', () => {
    expect(runSession(3, 2, 'replay')).toEqual(runSession(3, 2, 'replay'));
    expect(runSession(3, 2, 'replay').coordinatorOutput).not.toEqual(runSession(3, 2, 'other').coordinatorOutput);
  });

  test('leaves host keys and randomness as they were', () => {
    const { hostseckeys, params } = hosts(2, 2, 'untouched');
    const random = bytesOf('random');
    participantStep1(one(hostseckeys, 0), params, random);
    expect(random).toEqual(bytesOf('random'));
    expect(one(hostseckeys, 0)).toEqual(bytesOf('untouched host 0'));
  });

  test('randomness of zeroes is refused', () => {
    const { hostseckeys, params } = hosts(2, 2, 'zero');
    expect(() => participantStep1(one(hostseckeys, 0), params, new Uint8Array(32))).toThrow(RandomnessError);
  });
});

describe('the unspendable script path', () => {
  test('the key is the sum of the commitments tweaked by its own TapTweak hash, and the shares follow', () => {
    const session = runSession(3, 2, 'tweak');
    const points = session.first.map((message) => parsePoint(message.subarray(0, 33)) ?? G);
    const untweaked = sumPoints(points);
    const tweak = schnorr.utils.taggedHash('TapTweak', untweaked.toBytes(true).subarray(1));
    expect(deriveUnspendableTaprootTweak(pointToBytes(untweaked))).toEqual(tweak);
    const tweaked = untweaked.add(G.multiply(parseScalar(tweak) ?? 0n));
    expect(session.coordinatorOutput.publicKey).toEqual(pointToBytes(tweaked));
    expect(() => deriveUnspendableTaprootTweak(new Uint8Array(33))).toThrow('not a valid point');
  });

  test('a tweaked commitment fits tweaked shares, and Horner gives what the powers give', () => {
    forAll(
      fc.property(fc.array(scalars, { minLength: 1, maxLength: 5 }), fc.nat({ max: 63 }), (coefficients, index) => {
        const polynomial = coefficients.map(scalarToBytes);
        const commitment = commit(polynomial);
        const x = BigInt(index + 1);
        const plain = sumPoints(commitment.map((point, j) => point.multiply(Fn.create(x ** BigInt(j)))));
        expect(verifyingShareFor(commitment, index).equals(plain)).toBe(true);
        const share = shareFor(polynomial, index);
        expect(shareMatches(share, plain)).toBe(true);
        const tweaked = commitToUnspendable(commitment);
        expect(
          shareMatches(addSecrets(share, scalarToBytes(tweaked.tweak)), verifyingShareFor(tweaked.commitment, index)),
        ).toBe(true);
        expect(shareMatches(share, verifyingShareFor(tweaked.commitment, index))).toBe(false);
      }),
      { seed: 5, numRuns: 15 },
    );
  });

  test('the share at x = 0 cannot be asked for', () => {
    expect(() => shareFor([1n, 2n].map(scalarToBytes), -1)).toThrow('Invalid participant index');
  });
});

describe('proofs of possession', () => {
  const secret = 5n;
  const publicKey = pointToBytes(G.multiply(secret)).subarray(1);
  const pop = popProve(scalarToBytes(secret), 3, bytesOf('aux'));

  test('hold for their key and participant only, and are no BIP 340 signatures', () => {
    expect(popVerify(pop, publicKey, 3)).toBe(true);
    expect(popVerify(pop, publicKey, 2)).toBe(false);
    expect(popVerify(pop, pointToBytes(G.multiply(6n)).subarray(1), 3)).toBe(false);
    expect(schnorr.verify(pop, Uint8Array.of(0, 0, 0, 3), publicKey)).toBe(false);
  });

  test("signing without a prefix is the library's BIP 340", () => {
    forAll(
      fc.property(
        scalars,
        fc.uint8Array({ maxLength: 100 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (k, m, aux) => {
          const signature = schnorrSign(m, scalarToBytes(k), aux);
          expect(signature).toEqual(schnorr.sign(m, scalarToBytes(k), aux));
          const key = schnorr.getPublicKey(scalarToBytes(k));
          expect(schnorrVerify(m, key, signature)).toBe(true);
          expect(schnorrVerify(Uint8Array.of(...m, 0), key, signature)).toBe(false);
        },
      ),
      { seed: 6, numRuns: 10 },
    );
  });

  test('a secret key out of range throws, and malformed signatures are false', () => {
    expect(() => schnorrSign(publicKey, new Uint8Array(32), bytesOf('aux'))).toThrow('out of range');
    expect(() => schnorrSign(publicKey, scalarToBytes(1n), new Uint8Array(31))).toThrow('32 bytes');
    expect(schnorrVerify(publicKey, publicKey, pop.subarray(1))).toBe(false);
    expect(schnorrVerify(publicKey, publicKey.subarray(1), pop)).toBe(false);
    expect(schnorrVerify(publicKey, new Uint8Array(32).fill(0xff), pop)).toBe(false);
  });
});

describe('recovery', () => {
  const { hostseckeys, params, recoveryData } = runSession(3, 2, 'recovery');
  const data = one(recoveryData, 0);
  const acks = hostseckeys.map((key, i) => participantRecoveryAckSign(key, data, params, bytesOf(`ack ${i}`)));

  test('acknowledgments of all verify; a wrong one is blamed by index', () => {
    expect(() => participantRecoveryAcksVerify(data, params, acks)).not.toThrow();
    for (const liar of [0, 1, 2]) {
      const tampered = acks.map((ack, i) => (i === liar ? addedAt(ack, 32) : ack));
      const error = thrownBy(() => participantRecoveryAcksVerify(data, params, tampered));
      expect(error.name).toBe('InvalidRecoveryAckError');
      expect(error).toHaveProperty('participantId', liar);
    }
  });

  test('a certificate signature is no acknowledgment', () => {
    const { second } = runSession(3, 2, 'recovery');
    expect(() => participantRecoveryAcksVerify(data, params, second)).toThrow('invalid recovery acknowledgment');
  });

  test('acknowledgments of other parameters, broken data or a strange host key are refused by name', () => {
    const sign = (key: Uint8Array, bytes: Uint8Array, p: typeof params) => () =>
      participantRecoveryAckSign(key, bytes, p, bytesOf('aux'));
    const [key] = hostseckeys;
    if (!key) throw new Error('There is a host key.');
    const names = [
      sign(key, data, { ...params, threshold: 3 }),
      sign(key, data.subarray(1), params),
      sign(bytesOf('stranger'), data, params),
      sign(key, data, { ...params, threshold: 4 }),
      sign(new Uint8Array(31), data, params),
    ].map((body) => thrownBy(body).name);
    expect(names).toEqual([
      'RecoveryDataError',
      'RecoveryDataError',
      'HostSeckeyError',
      'ThresholdOrCountError',
      'ValueError',
    ]);
    expect(() => participantRecoveryAcksVerify(data, params, acks.slice(1))).toThrow('one acknowledgment');
    expect(() => participantRecoveryAcksVerify(data, { ...params, threshold: 3 }, acks)).toThrow('does not match');
  });

  test('a change of any byte of the recovery data is noticed', () => {
    for (let at = 0; at < data.length; at += 37) {
      const changed = data.map((byte, i) => (i === at ? byte ^ 1 : byte));
      expect(thrownBy(() => coordinatorRecover(changed)).name).toBe('RecoveryDataError');
    }
  });

  test('a stranger recovers nothing', () => {
    expect(() => hostpubkeyGen(bytesOf('stranger'))).not.toThrow();
    expect(() => participantRecover(bytesOf('stranger'), data)).toThrow('does not match any host public key');
  });
});
