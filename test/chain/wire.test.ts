// The Wire client against the devnet ledger, and against nodes that contradict each other.
import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import { finalMint } from '../../chain/mint.ts';
import { wireNodes } from '../../chain/wire.ts';
import {
  type Attestation,
  attestationBytes,
  attestationId,
  encodeAttestation,
  mintNonce,
} from '../../crypto/attestation.ts';
import { toHex } from '../../crypto/bytes.ts';
import { signerFromSeed } from '../../crypto/ed25519.ts';
import { startLedger } from '../../devnet/ledger.ts';

const NOW_SECONDS = 1_800_000_000n;
const signer = signerFromSeed(new Uint8Array(32).fill(1));
const recipient = new Uint8Array(32).fill(9);

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

function ledger(options: { confirmationsAtOnce?: number } = {}) {
  const now = () => Number(NOW_SECONDS) * 1000;
  const running = startLedger({ network: 'regtest', attestationKey: signer.publicKey, now, ...options });
  endings.push(() => running.stop());
  return running;
}

function attest(change: Partial<Attestation> = {}, kind: 'mint' | 'test' = 'mint'): Attestation {
  const depositTxid = change.depositTxid ?? 'de'.repeat(32);
  const depositVout = change.depositVout ?? 1;
  const fields = {
    depositTxid,
    depositVout,
    recipient,
    amountSats: 100_000n,
    nonce: mintNonce(depositTxid, depositVout),
    expiry: NOW_SECONDS + 3_600n,
    ...change,
  };
  const signature = signer.sign(attestationBytes(kind, fields));
  return { ...fields, id: attestationId(depositTxid, depositVout), signature, createdAt: NOW_SECONDS, ...change };
}

describe('minting', () => {
  test('an attestation of the attestation key mints once, and handing it in again says so', async () => {
    const running = ledger();
    const wire = wireNodes({ urls: [running.url] });
    expect(await wire.mint('de'.repeat(32), 1)).toBeNull();
    expect(await wire.postMint(attest())).toEqual({ ok: true, already: false });
    expect(await wire.postMint(attest())).toEqual({ ok: true, already: true });
    expect(await wire.postMint(attest({ expiry: NOW_SECONDS + 9n }))).toEqual({ ok: true, already: true });
    expect(running.balance(toHex(recipient))).toBe(100_000n);
    expect((await wire.mint('de'.repeat(32), 1))?.attestation.amount).toBe('100000');
    expect(running.mints()).toHaveLength(1);
  });

  test('a second attestation of the outpoint for another recipient or amount is refused', async () => {
    const wire = wireNodes({ urls: [ledger().url] });
    await wire.postMint(attest());
    for (const change of [{ recipient: new Uint8Array(32) }, { amountSats: 100_001n }]) {
      const verdict = await wire.postMint(attest(change));
      expect(verdict).toMatchObject({ ok: false, reason: 'mint_refused', code: 'already_minted' });
    }
  });

  test('an expired one, a test attestation, a foreign signature and a wrong nonce are refused by name', async () => {
    const running = ledger();
    const wire = wireNodes({ urls: [running.url] });
    const code = async (attestation: Attestation) => {
      const verdict = await wire.postMint(attestation);
      return !verdict.ok && verdict.reason === 'mint_refused' ? verdict.code : 'ok';
    };
    expect(await code(attest({ expiry: NOW_SECONDS }))).toBe('expired');
    expect(await code(attest({}, 'test'))).toBe('bad_signature');
    expect(await code({ ...attest(), amountSats: 5n })).toBe('bad_signature');
    expect(await code(attest({ nonce: 1n }))).toBe('wrong_nonce');
    expect(running.mints()).toHaveLength(0);
  });

  test('waits for the attestation key, which may be set over HTTP', async () => {
    const running = startLedger({ network: 'regtest', now: () => Number(NOW_SECONDS) * 1000 });
    endings.push(() => running.stop());
    const wire = wireNodes({ urls: [running.url] });
    expect(await wire.postMint(attest())).toMatchObject({ ok: false, reason: 'wire_unavailable' });
    const body = JSON.stringify({ public_key: toHex(signer.publicKey) });
    const set = await fetch(`${running.url}/v1/devnet/attestation-key`, { method: 'POST', body });
    expect(set.status).toBe(204);
    expect(await wire.postMint(attest())).toMatchObject({ ok: true });
  });
});

