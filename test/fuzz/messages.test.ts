// Fuzz: the body of every peer message. A body either has the form of its type, within every limit, or is refused with a
// name; reading it again after a journey as JSON changes nothing.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { intentSchema } from '../../ceremony/intent.ts';
import { ceremonyProofMessages, testMessages } from '../../ceremony/intent-messages.ts';
import { MESSAGE_SCHEMAS, parseMessage } from '../../ceremony/messages.ts';
import { parseLeaf } from '../../chain/custody-leaf.ts';
import { lineJson, parseLineIntent } from '../../chain/line-intent.ts';
import { canonicalBytes, type Json } from '../../crypto/canonical-json.ts';
import { PEER_MESSAGE_BYTES_MAX } from '../../crypto/envelope.ts';
import { parseServiceMessage, SERVICE_MESSAGE_TYPES } from '../../operator/peers/messages.ts';
import { anyJson, fuzz, isCanonical, spoiled } from './hostile.ts';
import { ceremonySamples, intents, serviceSamples } from './message-samples.ts';

const travelled = (value: unknown): Json => JSON.parse(JSON.stringify(value));

const ID = /^[0-9a-f]{32}$/;
const HASH = /^[0-9a-f]{64}$/;
const HEX = /^([0-9a-f]{2})+$/;
const SATS = /^(0|[1-9][0-9]{0,15})$/;
/** What the fields of these names look like wherever they stand, said once more and apart from the schemas. */
const FORMS: Readonly<Record<string, RegExp>> = {
  ...{ session: ID, boot: ID, attempt: ID, id: ID },
  ...{ txid: HASH, burn_txid: HASH, nullifier: HASH, recipient: HASH, hash: HASH },
  ...{ transcript_hash: HASH, package_hash: HASH },
  ...{ nonce_commitment: HEX, pmsg1: HEX, pmsg2: HEX, cmsg1: HEX, cmsg2: HEX, box: HEX, script: HEX, transaction: HEX },
  ...{ amount: SATS, fee: SATS, surplus: SATS, deposit_min_sats: SATS, expiry: /^(0|[1-9][0-9]{0,19})$/ },
};

/** The first field that does not look as its name says, or that no message has room for; null where there is none. */
function misshapen(value: Json, name = ''): string | null {
  if (typeof value === 'string') {
    const form = FORMS[name];
    return (form === undefined || form.test(value)) && value.length <= PEER_MESSAGE_BYTES_MAX ? null : name;
  }
  if (typeof value !== 'object' || value === null) return null;
  // Free-form: a refusal's data.
  const members = Object.entries(value).filter(([key]) => key !== 'data');
  for (const [key, member] of members) {
    const found = misshapen(member, Array.isArray(value) ? name : key);
    if (found !== null) return found;
  }
  return null;
}

describe('fuzz: ceremony messages', () => {
  test('every type has a sample, and every sample is read and comes back as it was', () => {
    expect(new Set(ceremonySamples.map(([type]) => type))).toEqual(new Set(Object.keys(MESSAGE_SCHEMAS)));
    for (const [type, body] of ceremonySamples) {
      const parsed = parseMessage(type, body);
      expect(parsed.ok).toBe(true);
      if (parsed.ok) expect(travelled(parsed.message.body)).toEqual(body);
    }
  });

  for (const [type, sample] of ceremonySamples) {
    const kind = typeof sample === 'object' && sample !== null && 'intent' in sample ? JSON.stringify(sample) : '';
    const name = /"kind":"(\w+)"/.exec(kind)?.[1] ?? '';
    test(`${type} ${name}: a spoiled body is refused with a short reason or has the form all the same`.trim(), () => {
      let refused = 0;
      fuzz(250, fc.oneof({ weight: 5, arbitrary: spoiled(fc.constant(sample)) }, anyJson), (value) => {
        const body = travelled(value);
        // The envelope lets nothing else through to here.
        if (!isCanonical(body)) return;
        const parsed = parseMessage(type, body);
        if (parsed.ok) {
          const again = travelled(parsed.message.body);
          expect(misshapen(again)).toBeNull();
          expect(parseMessage(type, again)).toEqual(parsed);
          // Whatever is taken can be hashed and stored: it has a canonical form.
          expect(canonicalBytes(again).length).toBeGreaterThan(0);
          return;
        }
        refused += 1;
        expect(parsed.reason).toBe('bad_body');
        expect(parsed.detail.length).toBeLessThanOrEqual(500);
      });
      expect(refused).toBeGreaterThan(0);
    });
  }

  test('a type that is none is an unknown type, whatever it is called', () => {
    const names = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString', 'dkg_', 'reply'));
    fuzz(300, fc.tuple(names, anyJson), ([type, body]) => {
      if (Object.hasOwn(MESSAGE_SCHEMAS, type)) return;
      expect(parseMessage(type, travelled(body))).toMatchObject({ ok: false, reason: 'unknown_type' });
    });
  });

  test('an amount of any text is refused without being read as a number', () => {
    const digits = fc.oneof(fc.string(), fc.constantFrom('1e3', '0x1', '-1', ' 1', '1 ', '', '9'.repeat(900_000)));
    fuzz(200, digits, (amount) => {
      const [item] = intents.attestation.items;
      const parsed = intentSchema.safeParse({ ...intents.attestation, items: [{ ...item, amount, expiry: amount }] });
      expect(parsed.success).toBe(/^(0|[1-9][0-9]{0,15})$/.test(amount) && BigInt(amount) <= 2_100_000_000_000_000n);
    });
  });
});

