// A Bitcoin node whose fee estimate a test chooses: everything else is passed on to a real one. In regtest nothing makes a
// real node estimate anything.
import { z } from 'zod';

const requestSchema = z.object({ id: z.unknown(), method: z.string() });
const SATS_PER_BTC = 100_000_000;

/** The proxy. `estimate` in sats per vbyte; null: too little data, as the node itself says. */
export interface FeeProxy {
  readonly url: string;
  estimate: number | null;
  stop(): Promise<void>;
}

/** Starts one in front of the node at `rpcUrl`. */
export function startFeeProxy(rpcUrl: string): FeeProxy {
  const proxy: { estimate: number | null } = { estimate: null };
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const body = await request.text();
      const { pathname } = new URL(request.url);
      const headers = { authorization: request.headers.get('authorization') ?? '', 'content-type': 'application/json' };
      const answer = await fetch(new URL(pathname, rpcUrl), { method: 'POST', headers, body });
      const text = await answer.text();
      const { estimate } = proxy;
      return new Response(estimate === null || !answer.ok ? text : withEstimate(body, text, estimate), {
        status: answer.status,
        headers: { 'content-type': 'application/json' },
      });
    },
  });
  return Object.assign(proxy, { url: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) });
}

function withEstimate(body: string, text: string, estimate: number): string {
  const requests = z.union([requestSchema, z.array(requestSchema)]).parse(JSON.parse(body));
  const asked = new Set([requests].flat().flatMap(({ id, method }) => (method === 'estimatesmartfee' ? [id] : [])));
  const answers: unknown = JSON.parse(text);
  const result = { feerate: (estimate * 1000) / SATS_PER_BTC, blocks: 6 };
  const changed = (answer: unknown): unknown => {
    const { id } = z.object({ id: z.unknown() }).parse(answer);
    return asked.has(id) ? { ...z.record(z.string(), z.unknown()).parse(answer), result, error: null } : answer;
  };
  return JSON.stringify(Array.isArray(answers) ? answers.map(changed) : changed(answers));
}
