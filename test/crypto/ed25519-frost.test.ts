import { describe, expect, test } from 'bun:test';
import { ED25519_TORSION_SUBGROUP, ed25519, ed25519_FROST } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { concat, fromHex, sha256, toHex, u32be, utf8 } from '../../crypto/bytes.ts';
import { ed25519Scheme, expandRandom, frostIdentifier } from '../../crypto/ed25519-frost.ts';
import type { GroupKey, SigningSession } from '../../crypto/scheme.ts';

const fresh = (...numbers: number[]) => sha256(...numbers.map(u32be));
const defined = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('missing');
  return value;
};

function dealt(threshold: number, participants: number, seed: number): { key: GroupKey; shares: Uint8Array[] } {
  const draw = expandRandom('test dealer', fresh(seed));
  const deal = ed25519_FROST.trustedDealer({ min: threshold, max: participants }, undefined, undefined, draw);
  const indices = Array.from({ length: participants }, (_, index) => index);
  const key: GroupKey = {
    scheme: 'ed25519',
    threshold,
    participants,
    publicKey: defined(deal.public.commitments[0]),
    verifyingShares: indices.map((index) => defined(deal.public.verifyingShares[frostIdentifier(index)])),
  };
  return { key, shares: indices.map((index) => defined(deal.secretShares[frostIdentifier(index)]).signingShare) };
}

function signedBy(group: ReturnType<typeof dealt>, signers: readonly number[], message: Uint8Array, seed = 1) {
  const { key, shares } = group;
  const nonces = signers.map((index) =>
    ed25519Scheme.generateNonce(key, index, defined(shares[index]), fresh(seed, index)),
  );
  const publicNonces = nonces.map((nonce) => nonce.public);
  const combined = ed25519Scheme.combineNonces(signers, publicNonces);
  if (!combined.ok) throw new Error('nonces were refused');
  const session: SigningSession = { signers, nonceCommitment: combined.nonceCommitment, message, tweaks: [] };
  const partials = signers.map((index, position) =>
    ed25519Scheme.sign(key, index, defined(shares[index]), defined(nonces[position]).secret, session),
  );
  return { session, partials, publicNonces, nonces };
}

/** What noble makes of the same partial signatures, verifying as it goes. */
function nobleAggregate(key: GroupKey, session: SigningSession, partials: readonly Uint8Array[]): string {
  const { threshold: min, participants: max } = key;
  const named = <T>(values: readonly T[], indices: readonly number[]) =>
    Object.fromEntries(values.map((value, position) => [frostIdentifier(defined(indices[position])), value]));
  const copies = (values: readonly Uint8Array[]) => values.map((value) => Uint8Array.from(value));
  const commitments = session.signers.map((index, position) => ({
    identifier: frostIdentifier(index),
    hiding: session.nonceCommitment.slice(64 * position, 64 * position + 32),
    binding: session.nonceCommitment.slice(64 * position + 32, 64 * position + 64),
  }));
  const verifyingShares = named(copies(key.verifyingShares), [...key.verifyingShares.keys()]);
  const shared = { signers: { min, max }, commitments: copies([key.publicKey]), verifyingShares };
  return toHex(ed25519_FROST.aggregate(shared, commitments, session.message, named(copies(partials), session.signers)));
}

const group = dealt(2, 3, 7);
const { key, shares } = group;
const message = utf8('message');