describe('fuzz: service messages', () => {
  test('every type has a sample that is read', () => {
    expect(serviceSamples.map(([type]) => type).sort()).toEqual([...SERVICE_MESSAGE_TYPES].sort());
    for (const [type, body] of serviceSamples) expect(parseServiceMessage(type, body)).toMatchObject({ type });
  });

  for (const [type, sample] of serviceSamples) {
    test(`${type}: a spoiled body is refused or has the form all the same`, () => {
      let refused = 0;
      fuzz(250, fc.oneof({ weight: 5, arbitrary: spoiled(fc.constant(sample)) }, anyJson), (value) => {
        const body = travelled(value);
        const parsed = parseServiceMessage(type, body);
        if (parsed === false) refused += 1;
        else {
          expect(parsed).toMatchObject({ type, body: travelled(parsed?.body) ?? null });
          // Signed heads, certificates and attestations are free-form here; their own parsers read them.
          if (!type.startsWith('heartbeat') && type !== 'announce_attestations')
            expect(misshapen(travelled(parsed?.body))).toBeNull();
        }
      });
      expect(refused).toBeGreaterThan(0);
    });
  }
});

describe('fuzz: intents', () => {
  test('of a step are read twice, by the envelope and by the validation, and neither throws on what the other took', () => {
    let read = 0;
    fuzz(1500, spoiled(fc.constant(travelled(intents.line))), (value) => {
      const outer = intentSchema.safeParse(travelled(value));
      const inner = parseLineIntent(travelled(value));
      expect(inner !== null).toBe(outer.success && outer.data.kind === 'line');
      if (inner === null || !outer.success) return;
      read += 1;
      expect(travelled(lineJson(inner))).toEqual(travelled(outer.data));
    });
    expect(read).toBeGreaterThan(0);
  });

  test('of every kind give messages or are refused', () => {
    const samples = Object.values(intents).map(travelled);
    fuzz(1000, spoiled(fc.constantFrom(...samples)), (value) => {
      const parsed = intentSchema.safeParse(travelled(value));
      if (!parsed.success) return;
      const intent = parsed.data;
      if (intent.kind === 'test_message') expect(testMessages('bip340', intent)[0]?.message.length).toBe(32);
      if (intent.kind === 'ceremony_proof') expect(ceremonyProofMessages('ed25519', intent)).toHaveLength(1);
    });
  });

  test('leaves are one of three kinds or none', () => {
    const leaf = { kind: 'deposit', recipient: '0b'.repeat(32) };
    fuzz(600, fc.oneof(anyJson, spoiled(fc.constant(leaf))), (value) => {
      const parsed = parseLeaf(value);
      if (parsed?.kind === 'deposit') expect(parsed.recipient.length).toBe(32);
    });
    expect(parseLeaf(leaf)).not.toBeNull();
  });
});
