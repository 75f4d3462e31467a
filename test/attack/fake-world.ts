// A Bitcoin node and a Wire node on loopback HTTP that tell the truth about a world held in memory, for nodes under
// attack: what the honest must find out for themselves, whatever the attacker says.
import { Transaction } from '@scure/btc-signer';
import { btcFromSats } from '../../chain/amount.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';

/** An output on the chain. */
export interface Coin extends Outpoint {
  readonly amount: bigint;
  readonly script: Uint8Array;
  readonly confirmations: number;
}

/** A burn on Wire; amounts in sats. */
export interface Burn {
  readonly txid: string;
  readonly address: string;
  readonly amount: bigint;
  readonly fee: bigint;
}

type Call = { readonly id: number; readonly method: string; readonly params: readonly unknown[] };

/** The best block, and whatever block is asked for by its height. */
export const BEST_BLOCK = 'ab'.repeat(32);
export const BEST_HEIGHT = 500;

/** Both nodes behind one port. */
export class FakeWorld {
  readonly coins = new Map<string, Coin>();
  readonly burns: Burn[] = [];
  /** Outpoints that Wire has minted for. */
  readonly minted = new Set<string>();
  /** Transactions that were handed to the Bitcoin node, hexadecimal. */
  readonly broadcast: string[] = [];
  chain = 'regtest';
  wireNetwork = 'regtest';
  /** How long every answer takes. */
  delayMs = 0;
  readonly #server: Bun.Server<undefined>;

  constructor() {
    this.#server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: (request) => this.#answer(request) });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  add(coin: Coin): void {
    this.coins.set(outpointName(coin), coin);
  }

  stop(): Promise<void> {
    return this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (this.delayMs > 0) await Bun.sleep(this.delayMs);
    if (pathname.startsWith('/v1/')) return this.#wire(request, pathname);
    const calls: readonly Call[] = JSON.parse(await request.text());
    return Response.json(calls.map((call) => ({ id: call.id, ...this.#bitcoin(call) })));
  }

  #bitcoin({ method, params }: Call): { result: unknown } | { error: { code: number; message: string } } {
    const [first = '', second] = params;
    const coin = this.coins.get(`${String(first)}:${String(second)}`);
    switch (method) {
      case 'getblockchaininfo': {
        const info = { chain: this.chain, blocks: BEST_HEIGHT, headers: BEST_HEIGHT, bestblockhash: BEST_BLOCK };
        const now = Math.floor(Date.now() / 1000);
        return { result: { ...info, initialblockdownload: false, time: now, mediantime: now - 3600 } };
      }
      case 'getindexinfo':
        return { result: { txindex: { synced: true, best_block_height: BEST_HEIGHT } } };
      case 'getblockhash':
        return { result: BEST_BLOCK };
      case 'gettxout':
        return { result: coin === undefined ? null : outputOf(coin) };
      case 'getrawtransaction':
        return this.#transaction(String(first));
      case 'getmempoolentry':
        return this.#entry(String(first));
      case 'gettxspendingprevout':
        return { result: Array.isArray(first) ? first.map((outpoint: unknown) => outpoint) : [] };
      case 'estimatesmartfee':
        return { result: { feerate: '0.00002000' } };
      case 'getmempoolinfo':
        return {
          result: { mempoolminfee: '0.00001000', minrelaytxfee: '0.00001000', incrementalrelayfee: '0.00001000' },
        };
      case 'testmempoolaccept':
        return { result: [{ txid: txidOf(Array.isArray(first) ? first[0] : ''), allowed: true }] };
      case 'decoderawtransaction':
        return { result: { txid: txidOf(first) } };
      case 'sendrawtransaction':
        this.broadcast.push(String(first));
        return { result: BEST_BLOCK };
      default:
        return { error: { code: -32601, message: `no method ${method}` } };
    }
  }

  #entry(txid: string): { result: unknown } | { error: { code: number; message: string } } {
    const waits = [...this.coins.values()].some((coin) => coin.txid === txid && coin.confirmations === 0);
    if (!waits) return { error: { code: -5, message: 'Transaction not in mempool' } };
    const load = { ancestorcount: 1, ancestorsize: 150, descendantcount: 1, descendantsize: 150 };
    const fees = { base: '0.00000300', ancestor: '0.00000300', descendant: '0.00000300' };
    return { result: { vsize: 150, height: BEST_HEIGHT, ...load, fees } };
  }

  #transaction(txid: string): { result: unknown } | { error: { code: number; message: string } } {
    const outputs = [...this.coins.values()].filter((coin) => coin.txid === txid);
    const [known] = outputs;
    if (known === undefined) return { error: { code: -5, message: 'No such mempool or blockchain transaction' } };
    return {
      result: { confirmations: known.confirmations, vout: Array(Math.max(...outputs.map((o) => o.vout)) + 1).fill({}) },
    };
  }

  #wire(request: Request, path: string): Response {
    const burns = this.burns.map((burn, i) => ({
      seq: i + 1,
      burn_txid: burn.txid,
      nullifier: burn.txid,
      btc_address: burn.address,
      amount: `${burn.amount}`,
      fee: `${burn.fee}`,
      height: 9,
      confirmations: 50,
    }));
    const [, , what, name, vout] = path.split('/');
    if (request.method === 'POST') return Response.json({ id: '00' }, { status: 201 });
    if (what === 'status') return Response.json({ network: this.wireNetwork, height: 99, last_burn_seq: burns.length });
    const found = what === 'burns' && name !== undefined ? burns.find((burn) => burn.burn_txid === name) : undefined;
    if (found !== undefined) return Response.json(found);
    if (what === 'burns' && name === undefined) return Response.json({ burns });
    return Response.json({ error: 'not_found', detail: `no ${what} ${name} ${vout ?? ''}` }, { status: 404 });
  }
}

function txidOf(hex: unknown): string {
  return Transaction.fromRaw(fromHex(String(hex)), { allowUnknownOutputs: true }).id;
}

function outputOf({ amount, script, confirmations }: Coin) {
  return { confirmations, coinbase: false, value: btcFromSats(amount), scriptPubKey: { hex: toHex(script) } };
}
