// Which peers flood: named while they go on, forgotten after a pause, and never an honest one.
import { describe, expect, test } from 'bun:test';
import { Acceptor } from '../../operator/peers/accept.ts';
import { FLOOD_PAUSE_MS, FLOOD_REQUESTS_MIN, FloodWatch } from '../../operator/peers/flood-watch.ts';
import { PEER_REQUESTS_IN_FLIGHT_MAX } from '../../operator/peers/request-slots.ts';
import { boot, checkBody, headerOf, KNOWN_TYPES, makeNode, peerOf, sealPing, sessionsOf } from './tls-federation.ts';

const WALL = 1_800_000_000_000;

describe('a peer whose requests are refused for want of a slot', () => {
  test('is no flood before it was refused often, and names itself from its first refusal on', () => {
    const watch = new FloodWatch();
    for (let count = 1; count < FLOOD_REQUESTS_MIN; count++) watch.refuse(4, WALL + count, count);
    expect(watch.floods(FLOOD_REQUESTS_MIN)).toEqual([]);
    watch.refuse(4, WALL + 1_000, 1_000);
    expect(watch.floods(1_000)).toEqual([{ peer: 4, since: WALL + 1, refused: FLOOD_REQUESTS_MIN }]);
  });

  test('is forgotten after a pause, and counted anew', () => {
    const watch = new FloodWatch();
    for (let count = 0; count < FLOOD_REQUESTS_MIN; count++) watch.refuse(4, WALL, 0);
    expect(watch.floods(FLOOD_PAUSE_MS - 1)).toHaveLength(1);
    expect(watch.floods(FLOOD_PAUSE_MS)).toEqual([]);
    watch.refuse(4, WALL, FLOOD_PAUSE_MS);
    expect(watch.floods(FLOOD_PAUSE_MS)).toEqual([]);
  });
});

test('the acceptor names the peer that signed the flood, and no other', async () => {
  const [alpha, beta, gamma] = await Promise.all([makeNode(0), makeNode(1), makeNode(2)]);
  let letGo = (): void => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const acceptor = new Acceptor({
    sessions: sessionsOf(alpha, [peerOf(beta), peerOf(gamma)]),
    knownTypes: KNOWN_TYPES,
    checkBody,
    handle: () => held.then(() => []),
    now: Date.now,
    onFault: (error) => {
      throw error;
    },
  });
  const session = boot(beta);
  const send = (seq: number) => acceptor.accept(sealPing(session, 0, { seq }), headerOf(session));
  const handled = Array.from({ length: PEER_REQUESTS_IN_FLIGHT_MAX }, (_, i) => send(i + 1));
  for (let more = 1; more <= FLOOD_REQUESTS_MIN; more++) {
    expect(await send(PEER_REQUESTS_IN_FLIGHT_MAX + more)).toMatchObject({ ok: false, reason: 'busy' });
  }
  expect(acceptor.floods()).toMatchObject([{ peer: 1, refused: FLOOD_REQUESTS_MIN }]);
  letGo();
  await Promise.all(handled);
});
