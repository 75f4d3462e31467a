// Fuzz: what every peer, and every stranger behind a stolen certificate, may put on the wire. Verdicts with a name and
// never a throw; what is accepted is byte for byte what the sender signed.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { canonicalBytes, type Json, nestsWithin, parseCanonicalJson } from '../../crypto/canonical-json.ts';
import {
  acceptSequence,
  EMPTY_REPLAY_WINDOW,
  PEER_MESSAGE_BYTES_MAX,
  PEER_MESSAGE_DEPTH_MAX,
  parseEnvelope,
  REPLAY_WINDOW_MESSAGES,
  sealEnvelope,
  verifyEnvelope,
} from '../../crypto/envelope.ts';
import { createSession, identityFromSeed, sessionKeyOf, verifySessionCertificate } from '../../crypto/identity.ts';
import { duplicateSchema } from '../../operator/peers/messages-guard.ts';
import { parseRefusal, parseReply, REJECTIONS } from '../../operator/peers/peer-reply.ts';
import { PeerSessions } from '../../operator/peers/peer-session.ts';
import { provenDuplicate } from '../../operator/rollback-guard/duplicate-instance.ts';
import { anyJson, bytesOf, fuzz, isCanonical, noise, spoiled, spoiledBytes, spoiledText } from './hostile.ts';

const NOW = 1_700_000_000_000;
const identity = identityFromSeed(new Uint8Array(32).fill(1));
const session = createSession({
  ...{ identity, network: 'regtest', index: 1, now: NOW },
  ...{ boot: new Uint8Array(16).fill(2), seed: new Uint8Array(32).fill(3) },
});
const { boot } = session.certificate;
const fields = { network: 'regtest', from: 1, to: 0, boot, ceremony: 'c', type: 'ping', seq: 1, sent_at: NOW };
const plainJson = anyJson
  .map((value): Json => JSON.parse(JSON.stringify(value)))
  .filter((value) => isCanonical(value) && nestsWithin(JSON.stringify(value), PEER_MESSAGE_DEPTH_MAX - 1));
const sealed = plainJson.map((body) => sealEnvelope({ ...fields, body }, session.signer).bytes);

function verdictOf(bytes: Uint8Array): string {
  const verdict = parseEnvelope(bytes);
  if (!verdict.ok) return verdict.reason;
  // Whatever is taken has exactly one spelling, and only the signer's is signed.
  expect(canonicalBytes(verdict.envelope)).toEqual(bytes);
  if (!verifyEnvelope(verdict.envelope, sessionKeyOf(session.certificate))) return 'unsigned';
  // Ed25519 is deterministic: only what the signer would sign for the same body is signed.
  expect(sealEnvelope({ ...fields, body: verdict.envelope.body }, session.signer).bytes).toEqual(bytes);
  return 'signed';
}

describe('fuzz: the peer envelope', () => {
  test('takes noise, JSON and spoiled envelopes with a named verdict, and as signed only what was signed', () => {
    const seen = new Set<string>();
    const inputs = fc.oneof(
      noise(600),
      anyJson.map((value) => new TextEncoder().encode(JSON.stringify(value))),
      spoiledBytes(sealed),
      spoiled(sealed.map((bytes): Json => JSON.parse(new TextDecoder().decode(bytes)))).map((value) =>
        new TextEncoder().encode(JSON.stringify(value)),
      ),
    );
    fuzz(1500, inputs, (bytes) => {
      const verdict = verdictOf(bytes);
      seen.add(verdict);
      expect(['malformed', 'wrong_version', 'unsigned', 'signed']).toContain(verdict);
    });
    for (const verdict of ['malformed', 'unsigned']) expect(seen).toContain(verdict);
  });

  test('one changed byte of a signed envelope is never signed again', () => {
    fuzz(400, fc.tuple(sealed, fc.nat(), fc.integer({ min: 1, max: 255 })), ([bytes, at, change]) => {
      const changed = Uint8Array.from(bytes);
      const position = at % changed.length;
      changed[position] = (changed[position] ?? 0) ^ change;
      expect(verdictOf(changed)).not.toBe('signed');
    });
  });

  test('a sealed envelope comes back as it was sealed', () => {
    fuzz(200, plainJson, (body) => {
      const { bytes, envelope } = sealEnvelope({ ...fields, body }, session.signer);
      expect(parseEnvelope(bytes)).toEqual({ ok: true, envelope });
      expect(verdictOf(bytes)).toBe('signed');
    });
  });

  test('size and nesting are refused before anything is parsed', () => {
    const deep = (levels: number) => new TextEncoder().encode('['.repeat(levels) + ']'.repeat(levels));
    const limits = { bytesMax: PEER_MESSAGE_BYTES_MAX, depthMax: PEER_MESSAGE_DEPTH_MAX };
    expect(parseCanonicalJson(deep(PEER_MESSAGE_DEPTH_MAX), limits).ok).toBe(true);
    fuzz(50, fc.integer({ min: PEER_MESSAGE_DEPTH_MAX + 1, max: 500_000 }), (levels) => {
      expect(parseEnvelope(deep(levels))).toEqual({ ok: false, reason: 'malformed' });
    });
    expect(parseEnvelope(new Uint8Array(PEER_MESSAGE_BYTES_MAX + 1))).toEqual({ ok: false, reason: 'too_large' });
  });
});

