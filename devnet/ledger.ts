// A small Wire ledger for the devnet and the tests: speaks the interface of chain/wire-ledger.ts on loopback HTTP,
// checks attestations as the real ledger does, mints an outpoint once, keeps balances, and lets its user burn. No
// proofs, no privacy, no consensus: those are the ledger project's. Everything is in memory.
//
// Devnet-only endpoints: POST /v1/devnet/burn, POST /v1/devnet/attestation-key, POST /v1/devnet/blocks,
// GET /v1/devnet/balances/RECIPIENT.
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { satsAmount } from '../chain/amount.ts';
import type { BitcoinNetwork } from '../chain/network.ts';
import { type Outpoint, outpointName } from '../chain/outpoint.ts';
import { BURNS_PAGE_MAX, type WireMint } from '../chain/wire-ledger.ts';
import { type Attestation, encodeAttestation, parseAttestation, verifyAttestation } from '../crypto/attestation.ts';
import { fromHex, sha256, toHex, u64le, utf8 } from '../crypto/bytes.ts';

const REQUEST_BYTES_MAX = 64 * 1024;

/** How the ledger behaves. */
export interface LedgerOptions {
  /** The Bitcoin network it is bridged to. */
  readonly network: BitcoinNetwork;
  /** 32 bytes; may also be set later, as it exists only after the key ceremony. */
  readonly attestationKey?: Uint8Array;
  /** Confirmations that a burn or a mint has at once (default 6); each further block adds one. */
  readonly confirmationsAtOnce?: number;
  /** A block this often (default 0: only when asked for). */
  readonly millisecondsPerBlock?: number;
  readonly port?: number;
  /** The time in ms since 1970 (default: the clock). */
  readonly now?: () => number;
}

/** A burn as its user asks for it; amounts in sats, `recipient` is whose balance is debited. */
export interface LedgerBurnRequest {
  readonly recipient: string;
  readonly btcAddress: string;
  readonly amount: bigint;
  readonly fee: bigint;
}

/** A running ledger. */
export interface Ledger {
  readonly url: string;
  /** Sets the key that attestations must be signed by; 32 bytes. */
  setAttestationKey(key: Uint8Array): void;
  /** Debits a balance and creates a burn; throws where the balance does not suffice. */
  burn(request: LedgerBurnRequest): LedgerBurn;
  /** Gives a recipient sats that no deposit stands behind, as a launch's tests need them before anything is attested. */
  grant(recipient: string, sats: bigint): void;
  /** Adds blocks. */
  addBlocks(count: number): void;
  /** Sats of a recipient (64 hexadecimal characters). */
  balance(recipient: string): bigint;
  /** Every attestation by which something was minted, in order. */
  mints(): readonly Attestation[];
  stop(): Promise<void>;
}

/** A burn in the JSON of the interface. */
export interface LedgerBurn {
  readonly seq: number;
  readonly burn_txid: string;
  readonly nullifier: string;
  readonly btc_address: string;
  readonly amount: string;
  readonly fee: string;
  readonly height: number;
  readonly confirmations: number;
}

/** A "no" of the ledger: HTTP status, name, sentence. */
class Refusal extends Error {
  readonly status: 404 | 409 | 422 | 503;
  readonly code: string;
  constructor(status: 404 | 409 | 422 | 503, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** The books: what was minted and burnt, and the height. No I/O; time is an argument. */
class Books {
  private readonly minted = new Map<string, { readonly attestation: Attestation; readonly height: number }>();
  private readonly burnt: Omit<LedgerBurn, 'confirmations'>[] = [];
  private readonly balances = new Map<string, bigint>();
  private readonly confirmationsAtOnce: number;
  private attestationKey: Uint8Array | null;
  height = 1;

  constructor(attestationKey: Uint8Array | null, confirmationsAtOnce: number) {
    this.attestationKey = attestationKey;
    this.confirmationsAtOnce = confirmationsAtOnce;
  }

  setAttestationKey(key: Uint8Array): void {
    if (key.length !== 32) throw new Error('an attestation key has 32 bytes');
    this.attestationKey = key;
  }

  mint(attestation: Attestation, nowSeconds: bigint): void {
    if (this.attestationKey === null) throw new Refusal(503, 'no_attestation_key', 'no key ceremony was announced');
    if (!verifyAttestation('mint', attestation, this.attestationKey)) {
      throw new Refusal(422, 'bad_signature', 'the attestation key did not sign this');
    }
    if (attestation.expiry <= nowSeconds) throw new Refusal(422, 'expired', 'the attestation has expired');
    const outpoint = outpointName({ txid: attestation.depositTxid, vout: attestation.depositVout });
    if (this.minted.has(outpoint)) throw new Refusal(409, 'already_minted', `${outpoint} was minted before`);
    this.height++;
    this.minted.set(outpoint, { attestation, height: this.height });
    const recipient = toHex(attestation.recipient);
    this.balances.set(recipient, this.balance(recipient) + attestation.amountSats);
  }

  burn(request: LedgerBurnRequest): LedgerBurn {
    const balance = this.balance(request.recipient);
    if (request.amount <= 0n || request.amount > balance) {
      throw new Refusal(422, 'insufficient_balance', `the balance is ${balance} sats`);
    }
    this.balances.set(request.recipient, balance - request.amount);
    this.height++;
    const seq = this.burnt.length + 1;
    const id = (tag: string) => toHex(sha256(utf8(tag), u64le(BigInt(seq)), utf8(JSON.stringify(request, digits))));
    const burn = {
      seq,
      burn_txid: id('devnet burn'),
      nullifier: id('devnet nullifier'),
      btc_address: request.btcAddress,
      amount: request.amount.toString(),
      fee: request.fee.toString(),
      height: this.height,
    };
    this.burnt.push(burn);
    return this.confirmed(burn);
  }

  grant(recipient: string, sats: bigint): void {
    this.balances.set(recipient, this.balance(recipient) + sats);
  }

  balance(recipient: string): bigint {
    return this.balances.get(recipient) ?? 0n;
  }

  mints(): readonly Attestation[] {
    return [...this.minted.values()].map(({ attestation }) => attestation);
  }

  mintOf(outpoint: Outpoint): WireMint {
    const mint = this.minted.get(outpointName(outpoint));
    if (mint === undefined) throw new Refusal(404, 'not_found', 'nothing was minted for this outpoint');
    const { attestation, height } = mint;
    return { attestation: encodeAttestation(attestation), height, confirmations: this.confirmationsOf(height) };
  }

  burns(after: number, limit: number): readonly LedgerBurn[] {
    return this.burnt.slice(after, after + limit).map((burn) => this.confirmed(burn));
  }

  burnOf(burnTxid: string): LedgerBurn {
    const burn = this.burnt.find((one) => one.burn_txid === burnTxid);
    if (burn === undefined) throw new Refusal(404, 'not_found', 'no such burn');
    return this.confirmed(burn);
  }

  lastSeq(): number {
    return this.burnt.length;
  }

  private confirmed(burn: Omit<LedgerBurn, 'confirmations'>): LedgerBurn {
    return { ...burn, confirmations: this.confirmationsOf(burn.height) };
  }

  private confirmationsOf(height: number): number {
    return this.confirmationsAtOnce + this.height - height;
  }
}

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const pageSchema = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(BURNS_PAGE_MAX).default(100),
});
const outpointSchema = z.object({ txid: hash, vout: z.coerce.number().int().min(0).max(0xffff_ffff) });
const burnSchema = z.strictObject({
  recipient: hash,
  btc_address: z.string().min(1).max(128),
  amount: satsAmount,
  fee: satsAmount,
});

