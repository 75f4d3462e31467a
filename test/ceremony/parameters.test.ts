// A federation's parameters, and the bytes that intents have keys sign.
import { describe, expect, test } from 'bun:test';
import { dkgStep, IDLE } from '../../ceremony/dkg.ts';
import { intentSchema } from '../../ceremony/intent.ts';
import { attestationMessages, ceremonyProofMessages, testMessages } from '../../ceremony/intent-messages.ts';
import { parametersFingerprint, thresholdFlaw } from '../../ceremony/parameters.ts';
import { isRefusalReason, REFUSAL_REASONS } from '../../ceremony/refusals.ts';
import { concat, fromHex, sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import { contextsOf } from './federation.ts';

describe('the size of a federation', () => {
  test('is refused with the reason where two groups could contradict, one could sign alone, or none could sign', () => {
    expect(thresholdFlaw(2, 3)).toBeNull();
    expect(thresholdFlaw(33, 64)).toBeNull();
    expect(thresholdFlaw(1, 1)).toContain('alone');
    expect(thresholdFlaw(4, 3)).toContain('higher');
    expect(thresholdFlaw(2, 4)).toContain('half');
    expect(thresholdFlaw(40, 65)).toContain('at most 64');
    expect(thresholdFlaw(2.5, 4)).toContain('whole');
  });
});

describe('the parameters fingerprint', () => {
  const member = (index: number) => ({
    index,
    name: `operator-${index}`,
    address: `10.0.0.${index}:7400`,
    identity_key: '11'.repeat(32),
    host_public_key: '02'.repeat(33),
    tls_fingerprint: 'aa'.repeat(32),
  });
  const parameters = { network: 'regtest', threshold: 2, members: [member(0), member(1), member(2)] };

  test('changes with everything that it covers', () => {
    const others = [
      { ...parameters, network: 'mainnet' },
      { ...parameters, threshold: 3 },
      { ...parameters, members: parameters.members.slice(1) },
      ...(['name', 'address', 'identity_key', 'host_public_key', 'tls_fingerprint'] as const).map((field) => ({
        ...parameters,
        members: [{ ...member(0), [field]: 'other' }, member(1), member(2)],
      })),
    ];
    const all = [parameters, ...others].map(parametersFingerprint);
    expect(new Set(all).size).toBe(others.length + 1);
    expect(parametersFingerprint({ ...parameters })).toBe(all[0] ?? '');
  });
});

describe('a ceremony', () => {
  test("does not begin with another node's secrets", () => {
    const [zero, one] = contextsOf({ n: 3, t: 2 });
    if (zero === undefined || one === undefined) throw new Error('three nodes');
    const joined = { kind: 'operator_joined' as const, now: 1, rehearsal: false, checks: [] };
    const { hostSecret } = one.secrets;
    const { identity } = one.secrets;
    expect(() => dkgStep({ ...zero, secrets: { ...zero.secrets, hostSecret } }, IDLE, joined)).toThrow('host secret');
    expect(() => dkgStep({ ...zero, secrets: { ...zero.secrets, identity } }, IDLE, joined)).toThrow('identity key');
  });
});

describe('the message of', () => {
  const tagged = (tag: string, payload: Uint8Array) => sha256(sha256(utf8(tag)), sha256(utf8(tag)), payload);

  test('a test signature is a tagged hash for bip340, and tag and text for ed25519', () => {
    const intent = { kind: 'test_message' as const, message: 'grüezi' };
    const [hash] = testMessages('bip340', intent);
    const [text] = testMessages('ed25519', intent);
    expect(hash).toEqual({ message: tagged('0BTC_WIRE_TEST_SIGNING', utf8('grüezi')), tweaks: [] });
    expect(text).toEqual({ message: utf8('0BTC_WIRE_TEST_SIGNINGgrüezi'), tweaks: [] });
  });

  test('a ceremony proof covers the transcript hash and the ceremony id', () => {
    const intent = { kind: 'ceremony_proof' as const, ceremony_id: 'c-1', transcript_hash: 'ab'.repeat(32) };
    const payload = concat(fromHex('ab'.repeat(32)), utf8('c-1'));
    expect(ceremonyProofMessages('bip340', intent)[0]?.message).toEqual(tagged('0BTC_WIRE_CEREMONY_PROOF', payload));
    const text = concat(utf8('0BTC_WIRE_CEREMONY_PROOF'), payload);
    expect(ceremonyProofMessages('ed25519', intent)[0]?.message).toEqual(text);
  });

  test('an attestation is one per item, under the test tag where it is a test', () => {
    const item = {
      txid: 'aa'.repeat(32),
      vout: 1,
      recipient: 'bb'.repeat(32),
      amount: '100000000',
      expiry: '1800000000',
    };
    const real = attestationMessages({ kind: 'attestation', test: false, items: [item, { ...item, vout: 2 }] });
    const [trial] = attestationMessages({ kind: 'attestation', test: true, items: [item] });
    expect(real).toHaveLength(2);
    expect(toHex(real[0]?.message ?? new Uint8Array(0))).toStartWith(toHex(utf8('0BTC_WIRE_MINT_ATTESTATION')));
    expect(toHex(trial?.message ?? new Uint8Array(0))).toStartWith(toHex(utf8('0BTC_WIRE_TEST_ATTESTATION')));
  });
});

describe('an intent', () => {
  const input = { txid: 'aa'.repeat(32), vout: 0, amount: '1000', leaf: { kind: 'change' } };
  const payout = {
    kind: 'payout',
    test: false,
    burns: [{ burn_txid: 'bb'.repeat(32), address: 'bcrt1q', amount: '900', fee: '10' }],
    inputs: [input],
    outputs: [{ script: '0014', amount: '890' }],
    lock_time: 0,
    fee: '10',
  };

  test('keeps to its limits', () => {
    expect(intentSchema.safeParse(payout).success).toBe(true);
    expect(intentSchema.safeParse({ ...payout, inputs: Array(500).fill(input) }).success).toBe(true);
    expect(intentSchema.safeParse({ ...payout, inputs: Array(501).fill(input) }).success).toBe(false);
    expect(intentSchema.safeParse({ ...payout, burns: Array(201).fill(payout.burns[0]) }).success).toBe(false);
    expect(intentSchema.safeParse({ ...payout, fee: '2100000000000001' }).success).toBe(false);
    expect(intentSchema.safeParse({ ...payout, fee: '010' }).success).toBe(false);
    expect(intentSchema.safeParse({ ...payout, fee: 10 }).success).toBe(false);
    expect(intentSchema.safeParse({ ...payout, bonus: '1' }).success).toBe(false);
    expect(intentSchema.safeParse({ kind: 'transfer' }).success).toBe(false);
  });
});

describe('the list of refusals', () => {
  test('holds each reason once and nothing inherited', () => {
    expect(new Set(REFUSAL_REASONS).size).toBe(REFUSAL_REASONS.length);
    expect(isRefusalReason('burn_conflict')).toBe(true);
    expect(isRefusalReason('toString')).toBe(false);
  });
});
