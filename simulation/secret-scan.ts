// Never list, 6: looks for the federation's secrets in everything that leaves a node. Every run of hexadecimal digits is
// searched at every offset for 32 secret bytes: a share, a seed, a host secret or half of a secret nonce.
import type { OutMessage } from '../operator/peers/peer-reply.ts';
import type { Trace } from './trace.ts';

const RUN = /[0-9a-f]{64,}/g;
const HALF = 64;
/** What of a secret is looked at first, in digits; nearly all text differs from every secret in that. */
const BEGINNING = 5;
const BEGINNINGS = 1 << (4 * BEGINNING);
const [ZERO, NINE, A] = [48, 57, 97];

export class SecretScan {
  readonly #secrets = new Set<string>();
  /** By the number that the first digits of a secret are: 1 where there is one. */
  readonly #beginnings = new Uint8Array(BEGINNINGS);
  readonly #trace: Trace;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** Adds secrets, in hexadecimal; of longer ones each 32 bytes. */
  add(...secrets: readonly string[]): void {
    for (const secret of secrets) {
      for (let at = 0; at + HALF <= secret.length; at += HALF) {
        this.#secrets.add(secret.slice(at, at + HALF));
        this.#beginnings[Number.parseInt(secret.slice(at, at + BEGINNING), 16)] = 1;
      }
    }
  }

  check(where: string, text: string): void {
    for (const [run] of text.matchAll(RUN)) {
      if (!this.#isIn(run)) continue;
      this.#trace.violated('never 6', `a secret stands in ${where}`);
      return;
    }
  }

  checkMessages(where: string, messages: readonly OutMessage[]): void {
    for (const { body } of messages) this.check(where, JSON.stringify(body));
  }

  // `last` is the number of the last few digits that were read.
  #isIn(run: string): boolean {
    let last = 0;
    for (let end = 1; end <= run.length - HALF + BEGINNING; end++) {
      last = ((last << 4) | digit(run.charCodeAt(end - 1))) & (BEGINNINGS - 1);
      const at = end - BEGINNING;
      if (at < 0 || this.#beginnings[last] !== 1) continue;
      if (this.#secrets.has(run.slice(at, at + HALF))) return true;
    }
    return false;
  }
}

function digit(code: number): number {
  return code <= NINE ? code - ZERO : code - A + 10;
}
