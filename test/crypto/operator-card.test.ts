import { describe, expect, test } from 'bun:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { concat, toHex, utf8 } from '../../crypto/bytes.ts';
import { canonicalJson, type Json } from '../../crypto/canonical-json.ts';
import { identityFromSeed } from '../../crypto/identity.ts';
import {
  cardFingerprint,
  encodeCard,
  FINGERPRINT_WORD_COUNT,
  OPERATOR_CARD_BYTES_MAX,
  parseCard,
  signCard,
  verifyCard,
} from '../../crypto/operator-card.ts';
import { FINGERPRINT_WORDS } from '../../crypto/words.ts';

// A self-signed certificate made for this test; nobody holds its key.
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBUTCCAQOgAwIBAgIUHNXGduwsDZ7HJ2tcZ2EjM66BUjMwBQYDK2VwMB0xGzAZ
BgNVBAMMEm9wZXJhdG9yLTAuZXhhbXBsZTAgFw0yNjExMjIxNDU2MTVaGA8yMTI2
MTAyOTE0NTYxNVowHTEbMBkGA1UEAwwSb3BlcmF0b3ItMC5leGFtcGxlMCowBQYD
K2VwAyEA4TKk1wbycRZlXA4rSjQKwvgUICd8qXi59rRWbfPh77qjUzBRMB0GA1Ud
DgQWBBRAar6M3i8X1t3MqPdk3ankFbdKWjAfBgNVHSMEGDAWgBRAar6M3i8X1t3M
qPdk3ankFbdKWjAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANBALaOezAF5KQrZNPI
fBt6IqvvCMGusT0eO0pRlzsXZqQ721keJLJ3deEkfdUW9shh2ZHKovcq20roX0xm
l8ljKAk=
-----END CERTIFICATE-----
`;

const identity = identityFromSeed(new Uint8Array(32).fill(1));
const fields = {
  network: 'regtest',
  index: 0,
  name: 'First Operator',
  address: 'operator-0.example:8443',
  tls_certificate: CERTIFICATE,
  host_public_key: toHex(secp256k1.getPublicKey(new Uint8Array(32).fill(2), true)),
  contacts: { email: 'ops@operator-0.example' },
  issued_at: 1_700_000_000_000,
};
const card = signCard(fields, identity);
const verdictOn = (change: Record<string, Json>) => {
  const verdict = parseCard(utf8(canonicalJson(JSON.parse(JSON.stringify({ ...card, ...change })))));
  return verdict.ok ? 'accepted' : `${verdict.reason}: ${verdict.detail}`;
};

describe('operator card', () => {
  test('a signed card reads back and verifies, with white space around it too', () => {
    expect(parseCard(encodeCard(card))).toEqual({ ok: true, card });
    expect(parseCard(concat(utf8('\r\n '), encodeCard(card), utf8('\n')))).toEqual({ ok: true, card });
    expect(verifyCard(card)).toBe(true);
    expect(card.identity_key).toBe(toHex(identity.publicKey));
  });

  test('a well-formed change to any field breaks the signature', () => {
    const changes: Record<string, Json> = {
      network: 'mainnet',
      index: 1,
      name: 'Second Operator',
      address: 'operator-0.example:8444',
      tls_certificate: CERTIFICATE.trimEnd(),
      identity_key: toHex(identityFromSeed(new Uint8Array(32).fill(9)).publicKey),
      host_public_key: toHex(secp256k1.getPublicKey(new Uint8Array(32).fill(3), true)),
      contacts: {},
      issued_at: 0,
      sig: card.sig.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
    };
    expect([...Object.keys(changes), 'v'].sort()).toEqual(Object.keys(card).sort());
    for (const [field, value] of Object.entries(changes)) {
      expect(verdictOn({ [field]: value })).toBe('bad_signature: the signature is not by the identity key on the card');
    }
  });

  test('fields outside their limits are malformed, and named', () => {
    const bad: [string, Json][] = [
      ['v', 2],
      ['index', 64],
      ['name', ''],
      ['name', 'x'.repeat(101)],
      ['name', 'line\nbreak'],
      ['name', 'right\u202eto left'],
      ['address', 'no-port.example'],
      ['address', 'host.example:0'],
      ['address', 'host.example:65536'],
      ['address', 'https://host.example:1'],
      ['address', 'user@host.example:1'],
      ['tls_certificate', 'none'],
      ['tls_certificate', CERTIFICATE.replace('MIIB', 'MIIC')],
      ['tls_certificate', `${CERTIFICATE}${CERTIFICATE}`],
      ['tls_certificate', `text before\n${CERTIFICATE}`],
      ['identity_key', `01${'00'.repeat(31)}`],
      ['identity_key', 'xyz'],
      ['host_public_key', `02${'ff'.repeat(32)}`],
      ['host_public_key', 'xyz'],
      ['host_public_key', fields.host_public_key.slice(2)],
      ['contacts', { fax: '1' }],
      ['issued_at', -1],
      ['sig', ''],
    ];
    for (const [field, value] of bad) expect(verdictOn({ [field]: value })).toStartWith('malformed: field');
    expect(verdictOn({ extra: 1 })).toBe('malformed: fields missing or unknown');
    expect(parseCard(new Uint8Array(OPERATOR_CARD_BYTES_MAX + 1)).ok).toBe(false);
    expect(parseCard(utf8(JSON.stringify(card, null, 2))).ok).toBe(false);
  });

  test('hosts may be names, IPv4 and bracketed IPv6', () => {
    for (const address of ['localhost:1', '127.0.0.1:65535', '[::1]:8443', 'a.b-c.example:443']) {
      expect(verifyCard(signCard({ ...fields, address }, identity))).toBe(true);
    }
  });

  test('a card that breaks the format cannot be signed', () => {
    expect(() => signCard({ ...fields, address: 'nowhere' }, identity)).toThrow();
    expect(() => signCard({ ...fields, tls_certificate: '' }, identity)).toThrow();
  });

  test('contacts that are absent and contacts that are undefined make the same card', () => {
    expect(signCard({ ...fields, contacts: { email: 'ops@operator-0.example', phone: undefined } }, identity)).toEqual(
      card,
    );
  });

  test('names the people of each role, and refuses those who cannot be called, and texts that deceive', () => {
    const ann = { name: 'Ann Smith', email: 'ann@example.org', phone: '+49 (30) 123456', messaging: 'Signal ann.42' };
    const people = { technical_coordinator: ann, security_officer: { name: 'Sam', phone: '112' } };
    const named = signCard({ ...fields, contacts: people }, identity);
    expect(parseCard(encodeCard(named))).toEqual({ ok: true, card: named });
    const bad: Json[] = [
      { name: 'Ann' },
      { phone: '112' },
      { ...ann, name: 'A\u202enn' },
      { ...ann, name: 'x'.repeat(101) },
      { ...ann, email: 'ann' },
      { ...ann, email: 'ann@exa mple.org' },
      { ...ann, phone: 'call me' },
      { ...ann, phone: `+${'1'.repeat(64)}` },
      { ...ann, messaging: 'Signal\nann' },
      { ...ann, fax: '1' },
    ];
    for (const person of bad) {
      expect(verdictOn({ contacts: { emergency_contact: person } })).toStartWith('malformed: field contacts');
    }
  });

  test('the fingerprint is twelve words that depend on every field', () => {
    const words = cardFingerprint(card);
    expect(words).toHaveLength(FINGERPRINT_WORD_COUNT);
    for (const word of words) expect(FINGERPRINT_WORDS).toContain(word);
    expect(cardFingerprint(card)).toEqual(words);
    const others = [
      ...Array.from({ length: 30 }, (_, i) => signCard({ ...fields, index: i + 1 }, identity)),
      signCard({ ...fields, name: 'Another' }, identity),
      signCard(fields, identityFromSeed(new Uint8Array(32).fill(2))),
    ];
    const all = [card, ...others].map((other) => cardFingerprint(other).join(' '));
    expect(new Set(all).size).toBe(all.length);
  });

  test('no bytes make the parser throw', () => {
    const bytes = encodeCard(card);
    const edits = fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), edits, (raw, changes) => {
        expect(parseCard(raw).ok).toBe(false);
        const edited = bytes.slice();
        for (const [at, value] of changes) edited[at] = value;
        parseCard(edited);
      }),
      { seed: 20_012, numRuns: 200 },
    );
  });
});
