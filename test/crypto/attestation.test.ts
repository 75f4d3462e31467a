import { describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import {
  type Attestation,
  attestationBytes,
  attestationId,
  encodeAttestation,
  mintNonce,
  parseAttestation,
  verifyAttestation,
} from '../../crypto/attestation.ts';
import { toHex, utf8 } from '../../crypto/bytes.ts';
import { signerFromSeed } from '../../crypto/ed25519.ts';

const signer = signerFromSeed(new Uint8Array(32).fill(3));
const TXID = `0123456789abcdef${'00'.repeat(23)}ff`;
const fields = {
  depositTxid: TXID,
  depositVout: 1,
  recipient: new Uint8Array(32).fill(0xaa),
  amountSats: 100_000_000n,
  nonce: mintNonce(TXID, 1),
  expiry: 1_700_003_600n,
};
const attestation: Attestation = {
  ...fields,
  id: attestationId(TXID, 1),
  signature: signer.sign(attestationBytes('mint', fields)),
  createdAt: 1_700_000_000n,
};
const json = encodeAttestation(attestation);

describe('mint attestation', () => {
  test('the signed bytes are laid out as the Wire ledger checks them', () => {
    const bytes = Buffer.from(attestationBytes('mint', { ...fields, nonce: 0x0102030405060708n }));
    expect(bytes.length).toBe(150);
    expect(bytes.subarray(0, 26).toString('latin1')).toBe('0BTC_WIRE_MINT_ATTESTATION');
    expect(bytes.subarray(26, 90).toString('latin1')).toBe(TXID);
    expect(bytes.readUInt32LE(90)).toBe(1);
    expect(bytes.subarray(94, 126)).toEqual(Buffer.alloc(32, 0xaa));
    expect(bytes.readBigUInt64LE(126)).toBe(100_000_000n);
    expect(bytes.subarray(134, 142).toString('hex')).toBe('0807060504030201');
    expect(bytes.readBigUInt64LE(142)).toBe(1_700_003_600n);
  });

  test('a test attestation differs by its tag alone', () => {
    const [real, tested] = [attestationBytes('mint', fields), attestationBytes('test', fields)];
    expect(new TextDecoder().decode(tested.subarray(0, 26))).toBe('0BTC_WIRE_TEST_ATTESTATION');
    expect(tested.subarray(26)).toEqual(real.subarray(26));
    expect(verifyAttestation('test', attestation, signer.publicKey)).toBe(false);
  });

  test('the nonce is 63 bits of the hash over tag, txid in display order and vout', () => {
    const input = Buffer.concat([
      Buffer.from('0BTC_WIRE_MINT_NONCE'),
      Buffer.from(TXID, 'hex'),
      Buffer.from('01000000', 'hex'),
    ]);
    const hash = createHash('sha256').update(input).digest();
    expect(mintNonce(TXID, 1)).toBe(hash.readBigUInt64LE(0) & 0x7fff_ffff_ffff_ffffn);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(), (txid, vout) => {
        const nonce = mintNonce(toHex(txid), vout);
        return nonce >= 0n && nonce < 2n ** 63n;
      }),
      { seed: 20_013, numRuns: 100 },
    );
    expect(mintNonce(TXID, 0)).not.toBe(mintNonce(TXID, 1));
    expect(attestationId(TXID, 0)).not.toBe(attestationId(TXID, 1));
  });

  test('JSON carries 64-bit integers as decimal strings and reads back the same', () => {
    expect(json).toEqual({
      id: attestation.id,
      deposit_txid: TXID,
      deposit_vout: 1,
      recipient_pubkey_hash: 'aa'.repeat(32),
      amount: '100000000',
      nonce: fields.nonce.toString(),
      signature: toHex(attestation.signature),
      expiry: '1700003600',
      created_at: '1700000000',
    });
    expect(parseAttestation(JSON.parse(JSON.stringify(json)))).toEqual({ ok: true, attestation });
    const largest = { ...json, amount: (2n ** 64n - 1n).toString() };
    const parsed = parseAttestation(largest);
    expect(parsed.ok && parsed.attestation.amountSats).toBe(2n ** 64n - 1n);
  });

  test('it verifies under its key, and no field can be changed', () => {
    expect(verifyAttestation('mint', attestation, signer.publicKey)).toBe(true);
    expect(verifyAttestation('mint', attestation, signerFromSeed(new Uint8Array(32)).publicKey)).toBe(false);
    const changes: Partial<Attestation>[] = [
      { depositTxid: TXID.replace('ff', 'fe') },
      { depositVout: 2 },
      { recipient: new Uint8Array(32).fill(0xab) },
      { amountSats: fields.amountSats + 1n },
      { nonce: fields.nonce + 1n },
      { expiry: fields.expiry + 1n },
      { signature: attestation.signature.toReversed() },
    ];
    for (const change of changes) {
      expect(verifyAttestation('mint', { ...attestation, ...change }, signer.publicKey)).toBe(false);
    }
  });

  test('id and nonce must be those of the outpoint', () => {
    expect(parseAttestation({ ...json, id: '00'.repeat(32) })).toEqual({ ok: false, reason: 'wrong_id' });
    expect(parseAttestation({ ...json, nonce: '5' })).toEqual({ ok: false, reason: 'wrong_nonce' });
    expect(parseAttestation({ ...json, deposit_vout: 2 })).toEqual({ ok: false, reason: 'wrong_id' });
  });

  test('other spellings and values out of range are malformed', () => {
    const bad: Record<string, unknown>[] = [
      { amount: 100_000_000 },
      { amount: '0100' },
      { amount: '-1' },
      { amount: '1e3' },
      { amount: '' },
      { amount: 'ten' },
      { amount: (2n ** 64n).toString() },
      { expiry: '1'.repeat(10_000) },
      { deposit_vout: 2 ** 32 },
      { deposit_vout: '1' },
      { deposit_txid: TXID.toUpperCase() },
      { deposit_txid: TXID.slice(2) },
      { recipient_pubkey_hash: 'aa'.repeat(31) },
      { signature: '' },
      { extra: 1 },
    ];
    for (const change of bad)
      expect(parseAttestation({ ...json, ...change })).toEqual({ ok: false, reason: 'malformed' });
    for (const field of Object.keys(json)) {
      const rest = Object.fromEntries(Object.entries(json).filter(([name]) => name !== field));
      expect(parseAttestation(rest)).toEqual({ ok: false, reason: 'malformed' });
    }
  });

  test('no value makes the parser throw', () => {
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom(...Object.keys(json)), (value, field) => {
        expect(parseAttestation(value).ok).toBe(false);
        parseAttestation({ ...json, [field]: value });
      }),
      { seed: 20_014, numRuns: 300 },
    );
  });

  test('fields out of range cannot be encoded', () => {
    expect(() => attestationBytes('mint', { ...fields, recipient: utf8('short') })).toThrow();
    expect(() => attestationBytes('mint', { ...fields, amountSats: -1n })).toThrow();
    expect(() => attestationBytes('mint', { ...fields, depositVout: -1 })).toThrow();
    expect(() => mintNonce('short', 0)).toThrow();
  });
});
