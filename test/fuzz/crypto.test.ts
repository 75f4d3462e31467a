// Fuzz: points, scalars, shares and whole ceremony messages as bytes from outside. Verdicts and named errors only; what a
// sealed file asks of the machine is bounded.
import { beforeAll, describe, expect, test } from 'bun:test';
import { armor } from 'age-encryption';
import fc from 'fast-check';
import { attestationKeyOf } from '../../ceremony/ceremony-file.ts';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { coordinatorRecover, hostpubkeyGen, ProtocolError } from '../../crypto/chilldkg.ts';
import { ed25519Scheme } from '../../crypto/ed25519-frost.ts';
import type { FrostScheme, GroupKey } from '../../crypto/scheme.ts';
import { openSecrets, sealSecrets } from '../../crypto/seal.ts';
import { ValueError } from '../../crypto/secp256k1.ts';
import { openShare, type ShareRoute, sealShare } from '../../crypto/share-box.ts';
import { Federation } from '../ceremony/federation.ts';
import { bytesOf, fuzz, noise, spoiledBytes } from './hostile.ts';

type Result = ReturnType<Federation['results']>[number];

let result: Result;
beforeAll(() => {
  const federation = new Federation({ n: 3, t: 2 });
  federation.joinAll();
  federation.run((all) => all.allComplete());
  const [first] = federation.results();
  if (first === undefined) throw new Error('three nodes have three results');
  result = first;
});

const schemes: readonly (readonly [FrostScheme, (of: Result) => { groupKey: GroupKey; signingShare: Uint8Array }])[] = [
  [bip340Scheme, ({ bitcoin }) => bitcoin],
  [ed25519Scheme, ({ attestation }) => attestation],
];

describe('fuzz: signing', () => {
  for (const [scheme, keyOf] of schemes) {
    test(`${scheme.name}: nonces and partial signatures of any bytes get a verdict, and only right ones pass`, () => {
      const { groupKey, signingShare } = keyOf(result);
      const message = new Uint8Array(32).fill(3);
      const pair = () => scheme.generateNonce(groupKey, 0, signingShare, crypto.getRandomValues(new Uint8Array(32)));
      const [own, other] = [pair(), pair()];
      const nonces = fc.oneof(noise(70), bytesOf(scheme.publicNonceBytes), spoiledBytes(fc.constant(own.public)));
      let blamed = 0;
      fuzz(300, nonces, (nonce) => {
        const verdict = scheme.combineNonces([0, 1], [own.public, nonce]);
        if (verdict.ok) expect(nonce.length).toBe(scheme.publicNonceBytes);
        else {
          expect(verdict.culprit).toBe(1);
          blamed += 1;
        }
      });
      expect(blamed).toBeGreaterThan(0);
      const combined = scheme.combineNonces([0, 1], [own.public, other.public]);
      if (!combined.ok) throw new Error('both nonces are right');
      const session = { signers: [0, 1], nonceCommitment: combined.nonceCommitment, message, tweaks: [] };
      const partial = scheme.sign(groupKey, 0, signingShare, own.secret, session);
      expect(scheme.verifyPartial(groupKey, 0, own.public, session, partial)).toBe(true);
      fuzz(40, fc.oneof(noise(40), bytesOf(32), spoiledBytes(fc.constant(partial))), (share) => {
        const isRight = toHex(share) === toHex(partial);
        expect(scheme.verifyPartial(groupKey, 0, own.public, session, share)).toBe(isRight);
        const aggregated = scheme.aggregate(groupKey, session, [partial, share]);
        if (!aggregated.ok) expect(aggregated.culprit).toBe(1);
      });
      fuzz(60, fc.tuple(bytesOf(64), noise(64)), ([signature, text]) => {
        expect(scheme.verify(scheme.outputKey(groupKey, []), text, signature)).toBe(false);
      });
    });
  }
});

describe('fuzz: key generation', () => {
  test('recovery data of any bytes is recovered as it was or refused by a ChillDKG error', () => {
    const valid = result.recoveryData;
    expect(() => coordinatorRecover(valid)).not.toThrow();
    fuzz(120, fc.oneof(noise(300), spoiledBytes(fc.constant(valid))), (bytes) => {
      if (toHex(bytes) === toHex(valid)) return;
      try {
        coordinatorRecover(bytes);
      } catch (error) {
        expect(error instanceof ProtocolError || error instanceof ValueError).toBe(true);
        return;
      }
      throw new Error('spoiled recovery data was taken');
    });
  });

  test('Ed25519 packages of any bytes give a key of prime-order points or none', () => {
    const packages = result.transcript.ed25519.packages.map((one) => fromHex(one));
    const [first = new Uint8Array(0), second = new Uint8Array(0)] = packages;
    expect(attestationKeyOf(packages, 2)).not.toBeNull();
    fuzz(200, fc.oneof(noise(140), spoiledBytes(fc.constant(first))), (bytes) => {
      const key = attestationKeyOf([bytes, second], 2);
      if (key !== null) expect(bytes.length).toBe(first.length);
    });
  });

  test('sealed shares open for their route as they were sealed, and nothing else opens', () => {
    const [mine, theirs] = [new Uint8Array(32).fill(4), new Uint8Array(32).fill(5)];
    const route: ShareRoute = {
      ceremonyId: 'c',
      context: new Uint8Array(4),
      senderIndex: 0,
      recipientIndex: 1,
      senderPublicKey: hostpubkeyGen(mine),
      recipientPublicKey: hostpubkeyGen(theirs),
    };
    fuzz(30, bytesOf(32), (share) => expect(openShare(sealShare(share, mine, route), theirs, route)).toEqual(share));
    const sealed = sealShare(new Uint8Array(32).fill(6), mine, route);
    fuzz(80, fc.oneof(noise(60), bytesOf(48), spoiledBytes(fc.constant(sealed))), (box) => {
      if (toHex(box) !== toHex(sealed)) expect(openShare(box, theirs, route)).toBeNull();
    });
    fuzz(40, bytesOf(33), (key) => {
      expect(openShare(sealed, theirs, { ...route, senderPublicKey: key })).toBeNull();
    });
  });
});

test('a key file that asks for more work than any machine should do is malformed, at once', async () => {
  const sealed = await sealSecrets(new Uint8Array(20), 'correct horse battery', { workFactor: 1 });
  const text = Buffer.from(armor.decode(new TextDecoder().decode(sealed))).toString('latin1');
  for (const factor of ['25', '30', '63', '64', '255', '99999999999', '-1', '0', '01', '1e1']) {
    const greedy = text.replace(/(-> scrypt \S+) 1\n/, `$1 ${factor}\n`);
    expect(greedy).not.toBe(text);
    expect(await openSecrets(Buffer.from(greedy, 'latin1'), 'correct horse battery')).toMatchObject({ ok: false });
  }
}, 10_000);
