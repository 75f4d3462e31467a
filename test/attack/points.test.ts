// Attacks with identifiers that are none and points that are none, by a coordinator and by a signer.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { testMessages } from '../../ceremony/intent-messages.ts';
import { concat, fromHex, toHex } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import type { SchemeName } from '../../crypto/scheme.ts';
import type { Incoming } from '../../operator/peers/accept.ts';
import type { OutMessage } from '../../operator/peers/peer-reply.ts';
import type { SignRequest } from './coordinator.ts';
import { asJson } from './malicious-peer.ts';
import { ATTACKER } from './nodes.ts';
import { laySiege, type Siege } from './siege.ts';

const text = { kind: 'test_message', message: 'points' } as const;

/** Encodings that are no nonce, by what is wrong with them; bip340: 33 bytes, ed25519: 32. */
const POINTS: Readonly<Record<SchemeName, Readonly<Record<string, string>>>> = {
  bip340: {
    'not on the curve': `02${'00'.repeat(31)}05`,
    'non-canonical, x at the field prime': '02fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f',
    'with the prefix of an uncompressed point': `04${'11'.repeat(32)}`,
    'of all ones': 'ff'.repeat(33),
    'the point at infinity with a prefix of its own': `01${'00'.repeat(32)}`,
  },
  ed25519: {
    'the identity': `01${'00'.repeat(31)}`,
    'the identity in a second spelling': `01${'00'.repeat(30)}80`,
    'of order two': `ec${'ff'.repeat(30)}7f`,
    'of order eight': 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'non-canonical, y at the field prime': `ed${'ff'.repeat(30)}7f`,
    'not on the curve': `02${'00'.repeat(31)}`,
    'of all ones': 'ff'.repeat(32),
  },
};
const SCHEMES: readonly SchemeName[] = ['bip340', 'ed25519'];

let siege: Siege;
beforeAll(async () => {
  siege = await laySiege();
});
afterEach(() => {
  siege.mallory.answer = async () => [];
});
afterAll(() => siege.lift());