describe('a mint', () => {
  test('is final once it has the confirmations that are asked for, and pending before', async () => {
    const running = ledger({ confirmationsAtOnce: 1 });
    const wire = wireNodes({ urls: [running.url] });
    const outpoint = { txid: 'de'.repeat(32), vout: 1 };
    expect(await finalMint(wire, outpoint, 3)).toBe('none');
    await wire.postMint(attest());
    expect(await wire.mint(outpoint.txid, outpoint.vout)).toMatchObject({ height: 2, confirmations: 1 });
    expect(await finalMint(wire, outpoint, 3)).toBe('pending');
    running.addBlocks(2);
    expect(await finalMint(wire, outpoint, 3)).toBe('final');
  });

  const told = (mint: object | null): string => {
    const answer = () =>
      mint === null ? Response.json({ error: 'not_found' }, { status: 404 }) : Response.json(mint, { status: 200 });
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: answer });
    endings.push(() => server.stop(true));
    return `http://127.0.0.1:${server.port}`;
  };
  const minted = (change: Partial<Attestation> = {}, at = { height: 7, confirmations: 4 }) => ({
    attestation: encodeAttestation(attest(change)),
    ...at,
  });
  const mintOf = (...urls: string[]) => wireNodes({ urls }).mint('de'.repeat(32), 1);

  test('has the lowest confirmations that any node reports, whenever its attestation was made', async () => {
    const other = minted({ expiry: NOW_SECONDS + 9n }, { height: 7, confirmations: 2 });
    expect((await mintOf(told(minted()), told(other)))?.confirmations).toBe(2);
  });

  test('that one node reports differently, in another block or not at all, is no answer', async () => {
    const others = [
      minted({ recipient: new Uint8Array(32) }),
      minted({ amountSats: 1n }),
      minted({}, { height: 8, confirmations: 3 }),
      null,
    ];
    for (const other of others) await expect(mintOf(told(minted()), told(other))).rejects.toThrow('disagree');
  });

  test('of another outpoint than the one asked for is no answer', async () => {
    await expect(mintOf(told(minted({ depositVout: 2 })))).rejects.toThrow('asked for');
  });
});

describe('burning', () => {
  test('debits the balance, counts seq upwards and gains confirmations with blocks', async () => {
    const running = ledger({ confirmationsAtOnce: 2 });
    const wire = wireNodes({ urls: [running.url] });
    await wire.postMint(attest());
    const body = { recipient: toHex(recipient), btc_address: 'bcrt1qx', amount: '40000', fee: '500' };
    const response = await fetch(`${running.url}/v1/devnet/burn`, { method: 'POST', body: JSON.stringify(body) });
    expect(response.status).toBe(201);
    const second = running.burn({ recipient: toHex(recipient), btcAddress: 'x', amount: 60_000n, fee: 1n });
    expect(running.balance(toHex(recipient))).toBe(0n);
    expect(() => running.burn({ recipient: toHex(recipient), btcAddress: 'x', amount: 1n, fee: 1n })).toThrow(
      'balance',
    );

    const burns = await wire.burns(0, 10);
    expect(burns.map(({ seq, amount, fee }) => [seq, amount, fee])).toEqual([
      [1, 40_000n, 500n],
      [2, 60_000n, 1n],
    ]);
    expect((await wire.burns(1, 10)).map((burn) => burn.burnTxid)).toEqual([second.burn_txid]);
    expect(await wire.burns(0, 1)).toHaveLength(1);
    expect((await wire.burn(second.burn_txid))?.confirmations).toBe(2);
    running.addBlocks(3);
    expect((await wire.burn(second.burn_txid))?.confirmations).toBe(5);
    expect(await wire.burn('00'.repeat(32))).toBeNull();
    expect(await wire.status()).toMatchObject({ network: 'regtest', lastBurnSeq: 2 });
  });

  test('refuses requests of another form', async () => {
    const { url } = ledger();
    const post = (path: string, body: string) => fetch(`${url}${path}`, { method: 'POST', body });
    expect((await post('/v1/devnet/burn', '{}')).status).toBe(400);
    expect((await post('/v1/mints', 'nonsense')).status).toBe(400);
    expect((await post('/v1/mints', '{}')).status).toBe(422);
    expect((await post('/v1/mints', `"${'x'.repeat(70_000)}"`)).status).toBe(413);
    expect((await fetch(`${url}/v1/burns?limit=100000`)).status).toBe(400);
    expect((await fetch(`${url}/v1/elsewhere`)).status).toBe(404);
  });
});

