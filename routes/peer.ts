// The peer endpoints, behind mutual TLS: the session certificate of this node, and the one place that takes messages.
import { Hono } from 'hono';
import { PEER_MESSAGE_BYTES_MAX } from '../crypto/envelope.ts';
import type { Acceptor } from '../operator/transport/accept.ts';
import {
  MESSAGES_PATH,
  type Refusal,
  refusalStatus,
  SESSION_HEADER,
  SESSION_PATH,
} from '../operator/transport/peer-reply.ts';
import { readWithin, settledWithin } from '../operator/transport/read-body.ts';

/** How many messages are read at once, of all peers together; the one that has been on its way longest makes room. */
export const READS_IN_FLIGHT_MAX = 256;
/** How long a peer may take to send its message, in ms. */
export const REQUEST_BODY_MS_MAX = 10_000;
/** Up to so many announced bytes a message is taken in one piece, which is quicker; what never comes is no more than that. */
const WHOLE_BODY_BYTES_MAX = 64 * 1024;

/**
 * `GET /v1/session` and `POST /v1/messages`. A reply is 200 with a sealed envelope and this node's session certificate in
 * the header; a refusal is 4xx or 5xx with `{rejected, detail}`, and the later `session` where that is the reason.
 */
export function peerRoutes(acceptor: Acceptor, limits: { readonly bodyMsMax?: number } = {}): Hono {
  const bodyMsMax = limits.bodyMsMax ?? REQUEST_BODY_MS_MAX;
  const reads = new Set<AbortController>();
  const read = async (request: Request): Promise<Uint8Array | Refusal> => {
    const own = new AbortController();
    // Who is sending cannot be told before the signature is there. Honest messages arrive within milliseconds: what has
    // been on its way longest among so many is what somebody holds back to keep the others out.
    const [oldest] = reads;
    if (oldest !== undefined && reads.size >= READS_IN_FLIGHT_MAX) {
      reads.delete(oldest);
      oldest.abort();
    }
    reads.add(own);
    const deadline = setTimeout(() => own.abort(LATE), bodyMsMax);
    try {
      const bytes = await readMessage(request, own.signal);
      if (bytes instanceof Uint8Array) return bytes;
      const makesRoom = own.signal.aborted && own.signal.reason !== LATE;
      return makesRoom ? acceptor.refuse('busy', MAKES_ROOM) : acceptor.refuse(bytes.reason, bytes.detail);
    } finally {
      clearTimeout(deadline);
      reads.delete(own);
    }
  };
  const answer = async (bytes: Uint8Array, request: Request): Promise<Response> => {
    const verdict = await acceptor.accept(bytes, request.headers.get(SESSION_HEADER));
    if (!verdict.ok) return refusal(verdict);
    const headers = { 'content-type': 'application/json', [SESSION_HEADER]: acceptor.header };
    return new Response(Buffer.from(verdict.bytes), { headers });
  };

  const app = new Hono();
  app.get(SESSION_PATH, (context) => context.json(acceptor.certificate));
  app.post(MESSAGES_PATH, async (context) => {
    const bytes = await read(context.req.raw);
    if (!(bytes instanceof Uint8Array)) return refusal(bytes);
    return answer(bytes, context.req.raw);
  });
  return app;
}

const LATE = new Error('the body did not arrive in time');
const MAKES_ROOM = `${READS_IN_FLIGHT_MAX} messages are being read, and this one took longest`;

async function readMessage(
  request: Request,
  signal: AbortSignal,
): Promise<Uint8Array | Pick<Refusal, 'reason' | 'detail'>> {
  const tooLarge = { reason: 'too_large', detail: `a message may have ${PEER_MESSAGE_BYTES_MAX} bytes` } as const;
  // A length that is announced is refused before a byte is read.
  const announced = Number(request.headers.get('content-length') ?? Number.NaN);
  if (announced > PEER_MESSAGE_BYTES_MAX) return tooLarge;
  try {
    if (announced <= WHOLE_BODY_BYTES_MAX) return await settledWithin(request.bytes(), signal);
    return (await readWithin(request.body, PEER_MESSAGE_BYTES_MAX, signal)) ?? tooLarge;
  } catch {
    return { reason: 'malformed', detail: 'the body did not arrive in full and in time' };
  }
}

function refusal({ reason, detail, session }: Refusal): Response {
  const body = { rejected: reason, detail, ...(session !== undefined && { session }) };
  return Response.json(body, { status: refusalStatus(reason) });
}
