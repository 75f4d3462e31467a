import { describe, expect, test } from 'bun:test';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { NETWORK, p2tr, TaprootControlBlock, TEST_NETWORK } from '@scure/btc-signer';
import { tapLeafHash } from '@scure/btc-signer/payment.js';
import { tapTweak } from '@scure/btc-signer/utils.js';
import fc from 'fast-check';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import { toHex } from '../../crypto/bytes.ts';
import type { GroupKey } from '../../crypto/scheme.ts';
import {
  assertSpends,
  type CustodyLeaf,
  custodyScript,
  spendsUtxo,
  taprootAddress,
  taprootTweaks,
} from '../../crypto/taproot.ts';

const RUNS = { seed: 20_015, numRuns: 40 };
const secrets = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .filter((bytes) => secp256k1.utils.isValidSecretKey(bytes));
const leaves: fc.Arbitrary<CustodyLeaf> = fc.oneof(
  fc.record({ kind: fc.constant('deposit' as const), recipient: fc.uint8Array({ minLength: 32, maxLength: 32 }) }),
  fc.constantFrom<CustodyLeaf>({ kind: 'treasury' }, { kind: 'test' }),
);
const keyOf = (secret: Uint8Array) => secp256k1.getPublicKey(secret, true);
const key = keyOf(new Uint8Array(32).fill(1));
const deposit: CustodyLeaf = { kind: 'deposit', recipient: new Uint8Array(32).fill(0xcc) };