/** Starts a ledger on loopback. */
export function startLedger(options: LedgerOptions): Ledger {
  const now = options.now ?? Date.now;
  const books = new Books(options.attestationKey ?? null, options.confirmationsAtOnce ?? 6);
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: options.port ?? 0,
    fetch: ledgerApp(books, options.network, now).fetch,
  });
  const every = options.millisecondsPerBlock ?? 0;
  const clock = every > 0 ? setInterval(() => books.height++, every) : undefined;
  return {
    url: `http://127.0.0.1:${server.port}`,
    setAttestationKey: (key) => books.setAttestationKey(key),
    burn: (request) => books.burn(request),
    grant: (recipient, sats) => books.grant(recipient, sats),
    addBlocks(count) {
      books.height += count;
    },
    balance: (recipient) => books.balance(recipient),
    mints: () => books.mints(),
    async stop() {
      clearInterval(clock);
      await server.stop(true);
    },
  };
}

function ledgerApp(books: Books, network: BitcoinNetwork, now: () => number): Hono {
  const app = new Hono();
  const onError = (c: Context) => c.json({ error: 'too_large', detail: `at most ${REQUEST_BYTES_MAX} bytes` }, 413);
  app.use(bodyLimit({ maxSize: REQUEST_BYTES_MAX, onError }));
  app.notFound((c) => c.json({ error: 'not_found', detail: 'no such endpoint' }, 404));
  app.onError((error, c) => {
    if (error instanceof Refusal) return c.json({ error: error.code, detail: error.message }, error.status);
    if (error instanceof z.ZodError || error instanceof SyntaxError) {
      return c.json({ error: 'malformed', detail: 'the request does not have the right form' }, 400);
    }
    throw error;
  });

  app.get('/v1/status', (c) => c.json({ network, height: books.height, last_burn_seq: books.lastSeq() }));
  app.get('/v1/burns', (c) => {
    const { after, limit } = pageSchema.parse(c.req.query());
    return c.json({ burns: books.burns(after, limit) });
  });
  app.get('/v1/burns/:burnTxid', (c) => c.json(books.burnOf(c.req.param('burnTxid'))));
  app.post('/v1/mints', async (c) => {
    const parsed = parseAttestation(await c.req.json());
    if (!parsed.ok) throw new Refusal(422, parsed.reason, 'the attestation is not in order');
    books.mint(parsed.attestation, BigInt(Math.floor(now() / 1000)));
    return c.json({ id: parsed.attestation.id }, 201);
  });
  app.get('/v1/mints/:txid/:vout', (c) => {
    return c.json(books.mintOf(outpointSchema.parse(c.req.param())));
  });

  app.post('/v1/devnet/burn', async (c) => {
    const { btc_address: btcAddress, ...request } = burnSchema.parse(await c.req.json());
    return c.json(books.burn({ ...request, btcAddress }), 201);
  });
  app.post('/v1/devnet/attestation-key', async (c) => {
    books.setAttestationKey(fromHex(z.strictObject({ public_key: hash }).parse(await c.req.json()).public_key));
    return c.body(null, 204);
  });
  app.post('/v1/devnet/blocks', async (c) => {
    books.height += z.strictObject({ count: z.int().min(1).max(1000) }).parse(await c.req.json()).count;
    return c.json({ height: books.height });
  });
  app.get('/v1/devnet/balances/:recipient', (c) => {
    return c.json({ balance: books.balance(c.req.param('recipient')).toString() });
  });
  return app;
}

function digits(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
