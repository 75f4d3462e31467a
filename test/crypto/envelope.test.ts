import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { concat, utf8 } from '../../crypto/bytes.ts';
import { canonicalBytes, type Json } from '../../crypto/canonical-json.ts';
import { signerFromSeed } from '../../crypto/ed25519.ts';
import {
  acceptSequence,
  CLOCK_SKEW_MS_MAX,
  checkEnvelope,
  EMPTY_REPLAY_WINDOW,
  type EnvelopeFields,
  PEER_MESSAGE_BYTES_MAX,
  PEER_MESSAGE_DEPTH_MAX,
  PEER_MESSAGE_DOMAIN,
  parseEnvelope,
  REPLAY_WINDOW_MESSAGES,
  type ReplayWindow,
  sealEnvelope,
  verifyEnvelope,
} from '../../crypto/envelope.ts';
import { verifyJson } from '../../crypto/identity.ts';

const signer = signerFromSeed(new Uint8Array(32).fill(5));
const NOW = 1_700_000_000_000;
const fields: EnvelopeFields = {
  network: 'regtest',
  from: 1,
  to: 0,
  boot: 'ab'.repeat(16),
  ceremony: 'genesis',
  type: 'dkg_start',
  seq: 7,
  sent_at: NOW,
  body: { attempt: '00', list: [1, 'two', null, { deep: true }] },
};
const { envelope, bytes } = sealEnvelope(fields, signer);
const expected = {
  now: NOW,
  network: 'regtest',
  myIndex: 0,
  knownIndices: new Set([0, 1, 2]),
  knownTypes: new Set(['dkg_start']),
};
const reasonOf = (input: Uint8Array) => {
  const parsed = parseEnvelope(input);
  return parsed.ok ? 'accepted' : parsed.reason;
};
const asBytes = (change: Record<string, Json>) => canonicalBytes({ ...envelope, ...change });
const nested = (depth: number): Json => (depth === 0 ? 0 : [nested(depth - 1)]);