describe('several Wire nodes', () => {
  const servers: { stop(force: boolean): Promise<void> }[] = [];
  afterAll(async () => {
    for (const server of servers) await server.stop(true);
  });

  const burn = (seq: number, change = {}) => ({
    seq,
    burn_txid: seq.toString(16).padStart(64, '0'),
    nullifier: '22'.repeat(32),
    btc_address: 'bcrt1q',
    amount: '1000',
    fee: '10',
    height: 1,
    confirmations: 6,
    ...change,
  });

  function node(...burns: ReturnType<typeof burn>[]): string {
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname === '/v1/burns') return Response.json({ burns });
        const found = burns.find((one) => pathname.endsWith(one.burn_txid));
        return found ? Response.json(found) : Response.json({ error: 'not_found' }, { status: 404 });
      },
    });
    servers.push(server);
    return `http://127.0.0.1:${server.port}`;
  }

  const DOWN = 'http://127.0.0.1:1';
  const ID = burn(1).burn_txid;
  const ask = (...urls: string[]) => wireNodes({ urls, timeoutMs: 2_000 });

  test('must agree on a burn, of which the least confirmations count', async () => {
    const same = ask(node(burn(1)), node(burn(1, { confirmations: 3 })));
    expect((await same.burn(ID))?.confirmations).toBe(3);
    for (const change of [
      { amount: '1001' },
      { fee: '11' },
      { btc_address: 'bcrt1p' },
      { nullifier: '33'.repeat(32) },
    ]) {
      await expect(ask(node(burn(1)), node(burn(1, change))).burn(ID)).rejects.toThrow('disagree');
    }
    await expect(ask(node(burn(1)), node()).burn(ID)).rejects.toThrow('disagree');
  });

  test('are understood whatever a burner wrote as an address, so that one burn hides no other', async () => {
    for (const address of ['', 'x'.repeat(129), 'x'.repeat(100_000)]) {
      const wire = ask(node(burn(1, { btc_address: address }), burn(2)));
      expect((await wire.burns(0, 100)).map(({ seq }) => seq)).toEqual([1, 2]);
      expect((await wire.burn(ID))?.address).toBe(address.slice(0, 128));
    }
  });

  test('must answer in their majority', async () => {
    const good = node(burn(1));
    expect((await ask(good, DOWN, node(burn(1))).burn(ID))?.seq).toBe(1);
    await expect(ask(good, DOWN).burn(ID)).rejects.toThrow('1 of 2 Wire nodes answer');
    await expect(ask(DOWN).status()).rejects.toThrow('0 of 1');
  });

  test('list burns up to the first on which no majority agrees, so that a cursor skips none', async () => {
    const list = async (...urls: string[]) => (await ask(...urls).burns(0, 100)).map((one) => one.seq);
    const [one, two, three] = [burn(1), burn(2), burn(3)];
    expect(await list(node(one, two, three), node(one, two))).toEqual([1, 2]);
    expect(await list(node(one, two, three), node(one, burn(2, { fee: '9' }), three))).toEqual([1]);
    expect(await list(node(one, two, three), node(one, three), node(one, two, three))).toEqual([1, 2, 3]);
    expect(await list(node(one), DOWN, node(one))).toEqual([1]);
  });

  test('that answer with something else are no answer', async () => {
    const strange = (body: string, status = 200) => {
      const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(body, { status }) });
      servers.push(server);
      return ask(`http://127.0.0.1:${server.port}`);
    };
    await expect(strange('<html>', 404).burn(ID)).rejects.toThrow('without JSON');
    await expect(strange('{}', 404).burn(ID)).rejects.toThrow('HTTP 404');
    await expect(strange('{}', 500).burn(ID)).rejects.toThrow('HTTP 500');
    const words = strange('{"error":"prover_busy","detail":"try again in a minute"}', 503);
    await expect(words.burn(ID)).rejects.toThrow('HTTP 503: prover_busy: try again in a minute');
    expect(await words.postMint(attest())).toMatchObject({ detail: expect.stringContaining('prover_busy: try again') });
    const refusing = strange('{"error":"expired"}', 422);
    expect(await refusing.postMint(attest())).toMatchObject({ reason: 'mint_refused', detail: 'expired' });
    await expect(strange(JSON.stringify({ ...burn(1), amount: 1000 })).burn(ID)).rejects.toThrow(
      'unexpected answer (amount)',
    );
    await expect(strange(JSON.stringify({ ...burn(1), proof: 'xyz' })).burn(ID)).rejects.toThrow('unexpected answer');
  });

  test('are refused with credentials in their URL, or none given', () => {
    expect(() => ask('http://user:hunter2@127.0.0.1')).toThrow(/^(?!.*hunter2).*credentials/);
    expect(() => ask()).toThrow('at least one');
  });
});
