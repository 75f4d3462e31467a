// Every shortcut of crypto/ that saves work, held against the plain formula it stands for. Those of FROST(Ed25519,
// SHA-512) have a file of their own.
import { describe, expect, test } from 'bun:test';
import { schnorr } from '@noble/curves/secp256k1.js';
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js';
import fc from 'fast-check';
import { deal } from '../../bench/deal.ts';
import { signaturesHold } from '../../crypto/bip340-batch.ts';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import { BoundedCache } from '../../crypto/bounded-cache.ts';
import { concat, sha256, u32be } from '../../crypto/bytes.ts';
import { checkPackage, round1 } from '../../crypto/ed25519-dkg.ts';
import { ed25519Scheme } from '../../crypto/ed25519-frost.ts';
import type { GroupKey, SigningSession } from '../../crypto/scheme.ts';
import {
  Fn,
  G,
  multiplyPublic,
  multiplySecret,
  multiplySmallPublic,
  parsePoint,
  pointsToBytes,
  pointToBytes,
  reduceSecret,
} from '../../crypto/secp256k1.ts';

const fresh = (...numbers: number[]) => sha256(...numbers.map(u32be));
const defined = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('missing');
  return value;
};
const check = <T>(property: fc.IProperty<T>, numRuns = 30) => fc.assert(property, { seed: 20_300, numRuns });

describe('multiplications on secp256k1', () => {
  test('by a small number gives the point that the general one gives', () => {
    const point = multiplySecret(reduceSecret(fresh(1)));
    for (let x = 0; x <= 65; x++) {
      expect(multiplySmallPublic(x, point).equals(multiplyPublic(BigInt(x), point))).toBe(true);
    }
  });

  test('points are encoded together as they are one by one', () => {
    const points = [1, 2, 3, 4].map((x) => multiplySmallPublic(x, multiplySecret(reduceSecret(fresh(x)))));
    expect(pointsToBytes(points)).toEqual(points.map(pointToBytes));
    expect(() => pointsToBytes([G, G.subtract(G)])).toThrow();
  });
});