describe('custody addresses', () => {
  test('script, root, control block and address are what btc-signer makes of the same tree', () => {
    fc.assert(
      fc.property(secrets, leaves, (secret, leaf) => {
        const made = custodyScript(keyOf(secret), leaf);
        const tree = { script: Uint8Array.from(made.leafScript), leafVersion: 0xc0 };
        const internal = Uint8Array.from(made.internalKey);
        const theirs = p2tr(internal, tree, NETWORK, true);
        expect(toHex(made.scriptPubKey)).toBe(toHex(theirs.script));
        expect(toHex(made.outputKey)).toBe(toHex(theirs.tweakedPubkey));
        expect(toHex(made.merkleRoot)).toBe(toHex(theirs.tapMerkleRoot));
        expect(toHex(made.merkleRoot)).toBe(toHex(tapLeafHash(tree.script)));
        expect(BigInt(`0x${toHex(made.tweak)}`)).toBe(tapTweak(internal, Uint8Array.from(made.merkleRoot)));
        const [block] = theirs.tapLeafScript?.[0] ?? [];
        if (block === undefined) throw new Error('missing');
        expect(toHex(made.controlBlock)).toBe(toHex(TaprootControlBlock.encode(block)));
        expect(taprootAddress(made.scriptPubKey, 'mainnet')).toBe(theirs.address ?? '');
        const test = p2tr(internal, tree, TEST_NETWORK, true).address ?? '';
        for (const network of ['testnet', 'testnet4', 'signet'] as const) {
          expect(taprootAddress(made.scriptPubKey, network)).toBe(test);
        }
        const regtest = p2tr(internal, tree, { ...TEST_NETWORK, bech32: 'bcrt' }, true).address ?? '';
        expect(taprootAddress(made.scriptPubKey, 'regtest')).toBe(regtest);
      }),
      RUNS,
    );
  });

  test('the tweaks lead from the group key to the output key by the x-only rule, for either parity', () => {
    fc.assert(
      fc.property(secrets, leaves, (secret, leaf) => {
        const groupKey = keyOf(secret);
        const tweaks = taprootTweaks(groupKey, leaf);
        expect(tweaks.map((tweak) => tweak.xOnly)).toEqual([true]);
        const point = secp256k1.Point.fromBytes(groupKey);
        const even = point.toAffine().y % 2n === 0n ? point : point.negate();
        const t = BigInt(`0x${toHex(tweaks[0]?.tweak ?? new Uint8Array())}`);
        const output = even.add(secp256k1.Point.BASE.multiply(t)).toBytes(true).slice(1);
        expect(output).toEqual(Uint8Array.from(custodyScript(groupKey, leaf).outputKey));
      }),
      RUNS,
    );
  });

  test('a quorum signing under the tweaks signs for the output key, and for nothing else', () => {
    const { Fn, BASE } = secp256k1.Point;
    const share = (x: bigint) => Fn.add(123_456_789n, Fn.mul(987_654_321n, x));
    const groupKey: GroupKey = {
      scheme: 'bip340',
      threshold: 2,
      participants: 3,
      publicKey: BASE.multiply(share(0n)).toBytes(true),
      verifyingShares: [1n, 2n, 3n].map((x) => BASE.multiply(share(x)).toBytes(true)),
    };
    for (const leaf of [deposit, { kind: 'treasury' } as const]) {
      const { outputKey } = custodyScript(groupKey.publicKey, leaf);
      const tweaks = taprootTweaks(groupKey.publicKey, leaf);
      expect(toHex(bip340Scheme.outputKey(groupKey, tweaks))).toBe(toHex(outputKey));
      const signers = [0, 2];
      const secretOf = (index: number) => Fn.toBytes(share(BigInt(index + 1)));
      const nonces = signers.map((index) =>
        bip340Scheme.generateNonce(groupKey, index, secretOf(index), new Uint8Array(32).fill(index + 1)),
      );
      const combined = bip340Scheme.combineNonces(
        signers,
        nonces.map((nonce) => nonce.public),
      );
      if (!combined.ok) throw new Error('nonces were refused');
      const message = new Uint8Array(32).fill(9);
      const session = { signers, nonceCommitment: combined.nonceCommitment, message, tweaks };
      const partials = signers.map((index, position) =>
        bip340Scheme.sign(groupKey, index, secretOf(index), nonces[position]?.secret ?? message, session),
      );
      const made = bip340Scheme.aggregate(groupKey, session, partials);
      if (!made.ok) throw new Error('no signature');
      expect(schnorr.verify(made.signature, message, outputKey)).toBe(true);
      expect(schnorr.verify(made.signature, message, groupKey.publicKey.slice(1))).toBe(false);
    }
  });

  test('the leaf is OP_RETURN, one push, the magic, the kind and the recipient', () => {
    expect(toHex(custodyScript(key, deposit).leafScript)).toBe(`6a293042544357495245${'01'}${'cc'.repeat(32)}`);
    expect(toHex(custodyScript(key, { kind: 'test' }).leafScript)).toBe('6a09304254435749524504');
    expect(toHex(custodyScript(key, { kind: 'treasury' }).leafScript)).toBe('6a09304254435749524505');
  });

  test('every recipient, kind and key has an address of its own', () => {
    const other: CustodyLeaf = { kind: 'deposit', recipient: new Uint8Array(32).fill(0xcd) };
    const all: CustodyLeaf[] = [deposit, other, { kind: 'treasury' }, { kind: 'test' }];
    const scripts = [key, keyOf(new Uint8Array(32).fill(2))].flatMap((groupKey) =>
      all.map((leaf) => toHex(custodyScript(groupKey, leaf).scriptPubKey)),
    );
    expect(new Set(scripts).size).toBe(8);
  });

  test('only the UTXO of exactly this key and leaf is spent', () => {
    const { scriptPubKey, outputKey } = custodyScript(key, deposit);
    expect(spendsUtxo(scriptPubKey, key, deposit)).toBe(true);
    expect(spendsUtxo(scriptPubKey, key, { kind: 'treasury' })).toBe(false);
    expect(() => assertSpends(scriptPubKey, key, deposit)).not.toThrow();
    // Tweaked twice: the output key taken for the group key.
    const twice = Uint8Array.of(2, ...outputKey);
    expect(spendsUtxo(scriptPubKey, twice, deposit)).toBe(false);
    expect(() => assertSpends(scriptPubKey, twice, deposit)).toThrow(
      'the tweaked deposit key is not the key of the UTXO',
    );
    expect(spendsUtxo(scriptPubKey.slice(2), key, deposit)).toBe(false);
  });

  test('malformed keys, recipients and scripts throw', () => {
    expect(() => custodyScript(key.slice(1), deposit)).toThrow();
    expect(() => custodyScript(new Uint8Array(33).fill(0xff), deposit)).toThrow();
    expect(() => taprootTweaks(new Uint8Array(33), deposit)).toThrow();
    expect(() => custodyScript(key, { kind: 'deposit', recipient: new Uint8Array(31) })).toThrow();
    expect(() => taprootAddress(new Uint8Array(34), 'mainnet')).toThrow();
    expect(() => taprootAddress(custodyScript(key, deposit).scriptPubKey.slice(1), 'mainnet')).toThrow();
  });
});
