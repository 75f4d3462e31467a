// The public API: deposit addresses, where deposits and withdrawals stand, fee quotes, the federation. It answers only while
// the service is enabled on this node; every answer comes from the database or from memory.
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { renderSVG } from 'uqr';
import type { PublicDesk } from '../operator/public-desk.ts';
import { burnSchema, openApiDocument, outpointSchema, recipientSchema } from './public-schemas.ts';
import { clientOf, RateLimit } from './rate-limit.ts';

/** Largest body of a request. */
export const PUBLIC_BODY_BYTES_MAX = 1024;
/** A page of a wallet asks a few things a second; a new recipient costs every node a row for ever. */
const READS = { burst: 60, perSecond: 5, addressesMax: 10_000 } as const;
const REGISTRATION_TOKENS = 10;
/** New recipients of one address: a tenth of what is left for all. */
const REGISTRATIONS_OF_ONE = { burst: 20, perSecond: 0.01, addressesMax: 10_000 } as const;
/** New recipients of all addresses together: peers take a bounded number from each other (RECIPIENTS_PER_PEER_MAX). */
const REGISTRATIONS = { burst: 100, perSecond: 0.1, addressesMax: 1 } as const;

/** Where a request comes from: the network address of the other end. */
export interface PublicOrigin {
  readonly address: string;
}

/** What the routes work with. `monotonic` in ms. */
export interface PublicRoutesInput {
  readonly desk: Pick<
    PublicDesk,
    'isOpen' | 'address' | 'register' | 'deposit' | 'withdrawal' | 'feeQuote' | 'federation'
  >;
  readonly version: string;
  readonly monotonic: () => number;
}

type Failure = { readonly error: string; readonly detail: string };
const SERVICE_OFF: Failure = {
  error: 'service_off',
  detail: 'This operator does not serve the public now; ask another one.',
};

/** The routes, all below /v1. */
export function publicRoutes({ desk, version, monotonic }: PublicRoutesInput): Hono<{ Bindings: PublicOrigin }> {
  const reads = new RateLimit(READS, monotonic);
  const registrationsOfOne = new RateLimit(REGISTRATIONS_OF_ONE, monotonic);
  const registrations = new RateLimit(REGISTRATIONS, monotonic);
  const document = openApiDocument(version);
  const app = new Hono<{ Bindings: PublicOrigin }>();
  // Nothing here is anybody's own, and no cookie counts: pages of any origin may read it.
  app.use(cors({ origin: '*', allowMethods: ['GET', 'POST'] }));
  app.use(async (context, next) => {
    const waitS = reads.take(clientIn(context), context.req.method === 'POST' ? REGISTRATION_TOKENS : 1);
    if (waitS > 0) return tooMany(waitS);
    if (!desk.isOpen()) return Response.json(SERVICE_OFF, { status: 503, headers: { 'retry-after': '60' } });
    await next();
    context.header('cache-control', 'no-store');
    context.header('x-content-type-options', 'nosniff');
  });
  app.get('/v1/openapi.json', (context) => context.json(document));
  app.get('/v1/federation', (context) => context.json(desk.federation()));
  app.get('/v1/fee-quote', (context) => {
    const quote = desk.feeQuote();
    return quote === null ? context.json(NO_QUOTE, 503) : context.json(quote);
  });
  app.post(
    '/v1/deposit-addresses',
    bodyLimit({
      maxSize: PUBLIC_BODY_BYTES_MAX,
      onError: (context) => context.json(bad('the body is too large'), 400),
    }),
    async (context) => {
      const parsed = recipientSchema.safeParse(await context.req.json().catch(() => null));
      if (!parsed.success)
        return context.json(bad('the body must be {"recipient": 64 lowercase hexadecimal characters}'), 400);
      const { recipient } = parsed.data;
      const known = desk.address(recipient);
      if (known !== null) return context.json(known);
      const waitS = registrationsOfOne.take(clientIn(context)) || registrations.take('all');
      return waitS > 0 ? tooMany(waitS) : context.json(desk.register(recipient));
    },
  );
  app.get('/v1/deposit-addresses/:recipient', (context) => {
    const parsed = recipientSchema.safeParse(context.req.param());
    if (!parsed.success) return context.json(bad('a recipient has 64 lowercase hexadecimal characters'), 400);
    const known = desk.address(parsed.data.recipient);
    return known === null ? context.json(NO_RECIPIENT, 404) : context.json(known);
  });
  app.get('/v1/deposit-addresses/:recipient/qr.svg', (context) => {
    const parsed = recipientSchema.safeParse(context.req.param());
    if (!parsed.success) return context.json(bad('a recipient has 64 lowercase hexadecimal characters'), 400);
    const known = desk.address(parsed.data.recipient);
    if (known === null) return context.json(NO_RECIPIENT, 404);
    return context.body(renderSVG(`bitcoin:${known.address}`), 200, { 'content-type': 'image/svg+xml' });
  });
  app.get('/v1/deposits/:txid/:vout', (context) => {
    const parsed = outpointSchema.safeParse(context.req.param());
    if (!parsed.success) return context.json(bad('a deposit is named by txid and output number'), 400);
    const found = desk.deposit({ txid: parsed.data.txid, vout: Number(parsed.data.vout) });
    return found === null ? context.json(unknown('deposit'), 404) : context.json(found);
  });
  app.get('/v1/withdrawals/:burn_txid', (context) => {
    const parsed = burnSchema.safeParse(context.req.param());
    if (!parsed.success) return context.json(bad('a burn is named by 64 lowercase hexadecimal characters'), 400);
    const found = desk.withdrawal(parsed.data.burn_txid);
    return found === null ? context.json(unknown('burn'), 404) : context.json(found);
  });
  app.notFound((context) => context.json({ error: 'not_found', detail: 'See /v1/openapi.json.' }, 404));
  app.onError((_, context) => context.json({ error: 'fault', detail: 'The operator could not answer.' }, 500));
  return app;
}

const NO_QUOTE: Failure = { error: 'no_quote', detail: 'This operator has no fee estimate now; ask another one.' };
const NO_RECIPIENT: Failure = {
  error: 'unknown_recipient',
  detail: 'This recipient is not registered here: POST it to /v1/deposit-addresses first.',
};

function clientIn({ env, req }: Context<{ Bindings: PublicOrigin }>): string {
  return clientOf(env?.address ?? '', req.header('x-forwarded-for') ?? null);
}

function bad(detail: string): Failure {
  return { error: 'bad_request', detail: `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.` };
}

function unknown(what: string): Failure {
  return { error: `unknown_${what}`, detail: `This operator has not seen this ${what} yet.` };
}

function tooMany(waitS: number): Response {
  const detail = `Too many requests: ask again in ${waitS} s.`;
  return Response.json({ error: 'too_many', detail }, { status: 429, headers: { 'retry-after': `${waitS}` } });
}
