// The Wire ledger interface over this operator's own `wire_nodes` by HTTP and JSON (wire-ledger.ts). A majority of the
// nodes must answer, and all that answer must tell the same of a burn or a mint.
import type { z } from 'zod';
import { type Attestation, encodeAttestation } from '../crypto/attestation.ts';
import { exchange, HttpFault, type HttpResponse } from './http.ts';
import { parseExactJson } from './json.ts';
import { type Outpoint, outpointName } from './outpoint.ts';
import {
  BURNS_PAGE_MAX,
  type MintVerdict,
  type WireBurn,
  type WireLedger,
  WireLedgerError,
  type WireMint,
  wireBurnSchema,
  wireBurnsSchema,
  wireErrorSchema,
  wireMintSchema,
  wireStatusSchema,
} from './wire-ledger.ts';

/** Largest response taken from a Wire node, in bytes. */
export const WIRE_RESPONSE_BYTES_MAX = 8 * 1024 * 1024;

const ALREADY_MINTED = 'already_minted';

/** `timeoutMs` is for one exchange with one node. */
export interface WireNodesOptions {
  readonly urls: readonly string[];
  readonly timeoutMs?: number;
  /** Ends what is asked as soon as it aborts. */
  readonly signal?: AbortSignal | undefined;
}

interface WireNode {
  readonly base: string;
  readonly label: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The ledger as the nodes tell it. Throws at once where a URL is not plain http(s). */
export function wireNodes(options: WireNodesOptions): WireLedger {
  const nodes = options.urls.map((url) => wireNode(url, options.timeoutMs ?? 10_000, options.signal));
  if (nodes.length === 0) throw new Error('at least one Wire node is needed');

  async function ask<T>(path: string, schema: z.ZodType<T>): Promise<readonly (T | null)[]> {
    const settled = await Promise.allSettled(nodes.map((node) => get(node, path, schema)));
    const answers = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const faults = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : [])).map(asLedgerFault);
    if (answers.length * 2 > nodes.length) return answers;
    const reasons = faults.map((fault) => fault.message).join('; ');
    throw new WireLedgerError(`${answers.length} of ${nodes.length} Wire nodes answer: ${reasons}`);
  }

  return {
    async status() {
      const answers = (await ask('/v1/status', wireStatusSchema)).map((status) => status ?? missing('/v1/status'));
      const networks = new Set(answers.map((status) => status.network));
      const [network] = networks;
      if (network === undefined || networks.size > 1)
        throw new WireLedgerError('the Wire nodes disagree on the network');
      return {
        network,
        height: Math.min(...answers.map((status) => status.height)),
        lastBurnSeq: Math.min(...answers.map((status) => status.last_burn_seq)),
      };
    },

    async burns(after, limit) {
      const count = Math.min(limit, BURNS_PAGE_MAX);
      const path = `/v1/burns?after=${after}&limit=${count}`;
      const pages = (await ask(path, wireBurnsSchema)).map((page) => page ?? missing('/v1/burns'));
      return commonBurns(
        pages.map((page) => page.burns.filter((burn) => burn.seq > after)),
        nodes.length,
      ).slice(0, count);
    },

    async burn(burnTxid) {
      const [one = null, ...others] = await ask(`/v1/burns/${encodeURIComponent(burnTxid)}`, wireBurnSchema);
      return others.reduce((merged, other) => {
        if (merged === null && other === null) return null;
        if (merged === null || other === null || burnKey(merged) !== burnKey(other)) {
          throw new WireLedgerError(`the Wire nodes disagree about burn ${burnTxid}`);
        }
        return leastConfirmed(merged, other);
      }, one);
    },

    async postMint(attestation) {
      const verdicts = await Promise.all(nodes.map((node) => post(node, attestation)));
      const refused = verdicts.find((verdict) => !verdict.ok && verdict.reason === 'mint_refused');
      return verdicts.find((verdict) => verdict.ok) ?? refused ?? verdicts[0] ?? missing('/v1/mints');
    },

    async mint(txid, vout) {
      const answers = await ask(mintPath({ txid, vout }), wireMintSchema);
      const [one = null, ...others] = answers.map((mint) => mintOf({ txid, vout }, mint));
      return others.reduce((merged, other) => {
        if (merged === null && other === null) return null;
        if (merged === null || other === null || mintKey(merged) !== mintKey(other)) {
          throw new WireLedgerError(`the Wire nodes disagree about the mint of ${txid}:${vout}`);
        }
        return leastConfirmed(merged, other);
      }, one);
    },
  };
}

function mintPath({ txid, vout }: Outpoint): string {
  return `/v1/mints/${encodeURIComponent(txid)}/${vout}`;
}

function mintOf(outpoint: Outpoint, mint: WireMint | null): WireMint | null {
  if (mint === null) return null;
  const { deposit_txid: txid, deposit_vout: vout } = mint.attestation;
  if (txid === outpoint.txid && vout === outpoint.vout) return mint;
  throw new WireLedgerError(
    `a Wire node answered with the mint of ${txid}:${vout}, but was asked for ${outpointName(outpoint)}`,
  );
}

