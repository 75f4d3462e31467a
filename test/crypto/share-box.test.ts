import { describe, expect, test } from 'bun:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { toHex, utf8 } from '../../crypto/bytes.ts';
import { openShare, SHARE_BOX_BYTES, type ShareRoute, sealShare } from '../../crypto/share-box.ts';

const [alice, bob, carol] = [1, 2, 3].map((value) => new Uint8Array(32).fill(value));
if (alice === undefined || bob === undefined || carol === undefined) throw new Error('missing');
const publicOf = (secret: Uint8Array) => secp256k1.getPublicKey(secret, true);
const route: ShareRoute = {
  ceremonyId: 'genesis',
  context: utf8('attempt 1'),
  senderIndex: 0,
  recipientIndex: 1,
  senderPublicKey: publicOf(alice),
  recipientPublicKey: publicOf(bob),
};
const share = new Uint8Array(32).fill(0x5a);
const box = sealShare(share, alice, route);

describe('share box', () => {
  test('the recipient opens what the sender sealed, byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (any) => {
        const sealed = sealShare(any, alice, route);
        expect(sealed).toHaveLength(SHARE_BOX_BYTES);
        expect(openShare(sealed, bob, route)).toEqual(any);
      }),
      { seed: 20_016, numRuns: 20 },
    );
    expect(toHex(box)).not.toContain(toHex(share));
  });

  test('sealing again after a crash gives the same box', () => {
    expect(sealShare(share, alice, route)).toEqual(box);
  });

  test('any other route, and any other recipient, opens nothing', () => {
    const changes: Partial<ShareRoute>[] = [
      { ceremonyId: 'another' },
      { context: utf8('attempt 2') },
      { senderIndex: 2 },
      { recipientIndex: 2 },
      { senderIndex: 1, recipientIndex: 0 },
      { senderPublicKey: publicOf(carol) },
      { recipientPublicKey: publicOf(carol) },
      // The negated point has the same x, and so the same ECDH secret.
      { senderPublicKey: Uint8Array.of((route.senderPublicKey[0] ?? 0) ^ 1, ...route.senderPublicKey.slice(1)) },
      { senderPublicKey: route.recipientPublicKey, recipientPublicKey: route.senderPublicKey },
      { ceremonyId: 'genesisattempt 1', context: utf8('') },
    ];
    for (const change of changes) expect(openShare(box, bob, { ...route, ...change })).toBeNull();
    expect(openShare(box, carol, route)).toBeNull();
  });

  test('each direction has a key of its own', () => {
    const back: ShareRoute = {
      ...route,
      senderIndex: 1,
      recipientIndex: 0,
      senderPublicKey: route.recipientPublicKey,
      recipientPublicKey: route.senderPublicKey,
    };
    expect(toHex(sealShare(share, bob, back))).not.toBe(toHex(box));
  });

  test('a flipped bit anywhere, or another length, opens nothing', () => {
    for (let bit = 0; bit < SHARE_BOX_BYTES * 8; bit++) {
      const bad = box.slice();
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(openShare(bad, bob, route)).toBeNull();
    }
    for (const bad of [new Uint8Array(), box.slice(1), new Uint8Array([...box, 0])]) {
      expect(openShare(bad, bob, route)).toBeNull();
    }
  });

  test('a malformed public key from outside opens nothing and does not throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 66 }), fc.uint8Array({ maxLength: 60 }), (key, any) => {
        expect(openShare(box, bob, { ...route, senderPublicKey: key })).toBeNull();
        expect(openShare(any, bob, route)).toBeNull();
      }),
      { seed: 20_017, numRuns: 50 },
    );
  });

  test('a share of the wrong length or a malformed recipient key cannot be sealed', () => {
    expect(() => sealShare(new Uint8Array(31), alice, route)).toThrow();
    expect(() => sealShare(share, alice, { ...route, recipientPublicKey: new Uint8Array(33) })).toThrow();
    expect(() => sealShare(share, new Uint8Array(32), route)).toThrow();
  });
});
