// Attacks on the one thing that gives a share away: nonces. Over real sockets, against a real node, by a peer that
// coordinates under a key of which it holds a share.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { SchemeName } from '../../crypto/scheme.ts';
import { intentOf, type Prepared, type SignRequest } from './coordinator.ts';
import { laySiege, type Siege } from './siege.ts';

const text = (message: string) => intentOf({ kind: 'test_message', message });
const SCHEMES: readonly SchemeName[] = ['bip340', 'ed25519'];

let siege: Siege;
beforeAll(async () => {
  siege = await laySiege();
});
afterAll(() => siege.lift());

describe('the attack fails:', () => {
  for (const scheme of SCHEMES) {
    test(`${scheme}: a nonce asked for twice gives one share and then nonce_unknown`, async () => {
      const { coordinator } = siege;
      const nonces = await coordinator.nonces(0, scheme, 1);
      const first = await coordinator.prepare(0, scheme, text('first'), { nonces });
      expect(coordinator.isSigned(first, await coordinator.sign(first))).toBe(true);
      expect(await coordinator.refusal(first)).toBe('nonce_unknown');
      const second = await coordinator.prepare(0, scheme, text('second'), { nonces });
      expect(await coordinator.refusal(second)).toBe('nonce_unknown');
      await siege.stillSigns();
    });

    test(`${scheme}: three sessions on one nonce at once, to extract a share, get one answer in all`, async () => {
      const { coordinator } = siege;
      const nonces = await coordinator.nonces(0, scheme, 1);
      const sessions: Prepared[] = [];
      for (const message of ['one', 'two', 'three']) {
        sessions.push(await coordinator.prepare(0, scheme, text(message), { nonces }));
      }
      const answers = await Promise.all(sessions.map((session) => coordinator.sign(session)));
      expect(answers.filter((answer) => 'partials' in answer)).toHaveLength(1);
      const refusals = answers.flatMap((answer) => ('reason' in answer ? [answer.reason] : []));
      expect(refusals).toEqual(['nonce_unknown', 'nonce_unknown']);
      await siege.stillSigns();
    });

    test(`${scheme}: one nonce for two messages of one request is refused and gives no share`, async () => {
      const { coordinator } = siege;
      const [nonce] = await coordinator.nonces(0, scheme, 1);
      if (nonce === undefined) throw new Error('one nonce was given');
      const prepared = await coordinator.prepare(0, scheme, text('once'), { nonces: [nonce] });
      const doubled = (request: SignRequest) => ({ ...request, messages: [...request.messages, ...request.messages] });
      expect(await coordinator.refusal(prepared, doubled)).toBe('bad_request');
      // The refusal has not touched the nonce: it still serves the one message it is for.
      expect(coordinator.isSigned(prepared, await coordinator.sign(prepared))).toBe(true);
      await siege.stillSigns();
    });

    test(`${scheme}: a nonce that was given to another peer is nonce_unknown`, async () => {
      const { coordinator, other, keyId } = siege;
      const body = { scheme, key_id: keyId, count: 1 };
      const given = await other.online?.client.send(
        0,
        { ceremony: '', type: 'nonce_request', body },
        { timeoutMs: 5_000 },
      );
      if (given?.ok !== true) throw new Error('node 1 gets its nonce');
      const stolen = JSON.parse(JSON.stringify(given.messages[0]?.body)).nonces;
      const prepared = await coordinator.prepare(0, scheme, text('stolen'), { nonces: stolen });
      expect(await coordinator.refusal(prepared)).toBe('nonce_unknown');
      await siege.stillSigns();
    });

    test(`${scheme}: a nonce of an earlier start, or claimed to be, is nonce_unknown`, async () => {
      const { coordinator } = siege;
      const prepared = await coordinator.prepare(0, scheme, text('earlier'));
      const earlier = (request: SignRequest) => ({ ...request, boots: { ...request.boots, '0': '0'.repeat(32) } });
      expect(await coordinator.refusal(prepared, earlier)).toBe('nonce_unknown');
      await siege.stillSigns();
    });

    test(`${scheme}: a nonce made under one key or scheme is none under another`, async () => {
      const { coordinator } = siege;
      const foreign = await coordinator.prepare(0, scheme, text('foreign'));
      const key = (request: SignRequest) => ({ ...request, key_id: 'f'.repeat(16) });
      expect(await coordinator.refusal(foreign, key)).toBe('unknown_key');
      const swapped = scheme === 'bip340' ? 'ed25519' : 'bip340';
      const prepared = await coordinator.prepare(0, swapped, text('swapped'));
      const ids = foreign.request.messages[0]?.nonce_ids ?? {};
      const moved = (request: SignRequest) => ({
        ...request,
        messages: request.messages.map((message) => ({ ...message, nonce_ids: ids })),
      });
      expect(await coordinator.refusal(prepared, moved)).toBe('nonce_unknown');
      await siege.stillSigns();
    });

    test(`${scheme}: a share over one message is no share over another that the attacker commits to`, async () => {
      const { coordinator } = siege;
      const other = await coordinator.prepare(0, scheme, text('what the attacker wants'));
      const prepared = await coordinator.prepare(0, scheme, text('what is asked for'), {
        messages: other.task.messages,
      });
      const answer = await coordinator.sign(prepared);
      expect('partials' in answer).toBe(true);
      expect(coordinator.isSigned(prepared, answer)).toBe(false);
      await siege.stillSigns();
    });
  }

  test('a flood of nonce requests leaves the peers their own nonces', async () => {
    const { coordinator, keyId } = siege;
    await siege.stillSigns();
    for (let batch = 0; batch < 4; batch++) await coordinator.nonces(0, 'ed25519', 64);
    expect(siege.mallory.sessions.peer(0)).not.toBeNull();
    const late = await siege.mallory.send(0, {
      type: 'nonce_request',
      body: { scheme: 'ed25519', key_id: keyId, count: 513 },
    });
    expect(late).toMatchObject({ ok: false, error: 'rejected', rejection: 'bad_body' });
    await siege.stillSigns();
  });
});