describe('peer envelope', () => {
  test('what was sealed parses and verifies under the sender’s session key alone', () => {
    const parsed = parseEnvelope(bytes);
    expect(parsed).toEqual({ ok: true, envelope });
    expect(verifyEnvelope(envelope, signer.publicKey)).toBe(true);
    expect(verifyEnvelope(envelope, signerFromSeed(new Uint8Array(32).fill(6)).publicKey)).toBe(false);
    expect(checkEnvelope(envelope, expected)).toBeNull();
  });

  test('whatever its fields hold, the bytes are the canonical form, and the signature is over it without the signature', () => {
    const odd = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom(',"sig":"', '","v":1}', '\\"', '","to":0,"type":"', '\u2028'),
    );
    const filled = fc.record({
      network: odd.map((text) => `n${text}`),
      from: fc.nat(63),
      to: fc.nat(63),
      boot: fc.constant(fields.boot),
      ceremony: odd,
      type: odd.map((text) => `t${text}`),
      seq: fc.integer({ min: 1 }),
      sent_at: fc.nat(),
      body: fc.dictionary(odd, fc.oneof(odd, fc.nat())),
    });
    fc.assert(
      fc.property(filled, (given) => {
        const sealed = sealEnvelope(given, signer);
        expect(sealed.bytes).toEqual(canonicalBytes(sealed.envelope));
        const { sig, ...unsigned } = sealed.envelope;
        expect(verifyJson(signer.publicKey, PEER_MESSAGE_DOMAIN, unsigned, sig)).toBe(true);
        const parsed = parseEnvelope(sealed.bytes);
        if (!parsed.ok) throw new Error(parsed.reason);
        for (const one of [parsed.envelope, { ...parsed.envelope }, sealed.envelope]) {
          expect(verifyEnvelope(one, signer.publicKey)).toBe(true);
          expect(verifyEnvelope({ ...one, seq: one.seq + 1 }, signer.publicKey)).toBe(false);
        }
      }),
      { seed: 20_302, numRuns: 100 },
    );
  });

  test('a change to any field breaks the signature or the form', () => {
    const changes: Record<string, Json> = {
      v: 2,
      network: 'mainnet',
      from: 2,
      to: 1,
      boot: 'ac'.repeat(16),
      ceremony: '',
      type: 'dkg_abort',
      seq: 8,
      sent_at: NOW + 1,
      body: { attempt: '01', list: [1, 'two', null, { deep: true }] },
      sig: envelope.sig.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
    };
    expect(Object.keys(changes).sort()).toEqual(Object.keys(envelope).sort());
    for (const [field, value] of Object.entries(changes)) {
      const parsed = parseEnvelope(asBytes({ [field]: value }));
      expect(parsed.ok && verifyEnvelope(parsed.envelope, signer.publicKey)).toBe(false);
    }
  });

  test('a flipped bit anywhere in the bytes is refused', () => {
    for (let bit = 0; bit < bytes.length * 8; bit += 3) {
      const bad = bytes.slice();
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const parsed = parseEnvelope(bad);
      expect(parsed.ok && verifyEnvelope(parsed.envelope, signer.publicKey)).toBe(false);
    }
  });

  test('missing, extra and wrongly typed fields are malformed', () => {
    for (const field of Object.keys(envelope).filter((name) => name !== 'v')) {
      const rest = Object.fromEntries(Object.entries(envelope).filter(([name]) => name !== field));
      expect(reasonOf(canonicalBytes(rest))).toBe('malformed');
    }
    expect(reasonOf(asBytes({ extra: 1 }))).toBe('malformed');
    expect(reasonOf(utf8(`{"__proto__":{},${new TextDecoder().decode(bytes).slice(1)}`))).toBe('malformed');
    const wrong: Record<string, Json>[] = [{ from: -1 }, { from: 64 }, { to: 0.5 }, { seq: 0 }, { sent_at: '1' }];
    wrong.push(
      { boot: 'AB'.repeat(16) },
      { sig: '' },
      { type: '' },
      { network: 5 },
      { ceremony: 'x'.repeat(129) },
      { v: '1' },
    );
    for (const change of wrong) expect(reasonOf(asBytes(change))).toBe('malformed');
    for (const value of [null, [], 'text', 1]) expect(reasonOf(canonicalBytes(value))).toBe('malformed');
  });

  test('another version is named as such', () => {
    expect(reasonOf(asBytes({ v: 2 }))).toBe('wrong_version');
    expect(reasonOf(canonicalBytes({ v: 2, anything: 'else' }))).toBe('wrong_version');
  });

  test('a spelling that is not canonical is malformed', () => {
    expect(reasonOf(utf8(JSON.stringify(envelope, null, 1)))).toBe('malformed');
    expect(reasonOf(concat(bytes, utf8('\n')))).toBe('malformed');
    expect(reasonOf(utf8(new TextDecoder().decode(bytes).replace('"seq":7', '"seq":7,"seq":7')))).toBe('malformed');
  });

  test('the size and depth limits hold for sender and receiver alike', () => {
    expect(reasonOf(new Uint8Array(PEER_MESSAGE_BYTES_MAX + 1))).toBe('too_large');
    const room = PEER_MESSAGE_BYTES_MAX - sealEnvelope({ ...fields, body: '' }, signer).bytes.length;
    expect(reasonOf(sealEnvelope({ ...fields, body: 'x'.repeat(room) }, signer).bytes)).toBe('accepted');
    expect(() => sealEnvelope({ ...fields, body: 'x'.repeat(room + 1) }, signer)).toThrow('too_large');
    expect(reasonOf(sealEnvelope({ ...fields, body: nested(PEER_MESSAGE_DEPTH_MAX - 1) }, signer).bytes)).toBe(
      'accepted',
    );
    expect(() => sealEnvelope({ ...fields, body: nested(PEER_MESSAGE_DEPTH_MAX) }, signer)).toThrow('malformed');
    expect(reasonOf(asBytes({ body: nested(PEER_MESSAGE_DEPTH_MAX) }))).toBe('malformed');
    expect(reasonOf(utf8('['.repeat(1_000_000)))).toBe('malformed');
  });

  test('a sender cannot seal what the format forbids', () => {
    for (const change of [{ seq: 0 }, { from: 64 }, { boot: 'xy' }, { type: '' }]) {
      expect(() => sealEnvelope({ ...fields, ...change }, signer)).toThrow();
    }
  });

  test('each stateless rejection has its name', () => {
    const check = (change: Partial<EnvelopeFields>) => checkEnvelope({ ...envelope, ...change }, expected);
    expect(check({ network: 'signet' })).toBe('wrong_network');
    expect(check({ to: 2 })).toBe('wrong_recipient');
    expect(check({ from: 3 })).toBe('unknown_sender');
    expect(check({ from: 0 })).toBe('unknown_sender');
    expect(check({ type: 'gossip' })).toBe('unknown_type');
    expect(check({ sent_at: NOW - CLOCK_SKEW_MS_MAX - 1 })).toBe('clock_skew');
    expect(check({ sent_at: NOW + CLOCK_SKEW_MS_MAX + 1 })).toBe('clock_skew');
    expect(check({ sent_at: NOW - CLOCK_SKEW_MS_MAX })).toBeNull();
    expect(check({ sent_at: NOW + CLOCK_SKEW_MS_MAX })).toBeNull();
  });

  test('no bytes make the parser throw', () => {
    const edits = fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), edits, (raw, changes) => {
        expect(parseEnvelope(raw).ok).toBe(false);
        const edited = bytes.slice();
        for (const [at, value] of changes) edited[at] = value;
        const parsed = parseEnvelope(edited);
        if (parsed.ok) verifyEnvelope(parsed.envelope, signer.publicKey);
      }),
      { seed: 20_009, numRuns: 300 },
    );
  });

  test('any JSON body travels unchanged', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        fc.pre(!/\d{16,}|e\+/.test(JSON.stringify(value)));
        const body: Json = JSON.parse(JSON.stringify(value));
        const parsed = parseEnvelope(sealEnvelope({ ...fields, body }, signer).bytes);
        expect(parsed.ok && parsed.envelope.body).toEqual(body);
      }),
      { seed: 20_010, numRuns: 50 },
    );
  });
});