describe('BIP 340', () => {
  const claimOf = (seed: number, length = 32) => {
    const secretKey = fresh(seed);
    const message = new Uint8Array(length).fill(seed);
    const signature = schnorr.sign(message, secretKey, fresh(seed, 1));
    const xOnly = schnorr.getPublicKey(secretKey);
    const publicKey = defined(parsePoint(concat(Uint8Array.of(2), xOnly)) ?? undefined);
    // The point of odd y stands for the same key.
    return { message, publicKey: seed % 2 === 0 ? publicKey : publicKey.negate(), signature, xOnly };
  };

  test('a batch holds exactly where each signature holds', () => {
    const edits = fc.option(fc.record({ which: fc.nat({ max: 4 }), bit: fc.nat({ max: 511 }) }));
    check(
      fc.property(fc.nat({ max: 5 }), edits, (count, edit) => {
        const claims = Array.from({ length: count }, (_, i) => claimOf(i + 1, i * 7));
        const touched = edit === null ? undefined : claims[edit.which];
        if (touched !== undefined && edit !== null) {
          const at = edit.bit >> 3;
          touched.signature[at] = (touched.signature[at] ?? 0) ^ (1 << (edit.bit & 7));
        }
        const oneByOne = claims.every(({ signature, message, xOnly }) => schnorr.verify(signature, message, xOnly));
        expect(signaturesHold(claims)).toBe(oneByOne);
      }),
    );
  });

  test('errors that would cancel out in a plain sum do not in a batch', () => {
    const [first, second] = [claimOf(1), claimOf(2)];
    const shifted = (signature: Uint8Array, by: bigint) => {
      const s = Fn.add(Fn.fromBytes(signature.slice(32)), by);
      return concat(signature.subarray(0, 32), Fn.toBytes(s));
    };
    const crossed = [
      { ...first, signature: shifted(first.signature, 1n) },
      { ...second, signature: shifted(second.signature, Fn.ORDER - 1n) },
    ];
    expect(signaturesHold([first, second])).toBe(true);
    expect(signaturesHold(crossed)).toBe(false);
    expect(signaturesHold([{ ...first, signature: first.signature.slice(1) }])).toBe(false);
  });

  test('under a derived key a signature verifies exactly where the plain verification says so', () => {
    const tweakLists = fc.array(
      fc.record({
        tweak: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => b.fill(1, 0, 1)),
        xOnly: fc.boolean(),
      }),
      { maxLength: 3 },
    );
    check(
      fc.property(
        tweakLists,
        fc.uint8Array({ maxLength: 40 }),
        fc.option(fc.nat({ max: 511 })),
        (tweaks, message, bit) => {
          const { key, shares } = deal('bip340', 2, 3);
          const signature = signed(key, shares, message, tweaks);
          if (bit !== null) signature[bit >> 3] = (signature[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          const outputKey = bip340Scheme.outputKey(key, tweaks);
          const plain = schnorr.verify(signature, message, outputKey);
          expect(plain).toBe(bit === null);
          expect(bip340Scheme.verify(outputKey, message, signature)).toBe(plain);
          expect(bip340Scheme.verify(outputKey, message, signature.slice(1))).toBe(false);
        },
      ),
    );
  });

  function signed(key: GroupKey, shares: readonly Uint8Array[], message: Uint8Array, tweaks: SigningSession['tweaks']) {
    const signers = [0, 2];
    const nonces = signers.map((index) =>
      bip340Scheme.generateNonce(key, index, defined(shares[index]), fresh(index + 1)),
    );
    const combined = bip340Scheme.combineNonces(
      signers,
      nonces.map((nonce) => nonce.public),
    );
    if (!combined.ok) throw new Error('the nonces are fine');
    const session = { signers, nonceCommitment: combined.nonceCommitment, message, tweaks };
    const partials = signers.map((index, position) =>
      bip340Scheme.sign(key, index, defined(shares[index]), defined(nonces[position]).secret, session),
    );
    const made = bip340Scheme.aggregate(key, session, partials);
    if (!made.ok) throw new Error('the shares are fine');
    return made.signature;
  }
});

describe('what is remembered', () => {
  test('a round-1 package found good stays good for its own dealer, context and threshold only', () => {
    const context = fresh(77);
    const input = { index: 1, participants: 3, threshold: 2, context, random: fresh(78) };
    const dealerPackage = round1(input).package;
    const claim = { context, threshold: 2, dealer: 1, dealerPackage };
    for (let again = 0; again < 3; again++) {
      expect(checkPackage(claim)).toBeNull();
      expect(checkPackage({ ...claim, dealer: 2 })).toBe('bad_proof');
      expect(checkPackage({ ...claim, context: fresh(79) })).toBe('bad_proof');
      expect(checkPackage({ ...claim, threshold: 3 })).toBe('bad_length');
      const edited = dealerPackage.slice();
      edited[edited.length - 40] = (edited[edited.length - 40] ?? 0) ^ 1;
      expect(checkPackage({ ...claim, dealerPackage: edited })).toBe('bad_proof');
    }
  });

  test('preparing nonces and sessions changes nothing of what is made of them, good or bad', () => {
    for (const scheme of [bip340Scheme, ed25519Scheme]) {
      const { key, shares } = deal(scheme.name, 2, 3);
      const made = [0, 1].map((index) => scheme.generateNonce(key, index, defined(shares[index]), fresh(index, 5)));
      const publicNonces = made.map((nonce) => nonce.public);
      const bad = new Uint8Array(scheme.publicNonceBytes).fill(0xff);
      for (const nonce of [...publicNonces, bad, new Uint8Array(3)]) scheme.prepareNonce(nonce);
      expect(scheme.combineNonces([0, 1], [defined(publicNonces[0]), bad])).toEqual({ ok: false, culprit: 1 });
      const combined = scheme.combineNonces([0, 1], publicNonces);
      if (!combined.ok) throw new Error('the nonces are fine');
      const session = { signers: [0, 1], nonceCommitment: combined.nonceCommitment, message: fresh(6), tweaks: [] };
      scheme.prepareSession(key, { ...session, nonceCommitment: bad });
      scheme.prepareSession(key, { ...session, signers: [1, 0] });
      scheme.prepareSession(key, session);
      const partials = [0, 1].map((index) =>
        scheme.sign(key, index, defined(shares[index]), defined(made[index]).secret, session),
      );
      const aggregated = scheme.aggregate(key, session, partials);
      if (!aggregated.ok) throw new Error('the shares are fine');
      const outputKey = scheme.outputKey(key, []);
      expect(scheme.verify(outputKey, session.message, aggregated.signature)).toBe(true);
      for (const at of [0, 31, 32, 63]) {
        const wrong = aggregated.signature.slice();
        wrong[at] = (wrong[at] ?? 0) ^ 1;
        expect(scheme.verify(outputKey, session.message, wrong)).toBe(false);
      }
      expect(scheme.verify(outputKey, fresh(7), aggregated.signature)).toBe(false);
      const again = { ...session, nonceCommitment: bad };
      const spare = scheme.generateNonce(key, 0, defined(shares[0]), fresh(8)).secret;
      expect(() => scheme.sign(key, 0, defined(shares[0]), spare, again)).toThrow();
    }
  });

  test('a signature of a prepared session is validated as by BIP 340 itself, under any tweaks and with any s', () => {
    const { key, shares } = deal('bip340', 2, 3);
    for (let round = 0; round < 12; round++) {
      const tweaks = Array.from({ length: round % 4 }, (_, i) => ({
        tweak: fresh(round, i),
        xOnly: (round + i) % 2 === 0,
      }));
      const message = fresh(90 + round);
      const made = [0, 2].map((index) =>
        bip340Scheme.generateNonce(key, index, defined(shares[index]), fresh(round, index, 9)),
      );
      const publicNonces = made.map((nonce) => nonce.public);
      const combined = bip340Scheme.combineNonces([0, 2], publicNonces);
      // Added up once before: the second sum is remembered, and is no view of the first.
      const again = bip340Scheme.combineNonces([0, 2], publicNonces);
      if (!combined.ok || !again.ok) throw new Error('the nonces are fine');
      expect(again.nonceCommitment).toEqual(combined.nonceCommitment);
      expect(again.nonceCommitment).not.toBe(combined.nonceCommitment);
      const session = { signers: [0, 2], nonceCommitment: combined.nonceCommitment, message, tweaks };
      bip340Scheme.prepareSession(key, session);
      const partials = [0, 2].map((index, i) =>
        bip340Scheme.sign(key, index, defined(shares[index]), defined(made[i]).secret, session),
      );
      const aggregated = bip340Scheme.aggregate(key, session, partials);
      if (!aggregated.ok) throw new Error('the shares are fine');
      const { signature } = aggregated;
      const outputKey = bip340Scheme.outputKey(key, tweaks);
      const s = bytesToNumberBE(signature.subarray(32));
      for (const other of [s, 0n, 1n, Fn.neg(s), Fn.add(s, 1n), Fn.ORDER, 2n ** 256n - 1n]) {
        const claimed = concat(signature.subarray(0, 32), numberToBytesBE(other, 32));
        expect(bip340Scheme.verify(outputKey, message, claimed)).toBe(schnorr.verify(claimed, message, outputKey));
      }
      expect(bip340Scheme.verify(outputKey, message, signature)).toBe(true);
      expect(bip340Scheme.verify(outputKey, message, concat(signature, new Uint8Array(1)))).toBe(false);
    }
  });

  test('signatures of many sessions hold together exactly where each holds alone', () => {
    for (const scheme of [bip340Scheme, ed25519Scheme]) {
      const { key, shares } = deal(scheme.name, 2, 3);
      const signed = Array.from({ length: 20 }, (_, round) => {
        const tweaks =
          scheme.name === 'ed25519'
            ? []
            : Array.from({ length: round % 3 }, (_, i) => ({ tweak: fresh(round, i), xOnly: i === 0 }));
        const made = [0, 1].map((index) =>
          scheme.generateNonce(key, index, defined(shares[index]), fresh(round, index, 11)),
        );
        const combined = scheme.combineNonces(
          [0, 1],
          made.map((nonce) => nonce.public),
        );
        if (!combined.ok) throw new Error('the nonces are fine');
        const session = {
          signers: [0, 1],
          nonceCommitment: combined.nonceCommitment,
          message: fresh(round, 12),
          tweaks,
        };
        const partials = [0, 1].map((index) =>
          scheme.sign(key, index, defined(shares[index]), defined(made[index]).secret, session),
        );
        const aggregated = scheme.aggregate(key, session, partials);
        if (!aggregated.ok) throw new Error('the shares are fine');
        return { session, signature: aggregated.signature };
      });
      for (const count of [0, 1, 2, 20]) expect(scheme.verifyTogether(key, signed.slice(0, count))).toBe(true);
      const flipped = fc.record({ which: fc.nat({ max: 19 }), bit: fc.nat({ max: 511 }) });
      check(
        fc.property(flipped, ({ which, bit }) => {
          const spoiled = signed.map((one, i) => {
            const signature = one.signature.slice();
            if (i === which) signature[bit >> 3] = (signature[bit >> 3] ?? 0) ^ (1 << (bit & 7));
            return { ...one, signature };
          });
          expect(scheme.verifyTogether(key, spoiled)).toBe(false);
          const others = spoiled.filter((_, i) => i !== which);
          expect(scheme.verifyTogether(key, others)).toBe(true);
        }),
        12,
      );
      // Two that are wrong by the same amount, one way and the other, do not make up for each other.
      if (scheme.name === 'bip340') {
        const off = signed.map(({ session, signature }, i) => {
          const s = Fn.add(bytesToNumberBE(signature.subarray(32)), i === 3 ? 1n : i === 4 ? Fn.neg(1n) : 0n);
          return { session, signature: concat(signature.subarray(0, 32), numberToBytesBE(s, 32)) };
        });
        expect(scheme.verifyTogether(key, off)).toBe(false);
      }
      const swapped = signed.map(({ session }, i) => ({ session, signature: defined(signed[(i + 1) % 20]).signature }));
      expect(scheme.verifyTogether(key, swapped)).toBe(false);
    }
  });

  test('what is taken out of a cache is there once', () => {
    const cache = new BoundedCache<object>(2);
    const value = {};
    cache.keep('a', value);
    expect([cache.take('a'), cache.take('a'), cache.find('a')]).toEqual([value, undefined, undefined]);
  });

  test('a full cache forgets the oldest entry and computes it again', () => {
    const cache = new BoundedCache<{ readonly n: number }>(2);
    let computed = 0;
    const get = (name: string) => cache.get(name, () => ({ n: computed++ }));
    expect([get('a'), get('b'), get('a'), get('c'), get('b')].map(({ n }) => n)).toEqual([0, 1, 0, 2, 1]);
    expect(cache.find('a')).toBeUndefined();
    expect(get('a').n).toBe(3);
    expect(() =>
      cache.get('d', () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(cache.find('d')).toBeUndefined();
  });
});
