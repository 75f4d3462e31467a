// Never list, 6: looks for the federation's secrets in everything that leaves a node. Every run of hexadecimal digits is
// searched at every offset for 32 bytes that are a share, a seed, a host secret or half of a secret nonce.
import type { OutMessage } from '../operator/transport/peer-reply.ts';
import type { Trace } from './trace.ts';

const RUN = /[0-9a-f]{64,}/g;
const HALF = 64;
/** What of a secret is looked at first; nearly all text differs from every secret in that. */
const BEGINNING = 8;

export class SecretScan {
  readonly #secrets = new Set<string>();
  readonly #beginnings = new Set<string>();
  readonly #trace: Trace;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** Adds secrets, in hexadecimal; of longer ones each 32 bytes. */
  add(...secrets: readonly string[]): void {
    for (const secret of secrets) {
      for (let at = 0; at + HALF <= secret.length; at += HALF) {
        this.#secrets.add(secret.slice(at, at + HALF));
        this.#beginnings.add(secret.slice(at, at + BEGINNING));
      }
    }
  }

  check(where: string, text: string): void {
    for (const [run] of text.matchAll(RUN)) {
      for (let at = 0; at + HALF <= run.length; at++) {
        if (!this.#beginnings.has(run.slice(at, at + BEGINNING))) continue;
        if (!this.#secrets.has(run.slice(at, at + HALF))) continue;
        this.#trace.violated('never 6', `a secret stands in ${where}`);
        return;
      }
    }
  }

  checkMessages(where: string, messages: readonly OutMessage[]): void {
    for (const { body } of messages) this.check(where, JSON.stringify(body));
  }
}
