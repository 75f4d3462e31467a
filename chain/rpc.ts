// Bitcoin Core's JSON-RPC interface over HTTP, one node: credentials from a file or the environment, time-outs, retries
// of idempotent calls, batches, response limits. Amounts keep their digits (json.ts).
import { z } from 'zod';
import { hexOf } from '../crypto/json-fields.ts';
import { readBitcoinConf } from './bitcoin-conf.ts';
import { exchange, HttpFault } from './http.ts';
import { parseExactJson } from './json.ts';
import { type BitcoinNetwork, chainName } from './network.ts';

/** Largest response taken from a node, in bytes. */
export const RPC_RESPONSE_BYTES_MAX = 16 * 1024 * 1024;
/** Of a credentials file no more is read, in bytes: a device may have no end. */
const CREDENTIALS_BYTES_MAX = 4096;
/** Most calls in one batch. */
export const RPC_BATCH_CALLS_MAX = 512;

/**
 * Where the credentials come from. `file`: holds `user:password`, such as bitcoind's cookie; read again when the node
 * says 401, as bitcoind writes a new cookie at each start. `password_file`: holds the password alone. `environment`: the
 * names of two variables. `bitcoind`: nothing was configured, so what bitcoind itself has: user and password of its
 * configuration, with which it writes no cookie, else its cookie.
 */
export type RpcCredentials =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'password_file'; readonly user: string; readonly path: string }
  | { readonly kind: 'bitcoind'; readonly cookie: string; readonly conf: string; readonly network: BitcoinNetwork }
  | { readonly kind: 'environment'; readonly userVariable: string; readonly passwordVariable: string };

/** How a failed idempotent call is tried again: delay = min(max, base · 2^attempt) · (½ + ½ · jitter()). */
export interface RetryPolicy {
  readonly attemptsMax: number;
  readonly delayBaseMs: number;
  readonly delayMaxMs: number;
  /** A number in [0, 1), such as Math.random. */
  readonly jitter: () => number;
}

/** Three attempts within about a second. */
export const DEFAULT_RETRY: RetryPolicy = {
  attemptsMax: 3,
  delayBaseMs: 200,
  delayMaxMs: 2_000,
  jitter: Math.random,
};

/** One node. `url` without user information, query or path (`http://127.0.0.1:8332`). */
export interface BitcoinRpcOptions {
  readonly url: string;
  readonly credentials: RpcCredentials;
  readonly timeoutMs?: number;
  readonly retry?: RetryPolicy;
  /** Ends what is asked, and what would be asked again, as soon as it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Why a call failed. `rpc`: the node answered with an error, whose number is in `code`. `forbidden`: the node knows who
 * asks and does not allow it (HTTP 403), one method that is not allowed being enough to refuse a whole batch.
 */
export type RpcFaultKind =
  | 'unreachable'
  | 'timeout'
  | 'too_large'
  | 'credentials_unreadable'
  | 'unauthorized'
  | 'forbidden'
  | 'busy'
  | 'malformed'
  | 'wrong_network'
  | 'rpc';

/** A failed call. The message names node and method, never parameters or credentials. */
export class BitcoinRpcError extends Error {
  readonly kind: RpcFaultKind;
  /** The RPC error code; 0 unless `kind` is `rpc`. */
  readonly code: number;
  constructor(kind: RpcFaultKind, message: string, code = 0) {
    super(message);
    this.name = 'BitcoinRpcError';
    this.kind = kind;
    this.code = code;
  }
}

export type RpcParameter =
  | null
  | boolean
  | number
  | string
  | readonly RpcParameter[]
  | { readonly [key: string]: RpcParameter };

export interface RpcCall {
  readonly method: string;
  readonly params: readonly RpcParameter[];
}

/** `idempotent`: the call may be repeated after a fault (default false). `wallet`: goes to /wallet/NAME. */
export interface RpcCallOptions {
  readonly idempotent?: boolean;
  readonly wallet?: string;
  readonly timeoutMs?: number;
}

/** The outcome of one call of a batch. */
export type RpcOutcome =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: number; readonly message: string };

/** A client of one node. */
export interface BitcoinRpc {
  /** Host and port, for messages. */
  readonly label: string;
  /** One call; the result must match the schema. Throws `BitcoinRpcError`. */
  call<T>(method: string, params: readonly RpcParameter[], result: z.ZodType<T>, options?: RpcCallOptions): Promise<T>;
  /** Several calls in one exchange, outcomes in the order of the calls. Throws where the exchange as a whole fails. */
  batch(calls: readonly RpcCall[], options?: RpcCallOptions): Promise<readonly RpcOutcome[]>;
}

