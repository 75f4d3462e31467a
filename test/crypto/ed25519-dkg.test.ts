import { describe, expect, test } from 'bun:test';
import { ED25519_TORSION_SUBGROUP, ed25519, ed25519_FROST } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { concat, fromHex, sha256, toHex, u32be, utf8 } from '../../crypto/bytes.ts';
import { type DkgSecret, dkgPackageBytes, round1, round2, round3, verifyShare } from '../../crypto/ed25519-dkg.ts';
import { ed25519Scheme, frostIdentifier } from '../../crypto/ed25519-frost.ts';

const defined = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('missing');
  return value;
};

const inputsOf = (threshold: number, participants: number, seed: number): DkgSecret[] =>
  Array.from({ length: participants }, (_, index) => {
    const random = sha256(u32be(seed), u32be(index));
    return { index, participants, threshold, context: utf8('ceremony'), random };
  });

function sharesOf(secret: DkgSecret, packages: readonly Uint8Array[]): readonly Uint8Array[] {
  const made = round2(secret, packages);
  if (!made.ok) throw new Error(`${made.culprit} ${made.reason}`);
  return made.shares;
}

function ran(threshold: number, participants: number, seed: number) {
  const inputs = inputsOf(threshold, participants, seed);
  const packages = inputs.map((input) => round1(input).package);
  const dealt = inputs.map((input) => sharesOf(input, packages));
  const sharesTo = (index: number) => dealt.map((shares) => defined(shares[index]));
  return { inputs, packages, dealt, sharesTo };
}

const three = ran(2, 3, 1);
const withPackage = (dealer: number, bytes: Uint8Array) =>
  three.packages.map((good, index) => (index === dealer ? bytes : good));
const first = defined(three.inputs[0]);
const packageOf2 = defined(three.packages[2]);

