// One pinned TLS connection and the client's half of HTTP/1.1 (RFC 9112) on it, as far as peers speak it: a request, then
// an answer of announced length. It runs on the event loop's own thread: the runtime's fetch hands each request to
// another thread and back, which costs a signature a good part of its time.
import { type PeerPin, TLS_1_3 } from './tls.ts';

/** Longest head of an answer, in bytes. */
export const ANSWER_HEAD_BYTES_MAX = 16 * 1024;
const HEAD_END = '\r\n\r\n';

/** What came back; header names in small letters, `body` null where more was announced than was asked for. */
export interface PostAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array | null;
}

/** Where to connect, and what the other side must show. */
export interface PeerTarget {
  readonly hostname: string;
  readonly port: number;
  readonly pin: PeerPin;
}

interface Waiting {
  readonly bytesMax: number;
  readonly resolve: (answer: PostAnswer) => void;
  readonly reject: (error: unknown) => void;
}

interface AnswerHead {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly length: number;
}

/** One connection; one request at a time. */
export class PeerConnection {
  /** Whether anything has come back since the request under way was sent. */
  heard = false;
  idleSince = 0;
  #socket: Bun.Socket<undefined> | null = null;
  #waiting: Waiting | null = null;
  #unsent: Uint8Array | null = null;
  #head: AnswerHead | null = null;
  #parts: Buffer[] = [];
  #length = 0;
  #isOver = false;

  /** Connects and holds the peer to its pin; nothing is sent before. */
  static async open({ hostname, port, pin }: PeerTarget, signal: AbortSignal): Promise<PeerConnection> {
    const connection = new PeerConnection();
    const { cert, key, ca } = pin;
    // The runtime would also insist on the host's name; what is held against the peer instead is in `handshake`.
    const tls = { cert, key, ca, rejectUnauthorized: false, minVersion: TLS_1_3 };
    const ready = new Promise<void>((resolve, reject) => {
      const fail = (error: unknown): void => {
        reject(error);
        connection.fail(error);
      };
      const socket: Bun.SocketHandler<undefined> = {
        open: (opened) => connection.#take(opened),
        handshake: (opened, _, error) => {
          const flaw = handshakeFlaw(error) ?? pin.flawOf(opened.getPeerCertificate());
          if (flaw === null) {
            opened.setNoDelay(true);
            resolve();
          } else fail(flaw);
        },
        data: (_, data) => connection.#hear(data),
        drain: () => connection.#flush(),
        end: () => fail(new Error('the peer closed the connection')),
        close: (_, error) => fail(error ?? new Error('the connection was closed')),
        error: (_, error) => fail(error),
        connectError: (_, error) => fail(error),
      };
      Bun.connect({ hostname, port, tls, socket }).catch(fail);
    });
    return connection.#unlessAborted(
      ready.then(() => connection),
      signal,
    );
  }

  /** Whether a further request may go out on it. */
  get isReusable(): boolean {
    return !this.#isOver && this.#waiting === null;
  }

  /** Sends a whole request and waits for its whole answer. */
  exchange(request: Uint8Array, bytesMax: number, signal: AbortSignal): Promise<PostAnswer> {
    const answer = new Promise<PostAnswer>((resolve, reject) => {
      this.#waiting = { bytesMax, resolve, reject };
    });
    this.heard = false;
    this.#unsent = request;
    if (this.#isOver) this.fail(new Error('the connection was closed'));
    else {
      this.#socket?.ref();
      this.#flush();
    }
    return this.#unlessAborted(answer, signal);
  }

  /** An idle connection keeps no process alive. */
  rest(): void {
    this.idleSince = performance.now();
    this.#socket?.unref();
  }

  /** Ends it for good. */
  fail(error: unknown): void {
    this.#isOver = true;
    // First the reason: terminating makes the socket say that it was closed.
    this.#waiting?.reject(error);
    this.#waiting = null;
    this.#socket?.terminate();
  }

  terminate(): void {
    this.fail(new Error('the connection was ended'));
  }

  async #unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
    let stop = (): void => {};
    const aborted = new Promise<never>((_, reject) => {
      stop = () => {
        reject(signal.reason);
        this.fail(signal.reason);
      };
    });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([promise, aborted]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  #take(socket: Bun.Socket<undefined>): void {
    this.#socket = socket;
    // Given up while it was being connected.
    if (this.#isOver) socket.terminate();
  }

  #flush(): void {
    if (this.#unsent === null || this.#socket === null) return;
    const written = this.#socket.write(this.#unsent);
    if (written < 0) this.fail(new Error('the connection was closed'));
    else this.#unsent = written >= this.#unsent.length ? null : this.#unsent.subarray(written);
  }

  #hear(data: Buffer): void {
    this.heard = true;
    this.#parts.push(data);
    this.#length += data.length;
    const flaw = this.#waiting === null ? 'the peer spoke without being asked' : this.#read(this.#waiting.bytesMax);
    if (flaw !== null) this.fail(new Error(flaw));
  }

  // Settles the request under way where its answer is whole; says what is wrong with what has come.
  #read(bytesMax: number): string | null {
    if (this.#head === null) {
      const bytes = this.#joined();
      const end = bytes.subarray(0, ANSWER_HEAD_BYTES_MAX).indexOf(HEAD_END);
      if (end < 0) return bytes.length < ANSWER_HEAD_BYTES_MAX ? null : 'the head of the answer is too long';
      this.#head = answerHead(bytes.toString('latin1', 0, end));
      this.#parts = [bytes.subarray(end + HEAD_END.length)];
      this.#length = bytes.length - end - HEAD_END.length;
    }
    const head = this.#head;
    if (head === null) return 'the answer is not HTTP of announced length';
    if (head.length > bytesMax) {
      this.#settle({ ...head, body: null });
      return 'the answer is larger than was asked for';
    }
    if (this.#length < head.length) return null;
    // What follows an answer was not asked for, and whose it is cannot be told.
    if (this.#length > head.length) return 'the peer sent more than it announced';
    const closes = head.headers.get('connection')?.toLowerCase() === 'close';
    this.#settle({ ...head, body: this.#joined() });
    return closes ? 'the peer closes the connection' : null;
  }

  #settle(answer: PostAnswer): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    this.#head = null;
    this.#parts = [];
    this.#length = 0;
    waiting?.resolve(answer);
  }

  #joined(): Buffer {
    const [only, ...more] = this.#parts;
    return only !== undefined && more.length === 0 ? only : Buffer.concat(this.#parts);
  }
}

// The pin stands in for the name, which openssl's certificates need not hold. Nothing else is forgiven.
function handshakeFlaw(error: Error | null): Error | null {
  if (error === null) return null;
  return 'code' in error && error.code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? null : error;
}

function answerHead(text: string): AnswerHead | null {
  const [first = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.1 ([0-9]{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) return null;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    // RFC 9112 sections 5.1 and 6.3: two lengths, or a name that is none, leave it open where an answer ends.
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || headers.has(name)) return null;
    headers.set(name, line.slice(colon + 1).trim());
  }
  const length = headers.get('content-length') ?? '';
  if (headers.has('transfer-encoding') || !/^[0-9]{1,15}$/.test(length)) return null;
  return { status: Number(status), headers, length: Number(length) };
}
