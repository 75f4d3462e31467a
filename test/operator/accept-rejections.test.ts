// Every rejection reason of the peer message format, over real mutual TLS, and that each is counted and nothing handled.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { canonicalBytes, type Json } from '../../crypto/canonical-json.ts';
import {
  CLOCK_SKEW_MS_MAX,
  ENVELOPE_REJECTIONS,
  PEER_MESSAGE_BYTES_MAX,
  REPLAY_WINDOW_MESSAGES,
} from '../../crypto/envelope.ts';
import type { Session } from '../../crypto/identity.ts';
import { boot, headerOf, listen, makeNode, post, type Running, sealPing, type TestNode } from './tls-federation.ts';

let alpha: TestNode;
let beta: TestNode;
let gamma: TestNode;
let receiver: Running;
let session: Session;
let header: string;
const NOW = Date.now();
const exercised = new Set<string>();

beforeAll(async () => {
  [alpha, beta, gamma] = await Promise.all([makeNode(0), makeNode(1), makeNode(2)]);
});
beforeEach(async () => {
  await receiver?.listener.stop();
  receiver = listen(alpha, [beta, gamma], { now: () => NOW });
  session = boot(beta, NOW);
  header = headerOf(session);
});
afterAll(() => receiver.listener.stop());

function ping(fields: Parameters<typeof sealPing>[2] = {}, by = session): Uint8Array {
  return sealPing(by, 0, { sent_at: NOW, ...fields });
}

/** The answer names the reason, the reason is counted once for that peer, and no message reached the handler. */
async function expectRejected(
  reason: string,
  status: number,
  bytes: Uint8Array | ReadableStream<Uint8Array> | string,
  options: { readonly header?: string | null; readonly peer?: number | null; readonly handled?: number } = {},
): Promise<void> {
  const { peer = 1, handled = 0 } = options;
  const answer = await post(beta, receiver, bytes, options.header === undefined ? header : options.header);
  expect(answer).toEqual({ status, rejected: reason });
  expect(receiver.acceptor.rejections().map(({ reason, peer, count }) => `${reason} ${peer} ${count}`)).toEqual([
    `${reason} ${peer} 1`,
  ]);
  expect(receiver.received).toHaveLength(handled);
  exercised.add(reason);
}

function tampered(change: (envelope: Record<string, Json>) => void): Uint8Array {
  const envelope: Record<string, Json> = JSON.parse(new TextDecoder().decode(ping()));
  change(envelope);
  return canonicalBytes(envelope);
}