describe('Ed25519 key generation', () => {
  test('all participants come to one key, whose shares are theirs and sign', () => {
    const sizes = fc
      .integer({ min: 2, max: 4 })
      .chain((n) => fc.tuple(fc.integer({ min: 2, max: n }), fc.constant(n), fc.nat()));
    fc.assert(
      fc.property(sizes, ([threshold, participants, seed]) => {
        const { inputs, packages, sharesTo } = ran(threshold, participants, seed);
        const results = inputs.map((input) => round3(input, packages, sharesTo(input.index)));
        const secrets = results.map((result) => {
          if (!result.ok) throw new Error(result.reason);
          return result;
        });
        const { groupKey } = defined(secrets[0]);
        for (const [index, secret] of secrets.entries()) {
          expect(secret.groupKey).toEqual(groupKey);
          const share = ed25519.Point.Fn.fromBytes(Uint8Array.from(secret.signingShare));
          expect(ed25519.Point.BASE.multiply(share).toBytes()).toEqual(
            Uint8Array.from(defined(groupKey.verifyingShares[index])),
          );
        }
        ed25519Scheme.validateKey(groupKey);
        const frostShares = secrets.slice(0, threshold).map((secret, index) => ({
          identifier: frostIdentifier(index),
          signingShare: Uint8Array.from(secret.signingShare),
        }));
        const whole = ed25519_FROST.combineSecret(frostShares, { min: threshold, max: participants });
        expect(
          ed25519_FROST.verify(ed25519_FROST.sign(utf8('m'), whole), utf8('m'), Uint8Array.from(groupKey.publicKey)),
        ).toBe(true);
      }),
      { seed: 20_006, numRuns: 5 },
    );
  });

  test('a repeated round gives the same bytes, and leaves its input as it was', () => {
    const before = toHex(first.random);
    expect(round1(first).package).toEqual(defined(three.packages[0]));
    expect(sharesOf(first, three.packages)).toEqual(defined(three.dealt[0]));
    const once = round3(first, three.packages, three.sharesTo(0));
    expect(round3(first, three.packages, three.sharesTo(0))).toEqual(once);
    expect(once.ok).toBe(true);
    expect(toHex(first.random)).toBe(before);
  });

  test('the same randomness under another context, index or threshold gives another polynomial', () => {
    const commitment = (input: DkgSecret) => toHex(round1(input).package.slice(1, 33));
    const variants = [
      first,
      { ...first, context: utf8('another') },
      { ...first, index: 1 },
      { ...first, threshold: 3 },
      { ...first, participants: 4 },
    ];
    expect(new Set(variants.map(commitment)).size).toBe(variants.length);
  });

  test('a proof of possession made for another ceremony or another index is refused', () => {
    const replayed = round1({ ...defined(three.inputs[2]), context: utf8('earlier ceremony') }).package;
    expect(round2(first, withPackage(2, replayed))).toEqual({ ok: false, culprit: 2, reason: 'bad_proof' });
    const copied = defined(three.packages[0]);
    expect(round2(first, withPackage(1, copied))).toEqual({ ok: false, culprit: 1, reason: 'bad_proof' });
  });

  test('packages of the wrong length or with another number of commitments are refused and blamed', () => {
    const longer = round1({ ...defined(three.inputs[2]), threshold: 3 }).package;
    const bad = [new Uint8Array(), packageOf2.slice(1), concat(packageOf2, Uint8Array.of(0)), longer];
    bad.push(concat(Uint8Array.of(3), packageOf2.slice(1)), concat(Uint8Array.of(1), packageOf2.slice(1)));
    for (const bytes of bad) {
      expect(round2(first, withPackage(2, bytes))).toEqual({ ok: false, culprit: 2, reason: 'bad_length' });
    }
    expect(packageOf2).toHaveLength(dkgPackageBytes(2));
  });

  test('identity, small-order, mixed-order and non-canonical commitments are refused and blamed', () => {
    const torsion = ed25519.Point.fromHex(ED25519_TORSION_SUBGROUP[1] ?? '');
    const own = ed25519.Point.fromBytes(packageOf2.slice(33, 65));
    const points = [
      `01${'00'.repeat(31)}`,
      ED25519_TORSION_SUBGROUP[1] ?? '',
      own.add(torsion).toHex(),
      `ee${'ff'.repeat(30)}7f`,
      'ff'.repeat(32),
    ];
    for (const point of points) {
      for (const at of [1, 33]) {
        const bytes = packageOf2.slice();
        bytes.set(fromHex(point), at);
        expect(round2(first, withPackage(2, bytes))).toEqual({ ok: false, culprit: 2, reason: 'bad_point' });
      }
    }
  });

  test('a flipped bit in the proof is refused', () => {
    for (let bit = 65 * 8; bit < 129 * 8; bit += 7) {
      const bytes = packageOf2.slice();
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(round2(first, withPackage(2, bytes))).toEqual({ ok: false, culprit: 2, reason: 'bad_proof' });
    }
  });

  test('a valid package in the place of one’s own is noticed', () => {
    const other = round1({ ...first, random: sha256(utf8('other')) }).package;
    expect(round2(first, withPackage(0, other))).toEqual({ ok: false, culprit: 0, reason: 'own_package_altered' });
  });

  test('a wrong share is blamed on its dealer, and anybody can check it', () => {
    const wrong = [
      new Uint8Array(32),
      new Uint8Array(32).fill(0xff),
      new Uint8Array(31),
      defined(three.sharesTo(1)[2]),
    ];
    for (const share of wrong) {
      const shares = three.sharesTo(0).map((good, dealer) => (dealer === 2 ? share : good));
      expect(round3(first, three.packages, shares)).toEqual({ ok: false, culprit: 2, reason: 'bad_share' });
      expect(verifyShare({ threshold: 2, dealerPackage: packageOf2, recipient: 0, share })).toBe(false);
    }
    for (const [dealer, shares] of three.dealt.entries()) {
      for (const [recipient, share] of shares.entries()) {
        const dealerPackage = defined(three.packages[dealer]);
        expect(verifyShare({ threshold: 2, dealerPackage, recipient, share })).toBe(true);
        expect(verifyShare({ threshold: 2, dealerPackage, recipient: recipient + 1, share })).toBe(false);
      }
    }
  });

  test('no package makes a round throw', () => {
    const edits = fc.array(fc.tuple(fc.nat({ max: 128 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), edits, fc.uint8Array({ maxLength: 40 }), (raw, changes, share) => {
        expect(round2(first, withPackage(1, raw)).ok).toBe(false);
        const edited = packageOf2.slice();
        for (const [at, value] of changes) edited[at] = value;
        round2(first, withPackage(2, edited));
        verifyShare({ threshold: 2, dealerPackage: edited, recipient: 0, share });
        expect(verifyShare({ threshold: 2, dealerPackage: raw, recipient: 0, share })).toBe(false);
      }),
      { seed: 20_007, numRuns: 40 },
    );
  });

  test('impossible parameters are a bug of the caller', () => {
    for (const bad of [{ threshold: 1 }, { threshold: 4 }, { index: 3 }, { index: -1 }, { participants: 65 }]) {
      expect(() => round1({ ...first, ...bad })).toThrow();
    }
    expect(() => round1({ ...first, random: new Uint8Array(31) })).toThrow();
    expect(() => round2(first, three.packages.slice(1))).toThrow();
  });
});
