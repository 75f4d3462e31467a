// The public API over a real database, as federations in memory fill it.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { z } from 'zod';
import { parseAttestation, verifyAttestation } from '../../crypto/attestation.ts';
import { readFeeQuote } from '../../crypto/fee-quote.ts';
import { createSession, identityFromSeed } from '../../crypto/identity.ts';
import { depositAddress } from '../../operator/deposit-address.ts';
import type { Node } from '../../operator/node.ts';
import { FeeQuotes } from '../../operator/payouts/fee-quotes.ts';
import { PublicDesk } from '../../operator/public-desk.ts';
import { disableServiceHere, enableServiceHere } from '../../operator/service-report.ts';
import { publicRoutes } from '../../routes/public.ts';
import { listenForPublic } from '../../routes/public-listen.ts';
import { ANSWERS } from '../../routes/public-schemas.ts';
import { listRecipients } from '../../store/recipients.ts';
import { BridgeWorld } from '../operator/bridge-world.ts';
import { freshHash } from '../operator/custody.ts';

const TIMEOUT_MS = 60_000;
const documentSchema = z.looseObject({ paths: z.record(z.string(), z.unknown()) });
let world: BridgeWorld;
let node: Node;
let now = 0;

beforeAll(async () => {
  world = await BridgeWorld.opened();
  node = world.federation.at(0).node;
}, TIMEOUT_MS);
afterAll(() => world.close());

/** Views that fail whatever they are asked: an answer that needs one fails with it. */
const silent = (): Node => {
  const none = new Proxy(node.bitcoin, {
    get: () => {
      throw new Error('a request asked a Bitcoin node');
    },
  });
  return { ...node, bitcoin: none, wire: null };
};
const routes = (desk: Pick<PublicDesk, keyof PublicDesk> = new PublicDesk(silent())) =>
  publicRoutes({ desk, version: '1.2.3', monotonic: () => now });
type Routes = ReturnType<typeof routes>;

const ask = async (app: Routes, path: string, init: RequestInit = {}, address = '198.51.100.7') =>
  app.request(path, init, { address });
const register = (app: Routes, body: unknown, address?: string) =>
  ask(app, '/v1/deposit-addresses', { method: 'POST', body: JSON.stringify(body) }, address);

