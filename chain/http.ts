// One bounded HTTP exchange, for the JSON-RPC client and the Wire client: a time-out over the whole exchange, a limit
// on the response, no redirects, and faults with a name that never repeat headers or credentials.

/** What went wrong before there was a response to read. */
export type HttpFaultKind = 'unreachable' | 'timeout' | 'too_large';

/** A failed exchange. */
export class HttpFault extends Error {
  readonly kind: HttpFaultKind;
  constructor(kind: HttpFaultKind, message: string) {
    super(message);
    this.name = 'HttpFault';
    this.kind = kind;
  }
}

/** A request. `label` names the server in errors in place of the URL. */
export interface HttpRequest {
  readonly url: string;
  readonly label: string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  readonly responseBytesMax: number;
  /** Ends the wait early. */
  readonly signal?: AbortSignal | undefined;
}

/** A response, whatever its status. */
export interface HttpResponse {
  readonly status: number;
  readonly text: string;
}

/** Makes the exchange; throws `HttpFault` where it fails. */
export async function exchange(request: HttpRequest): Promise<HttpResponse> {
  const late = AbortSignal.timeout(request.timeoutMs);
  const signal = request.signal === undefined ? late : AbortSignal.any([late, request.signal]);
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: { ...request.headers },
      redirect: 'manual',
      // The environment may name a proxy, which must see neither credentials nor what this operator asks its own nodes.
      proxy: false,
      signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    return { status: response.status, text: await boundedText(response, request) };
  } catch (error) {
    if (error instanceof HttpFault) throw error;
    if (request.signal?.aborted === true) throw new HttpFault('unreachable', `${request.label}: this node is stopping`);
    if (late.aborted) throw new HttpFault('timeout', `${request.label}: no answer within ${request.timeoutMs} ms`);
    // The runtime's message may hold the URL; its code (ECONNREFUSED, …) cannot.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'connection failed';
    throw new HttpFault('unreachable', `${request.label}: ${code}`);
  }
}

async function boundedText(response: Response, request: HttpRequest): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > request.responseBytesMax) {
      throw new HttpFault('too_large', `${request.label}: response above ${request.responseBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