const responseSchema = z.object({
  id: z.int(),
  result: z.unknown().optional(),
  error: z.object({ code: z.int(), message: z.string() }).nullish(),
});

/** Core's RPC_INVALID_ADDRESS_OR_KEY: of a question about a transaction it means that there is none. */
export const RPC_NOT_FOUND = -5;

// Core answers -28 while it loads; HTTP 503 when its work queue is full.
const RPC_IN_WARMUP = -28;
const TRANSIENT: ReadonlySet<RpcFaultKind> = new Set(['unreachable', 'timeout', 'busy', 'credentials_unreadable']);

/** A client of one node. Throws at once where the URL holds user information, or is not plain http(s). */
export function createBitcoinRpc(options: BitcoinRpcOptions): BitcoinRpc {
  const base = baseUrl(options.url);
  const retry = options.retry ?? DEFAULT_RETRY;
  const authorize = authorizer(options.credentials, base.host);

  async function once(calls: readonly RpcCall[], call: RpcCallOptions): Promise<readonly RpcOutcome[]> {
    const send = async (authorization: string) =>
      exchange({
        url: call.wallet === undefined ? base.origin : `${base.origin}/wallet/${encodeURIComponent(call.wallet)}`,
        label: `bitcoin node ${base.host}`,
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify(calls.map((item, id) => ({ jsonrpc: '2.0', id, ...item }))),
        timeoutMs: call.timeoutMs ?? options.timeoutMs ?? 15_000,
        responseBytesMax: RPC_RESPONSE_BYTES_MAX,
        signal: options.signal,
      });
    let response = await send(await authorize(false));
    if (response.status === 401) response = await send(await authorize(true));
    return outcomes(response.status, response.text, calls, base.host);
  }

  async function batch(calls: readonly RpcCall[], call: RpcCallOptions = {}): Promise<readonly RpcOutcome[]> {
    if (calls.length === 0) return [];
    if (calls.length > RPC_BATCH_CALLS_MAX) throw new Error(`more than ${RPC_BATCH_CALLS_MAX} calls in a batch`);
    for (let attempt = 0; ; attempt++) {
      try {
        return await once(calls, call);
      } catch (error) {
        const fault = asRpcError(error);
        const isLast = attempt + 1 >= retry.attemptsMax;
        if (call.idempotent !== true || isLast || !TRANSIENT.has(fault.kind)) throw fault;
        const delay = Math.min(retry.delayMaxMs, retry.delayBaseMs * 2 ** attempt) * (0.5 + 0.5 * retry.jitter());
        await pause(delay, options.signal);
        if (options.signal?.aborted === true) throw fault;
      }
    }
  }

  return {
    label: base.host,
    batch,
    async call(method, params, result, call = {}) {
      const [outcome] = await batch([{ method, params }], call);
      if (outcome === undefined) throw new Error('a batch of one has one outcome');
      if (!outcome.ok) {
        throw new BitcoinRpcError('rpc', `${base.host}: ${method}: ${outcome.message}`, outcome.code);
      }
      return readResult(result, outcome.result, `${base.host}: ${method}`);
    },
  };
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}

/** Reads a result by its schema; throws `BitcoinRpcError` of kind `malformed`, naming fields but no values. */
export function readResult<T>(schema: z.ZodType<T>, result: unknown, label: string): T {
  const parsed = schema.safeParse(result);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
  throw new BitcoinRpcError('malformed', `${label}: unexpected result (${fields})`);
}

/** What `getblockchaininfo` says that matters here. */
export const chainInfoSchema = z.object({
  chain: z.string(),
  blocks: z.int().min(0),
  headers: z.int().min(-1),
  bestblockhash: hexOf(32),
  initialblockdownload: z.boolean(),
});
export type ChainInfo = Readonly<z.infer<typeof chainInfoSchema>>;

/** Asks the node for its state and throws `BitcoinRpcError` of kind `wrong_network` where it is on another network. */
export async function assertNetwork(rpc: BitcoinRpc, network: BitcoinNetwork): Promise<ChainInfo> {
  const info = await rpc.call('getblockchaininfo', [], chainInfoSchema, { idempotent: true });
  assertChain(info, network, rpc.label);
  return info;
}

/** As `assertNetwork`, of an answer that is already there. */
export function assertChain(info: ChainInfo, network: BitcoinNetwork, label: string): void {
  if (info.chain === chainName(network)) return;
  throw new BitcoinRpcError('wrong_network', `${label}: the node is on ${info.chain}, this operator on ${network}`);
}

function baseUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Error('a bitcoin node URL cannot be read');
  }
  if (url.username !== '' || url.password !== '') {
    throw new Error(`the URL of bitcoin node ${url.host} holds credentials: put them in a file or the environment`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error(`bitcoin node ${url.host}: not http(s)`);
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new Error(`the URL of bitcoin node ${url.host} must end after the port`);
  }
  return url;
}

function authorizer(credentials: RpcCredentials, label: string): (again: boolean) => Promise<string> {
  let kept: string | null = null;
  return async (again) => {
    if (kept === null || again) {
      const text = (await readCredentials(credentials, label)).trim();
      if (!text.includes(':')) {
        throw new BitcoinRpcError('credentials_unreadable', `${label}: credentials must read user:password`);
      }
      kept = `Basic ${Buffer.from(text, 'utf8').toString('base64')}`;
    }
    return kept;
  };
}

async function readCredentials(credentials: RpcCredentials, label: string): Promise<string> {
  if (credentials.kind === 'environment') {
    const { userVariable, passwordVariable } = credentials;
    return [userVariable, passwordVariable].map((variable) => environmentValue(variable, label)).join(':');
  }
  if (credentials.kind === 'bitcoind') return bitcoindCredentials(credentials, label);
  let text: string;
  try {
    text = (await Bun.file(credentials.path).slice(0, CREDENTIALS_BYTES_MAX).text()).trim();
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
    throw new BitcoinRpcError('credentials_unreadable', `${label}: cannot read ${credentials.path}${why}`);
  }
  return credentials.kind === 'file' ? text : `${credentials.user}:${text}`;
}

async function bitcoindCredentials(
  { cookie, conf, network }: Extract<RpcCredentials, { kind: 'bitcoind' }>,
  label: string,
): Promise<string> {
  const own = await readBitcoinConf(conf, network);
  if (own.kind === 'found') return `${own.user}:${own.password}`;
  try {
    return (await Bun.file(cookie).slice(0, CREDENTIALS_BYTES_MAX).text()).trim();
  } catch {
    const ways =
      own.kind === 'open'
        ? `others can read ${conf}, which has rpcuser and rpcpassword: chmod 600 ${conf}`
        : `set "bitcoin_rpc_cookie_file", or "bitcoin_rpc_user" and "bitcoin_rpc_password_file", or rpcuser and rpcpassword in ${conf}`;
    throw new BitcoinRpcError('credentials_unreadable', `${label}: cannot read ${cookie}: ${ways}`);
  }
}

function environmentValue(variable: string, label: string): string {
  const value = process.env[variable];
  if (value !== undefined) return value;
  throw new BitcoinRpcError('credentials_unreadable', `${label}: ${variable} is not set`);
}

function outcomes(status: number, text: string, calls: readonly RpcCall[], label: string): readonly RpcOutcome[] {
  if (status === 401)
    throw new BitcoinRpcError('unauthorized', `${label}: the node refuses the RPC user or password (401)`);
  if (status === 403) throw new BitcoinRpcError('forbidden', `${label}: ${forbiddenText(calls)}`);
  if (status === 503) throw new BitcoinRpcError('busy', `${label}: the node's work queue is full`);
  let json: unknown;
  try {
    json = parseExactJson(text);
  } catch {
    throw new BitcoinRpcError('malformed', `${label}: HTTP ${status} without JSON`);
  }
  const found = new Map<number, RpcOutcome>();
  for (const item of readResult(z.array(responseSchema), json, label)) {
    const { error } = item;
    if (error?.code === RPC_IN_WARMUP) throw new BitcoinRpcError('busy', `${label}: ${error.message}`);
    if (error) found.set(item.id, { ok: false, ...error });
    // A result that is null says something (no such output), one that is missing says nothing.
    else if (item.result !== undefined) found.set(item.id, { ok: true, result: item.result });
  }
  return calls.map((_, id) => {
    const outcome = found.get(id);
    if (outcome === undefined) throw new BitcoinRpcError('malformed', `${label}: an answer is missing`);
    return outcome;
  });
}

function forbiddenText(calls: readonly RpcCall[]): string {
  const methods = [...new Set(calls.map(({ method }) => method))].join(', ');
  return (
    `the node forbids what was asked (403): its rpcwhitelist, if it has one, must name the methods (${methods}), ` +
    "and its rpcallowip this machine's address"
  );
}

function asRpcError(error: unknown): BitcoinRpcError {
  if (error instanceof BitcoinRpcError) return error;
  if (error instanceof HttpFault) return new BitcoinRpcError(error.kind, error.message);
  throw error;
}
