// A federation's parameters, and the bytes that intents have keys sign.
import { describe, expect, test } from 'bun:test';
import { dkgStep, IDLE } from '../../ceremony/dkg/dkg.ts';
import { intentSchema } from '../../ceremony/intent.ts';
import { attestationMessages, ceremonyProofMessages, testMessages } from '../../ceremony/intent-messages.ts';
import { memberHash, settingDifferences, thresholdFlaw } from '../../ceremony/parameters.ts';
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

describe('the hash of a member', () => {
  const member = (index: number) => ({
    index,
    name: `operator-${index}`,
    address: `10.0.0.${index}:7400`,
    identity_key: '11'.repeat(32),
    host_public_key: '02'.repeat(33),
    tls_fingerprint: 'aa'.repeat(32),
  });
  test('changes with everything that it covers', () => {
    const fields = ['name', 'address', 'identity_key', 'host_public_key', 'tls_fingerprint'] as const;
    const others = fields.map((field) => ({ ...member(0), [field]: 'other' }));
    expect(new Set([member(0), member(1), ...others].map(memberHash)).size).toBe(fields.length + 2);
    expect(memberHash({ ...member(0) })).toBe(memberHash(member(0)));
  });
});

describe('settings that differ', () => {
  const here = {
    ...{ threshold: 2, deposit_min_sats: '1000', normal_confirmations: 6, fork_confirmations: 12 },
    ...{ wire_confirmations: 6, attestation_validity_s: 86_400, cards: ['aa', 'bb', 'cc'] },
  };

  test('are each reported with both values', () => {
    for (const [key, value] of Object.entries(here)) {
      if (key === 'cards') continue;
      const there = { ...here, [key]: typeof value === 'number' ? value + 1 : '999' };
      expect(settingDifferences(there, here)).toEqual([
        `${key}: ${there[key as keyof typeof there]} there, ${value} here`,
      ]);
    }
    expect(settingDifferences({ ...here, cards: ['aa'] }, here)).toEqual(['parties: 1 there, 3 here']);
    expect(settingDifferences({ ...here, cards: ['x', 'y', 'z'] }, here)).toEqual([]);
  });
});

describe('a ceremony', () => {
  test("does not begin with another node's secrets", () => {
    const [zero, one] = contextsOf({ n: 3, t: 2 });
    if (zero === undefined || one === undefined) throw new Error('three nodes');
    const joined = { kind: 'operator_joined' as const, now: 1, elapsed: 1, rehearsal: false, checks: [] };
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
  const swept = { txid: 'aa'.repeat(32), vout: 0, amount: '1000', leaf: { kind: 'treasury' } };
  const burn = { burn_txid: 'bb'.repeat(32), nullifier: 'cc'.repeat(32), address: 'bcrt1q', amount: '900', fee: '10' };
  const step = {
    kind: 'line',
    step: 'payout',
    test: false,
    treasury: { txid: 'dd'.repeat(32), vout: 1, amount: '20000' },
    swept: [swept],
    burns: [burn],
    destination: null,
    fee: '10',
    surplus: '11000',
  };
  const isTaken = (changed: object): boolean => intentSchema.safeParse({ ...step, ...changed }).success;

  test('keeps to its limits', () => {
    expect(isTaken({})).toBe(true);
    expect(isTaken({ swept: Array(127).fill(swept), burns: Array(1_000).fill(burn) })).toBe(true);
    expect(isTaken({ swept: Array(128).fill(swept) })).toBe(false);
    expect(isTaken({ burns: Array(1_001).fill(burn) })).toBe(false);
    expect(isTaken({ fee: '2100000000000001' })).toBe(false);
    expect(isTaken({ fee: '010' })).toBe(false);
    expect(isTaken({ fee: 10 })).toBe(false);
    expect(isTaken({ bonus: '1' })).toBe(false);
    expect(isTaken({ step: 'transfer' })).toBe(false);
    expect(intentSchema.safeParse({ kind: 'transfer' }).success).toBe(false);
  });
});

describe('the list of refusals', () => {
  test('holds each reason once and nothing inherited', () => {
    expect(new Set(REFUSAL_REASONS).size).toBe(REFUSAL_REASONS.length);
    expect(isRefusalReason('burn_may_be_paid')).toBe(true);
    expect(isRefusalReason('toString')).toBe(false);
  });
});
