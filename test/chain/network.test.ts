// Addresses of each network (examples of BIP 173 and BIP 350) and what they pay to.
import { describe, expect, test } from 'bun:test';
import { bech32m } from '@scure/base';
import { spendTransaction } from '../../chain/custody-spend.ts';
import { addressScript, scriptAddress } from '../../chain/network.ts';
import { concat, toHex } from '../../crypto/bytes.ts';

const KNOWN = [
  ['mainnet', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', '0014751e76e8199196d454941c45d1b3a323f1433bd6'],
  [
    'mainnet',
    'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0',
    '512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
  ],
  ['mainnet', '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2', '76a91477bff20c60e522dfaa3350c39b030a5d004e839a88ac'],
  ['mainnet', '3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy', 'a914b472a266d0bd89c13706a4132ccfb16f7c3b9fcb87'],
  ['signet', 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx', '0014751e76e8199196d454941c45d1b3a323f1433bd6'],
  ['regtest', 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', '0014751e76e8199196d454941c45d1b3a323f1433bd6'],
  // BIP 350: versions 2 and 16; BIP 433: pay to anchor.
  ['mainnet', 'bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs', '5210751e76e8199196d454941c45d1b3a323'],
  ['mainnet', 'bc1sw50qgdz25j', '6002751e'],
  ['mainnet', 'bc1pfeessrawgf', '51024e73'],
] as const;

describe('addresses', () => {
  for (const [network, address, script] of KNOWN) {
    test(`${address} pays to ${script.slice(0, 12)}… and back`, () => {
      const verdict = addressScript(address, network);
      expect(verdict.ok && toHex(verdict.script)).toBe(script);
      expect(verdict.ok && scriptAddress(verdict.script, network)).toBe(address);
    });
  }

  test('an address of another network is refused and said to be one', () => {
    const verdict = addressScript('bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', 'regtest');
    expect(verdict).toEqual({ ok: false, detail: 'the address belongs to another network than regtest' });
    expect(addressScript('bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', 'testnet4').ok).toBeFalse();
  });

  test('witness versions 1 to 16 are paid up to scripts of 34 bytes, also where a Taproot key lies on no curve', () => {
    for (let version = 1; version <= 16; version++) {
      for (const length of [2, 20, 31, 32]) {
        const program = new Uint8Array(length).fill(0xff);
        const script = concat(Uint8Array.of(0x50 + version, length), program);
        const address = bech32m.encode('bcrt', [version, ...bech32m.toWords(program)]);
        expect(scriptAddress(script, 'regtest')).toBe(address);
        const verdict = addressScript(address, 'regtest');
        expect(verdict.ok && toHex(verdict.script)).toBe(toHex(script));
        // The library that builds transactions takes it as well.
        expect(spendTransaction([], [{ script, amount: 1_000n }]).outputsLength).toBe(1);
      }
      for (const length of [1, 33, 40, 41]) {
        const program = new Uint8Array(length).fill(0xff);
        const address = bech32m.encode('bcrt', [version, ...bech32m.toWords(program)]);
        expect(addressScript(address, 'regtest').ok).toBeFalse();
        const script = concat(Uint8Array.of(0x50 + version, length), program);
        expect(scriptAddress(script, 'regtest')).toBeNull();
      }
    }
  });

  test('a wrong checksum, the checksum of another witness version and an empty text are refused', () => {
    for (const address of [
      'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5',
      // BIP 350: bech32 where the version asks for bech32m, version 17, a program of one byte, bits left over.
      'bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du',
      'bc130xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0',
      'bc1pw5dgrnzv',
      'bc1gmk9yu',
      'BC1QW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4',
      '',
      'x'.repeat(200),
    ]) {
      expect(addressScript(address, 'mainnet')).toEqual({ ok: false, detail: 'the address cannot be decoded' });
    }
  });

  test('a script without address has none', () => {
    expect(scriptAddress(Uint8Array.of(0x6a, 0x01, 0x00), 'mainnet')).toBeNull();
  });
});
