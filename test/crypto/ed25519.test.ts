import { describe, expect, test } from 'bun:test';
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { concat, fromHex, toHex, utf8 } from '../../crypto/bytes.ts';
import { isPrimeOrderPoint, signerFromSeed, verifyEd25519 } from '../../crypto/ed25519.ts';

const RUNS = { seed: 20_003, numRuns: 60 };
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('Ed25519', () => {
  test('RFC 8032 section 7.1, test 2', () => {
    const signer = signerFromSeed(fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'));
    expect(toHex(signer.publicKey)).toBe('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
    expect(toHex(signer.sign(Uint8Array.of(0x72)))).toBe(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
        '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    );
  });

  test('signs and verifies as the plain implementation does', () => {
    fc.assert(
      fc.property(seeds, fc.uint8Array(), (seed, message) => {
        const signer = signerFromSeed(seed);
        const signature = signer.sign(message);
        expect(signature).toEqual(ed25519.sign(message, Uint8Array.from(seed)));
        expect(verifyEd25519(signer.publicKey, message, signature)).toBe(true);
        expect(verifyEd25519(signer.publicKey, concat(message, Uint8Array.of(0)), signature)).toBe(false);
      }),
      RUNS,
    );
  });

  test('a signer outlives the erasure of its seed', () => {
    const seed = new Uint8Array(32).fill(7);
    const signer = signerFromSeed(seed);
    seed.fill(0);
    expect(verifyEd25519(signer.publicKey, utf8('m'), signer.sign(utf8('m')))).toBe(true);
    expect(signer.publicKey).toEqual(ed25519.getPublicKey(new Uint8Array(32).fill(7)));
  });

  test('a flipped bit anywhere in signature or key is refused', () => {
    const signer = signerFromSeed(new Uint8Array(32).fill(9));
    const message = utf8('message');
    const signature = signer.sign(message);
    for (let bit = 0; bit < 512; bit++) {
      const bad = signature.slice();
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verifyEd25519(signer.publicKey, message, bad)).toBe(false);
    }
    for (let bit = 0; bit < 256; bit++) {
      const bad = signer.publicKey.slice();
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verifyEd25519(bad, message, signature)).toBe(false);
    }
  });

  test('a scalar that is not reduced is refused', () => {
    const signer = signerFromSeed(new Uint8Array(32).fill(9));
    const signature = signer.sign(utf8('m'));
    const s = BigInt(`0x${toHex(signature.slice(32).reverse())}`) + ed25519.Point.CURVE().n;
    const grown = fromHex(s.toString(16).padStart(64, '0')).reverse();
    expect(verifyEd25519(signer.publicKey, utf8('m'), concat(signature.slice(0, 32), grown))).toBe(false);
  });

  test('keys of small or mixed order and keys not canonically encoded are refused', () => {
    const identity = `01${'00'.repeat(31)}`;
    // With the identity as key, R = s·G verifies any message under RFC 8032 alone.
    const forged = concat(ed25519.Point.BASE.toBytes(), Uint8Array.of(1), new Uint8Array(31));
    expect(verifyEd25519(fromHex(identity), utf8('any'), forged)).toBe(false);
    for (const point of ED25519_TORSION_SUBGROUP) expect(isPrimeOrderPoint(fromHex(point))).toBe(false);
    const torsion = ed25519.Point.fromHex(ED25519_TORSION_SUBGROUP[1] ?? '');
    expect(isPrimeOrderPoint(ed25519.Point.BASE.add(torsion).toBytes())).toBe(false);
    // y = p + 1 is another spelling of y = 1.
    expect(isPrimeOrderPoint(fromHex(`ee${'ff'.repeat(30)}7f`))).toBe(false);
    expect(isPrimeOrderPoint(ed25519.Point.BASE.toBytes())).toBe(true);
  });

  test('no input makes verification throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), seeds, fc.uint8Array({ maxLength: 70 }), (odd, key, signature) => {
        expect(verifyEd25519(odd, key, signature)).toBe(false);
        expect(verifyEd25519(key, odd, concat(signature, new Uint8Array(64)).slice(0, 64))).toBe(false);
      }),
      RUNS,
    );
  });

  test('more keys than are kept still verify', () => {
    for (let i = 0; i < 300; i++) {
      const signer = signerFromSeed(concat(Uint8Array.of(i & 255, i >> 8), new Uint8Array(30)));
      expect(verifyEd25519(signer.publicKey, utf8('m'), signer.sign(utf8('m')))).toBe(true);
    }
  });
});