describe('replay window', () => {
  const accepted = (window: ReplayWindow, seq: number): ReplayWindow => {
    const verdict = acceptSequence(window, seq);
    if (!verdict.ok) throw new Error(`${seq} was refused`);
    return verdict.window;
  };

  test('agrees with a plain set of the numbers seen', () => {
    const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 5000 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, (numbers) => {
        const seen = new Set<number>();
        let window = EMPTY_REPLAY_WINDOW;
        for (const seq of numbers) {
          const isNew = !seen.has(seq) && seq > Math.max(0, ...seen) - REPLAY_WINDOW_MESSAGES;
          const verdict = acceptSequence(window, seq);
          expect(verdict.ok).toBe(isNew);
          if (!verdict.ok) continue;
          seen.add(seq);
          window = verdict.window;
        }
      }),
      { seed: 20_011, numRuns: 100 },
    );
  });

  test('its two edges', () => {
    const window = accepted(EMPTY_REPLAY_WINDOW, 5000);
    expect(acceptSequence(window, 5000).ok).toBe(false);
    expect(acceptSequence(window, 5000 - REPLAY_WINDOW_MESSAGES).ok).toBe(false);
    const filled = accepted(window, 5001 - REPLAY_WINDOW_MESSAGES);
    expect(acceptSequence(filled, 5001 - REPLAY_WINDOW_MESSAGES)).toEqual({ ok: false, reason: 'replay' });
    expect(filled.seen < 1n << BigInt(REPLAY_WINDOW_MESSAGES)).toBe(true);
  });

  test('it stays as wide as it is, however many messages pass', () => {
    let window = EMPTY_REPLAY_WINDOW;
    for (let seq = 1; seq <= 2 * REPLAY_WINDOW_MESSAGES; seq++) window = accepted(window, seq);
    expect(window.seen).toBe((1n << BigInt(REPLAY_WINDOW_MESSAGES)) - 1n);
  });

  test('a number that is no sequence number is refused', () => {
    for (const seq of [0, -1, 1.5, Number.NaN, 2 ** 53])
      expect(acceptSequence(EMPTY_REPLAY_WINDOW, seq).ok).toBe(false);
  });

  test('a huge jump costs nothing and forgets what lies below', () => {
    const window = accepted(accepted(EMPTY_REPLAY_WINDOW, 1), Number.MAX_SAFE_INTEGER);
    expect(window.seen).toBe(1n);
    expect(acceptSequence(window, 2).ok).toBe(false);
  });
});
