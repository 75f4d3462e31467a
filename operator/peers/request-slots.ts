// How many requests are handled at once, so that peers which flood, however many, take no turn of another. Each peer has a
// few slots of its own; beyond them all share a limited number, of which one peer gets a part. What is being handled holds
// its message in memory, so bytes are limited the same way, of each peer and over all.

import { PEER_MESSAGE_BYTES_MAX } from '../../crypto/envelope.ts';

/** Slots that each peer has for itself. */
export const PEER_REQUESTS_RESERVED = 8;
/** How many requests of one peer are handled at once. */
export const PEER_REQUESTS_IN_FLIGHT_MAX = 64;
/** How many beyond the reserved ones are handled at once, of all peers together. */
export const SHARED_REQUESTS_IN_FLIGHT_MAX = 192;
/** What the messages of one peer that are being handled may take together, in bytes; a single one always may. */
export const PEER_BYTES_IN_FLIGHT_MAX = 8 * 1024 * 1024;
/** Bytes that each peer has for itself: the largest message fits. */
export const PEER_BYTES_RESERVED = PEER_MESSAGE_BYTES_MAX;
/** How many bytes beyond the reserved ones may be handled at once, of all peers together. */
export const SHARED_BYTES_IN_FLIGHT_MAX = 64 * 1024 * 1024;

interface Load {
  readonly requests: number;
  readonly bytes: number;
}

const IDLE: Load = { requests: 0, bytes: 0 };

/** The slots of all peers. */
export class RequestSlots {
  readonly #loads = new Map<number, Load>();
  /** What all peers have beyond their reserves. */
  #shared: Load = IDLE;

  /** Takes a slot for a message of so many bytes: what gives it back, or a sentence on why there is none. */
  take(peer: number, bytes: number): (() => void) | string {
    const load = this.#loads.get(peer) ?? IDLE;
    const shared = this.#sharedAfter(load, { requests: load.requests + 1, bytes: load.bytes + bytes });
    if (load.requests >= PEER_REQUESTS_IN_FLIGHT_MAX) {
      return `${PEER_REQUESTS_IN_FLIGHT_MAX} requests of this peer are being handled already`;
    }
    if (load.requests > 0 && load.bytes + bytes > PEER_BYTES_IN_FLIGHT_MAX) {
      return `the requests of this peer that are being handled take ${PEER_BYTES_IN_FLIGHT_MAX} bytes already`;
    }
    if (load.requests >= PEER_REQUESTS_RESERVED && shared.requests > SHARED_REQUESTS_IN_FLIGHT_MAX) {
      return 'the node handles many requests, and this peer has used its part of them';
    }
    if (load.requests > 0 && shared.bytes > this.#shared.bytes && shared.bytes > SHARED_BYTES_IN_FLIGHT_MAX) {
      return 'the node handles many large requests, and this peer has used its part of them';
    }
    this.#change(peer, 1, bytes);
    return () => this.#change(peer, -1, -bytes);
  }

  #change(peer: number, requests: number, bytes: number): void {
    const before = this.#loads.get(peer) ?? IDLE;
    const after = { requests: before.requests + requests, bytes: before.bytes + bytes };
    this.#shared = this.#sharedAfter(before, after);
    if (after.requests === 0) this.#loads.delete(peer);
    else this.#loads.set(peer, after);
  }

  // Which slots are reserved is a matter of how many a peer has, not of which came first.
  #sharedAfter(before: Load, after: Load): Load {
    const [had, has] = [beyondReserve(before), beyondReserve(after)];
    return {
      requests: this.#shared.requests + has.requests - had.requests,
      bytes: this.#shared.bytes + has.bytes - had.bytes,
    };
  }
}

function beyondReserve({ requests, bytes }: Load): Load {
  return {
    requests: Math.max(0, requests - PEER_REQUESTS_RESERVED),
    bytes: Math.max(0, bytes - PEER_BYTES_RESERVED),
  };
}
