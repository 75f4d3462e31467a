// What simulated nodes take for random bytes, and the nonces made of them. A node of a given federation draws the same
// numbers in every seed, though never one twice in a run: what it makes of them is worked out once for all seeds.
import type { FrostScheme, NoncePair } from '../crypto/scheme.ts';
import { Prng } from './prng.ts';

const NONCES_KEPT_MAX = 60_000;
const STREAMS_KEPT_MAX = 1_000;

interface Stream {
  readonly prng: Prng;
  readonly drawn: Uint8Array[];
}

const streams = new Map<string, Stream>();
const nonces = new Map<string, NoncePair>();

/** The draws of one node in one run, over all its starts. Draws of one length do not depend on those of another. */
export class Draws {
  readonly #label: string;
  readonly #next = new Map<number, number>();

  constructor(label: string) {
    this.#label = label;
  }

  /** Bytes that this node has not drawn in this run; the caller's own. */
  bytes(length: number): Uint8Array {
    const at = this.#next.get(length) ?? 0;
    this.#next.set(length, at + 1);
    const name = `${this.#label}/${length}`;
    const stream = streams.get(name) ?? { prng: new Prng(`draws/${name}`), drawn: [] };
    if (streams.size >= STREAMS_KEPT_MAX) streams.clear();
    streams.set(name, stream);
    while (stream.drawn.length <= at) stream.drawn.push(stream.prng.bytes(length));
    return Uint8Array.from(stream.drawn[at] ?? []);
  }
}

/** A scheme's `generateNonce`, which works each nonce out once; secrets are the caller's own, to be zeroed. */
export function onceForAll(scheme: FrostScheme): FrostScheme['generateNonce'] {
  return (key, index, signingShare, random) => {
    const name = `${scheme.name}/${text(signingShare)}/${text(random)}`;
    const known = nonces.get(name);
    if (known !== undefined) return { secret: Uint8Array.from(known.secret), public: Uint8Array.from(known.public) };
    const made = scheme.generateNonce(key, index, signingShare, random);
    if (nonces.size >= NONCES_KEPT_MAX) nonces.clear();
    nonces.set(name, { secret: Uint8Array.from(made.secret), public: Uint8Array.from(made.public) });
    return made;
  };
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
