// A reply over real TLS is believed only when the peer's session key signed it for exactly the request that was sent.
import { afterEach, beforeAll, describe, expect, test } from 'bun:test';
import type { Json } from '../../crypto/canonical-json.ts';
import { type EnvelopeFields, PEER_MESSAGE_BYTES_MAX, parseEnvelope, sealEnvelope } from '../../crypto/envelope.ts';
import type { Session } from '../../crypto/identity.ts';
import type { HttpsPeerClient, SendResult } from '../../operator/peers/deliver.ts';
import { SESSION_HEADER } from '../../operator/peers/peer-reply.ts';
import {
  answering,
  boot,
  clientOf,
  headerOf,
  makeNode,
  NETWORK,
  peerOf,
  sessionsOf,
  type TestNode,
} from './tls-federation.ts';

let alpha: TestNode;
let beta: TestNode;
let gamma: TestNode;
const stops: (() => Promise<unknown> | undefined)[] = [];

beforeAll(async () => {
  [alpha, beta, gamma] = await Promise.all([makeNode(0), makeNode(1), makeNode(2)]);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A client whose only peer shows the right certificate and answers as the test says. */
function callerOf(fetch: (request: Request) => Response | Promise<Response>): HttpsPeerClient {
  const listener = answering(alpha, beta, fetch);
  const client = clientOf(beta, sessionsOf(beta, [peerOf(alpha, listener.port)]));
  stops.push(
    async () => client.close(),
    () => listener.stop(),
  );
  return client;
}

const ping = (client: HttpsPeerClient): Promise<SendResult> =>
  client.send(0, { ceremony: 'ceremony-1', type: 'ping', body: { word: 'x' } }, { timeoutMs: 10_000 });

type Change = {
  fields?: Partial<EnvelopeFields>;
  body?: Readonly<Record<string, Json>>;
  by?: Session;
  header?: string;
};

describe('a reply is refused', () => {
  const honest = { messages: [{ type: 'pong', body: { word: 'x' } }] };

  /** A signed reply to the request, right in everything but the change. */
  async function forge(request: Request, session: Session, change: Change): Promise<Response> {
    const parsed = parseEnvelope(await request.bytes());
    if (!parsed.ok) throw new Error(parsed.reason);
    const { seq, boot: requester, ceremony } = parsed.envelope;
    const by = change.by ?? session;
    const fields: EnvelopeFields = {
      network: NETWORK,
      from: 0,
      to: 1,
      boot: by.certificate.boot,
      ceremony,
      type: 'reply',
      seq,
      sent_at: Date.now(),
      body: { in_reply_to: seq, in_reply_to_boot: requester, ...honest, ...change.body },
      ...change.fields,
    };
    const { bytes } = sealEnvelope(fields, by.signer);
    return new Response(Buffer.from(bytes), { headers: { [SESSION_HEADER]: change.header ?? headerOf(by) } });
  }

  async function resultOf(change: Change): Promise<SendResult> {
    const session = boot(alpha);
    return ping(callerOf((request) => forge(request, session, change)));
  }

  test('never when it is honest, so that the refusals below are for their reasons', async () => {
    expect(await resultOf({})).toMatchObject({ ok: true, messages: honest.messages });
  });

  test.each<[string, Change]>([
    ['that answers another request', { body: { in_reply_to: 4711 } }],
    ['that answers another boot of ours', { body: { in_reply_to_boot: 'ab'.repeat(16) } }],
    ['of another ceremony', { fields: { ceremony: 'ceremony-2' } }],
    ['of another network', { fields: { network: 'signet' } }],
    ['for somebody else', { fields: { to: 2 } }],
    ['from somebody else', { fields: { from: 2 } }],
    ['that is no reply', { fields: { type: 'pong' } }],
    ['from a clock that is off', { fields: { sent_at: Date.now() - 120_000 } }],
    ['with a message of an unknown type', { body: { messages: [{ type: 'gift', body: {} }] } }],
    ['with a message that breaks its schema', { body: { messages: [{ type: 'pong', body: {} }] } }],
    ['with fields that nobody asked for', { body: { extra: 1 } }],
    ['with too many messages', { body: { messages: Array.from({ length: 65 }, () => ({ type: 'pong', body: 1 })) } }],
  ])('%s', async (_name, change) => {
    expect(await resultOf(change)).toMatchObject({ ok: false, error: 'bad_reply' });
  });

  test('signed by another node', async () => {
    const by = boot({ ...gamma, index: 0 });
    const result = await resultOf({ by });
    expect(result).toMatchObject({ ok: false, error: 'bad_reply' });
    expect(result.ok ? '' : result.detail).toContain('bad_signature');
  });

  test('that was given before', async () => {
    const session = boot(alpha);
    const client = callerOf((request) => forge(request, session, { fields: { seq: 1 } }));
    expect((await ping(client)).ok).toBe(true);
    const second = await ping(client);
    expect(second).toMatchObject({ ok: false, error: 'bad_reply' });
    expect(second.ok ? '' : second.detail).toContain('replay');
  });

  test.each<[string, () => Response, string]>([
    ['that is larger than 1 MiB', () => new Response(new Uint8Array(PEER_MESSAGE_BYTES_MAX + 1)), 'bad_reply'],
    ['that is not JSON', () => new Response('hello'), 'bad_reply'],
    ['that is a redirect', () => Response.redirect('https://127.0.0.1:1/'), 'rejected'],
    ['that is a web page of an error', () => new Response('<h1>no</h1>', { status: 502 }), 'rejected'],
  ])('%s', async (_name, answer, error) => {
    const result = await ping(callerOf(answer));
    expect(result).toMatchObject({ ok: false, error, rejection: null });
  });
});
