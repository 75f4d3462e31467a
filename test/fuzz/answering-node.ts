// A Bitcoin node for the fuzz tests that answers whatever a test says, over loopback HTTP.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BitcoinRpc, createBitcoinRpc } from '../../chain/rpc.ts';
import type { Json } from '../../crypto/canonical-json.ts';

/** One call of a batch as it arrives. */
export interface AskedCall {
  readonly id: number;
  readonly method: string;
  readonly params: readonly Json[];
}

/** A node whose answers are a test's. */
export class AnsweringNode {
  /** What it answers next, as a function of the request's text. */
  answer: (request: string) => string = () => '';
  readonly #folder = mkdtempSync(join(tmpdir(), 'fuzz-node-'));
  readonly #server: Bun.Server<undefined>;

  constructor() {
    writeFileSync(join(this.#folder, 'cookie'), 'user:word');
    this.#server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: async (request) => new Response(this.answer(await request.text())),
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  /** A client that asks once. */
  rpc(): BitcoinRpc {
    const credentials = { kind: 'file', path: join(this.#folder, 'cookie') } as const;
    const retry = { attemptsMax: 1, delayBaseMs: 1, delayMaxMs: 1, jitter: () => 0 };
    return createBitcoinRpc({ url: this.url, credentials, retry });
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
    rmSync(this.#folder, { recursive: true });
  }
}

/** The answer of a batch in which each call has the result that `results` gives. */
export function batchAnswer(request: string, results: (call: AskedCall) => Json): Json {
  const calls: readonly AskedCall[] = JSON.parse(request);
  return calls.map((call) => ({ id: call.id, result: results(call) }));
}

/** Puts another value at one place of a document, the place given by a number. */
export function replaced(value: Json, roll: number, other: Json): Json {
  if (roll % 4 === 0 || typeof value !== 'object' || value === null) return other;
  const keys = Object.keys(value);
  const key = keys[roll % Math.max(keys.length, 1)];
  if (key === undefined) return other;
  const rest = Math.floor(roll / 3);
  if (Array.isArray(value))
    return value.map((member, i) => (i === Number(key) ? replaced(member, rest, other) : member));
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, k === key ? replaced(v, rest, other) : v]));
}