describe('the attack of a coordinator fails:', () => {
  // Right in all but the signers: boots, nonce ids and an Ed25519 commitment for exactly them.
  const withSigners = (signers: readonly number[]) => (request: SignRequest) => {
    const known = new Map(request.signers.map((index, place) => [index, place]));
    const keyed = (values: Readonly<Record<string, string>>) =>
      Object.fromEntries(signers.map((index) => [index, values[index] ?? '0'.repeat(32)]));
    const messages = request.messages.map(({ nonce_ids, nonce_commitment: whole }) => {
      const part = (place: number) => whole.slice(place * 128, (place + 1) * 128);
      const commitment = signers.map((index) => part(known.get(index) ?? 0)).join('');
      const isOne = request.scheme === 'bip340';
      return { nonce_ids: keyed(nonce_ids), nonce_commitment: isOne ? whole : commitment };
    });
    return { ...request, signers, boots: keyed(request.boots), messages };
  };

  for (const [name, signers, rejected] of [
    ['zero, which as a coordinate is the secret itself', [-1, 0], true],
    ['beyond the largest federation', [0, 64], true],
    ['of the kind of a half', [0, 1.5], true],
    ['duplicate', [0, 0, 2], false],
    ['unknown', [0, 2, 3], false],
    ['out of order', [2, 0], false],
    ['missing: fewer than t', [0], false],
    ['missing: the victim itself', [1, 2], false],
  ] as const) {
    test(`an identifier that is ${name} is ${rejected ? 'no request' : 'a bad_request'}`, async () => {
      const { coordinator, mallory } = siege;
      for (const scheme of SCHEMES) {
        const prepared = await coordinator.prepare(0, scheme, text);
        const body = asJson(withSigners(signers)(prepared.request));
        if (rejected) {
          const result = await mallory.send(0, { type: 'sign_request', body });
          expect(result).toMatchObject({ ok: false, error: 'rejected', rejection: 'bad_body' });
        } else expect(await coordinator.refusal(prepared, withSigners(signers))).toBe('bad_request');
        // What was refused has cost nothing: the same nonces serve the right request.
        expect(coordinator.isSigned(prepared, await coordinator.sign(prepared))).toBe(true);
      }
      await siege.stillSigns();
    });
  }

  test('identifiers spelled in other ways are no request', async () => {
    const { coordinator, mallory } = siege;
    const prepared = await coordinator.prepare(0, 'bip340', text);
    for (const key of ['-1', '00', '1e0', '0x0', ' 0', '٠', 'constructor', '64abc']) {
      const boots: Json = JSON.parse(`{${JSON.stringify(key)}:"${'0'.repeat(32)}","0":"${'0'.repeat(32)}"}`);
      const body = { ...asObject(asJson(prepared.request)), boots };
      const result = await mallory.send(0, { type: 'sign_request', body });
      expect(result).toMatchObject({ ok: false, error: 'rejected', rejection: 'bad_body' });
    }
    await siege.stillSigns();
  });

  for (const scheme of SCHEMES) {
    for (const [name, point] of Object.entries(POINTS[scheme])) {
      test(`${scheme}: a nonce commitment ${name} is a bad_request, and the nonce is spent`, async () => {
        const { coordinator } = siege;
        const places = scheme === 'bip340' ? [0, 66] : [128, 192];
        for (const at of places) {
          const prepared = await coordinator.prepare(0, scheme, text);
          const spoil = (request: SignRequest) => withCommitment(request, at, point);
          expect(await coordinator.refusal(prepared, spoil)).toBe('bad_request');
          // A nonce that met a malformed commitment never meets another.
          expect(await coordinator.refusal(prepared)).toBe('nonce_unknown');
        }
        await siege.stillSigns();
      });
    }
  }

  // BIP 445 lets the sum of all nonces be the point at infinity, whose use gives nothing away: what signs is the nonce that
  // takes its place, and nobody else's share fits it.
  test('bip340: a nonce commitment at infinity gives no signature, and the nonce is spent', async () => {
    const { coordinator } = siege;
    for (const at of [[0], [66], [0, 66]]) {
      const prepared = await coordinator.prepare(0, 'bip340', text);
      const spoil = (request: SignRequest) =>
        at.reduce((spoiled, place) => withCommitment(spoiled, place, '00'.repeat(33)), request);
      const answer = await coordinator.sign(prepared, spoil);
      expect(coordinator.isSigned(prepared, answer)).toBe(false);
      expect(await coordinator.refusal(prepared)).toBe('nonce_unknown');
    }
    await siege.stillSigns();
  });

  test("ed25519: a commitment that leaves out or changes the victim's own nonce is a bad_request", async () => {
    const { coordinator } = siege;
    const prepared = await coordinator.prepare(0, 'ed25519', text);
    const base = '5866666666666666666666666666666666666666666666666666666666666666';
    expect(await coordinator.refusal(prepared, (request) => withCommitment(request, 0, base))).toBe('bad_request');
    const short = await coordinator.prepare(0, 'ed25519', text);
    const cut = (request: SignRequest) => ({
      ...request,
      messages: request.messages.map((message) => ({
        ...message,
        nonce_commitment: message.nonce_commitment.slice(128),
      })),
    });
    expect(await coordinator.refusal(short, cut)).toBe('bad_request');
    await siege.stillSigns();
  });
});