describe('FROST(Ed25519, SHA-512)', () => {
  test('any quorum of any federation signs what plain Ed25519 verifies', () => {
    const federations = fc.integer({ min: 2, max: 5 }).chain((participants) =>
      fc.record({
        participants: fc.constant(participants),
        threshold: fc.integer({ min: 2, max: participants }),
        order: fc.shuffledSubarray([0, 1, 2, 3, 4].slice(0, participants), { minLength: participants }),
        extra: fc.integer({ min: 0, max: 3 }),
        seed: fc.nat(),
        text: fc.uint8Array({ maxLength: 64 }),
      }),
    );
    fc.assert(
      fc.property(federations, ({ participants, threshold, order, extra, seed, text }) => {
        const federation = dealt(threshold, participants, seed);
        ed25519Scheme.validateKey(federation.key);
        const signers = order.slice(0, Math.min(participants, threshold + extra)).sort((a, b) => a - b);
        const { session, partials, publicNonces } = signedBy(federation, signers, text);
        for (const [position, index] of signers.entries()) {
          const [nonce, partial] = [defined(publicNonces[position]), defined(partials[position])];
          expect(ed25519Scheme.verifyPartial(federation.key, index, nonce, session, partial)).toBe(true);
        }
        const made = ed25519Scheme.aggregate(federation.key, session, partials);
        if (!made.ok) throw new Error('no signature');
        expect(toHex(made.signature)).toBe(nobleAggregate(federation.key, session, partials));
        expect(ed25519Scheme.verify(federation.key.publicKey, text, made.signature)).toBe(true);
        expect(ed25519.verify(made.signature, text, federation.key.publicKey, { zip215: false })).toBe(true);
      }),
      { seed: 20_004, numRuns: 8 },
    );
  });

  test('a nonce signs once: its bytes are gone, and a zeroed nonce throws', () => {
    const { session, nonces } = signedBy(group, [0, 2], message);
    const spent = defined(nonces[0]).secret;
    expect(spent).toEqual(new Uint8Array(128));
    expect(() => ed25519Scheme.sign(key, 0, defined(shares[0]), spent, session)).toThrow();
  });

  test('the nonce is gone even where signing throws', () => {
    const { session } = signedBy(group, [0, 2], message);
    const nonce = ed25519Scheme.generateNonce(key, 0, defined(shares[0]), fresh(99));
    // The session holds another commitment of participant 0.
    expect(() => ed25519Scheme.sign(key, 0, defined(shares[0]), nonce.secret, session)).toThrow();
    expect(nonce.secret).toEqual(new Uint8Array(128));
  });

  test('a share that was erased signs nothing: what came out would be blamed on its owner', () => {
    const { session } = signedBy(group, [0, 1], message);
    const { secret } = ed25519Scheme.generateNonce(key, 0, defined(shares[0]), fresh(1, 0));
    expect(() => ed25519Scheme.sign(key, 0, new Uint8Array(32), secret, session)).toThrow('share has been erased');
  });

  test('signing leaves share, message and session as they were', () => {
    const before = shares.map(toHex);
    const { session } = signedBy(group, [1, 2], message);
    expect(shares.map(toHex)).toEqual(before);
    expect(session.message).toEqual(utf8('message'));
    expect(session.nonceCommitment).toHaveLength(128);
  });

  test('nonces follow from the randomness, the share and nothing else', () => {
    const nonce = (index: number, seed: number) =>
      toHex(ed25519Scheme.generateNonce(key, index, defined(shares[index]), fresh(seed)).secret);
    expect(nonce(0, 1)).toBe(nonce(0, 1));
    expect(nonce(0, 1)).not.toBe(nonce(0, 2));
    expect(nonce(0, 1)).not.toBe(nonce(1, 1));
    expect(nonce(0, 1).slice(0, 64)).not.toBe(nonce(0, 1).slice(64));
  });

  test('a malformed public nonce is blamed on its sender', () => {
    const good = ed25519Scheme.generateNonce(key, 0, defined(shares[0]), fresh(1)).public;
    const [low, high] = [good.slice(0, 32), good.slice(32)];
    const bad = [
      ...ED25519_TORSION_SUBGROUP.flatMap((small) => [concat(low, fromHex(small)), concat(fromHex(small), high)]),
      good.slice(1),
      concat(good, Uint8Array.of(0)),
      concat(fromHex(`01${'00'.repeat(31)}`), high),
      // The identity with the wrong sign; y = p + 1, which is 1 again; y = p; y of no point.
      concat(low, fromHex(`01${'00'.repeat(30)}80`)),
      concat(low, fromHex(`ee${'ff'.repeat(30)}7f`)),
      concat(low, fromHex(`ed${'ff'.repeat(30)}7f`)),
      concat(fromHex(`02${'00'.repeat(31)}`), high),
    ];
    expect(ED25519_TORSION_SUBGROUP).toHaveLength(8);
    for (const nonce of bad) {
      ed25519Scheme.prepareNonce(nonce);
      expect(ed25519Scheme.combineNonces([0, 2], [good, nonce])).toEqual({ ok: false, culprit: 2 });
      // A signer refuses it as well, whoever combined the nonces.
      const own = ed25519Scheme.generateNonce(key, 0, defined(shares[0]), fresh(1));
      const session = { signers: [0, 2], nonceCommitment: concat(good, nonce), message, tweaks: [] };
      expect(() => ed25519Scheme.sign(key, 0, defined(shares[0]), own.secret, session)).toThrow();
    }
  });

  test('a malformed partial signature is blamed by aggregate, a wrong one by verifyPartial', () => {
    const { session, partials, publicNonces } = signedBy(group, [0, 2], message);
    const [good, other] = [defined(partials[0]), defined(partials[1])];
    for (const malformed of [new Uint8Array(32).fill(0xff), other.slice(1), new Uint8Array()]) {
      expect(ed25519Scheme.aggregate(key, session, [good, malformed])).toEqual({ ok: false, culprit: 2 });
      expect(ed25519Scheme.verifyPartial(key, 2, defined(publicNonces[1]), session, malformed)).toBe(false);
    }
    for (const wrong of [good, new Uint8Array(32)]) {
      const made = ed25519Scheme.aggregate(key, session, [good, wrong]);
      expect(made.ok && ed25519Scheme.verify(key.publicKey, message, made.signature)).toBe(false);
      expect(ed25519Scheme.verifyPartial(key, 2, defined(publicNonces[1]), session, wrong)).toBe(false);
      expect(ed25519Scheme.verifyPartial(key, 0, defined(publicNonces[0]), session, good)).toBe(true);
    }
    expect(ed25519Scheme.verifyPartial(key, 2, defined(publicNonces[0]), session, other)).toBe(false);
    expect(ed25519Scheme.verifyPartial(key, 1, defined(publicNonces[1]), session, other)).toBe(false);
    const elsewhere = { ...session, message: utf8('another') };
    expect(ed25519Scheme.verifyPartial(key, 2, defined(publicNonces[1]), elsewhere, other)).toBe(false);
  });

  test('verifyPartial never throws on outside data', () => {
    const { session, publicNonces } = signedBy(group, [0, 2], message);
    const bytes = fc.uint8Array({ maxLength: 70 });
    fc.assert(
      fc.property(bytes, bytes, fc.integer(), (nonce, partial, index) => {
        expect(ed25519Scheme.verifyPartial(key, index, nonce, session, partial)).toBe(false);
        expect(ed25519Scheme.verifyPartial(key, 0, defined(publicNonces[0]), session, partial)).toBe(false);
        const garbled = { ...session, nonceCommitment: concat(nonce, partial) };
        expect(ed25519Scheme.verifyPartial(key, 0, nonce.subarray(0, 64), garbled, new Uint8Array(32))).toBe(false);
      }),
      { seed: 20_005, numRuns: 50 },
    );
  });

  test('signers out of order, repeated, too few or unknown, and tweaks, are refused', () => {
    const { session } = signedBy(group, [0, 2], message);
    const tweak = { tweak: new Uint8Array(32), xOnly: false };
    const bad: SigningSession[] = [
      { ...session, signers: [2, 0] },
      { ...session, signers: [0, 0] },
      { ...session, signers: [0] },
      { ...session, signers: [0, 3] },
      { ...session, nonceCommitment: session.nonceCommitment.slice(64) },
      { ...session, tweaks: [tweak] },
    ];
    for (const refused of bad) {
      const nonce = ed25519Scheme.generateNonce(key, 0, defined(shares[0]), fresh(1, 0));
      expect(() => ed25519Scheme.sign(key, 0, defined(shares[0]), nonce.secret, refused)).toThrow();
    }
    const { partials, session: straight, publicNonces } = signedBy(group, [0, 2], message);
    const turned = { ...straight, signers: [2, 0], nonceCommitment: concat(...publicNonces.toReversed()) };
    expect(() => ed25519Scheme.aggregate(key, turned, partials.toReversed())).toThrow();
    expect(ed25519Scheme.verifyPartial(key, 0, defined(publicNonces[0]), turned, defined(partials[0]))).toBe(false);
    expect(() => ed25519Scheme.outputKey(key, [tweak])).toThrow();
  });

  test('validateKey finds a key whose parts do not belong together', () => {
    const { key: four } = dealt(3, 4, 11);
    ed25519Scheme.validateKey(four);
    const [a, b, c, d] = four.verifyingShares.map((share) => Uint8Array.from(share));
    const swapped = [defined(b), defined(a), defined(c), defined(d)];
    const lastWrong = [defined(a), defined(b), defined(c), defined(a)];
    const small = [defined(a), defined(b), defined(c), fromHex(ED25519_TORSION_SUBGROUP[1] ?? '')];
    for (const verifyingShares of [swapped, lastWrong, small, swapped.slice(1)]) {
      expect(() => ed25519Scheme.validateKey({ ...four, verifyingShares })).toThrow();
    }
    expect(() => ed25519Scheme.validateKey({ ...four, publicKey: defined(a) })).toThrow();
    expect(() => ed25519Scheme.validateKey({ ...four, threshold: 2 })).toThrow();
    expect(() => ed25519Scheme.validateKey({ ...four, scheme: 'bip340' })).toThrow();
  });
});