describe('a peer message over TLS', () => {
  test('is handled once when everything is right', async () => {
    expect(await post(beta, receiver, ping(), header)).toEqual({ status: 200, rejected: null });
    const { boot: id } = session.certificate;
    expect(receiver.received).toEqual([
      { from: 1, ceremony: '', type: 'ping', body: { word: 'hello' }, boot: id, receivedAt: NOW },
    ]);
    expect(receiver.acceptor.rejections()).toEqual([]);
  });

  test('of another version is rejected as wrong_version', () =>
    expectRejected(
      'wrong_version',
      400,
      tampered((envelope) => {
        envelope['v'] = 2;
      }),
      { peer: null },
    ));

  test('of another network is rejected as wrong_network', () =>
    expectRejected('wrong_network', 400, ping({ network: 'testnet4' })));

  test('with a session certificate of another network is rejected as wrong_network', () => {
    const other = boot(beta, NOW, 'signet');
    return expectRejected('wrong_network', 400, ping({}, other), { header: headerOf(other) });
  });

  test('for another node is rejected as wrong_recipient', () =>
    expectRejected('wrong_recipient', 400, ping({ to: 2 })));

  test('of an announced size over 1 MiB is rejected as too_large', () =>
    expectRejected('too_large', 413, new Uint8Array(PEER_MESSAGE_BYTES_MAX + 1), { peer: null }));

  test('that streams more than 1 MiB without saying so is rejected as too_large', () => {
    let left = PEER_MESSAGE_BYTES_MAX / 65_536 + 1;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (left-- > 0) controller.enqueue(new Uint8Array(65_536).fill(0x20));
        else controller.close();
      },
    });
    return expectRejected('too_large', 413, stream, { peer: null });
  });

  test('many times too large is refused with 413 before it is read', async () => {
    const answer = await post(beta, receiver, new Uint8Array(4 * PEER_MESSAGE_BYTES_MAX), header);
    expect(answer.status).toBe(413);
    expect(receiver.received).toEqual([]);
  });

  test('of exactly 1 MiB is not too large', async () => {
    const spare = PEER_MESSAGE_BYTES_MAX - ping({ body: { word: '' } }).length;
    const bytes = ping({ body: { word: 'x'.repeat(spare) } });
    expect(bytes.length).toBe(PEER_MESSAGE_BYTES_MAX);
    // The echo of it is as large again and more, which the answering side must refuse to send.
    expect((await post(beta, receiver, bytes, header)).rejected).toBe('fault');
    expect(receiver.received).toHaveLength(1);
  });

  test.each(['', 'not json', '[]', '{"v":1}'])('whose body is %p is rejected as malformed', (text) =>
    expectRejected('malformed', 400, text, { peer: null }),
  );

  test('in any but the canonical form is rejected as malformed', () =>
    expectRejected('malformed', 400, `${new TextDecoder().decode(ping())} `, { peer: null }));

  test.each([-1, 1])('30 s and a millisecond away (%p) is rejected as clock_skew', (direction) =>
    expectRejected('clock_skew', 409, ping({ sent_at: NOW + direction * (CLOCK_SKEW_MS_MAX + 1) })),
  );

  test.each([-1, 1])('exactly 30 s away (%p) is accepted', async (direction) => {
    const answer = await post(beta, receiver, ping({ sent_at: NOW + direction * CLOCK_SKEW_MS_MAX }), header);
    expect(answer.status).toBe(200);
  });

  test('with a session certificate from the future is rejected as clock_skew', () => {
    const early = boot(beta, NOW + CLOCK_SKEW_MS_MAX + 1);
    return expectRejected('clock_skew', 409, ping({}, early), { header: headerOf(early) });
  });

  test('sent again, byte for byte, is rejected as replay', async () => {
    await post(beta, receiver, ping(), header);
    await expectRejected('replay', 409, ping(), { handled: 1 });
  });

  test('below the window of its boot is rejected as replay', async () => {
    await post(beta, receiver, ping({ seq: REPLAY_WINDOW_MESSAGES + 1 }), header);
    await expectRejected('replay', 409, ping({ seq: 1 }), { handled: 1 });
  });

  test('late but inside the window is accepted', async () => {
    await post(beta, receiver, ping({ seq: REPLAY_WINDOW_MESSAGES }), header);
    expect((await post(beta, receiver, ping({ seq: 1 }), header)).status).toBe(200);
  });

  test('of a boot that a newer one has followed is rejected as superseded_boot', async () => {
    const newer = boot(beta, NOW + 1);
    await post(beta, receiver, ping(), header);
    expect((await post(beta, receiver, ping({}, newer), headerOf(newer))).status).toBe(200);
    await expectRejected('superseded_boot', 409, ping({ seq: 2 }), { handled: 2 });
  });

  test('of an index without a card is rejected as unknown_sender', () =>
    expectRejected('unknown_sender', 403, ping({ from: 9 }), { peer: 9 }));

  test('that claims to come from the receiver itself is rejected as unknown_sender', () =>
    expectRejected('unknown_sender', 403, ping({ from: 0 }), { peer: 0 }));

  test('changed after it was signed is rejected as bad_signature', () =>
    expectRejected(
      'bad_signature',
      403,
      tampered((envelope) => {
        envelope['body'] = { word: 'hallo' };
      }),
    ));

  test('signed with the identity key in place of the session key is rejected as bad_signature', () =>
    expectRejected('bad_signature', 403, ping({}, { certificate: session.certificate, signer: beta.identity })));

  test('of one peer in the name of another is rejected as bad_signature', () => {
    const other = boot(gamma, NOW);
    return expectRejected('bad_signature', 403, ping({ from: 1 }, other), { header: headerOf(other) });
  });

  test('of a boot other than its certificate is rejected as bad_signature', () =>
    expectRejected('bad_signature', 403, ping({ boot: 'ab'.repeat(16) })));

  test.each([
    ['no session header', null],
    ['an empty session header', ''],
    ['a session header that is no certificate', 'AAAA'],
    ['a session header beyond all measure', 'x'.repeat(4000)],
  ])('with %s and no session known is rejected as bad_signature', (_name, bad) =>
    expectRejected('bad_signature', 403, ping(), { header: bad }),
  );

  test('without a session header is accepted once the session is known', async () => {
    await post(beta, receiver, ping(), header);
    expect((await post(beta, receiver, ping({ seq: 2 }), null)).status).toBe(200);
  });

  test('of a type that nobody knows is rejected as unknown_type', () =>
    expectRejected('unknown_type', 400, ping({ type: 'mint_money' })));

  test('of type reply is rejected as unknown_type, for a reply answers a request', () =>
    expectRejected('unknown_type', 400, ping({ type: 'reply' })));

  test('whose body breaks the schema of its type is rejected as bad_body', () =>
    expectRejected('bad_body', 400, ping({ body: { word: 7 } })));
});

test('every reason in the list of rejections has been exercised above', () => {
  expect([...exercised].sort()).toEqual([...ENVELOPE_REJECTIONS].sort());
});