describe('fuzz: sequence numbers', () => {
  test('of any kind never pass twice, and the window never grows', () => {
    const numbers = fc.oneof(fc.integer({ min: -5, max: 3000 }), fc.double(), fc.constantFrom(2 ** 53 - 1, 2 ** 53));
    fuzz(200, fc.array(numbers, { maxLength: 60 }), (sequence) => {
      let window = EMPTY_REPLAY_WINDOW;
      const passed = new Set<number>();
      for (const seq of sequence) {
        const verdict = acceptSequence(window, seq);
        if (!verdict.ok) continue;
        expect(passed.has(seq)).toBe(false);
        passed.add(seq);
        ({ window } = verdict);
        expect(window.seen < 1n << BigInt(REPLAY_WINDOW_MESSAGES)).toBe(true);
      }
    });
  });
});

describe('fuzz: session certificates', () => {
  const expected = { identityKey: identity.publicKey, network: 'regtest', index: 1 };
  const certificate: Json = { ...session.certificate };

  test('spoiled ones get a named verdict, and pass only where nothing was spoiled', () => {
    const refusals = new Set<string>();
    fuzz(1200, fc.oneof(anyJson, spoiled(fc.constant(certificate))), (value) => {
      const verdict = verifySessionCertificate(value, expected);
      if (verdict.ok) expect(verdict.certificate).toEqual(session.certificate);
      else refusals.add(verdict.reason);
    });
    expect([...refusals].sort()).toEqual(['bad_signature', 'malformed', 'wrong_index', 'wrong_network']);
  });

  test('in a header of any text never throw and never let another session speak', () => {
    const peer = { index: 1, name: 'peer', address: 'a:1', certificate: '', identityKey: identity.publicKey };
    const mine = { network: 'regtest', myIndex: 0, session };
    const good = Buffer.from(canonicalBytes(certificate)).toString('base64url');
    const envelope = sealEnvelope({ ...fields, body: {} }, session.signer).envelope;
    const headers = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.string({ unit: 'binary', maxLength: 3000 }),
      spoiledText(fc.constant(certificate)).map((text) => Buffer.from(text).toString('base64url')),
      fc.constantFrom(`${good}=`, `${good} `, good.toUpperCase(), `${good}A`, Buffer.from(good).toString('base64url')),
    );
    fuzz(800, headers, (header) => {
      const refusal = new PeerSessions({ ...mine, peers: [peer] }).admit(envelope, header, NOW);
      if (refusal === null) expect(header).toBe(good);
      else expect(['bad_signature', 'wrong_network']).toContain(refusal.reason);
    });
    expect(new PeerSessions({ ...mine, peers: [peer] }).admit(envelope, good, NOW)).toBeNull();
  });
});

describe('fuzz: evidence of a second copy of this node', () => {
  const own = { session: session.certificate, identityKey: identity.publicKey };
  const later = createSession({
    ...{ identity, network: 'regtest', index: 1, now: NOW + 5 },
    ...{ boot: new Uint8Array(16).fill(4), seed: new Uint8Array(32).fill(5) },
  }).certificate;

  test('proves one only with a certificate that the own identity key has signed', () => {
    const evidence: Json = { later: { ...later }, earlier: null };
    expect(provenDuplicate(own, { later: { ...later }, earlier: null })).toContain('another copy');
    fuzz(1000, fc.oneof({ weight: 6, arbitrary: spoiled(fc.constant(evidence)) }, anyJson), (value) => {
      const parsed = duplicateSchema.safeParse(JSON.parse(JSON.stringify(value)));
      if (!parsed.success || provenDuplicate(own, parsed.data) === null) return;
      expect(parsed.data.later).toEqual({ ...later });
    });
  });
});

describe('fuzz: replies', () => {
  const reply: Json = {
    in_reply_to: 3,
    in_reply_to_boot: boot,
    messages: [
      { type: 'pong', body: {} },
      { type: 'nonces', body: { nonces: [1, 2] } },
    ],
  };

  test('are read or not, and one that is read is within its limits', () => {
    let read = 0;
    fuzz(800, fc.oneof(anyJson, spoiled(fc.constant(reply))), (value) => {
      const body = parseReply(value);
      if (body === null) return;
      read += 1;
      expect(body.messages.length).toBeLessThanOrEqual(64);
      expect(Number.isSafeInteger(body.in_reply_to)).toBe(true);
    });
    expect(read).toBeGreaterThan(0);
  });

  test('that refuse carry a known reason and a short sentence, or are nothing', () => {
    const refusal: Json = { rejected: 'replay', detail: 'seen before' };
    const texts = fc.oneof(fc.string(), spoiledText(fc.constant(refusal)), bytesOf(40).map(String));
    fuzz(800, texts, (text) => {
      const parsed = parseRefusal(text);
      if (parsed === null) return;
      expect(REJECTIONS).toContain(parsed.reason);
      expect(parsed.detail.length).toBeLessThanOrEqual(500);
    });
  });
});