// Expiry, signature and time of making may differ between attestations of one mint: each was valid.
function mintKey({ attestation, height }: WireMint): string {
  return JSON.stringify([attestation.recipient_pubkey_hash, attestation.amount, height]);
}

function wireNode(text: string, timeoutMs: number, signal: AbortSignal | undefined): WireNode {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Error('a Wire node URL cannot be read');
  }
  if (url.username !== '' || url.password !== '') throw new Error(`Wire node ${url.host}: credentials in the URL`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error(`Wire node ${url.host}: not http(s)`);
  if (url.search !== '' || url.hash !== '') throw new Error(`Wire node ${url.host}: the URL must end after the path`);
  return { base: `${url.origin}${url.pathname.replace(/\/$/, '')}`, label: `Wire node ${url.host}`, timeoutMs, signal };
}

async function request(node: WireNode, path: string, body?: string): Promise<HttpResponse> {
  return exchange({
    url: `${node.base}${path}`,
    label: node.label,
    method: body === undefined ? 'GET' : 'POST',
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    timeoutMs: node.timeoutMs,
    signal: node.signal,
    responseBytesMax: WIRE_RESPONSE_BYTES_MAX,
    ...(body === undefined ? {} : { body }),
  });
}

// Null where the node says 404 with its own error body: a 404 of something else in between is no answer.
async function get<T>(node: WireNode, path: string, schema: z.ZodType<T>): Promise<T | null> {
  const response = await request(node, path);
  const json = readJson(node, response);
  if (response.status === 404 && wireErrorSchema.safeParse(json).success) return null;
  if (response.status !== 200) throw statusFault(node, response.status, json);
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
  throw new WireLedgerError(`${node.label}: unexpected answer (${fields})`);
}

async function post(node: WireNode, attestation: Attestation): Promise<MintVerdict> {
  try {
    const response = await request(node, '/v1/mints', JSON.stringify(encodeAttestation(attestation)));
    if (response.status === 200 || response.status === 201) return { ok: true, already: false };
    const json = readJson(node, response);
    const error = wireErrorSchema.safeParse(json);
    if (!error.success || response.status >= 500) throw statusFault(node, response.status, json);
    if (error.data.error === ALREADY_MINTED && (await isMintedAs(node, attestation)))
      return { ok: true, already: true };
    return { ok: false, reason: 'mint_refused', code: error.data.error, detail: ledgerText(error.data) };
  } catch (error) {
    return { ok: false, reason: 'wire_unavailable', detail: asLedgerFault(error).message };
  }
}

async function isMintedAs(node: WireNode, attestation: Attestation): Promise<boolean> {
  const wanted = encodeAttestation(attestation);
  const outpoint = { txid: wanted.deposit_txid, vout: wanted.deposit_vout };
  const minted = mintOf(outpoint, await get(node, mintPath(outpoint), wireMintSchema))?.attestation;
  return minted?.recipient_pubkey_hash === wanted.recipient_pubkey_hash && minted.amount === wanted.amount;
}

// With the node's own words where it has some: whoever runs it looks for them in its log.
function statusFault(node: WireNode, status: number, json: unknown): WireLedgerError {
  const error = wireErrorSchema.safeParse(json);
  const words = error.success ? `: ${ledgerText(error.data)}` : '';
  return new WireLedgerError(`${node.label}: HTTP ${status}${words}`);
}

function ledgerText({ error, detail }: z.infer<typeof wireErrorSchema>): string {
  return detail === '' ? error : `${error}: ${detail}`;
}

function readJson(node: WireNode, response: HttpResponse): unknown {
  try {
    return parseExactJson(response.text);
  } catch {
    throw new WireLedgerError(`${node.label}: HTTP ${response.status} without JSON`);
  }
}

// The burns up to the first that no majority of all nodes tells alike; so a cursor never passes one that shows up
// later.
function commonBurns(pages: readonly (readonly WireBurn[])[], nodes: number): readonly WireBurn[] {
  const told = new Map<number, Map<string, WireBurn[]>>();
  for (const burn of pages.flat()) {
    const versions = told.get(burn.seq) ?? new Map<string, WireBurn[]>();
    told.set(burn.seq, versions.set(burnKey(burn), [...(versions.get(burnKey(burn)) ?? []), burn]));
  }
  const common: WireBurn[] = [];
  for (const seq of [...told.keys()].sort((a, b) => a - b)) {
    const versions = [...(told.get(seq)?.values() ?? [])];
    const agreed = versions.find((same) => same.length * 2 > nodes);
    if (agreed === undefined) return common;
    common.push(agreed.reduce(leastConfirmed));
  }
  return common;
}

function leastConfirmed<T extends { readonly confirmations: number }>(a: T, b: T): T {
  return a.confirmations <= b.confirmations ? a : b;
}

function burnKey(burn: WireBurn): string {
  const { seq, burnTxid, nullifier, address, amount, fee, height } = burn;
  return JSON.stringify([seq, burnTxid, nullifier, address, amount.toString(), fee.toString(), height]);
}

function asLedgerFault(error: unknown): WireLedgerError {
  if (error instanceof WireLedgerError) return error;
  if (error instanceof HttpFault) return new WireLedgerError(error.message);
  throw error;
}

function missing(path: string): never {
  throw new WireLedgerError(`no Wire node knows ${path}`);
}