describe('the public API', () => {
  test('answers nothing but a sentence while the service is disabled here', async () => {
    disableServiceHere(node);
    try {
      for (const path of ['/v1/federation', '/v1/openapi.json', '/v1/fee-quote', `/v1/withdrawals/${freshHash()}`]) {
        const answer = await ask(routes(), path);
        expect(answer.status).toBe(503);
        expect(await answer.json()).toEqual({
          error: 'service_off',
          detail: expect.stringMatching(/^This operator .+\.$/),
        });
      }
      const before = listRecipients(node.store.db).total;
      expect((await register(routes(), { recipient: freshHash() })).status).toBe(503);
      expect(listRecipients(node.store.db).total).toBe(before);
    } finally {
      enableServiceHere(node);
    }
  });

  test('gives the deposit address of a recipient once it is registered, as JSON and as a QR code', async () => {
    const app = routes();
    const recipient = freshHash();
    const path = `/v1/deposit-addresses/${recipient}`;
    expect((await ask(app, path)).status).toBe(404);
    expect((await ask(app, `${path}/qr.svg`)).status).toBe(404);
    const made = ANSWERS.DepositAddress.parse(await (await register(app, { recipient })).json());
    expect(made).toEqual({ recipient, address: depositAddress(node, { recipient }).address });
    expect(await (await ask(app, path)).json()).toEqual(made);
    const picture = await ask(app, `${path}/qr.svg`);
    expect(picture.headers.get('content-type')).toStartWith('image/svg+xml');
    expect(await picture.text()).toStartWith('<svg');
  });

  test(
    'follows a deposit to its attestation, and a burn to its payout, and asks no Bitcoin or Wire node',
    async () => {
      const app = routes();
      const recipient = freshHash();
      await register(app, { recipient });
      const paid = world.pay(recipient);
      const path = `/v1/deposits/${paid.txid}/0`;
      expect((await ask(app, path)).status).toBe(404);
      world.mine(1);
      await world.rounds(1);
      const seen = ANSWERS.Deposit.parse(await (await ask(app, path)).json());
      expect(seen).toMatchObject({ recipient, amount: '1000000', status: 'seen', confirmations: 1, attestation: null });
      world.mine(5);
      await world.untilMinted(paid);
      const minted = ANSWERS.Deposit.parse(await (await ask(app, path)).json());
      expect(minted).toMatchObject({ status: 'minted', confirmations_needed: 6 });
      const parsed = parseAttestation(minted.attestation);
      const { publicKey } = world.federation.key().attestation;
      expect(parsed.ok && verifyAttestation('mint', parsed.attestation, publicKey)).toBeTrue();

      const burnt = world.burn();
      const withdrawal = `/v1/withdrawals/${burnt.burnTxid}`;
      expect((await ask(app, withdrawal)).status).toBe(404);
      await world.untilAll(burnt, 'signed');
      const [payment] = world.paymentsOf(burnt);
      const told = ANSWERS.Withdrawal.parse(await (await ask(app, withdrawal)).json());
      expect(told).toMatchObject({ status: 'signed', amount: '50000', fee: '1000', txid: payment?.txid ?? '' });
      world.mine(6);
      await world.untilAll(burnt, 'settled');
      expect(await (await ask(app, withdrawal)).json()).toMatchObject({
        status: 'settled',
        height: expect.any(Number),
      });
    },
    TIMEOUT_MS,
  );

  test('tells the confirmations that a fork asks for while there is one', async () => {
    const forked = { ...node, chain: Object.assign(Object.create(null), { confirmations: () => 12 }) };
    expect(new PublicDesk(forked).federation().confirmations).toBe(12);
    expect(new PublicDesk(node).federation().confirmations).toBe(6);
  });

  test('tells the keys and the terms of the federation', async () => {
    const told = ANSWERS.Federation.parse(await (await ask(routes(), '/v1/federation')).json());
    expect(told).toMatchObject({ network: 'regtest', threshold: 2, participants: 3, index: 0, confirmations: 6 });
    expect(told.operators.find(({ index }) => index === 0)?.service).toBe('enabled');
  });

  test('gives a fee quote that verifies under the identity of the operator, made once per block', async () => {
    const bytes = (length: number, of: number) => new Uint8Array(length).fill(of);
    const identity = identityFromSeed(bytes(32, 1));
    const session = createSession({
      identity,
      network: 'regtest',
      index: 0,
      boot: bytes(16, 2),
      seed: bytes(32, 3),
      now: 5,
    });
    let asked = 0;
    const feeRate = async () => {
      asked += 1;
      return 7_000n;
    };
    const { bridge } = world.federation.at(0).services;
    const quotes = new FeeQuotes({ ...bridge, bitcoin: { ...bridge.bitcoin, feeRate } }, session);
    const desk = new PublicDesk(node);
    Object.defineProperty(desk, 'feeQuote', { value: () => quotes.current });
    expect((await ask(routes(desk), '/v1/fee-quote')).status).toBe(503);
    for (let round = 0; round < 3; round++) await quotes.round();
    expect(asked).toBe(1);
    const told = ANSWERS.FeeQuote.parse(await (await ask(routes(desk), '/v1/fee-quote')).json());
    const of = { identityKey: identity.publicKey, network: 'regtest', index: 0 };
    expect(readFeeQuote(told, of)).toMatchObject({ fee_rate: '7000', height: world.chain.best.height });
    expect(BigInt(told.quote.burn_fee)).toBeGreaterThan(1_000n);
    expect(readFeeQuote({ ...told, quote: { ...told.quote, burn_fee: '1' } }, of)).toBeNull();
    expect(readFeeQuote(told, { ...of, index: 1 })).toBeNull();
    world.mine(1);
    await world.rounds(1);
    await quotes.round();
    expect([asked, quotes.current?.quote.height]).toEqual([2, world.chain.best.height]);
  });

  test('refuses what has another form in one sentence, and changes nothing', async () => {
    const app = routes();
    const before = listRecipients(node.store.db).total;
    const bodies = ['', '{', '[]', '{"recipient":"xy"}', `{"recipient":"${freshHash()}","more":1}`, 'x'.repeat(2_000)];
    for (const [i, body] of bodies.entries()) {
      const answer = await ask(app, '/v1/deposit-addresses', { method: 'POST', body }, `192.0.2.${i}`);
      expect([body.slice(0, 9), answer.status]).toEqual([body.slice(0, 9), 400]);
      expect(ANSWERS.Error.parse(await answer.json()).detail).toEndWith('.');
    }
    const paths = ['/v1/deposits/ab/0', `/v1/deposits/${freshHash()}/4294967296`, `/v1/deposits/${freshHash()}/01`];
    for (const path of [...paths, '/v1/withdrawals/x', '/v1/deposit-addresses/x', '/v1/deposit-addresses/x/qr.svg']) {
      expect([path, (await ask(app, path)).status]).toEqual([path, 400]);
    }
    expect((await ask(app, '/v1/admin')).status).toBe(404);
    expect(listRecipients(node.store.db).total).toBe(before);
  });

  test('lets one address ask only so often, and does not make others wait for it', async () => {
    const app = routes();
    const statuses: number[] = [];
    for (let i = 0; i < 61; i++) statuses.push((await ask(app, '/v1/federation')).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(60);
    const late = await ask(app, '/v1/federation');
    expect([late.status, late.headers.get('retry-after')]).toEqual([429, '1']);
    expect((await ask(app, '/v1/federation', {}, '198.51.100.8')).status).toBe(200);
    now += 1_000;
    expect((await ask(app, '/v1/federation')).status).toBe(200);
  });

  test('takes only so many new recipients, from however many addresses; known ones are answered', async () => {
    const app = routes();
    const recipients = Array.from({ length: 101 }, () => freshHash());
    const statuses: number[] = [];
    for (const [i, recipient] of recipients.entries()) {
      statuses.push((await register(app, { recipient }, `203.0.113.${i}`)).status);
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(100);
    expect(statuses.at(-1)).toBe(429);
    expect((await register(app, { recipient: recipients[0] }, '192.0.2.77')).status).toBe(200);
  });

  test('gives one address a small part of them: however often it asks, others register still', async () => {
    const app = routes();
    let taken = 0;
    // As fast as its requests come back, for ten minutes.
    for (let i = 0; i < 300; i++) {
      now += 2_000;
      if ((await register(app, { recipient: freshHash() }, '203.0.113.200')).status === 200) taken += 1;
    }
    expect(taken).toBeLessThanOrEqual(26);
    for (let i = 0; i < 50; i++) {
      expect((await register(app, { recipient: freshHash() }, `203.0.113.${i}`)).status).toBe(200);
    }
  });

  test('describes itself in a document that OpenAPI validators accept, with every route that there is', async () => {
    const app = routes();
    const document = documentSchema.parse(await (await ask(app, '/v1/openapi.json')).json());
    const verdict = await new Validator().validate(document);
    expect(verdict).toMatchObject({ valid: true });
    const told = Object.keys(document.paths).map((path) => path.replaceAll(/\{(\w+)\}/g, ':$1'));
    const served = new Set(app.routes.map(({ path }) => path).filter((path) => path.startsWith('/v1/')));
    served.delete('/v1/openapi.json');
    expect(told.sort()).toEqual([...served].sort());
    expect(
      (await new Validator().validate({ ...document, paths: { '/x': { get: { responses: 1 } } } })).valid,
    ).toBeFalse();
  });
});

test('the listener tells the routes who asks, and says in a sentence where it cannot listen', async () => {
  const listener = listenForPublic({ host: '127.0.0.1', port: 0 }, (_, { address }) => new Response(address));
  try {
    expect(await (await fetch(`http://${listener.address}/`)).text()).toBe('127.0.0.1');
    const port = Number(listener.address.split(':')[1]);
    expect(() => listenForPublic({ host: '127.0.0.1', port }, () => new Response(''))).toThrow(
      /another program listens there already\): set "public_address" to another address/,
    );
  } finally {
    await listener.stop();
  }
});
