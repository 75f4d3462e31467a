// Posting to one peer over pinned TLS connections that are kept alive.
import { PeerConnection, type PostAnswer } from './peer-connection.ts';
import { PEER_IDLE_CONNECTIONS_MAX, PEER_IDLE_S_MAX, type PeerPin } from './tls.ts';

/** What is posted. Header names and values are this node's own and hold no line ends. */
export interface Post {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Most bytes of the answer's body. */
  readonly bytesMax: number;
}

/** The connections to one peer: as many as there are requests under way, and some idle ones. */
export class PeerConnections {
  readonly #pin: PeerPin;
  readonly #host: string;
  readonly #hostname: string;
  readonly #port: number;
  #idle: PeerConnection[] = [];
  #isClosed = false;

  /** `address` is `host:port`. */
  constructor(address: string, pin: PeerPin) {
    const { host, hostname, port } = new URL(`https://${address}`);
    this.#pin = pin;
    this.#host = host;
    this.#hostname = hostname.replace(/^\[(.*)\]$/, '$1');
    this.#port = port === '' ? 443 : Number(port);
  }

  /** Posts and waits for the answer. Throws where none comes, and the signal's reason when it aborts first. */
  async post(post: Post, signal: AbortSignal): Promise<PostAnswer> {
    const bytes = requestBytes(this.#host, post);
    const kept = this.#takeIdle();
    if (kept !== null) {
      try {
        return await this.#exchange(kept, bytes, post.bytesMax, signal);
      } catch (error) {
        // A peer may close what is idle at any time; then the request has met nobody and goes out anew.
        if (signal.aborted || kept.heard) throw error;
      }
    }
    const fresh = await PeerConnection.open({ hostname: this.#hostname, port: this.#port, pin: this.#pin }, signal);
    return this.#exchange(fresh, bytes, post.bytesMax, signal);
  }

  /** Closes idle connections; others close when their answer is there. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#idle.splice(0)) connection.terminate();
  }

  async #exchange(
    connection: PeerConnection,
    bytes: Uint8Array,
    bytesMax: number,
    signal: AbortSignal,
  ): Promise<PostAnswer> {
    const answer = await connection.exchange(bytes, bytesMax, signal);
    if (this.#isClosed || !connection.isReusable || this.#idle.length >= PEER_IDLE_CONNECTIONS_MAX) {
      connection.terminate();
    } else {
      connection.rest();
      this.#idle.push(connection);
    }
    return answer;
  }

  // The one used last is the least likely to have been closed.
  #takeIdle(): PeerConnection | null {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return null;
      if (connection.isReusable && performance.now() - connection.idleSince < PEER_IDLE_S_MAX * 1000) return connection;
      connection.terminate();
    }
  }
}

function requestBytes(host: string, { path, headers, body }: Post): Uint8Array {
  const all = { host, ...headers, 'content-length': `${body.length}` };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  // Head and body in one write are one TLS record and one packet.
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'), body]);
}