describe('the attack of a signer fails, and is named:', () => {
  /** Mallory offers one kind of nonce to whoever asks. */
  function offering(nonceOf: (scheme: SchemeName) => string): (message: Incoming) => Promise<readonly OutMessage[]> {
    return async ({ type, body }) => {
      if (type !== 'nonce_request') return [];
      const { scheme, key_id, count } = JSON.parse(JSON.stringify(body));
      const { boot } = siege.mallory.session.certificate;
      const nonces = Array.from({ length: count }, (_, i) => ({
        id: i.toString(16).padStart(32, 'a'),
        nonce: nonceOf(scheme),
      }));
      return [{ type: 'nonces', body: { scheme, key_id, boot, nonces } }];
    };
  }

  for (const scheme of SCHEMES) {
    const infinite = scheme === 'bip340' ? { 'at infinity': '00'.repeat(33) } : {};
    for (const [name, point] of Object.entries({ ...POINTS[scheme], ...infinite })) {
      test(`${scheme}: a nonce ${name} excludes its signer as bad_nonce, and the honest sign`, async () => {
        siege.mallory.answer = offering((asked) => (asked === scheme ? point.repeat(2) : '02'.repeat(8)));
        const result = await online().signing.coordinate(taskOf(scheme), [ATTACKER, 0]);
        expect(result.kind).toBe('failed');
        expect(result.exclusions).toMatchObject([{ index: ATTACKER, reason: 'bad_nonce' }]);
        await siege.stillSigns();
      });
    }

    test(`${scheme}: a share that is wrong, zero or out of range excludes its signer as bad_share`, async () => {
      const shares = ['00'.repeat(32), 'ff'.repeat(32), '01'.repeat(32)];
      for (const [i, share] of shares.entries()) {
        const owner = siege.mallory.owner(siege.keyId, scheme);
        const pair = owner.scheme.generateNonce(
          owner.key,
          ATTACKER,
          owner.signingShare,
          new Uint8Array(32).fill(i + 1),
        );
        const offer = offering(() => Buffer.from(pair.public).toString('hex'));
        siege.mallory.answer = async (message) => {
          if (message.type !== 'sign_request') return offer(message);
          const { session } = JSON.parse(JSON.stringify(message.body));
          return [{ type: 'sign_response', body: { session, partials: [share], nonces: [] } }];
        };
        const result = await online().signing.coordinate(taskOf(scheme), [ATTACKER, 0]);
        expect(result.kind).toBe('failed');
        expect(result.exclusions).toMatchObject([{ index: ATTACKER, reason: 'bad_share' }]);
      }
      await siege.stillSigns();
    });
  }

  test('ed25519: a nonce with a small-order part beside a good one excludes its signer as bad_share', async () => {
    const owner = siege.mallory.owner(siege.keyId, 'ed25519');
    const pair = owner.scheme.generateNonce(owner.key, ATTACKER, owner.signingShare, new Uint8Array(32).fill(9));
    const small = ed25519.Point.fromHex(POINTS.ed25519['of order eight'] ?? '');
    const hiding = ed25519.Point.fromBytes(Uint8Array.from(pair.public.subarray(0, 32)))
      .add(small)
      .toBytes();
    const dirty = concat(hiding, pair.public.subarray(32));
    const offer = offering(() => toHex(dirty));
    siege.mallory.answer = async (message) => {
      if (message.type !== 'sign_request') return offer(message);
      // The best share there is for it: of the scalars behind the good part.
      const { session, signers, messages } = JSON.parse(JSON.stringify(message.body));
      // One that was offered before, and is still held.
      if (!messages[0].nonce_commitment.includes(toHex(dirty))) {
        return [{ type: 'sign_refusal', body: { session, reason: 'nonce_unknown', detail: 'another one, please' } }];
      }
      const secret = concat(pair.secret.subarray(0, 64), dirty);
      const nonceCommitment = fromHex(messages[0].nonce_commitment);
      const [derived] = testMessages('ed25519', text);
      if (derived === undefined) throw new Error('the text is a message');
      const signing = { signers, nonceCommitment, ...derived };
      const share = owner.scheme.sign(owner.key, ATTACKER, owner.signingShare, secret, signing);
      return [{ type: 'sign_response', body: { session, partials: [toHex(share)], nonces: [] } }];
    };
    const result = await online().signing.coordinate(taskOf('ed25519'), [ATTACKER, 0]);
    expect(result.kind).toBe('failed');
    expect(result.exclusions).toMatchObject([{ index: ATTACKER, reason: 'bad_share' }]);
    await siege.stillSigns();
  });

  function online() {
    const { online: services } = siege.victim;
    if (services === null) throw new Error('the victim is unsealed');
    return services;
  }

  function taskOf(scheme: SchemeName) {
    const key = siege.victim.keys.get(siege.keyId);
    if (key === null) throw new Error('the victim has the key');
    const groupKey = scheme === 'bip340' ? key.bitcoin : key.attestation;
    const messages = testMessages(scheme, text);
    return { scheme: siege.victim.keys.scheme(scheme), keyId: siege.keyId, key: groupKey, intent: text, messages };
  }
});

function withCommitment(request: SignRequest, at: number, point: string): SignRequest {
  const [message] = request.messages;
  if (message === undefined) throw new Error('a request has a message');
  const { nonce_commitment: old } = message;
  const nonce_commitment = old.slice(0, at) + point + old.slice(at + point.length);
  return { ...request, messages: [{ ...message, nonce_commitment }] };
}

function asObject(value: Json): { readonly [key: string]: Json } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('an object was expected');
  return Object.fromEntries(Object.entries(value));
}
