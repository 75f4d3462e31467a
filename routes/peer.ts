// The peer endpoints, behind mutual TLS: the session certificate of this node, and the one place that takes messages.
import { Hono } from 'hono';
import { PEER_MESSAGE_BYTES_MAX } from '../crypto/envelope.ts';
import type { Acceptor } from '../operator/peers/accept.ts';
import {
  MESSAGES_PATH,
  type Refusal,
  refusalStatus,
  SESSION_HEADER,
  SESSION_PATH,
} from '../operator/peers/peer-reply.ts';
import { readWithin, settledWithin, WHOLE_BODY_BYTES_MAX } from '../operator/peers/read-body.ts';
import type { Read } from '../operator/peers/read-slots.ts';

/** How long a peer may take to send its message, in ms. */
export const REQUEST_BODY_MS_MAX = 10_000;

/** Where a request comes from: the network address of the other end. */
export interface RequestOrigin {
  readonly address: string;
}

/**
 * `GET /v1/session` and `POST /v1/messages`. A reply is 200 with a sealed envelope and this node's session certificate in
 * the header; a refusal is 4xx or 5xx with `{rejected, detail}`, and the later `session` or this node's time `now` where
 * that is the reason.
 */
export function peerRoutes(
  acceptor: Acceptor,
  limits: { readonly bodyMsMax?: number } = {},
): Hono<{ Bindings: RequestOrigin }> {
  const bodyMsMax = limits.bodyMsMax ?? REQUEST_BODY_MS_MAX;
  const read = async (request: Request, address: string): Promise<Uint8Array | Refusal> => {
    const slot = acceptor.reads.begin(address);
    const deadline = setTimeout(() => slot.giveUp(LATE), bodyMsMax);
    try {
      const bytes = await readMessage(request, slot);
      if (bytes instanceof Uint8Array) return bytes;
      return slot.makesRoom ? acceptor.refuse('busy', MAKES_ROOM) : acceptor.refuse(bytes.reason, bytes.detail);
    } finally {
      clearTimeout(deadline);
      slot.end();
    }
  };
  const answer = async (bytes: Uint8Array, request: Request): Promise<Response> => {
    const verdict = await acceptor.accept(bytes, request.headers.get(SESSION_HEADER));
    if (!verdict.ok) return refusal(verdict);
    const headers = { 'content-type': 'application/json', [SESSION_HEADER]: acceptor.header };
    return new Response(Buffer.from(verdict.bytes), { headers });
  };

  const app = new Hono<{ Bindings: RequestOrigin }>();
  app.get(SESSION_PATH, (context) => context.json(acceptor.certificate));
  app.post(MESSAGES_PATH, async (context) => {
    const bytes = await read(context.req.raw, context.env?.address ?? '');
    // What is left of a message that was not read to its end would come in all the same.
    if (!(bytes instanceof Uint8Array)) return refusal(bytes, { connection: 'close' });
    return answer(bytes, context.req.raw);
  });
  return app;
}

const LATE = new Error('the body did not arrive in time');
const MAKES_ROOM = 'many messages are being read, and this one took longest';

async function readMessage(request: Request, read: Read): Promise<Uint8Array | Pick<Refusal, 'reason' | 'detail'>> {
  const tooLarge = { reason: 'too_large', detail: `a message may have ${PEER_MESSAGE_BYTES_MAX} bytes` } as const;
  // A length that is announced is refused before a byte is read.
  const announced = Number(request.headers.get('content-length') ?? Number.NaN);
  if (announced > PEER_MESSAGE_BYTES_MAX) return tooLarge;
  try {
    if (announced <= WHOLE_BODY_BYTES_MAX) {
      read.grow(announced);
      return await settledWithin(request.bytes(), read.signal);
    }
    const grown = (bytes: number): void => read.grow(bytes);
    return (await readWithin(request.body, PEER_MESSAGE_BYTES_MAX, read.signal, grown)) ?? tooLarge;
  } catch {
    return { reason: 'malformed', detail: 'the body did not arrive in full and in time' };
  }
}

function refusal({ reason, detail, session, now }: Refusal, headers: Record<string, string> = {}): Response {
  const body = {
    rejected: reason,
    detail,
    ...(session !== undefined && { session }),
    ...(now !== undefined && { now }),
  };
  return Response.json(body, { status: refusalStatus(reason), headers });
}
