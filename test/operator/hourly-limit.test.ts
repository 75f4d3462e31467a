// What a peer can have a node write down for ever is bounded, each peer for itself.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type MessageBody, parseMessage } from '../../ceremony/messages.ts';
import { HourlyLimit } from '../../operator/runtime/hourly-limit.ts';
import { STEPS_PER_HOUR_MAX } from '../../operator/validation/validation.ts';
import { BridgeWorld } from './bridge-world.ts';

const HOUR_MS = 3_600_000;
let world: BridgeWorld;
beforeAll(async () => {
  world = await BridgeWorld.opened();
}, 60_000);
afterAll(() => world.close());

test('a peer is let through so often in an hour, and others beside it', () => {
  let now = 0;
  const limit = new HourlyLimit(2, () => now);
  expect([limit.take(1), limit.take(1), limit.take(1), limit.take(2)]).toEqual([true, true, false, true]);
  now = HOUR_MS - 1;
  expect(limit.take(1)).toBeFalse();
  now = HOUR_MS;
  expect([limit.take(1), limit.take(1), limit.take(1)]).toEqual([true, true, false]);
});

describe('a peer that asks for one step after the other', () => {
  test('is refused after so many in an hour, and another peer is not', async () => {
    const asked: MessageBody<'sign_request'>[] = [];
    world.federation.meddle = ({ message }) => {
      const parsed = message.type === 'sign_request' ? parseMessage(message.type, message.body) : null;
      if (parsed?.ok === true && parsed.message.type === 'sign_request') {
        const { intent } = parsed.message.body;
        if (intent.kind === 'line' && !intent.test) asked.push(parsed.message.body);
      }
      return message;
    };
    world.burn();
    await world.until(() => asked.length > 0);
    const [request] = asked;
    if (request === undefined) throw new Error('a step was asked for');
    const { validation } = world.federation.at(2).node;
    const ask = (peer: number) => validation.validate(request.intent, request.key_id, 'bip340', peer);
    const verdict = await ask(0);
    if (!verdict.ok) throw new Error(verdict.detail);
    for (let at = 0; at < STEPS_PER_HOUR_MAX; at++) verdict.decide();
    expect(verdict.decide()).toMatchObject({ ok: false, reason: 'overloaded' });
    const others = await ask(1);
    expect(others.ok && others.decide()).toEqual({ ok: true });
    world.pass(HOUR_MS / 1000);
    expect(verdict.decide()).toEqual({ ok: true });
  });
});
