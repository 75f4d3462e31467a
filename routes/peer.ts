// The peer endpoints, behind mutual TLS: the session certificate of this node, and the one place that takes messages.
import { Hono } from 'hono';
import { PEER_MESSAGE_BYTES_MAX } from '../crypto/envelope.ts';
import type { Acceptor } from '../operator/accept.ts';
import { MESSAGES_PATH, type Refusal, refusalStatus, SESSION_HEADER, SESSION_PATH } from '../operator/peer-reply.ts';
import { readWithin } from '../operator/read-body.ts';

/** How many requests are read or handled at once, of all peers together. */
export const REQUESTS_IN_FLIGHT_MAX = 256;
/** How long a peer may take to send its message, in ms. */
export const REQUEST_BODY_MS_MAX = 10_000;

/**
 * `GET /v1/session` and `POST /v1/messages`. A reply is 200 with a sealed envelope and this node's session certificate in
 * the header; a refusal is 4xx or 5xx with `{rejected, detail}`.
 */
export function peerRoutes(acceptor: Acceptor, limits: { readonly bodyMsMax?: number } = {}): Hono {
  const bodyMsMax = limits.bodyMsMax ?? REQUEST_BODY_MS_MAX;
  let inFlight = 0;
  const answer = async (request: Request): Promise<Response> => {
    const bytes = await readMessage(request, acceptor, bodyMsMax);
    if (!(bytes instanceof Uint8Array)) return refusal(bytes);
    const verdict = await acceptor.accept(bytes, request.headers.get(SESSION_HEADER));
    if (!verdict.ok) return refusal(verdict);
    const headers = { 'content-type': 'application/json', [SESSION_HEADER]: acceptor.header };
    return new Response(Buffer.from(verdict.bytes), { headers });
  };

  const app = new Hono();
  app.get(SESSION_PATH, (context) => context.json(acceptor.certificate));
  app.post(MESSAGES_PATH, async (context) => {
    if (inFlight >= REQUESTS_IN_FLIGHT_MAX) {
      return refusal(acceptor.refuse('busy', `${REQUESTS_IN_FLIGHT_MAX} requests are being handled already`));
    }
    inFlight += 1;
    try {
      return await answer(context.req.raw);
    } finally {
      inFlight -= 1;
    }
  });
  return app;
}

async function readMessage(request: Request, acceptor: Acceptor, bodyMsMax: number): Promise<Uint8Array | Refusal> {
  const tooLarge = `a message may have ${PEER_MESSAGE_BYTES_MAX} bytes`;
  // A length that is announced is refused before a byte is read.
  if (Number(request.headers.get('content-length') ?? 0) > PEER_MESSAGE_BYTES_MAX) {
    return acceptor.refuse('too_large', tooLarge);
  }
  try {
    const bytes = await readWithin(request.body, PEER_MESSAGE_BYTES_MAX, AbortSignal.timeout(bodyMsMax));
    return bytes ?? acceptor.refuse('too_large', tooLarge);
  } catch {
    return acceptor.refuse('malformed', 'the body did not arrive in full and in time');
  }
}

function refusal({ reason, detail }: Refusal): Response {
  return Response.json({ rejected: reason, detail }, { status: refusalStatus(reason) });
}
