import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { fromHex, toHex, utf8 } from '../../crypto/bytes.ts';
import { verifyEd25519 } from '../../crypto/ed25519.ts';
import {
  createSession,
  identityFromSeed,
  sessionKeyOf,
  signJson,
  verifyJson,
  verifySessionCertificate,
} from '../../crypto/identity.ts';

const identity = identityFromSeed(new Uint8Array(32).fill(1));
const stranger = identityFromSeed(new Uint8Array(32).fill(2));
const input = {
  identity,
  network: 'regtest',
  index: 2,
  boot: new Uint8Array(16).fill(3),
  seed: new Uint8Array(32).fill(4),
  now: 1_700_000_000_000,
};
const { certificate, signer } = createSession(input);
const expected = { identityKey: identity.publicKey, network: 'regtest', index: 2 };

describe('identity and session', () => {
  test('a session certificate verifies for the node it names, and its key is the session’s', () => {
    expect(verifySessionCertificate(certificate, expected)).toEqual({ ok: true, certificate });
    expect(sessionKeyOf(certificate)).toEqual(signer.publicKey);
    expect(verifyEd25519(sessionKeyOf(certificate), utf8('m'), signer.sign(utf8('m')))).toBe(true);
    expect(certificate.boot).toBe('03'.repeat(16));
    expect(certificate.issued_at).toBe(input.now);
  });

  test('it survives JSON', () => {
    expect(verifySessionCertificate(JSON.parse(JSON.stringify(certificate)), expected).ok).toBe(true);
  });

  test('another network, index or identity is refused by name', () => {
    const reason = (change: Partial<typeof expected>) => {
      const verdict = verifySessionCertificate(certificate, { ...expected, ...change });
      return verdict.ok ? 'accepted' : verdict.reason;
    };
    expect(reason({ network: 'mainnet' })).toBe('wrong_network');
    expect(reason({ index: 1 })).toBe('wrong_index');
    expect(reason({ identityKey: stranger.publicKey })).toBe('bad_signature');
  });

  test('a change to any field is refused', () => {
    const changed = [
      { v: 2 },
      { network: 'signet' },
      { index: 1 },
      { boot: '04'.repeat(16) },
      { session_key: toHex(stranger.publicKey) },
      { issued_at: certificate.issued_at + 1 },
      { sig: certificate.sig.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) },
      { extra: 1 },
    ];
    for (const change of changed)
      expect(verifySessionCertificate({ ...certificate, ...change }, expected).ok).toBe(false);
    for (const field of Object.keys(certificate)) {
      const rest = Object.fromEntries(Object.entries(certificate).filter(([name]) => name !== field));
      expect(verifySessionCertificate(rest, expected)).toEqual({ ok: false, reason: 'malformed' });
    }
  });

  test('no value makes verification throw', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => verifySessionCertificate(value, expected).ok === false),
      { seed: 20_008, numRuns: 300 },
    );
  });

  test('a boot id or seed of the wrong length is a bug of the caller', () => {
    expect(() => createSession({ ...input, boot: new Uint8Array(15) })).toThrow();
    expect(() => createSession({ ...input, seed: new Uint8Array(33) })).toThrow();
    expect(() => createSession({ ...input, index: 64 })).toThrow();
  });

  test('a JSON signature holds for its value, domain and key alone', () => {
    const sig = signJson(identity, 'DOMAIN/v1', { b: 1, a: [2] });
    expect(verifyJson(identity.publicKey, 'DOMAIN/v1', { a: [2], b: 1 }, sig)).toBe(true);
    expect(verifyJson(identity.publicKey, 'DOMAIN/v1', { a: [2], b: 2 }, sig)).toBe(false);
    expect(verifyJson(identity.publicKey, 'DOMAIN/v2', { a: [2], b: 1 }, sig)).toBe(false);
    expect(verifyJson(stranger.publicKey, 'DOMAIN/v1', { a: [2], b: 1 }, sig)).toBe(false);
    expect(verifyJson(identity.publicKey, 'DOMAIN/v1', { a: [2], b: 1 }, sig.toUpperCase())).toBe(false);
    expect(verifyJson(identity.publicKey, 'DOMAIN/v1', { a: [2], b: 1 }, '')).toBe(false);
    const message = new Uint8Array([...utf8('DOMAIN/v1'), 0, ...utf8('{"a":[2],"b":1}')]);
    expect(verifyEd25519(identity.publicKey, message, fromHex(sig))).toBe(true);
  });
});
