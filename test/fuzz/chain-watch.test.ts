// Fuzz: what Bitcoin nodes answer to the watch over them, the scan and the mempool. Whatever one node says, a report says
// so, a question is answered in its form or refused by name, and no block but the one that was asked for is taken.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { fetchBlock } from '../../chain/block-fetch.ts';
import { nodeMempools } from '../../chain/mempool-source.ts';
import { readNodeReports } from '../../chain/node-reports.ts';
import { chainHealth, type HealthLimits, MAINNET_HEALTH_LIMITS, stopped } from '../../chain/tips.ts';
import { fromHex, sha256, toHex } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { AnsweringNode, batchAnswer, replaced } from './answering-node.ts';
import { anyJson, fuzzLater, noise, spoiledBytes, spoiledText } from './hostile.ts';

const NOW_S = 1_700_000_000;
const hash = '0b'.repeat(32);
const isHash = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);
const other = fc.oneof(anyJson, fc.constantFrom<Json>(hash, 'main', '00', 0, 1e15, NOW_S * 3));
const places = fc.infiniteStream(fc.nat());

/** Where in an answer, what in its place. */
const lie = fc.tuple(fc.nat(), other, places);

let node: AnsweringNode;
let honest: AnsweringNode;
beforeAll(() => {
  node = new AnsweringNode();
  honest = new AnsweringNode();
});
afterAll(async () => {
  await node.stop();
  await honest.stop();
});

const states: Readonly<Record<string, Json>> = {
  getblockchaininfo: {
    ...{ chain: 'regtest', blocks: 9, headers: 9, bestblockhash: hash, initialblockdownload: false },
    ...{ time: NOW_S, mediantime: NOW_S - 3_600 },
  },
  getindexinfo: { txindex: { synced: true, best_block_height: 9 } },
  estimatesmartfee: { feerate: 0.00002 },
  getblockhash: hash,
};
const said = (request: string): Json => batchAnswer(request, ({ method }) => states[method] ?? null);

describe('fuzz: reports of Bitcoin nodes', () => {
  test('whatever a node says of itself, there is a report and a verdict, and a stranger answer stops nothing of the rest', async () => {
    const seen = new Set<string>();
    honest.answer = (request) => JSON.stringify(said(request));
    const limits: HealthLimits = { ...MAINNET_HEALTH_LIMITS, tipAgeSecondsMax: 7_200 };
    await fuzzLater(400, lie, async ([roll, value, more]) => {
      node.answer = (request) => JSON.stringify(replaced(said(request), roll + (more.next().value ?? 0), value));
      const reports = await readNodeReports('regtest', [honest.rpc(), honest.rpc(), node.rpc()]);
      expect(reports.nodes).toHaveLength(3);
      const [first, second, third] = reports.nodes;
      expect(first).toEqual(second);
      if (third?.ok === true) {
        expect(isHash(third.tip.hash) && Number.isSafeInteger(third.tip.height) && third.tip.height >= 0).toBe(true);
        expect(Number.isSafeInteger(third.time)).toBe(true);
        const { feeRate } = third;
        expect(!feeRate.ok || feeRate.value === null || typeof feeRate.value === 'bigint').toBe(true);
      }
      const health = chainHealth(reports, limits, NOW_S);
      for (const { problem, detail } of health.problems) {
        seen.add(problem);
        expect(detail.length).toBeGreaterThan(0);
      }
      // Two of three nodes answer as ever: only a node that says it is of another network outweighs them, and what the
      // index or the estimate of one node is needed for.
      if (health.tip.state === 'ok' && !health.problems.some(({ problem }) => problem === 'wrong_network')) {
        expect(stopped(health).has('attestations')).toBe(false);
      }
    });
    const often = ['node_unavailable', 'wrong_network', 'index_unknown', 'fee_estimate_missing'];
    for (const problem of often) expect(seen).toContain(problem);
  });
});

describe('fuzz: blocks from a node', () => {
  // BIP 144: a coinbase that spends nothing and pays one Taproot output.
  const coinbase = fromHex(`0200000001${'00'.repeat(32)}ffffffff02510bffffffff0100f2052a01000000225120${hash}00000000`);
  const block = new Uint8Array(
    Buffer.concat([new Uint8Array(36), sha256(sha256(coinbase)), new Uint8Array(12), Uint8Array.of(1), coinbase]),
  );
  const name = toHex(sha256(sha256(block.subarray(0, 80))).reverse());

  test('the one that was asked for is taken, every other answer leads to the next node or to a named fault', async () => {
    honest.answer = (request) => JSON.stringify(batchAnswer(request, () => toHex(block)));
    const answers = fc.oneof(
      spoiledBytes(fc.constant(block)).map(toHex),
      spoiledText(fc.constant(toHex(block))),
      noise(200).map(toHex),
      other,
    );
    let refused = 0;
    await fuzzLater(250, answers, async (answer) => {
      node.answer = (request) => JSON.stringify(batchAnswer(request, () => answer));
      const alone = await fetchBlock([node.rpc()], name).catch((error: unknown) => error);
      if (alone instanceof BitcoinViewError) refused += 1;
      else expect(alone).toMatchObject({ header: { hash: name } });
      const taken = await fetchBlock([node.rpc(), honest.rpc()], name);
      expect(taken.header.hash).toBe(name);
      expect(taken.transactions.count).toBe(1);
    });
    expect(refused).toBeGreaterThan(200);
  });
});

describe('fuzz: mempools', () => {
  const transaction = `02000000010b${'0b'.repeat(31)}00000000${'00'}ffffffff01e80300000000000022${`5120${hash}`}00000000`;
  const txid = toHex(sha256(sha256(fromHex(transaction))).reverse());
  const pools: Readonly<Record<string, Json>> = {
    ...states,
    getrawmempool: [txid, hash],
    getrawtransaction: transaction,
    gettxspendingprevout: [
      { txid: hash, vout: 0, spendingtxid: txid },
      { txid: hash, vout: 1 },
    ],
  };
  const outpoints = [
    { txid: hash, vout: 0 },
    { txid: hash, vout: 1 },
  ];

  test('names of transactions are hashes, a transaction is the one of its name, and spenders go with their outpoints', async () => {
    const mempool = nodeMempools('regtest', [node.rpc()]);
    node.answer = (request) => JSON.stringify(batchAnswer(request, ({ method }) => pools[method] ?? null));
    expect([...(await mempool.txids())]).toEqual([txid, hash]);
    expect([...(await mempool.transactions([txid])).keys()]).toEqual([txid]);
    expect(await mempool.spenders(outpoints)).toEqual([[txid], []]);

    const ends = new Set<string>();
    await fuzzLater(400, fc.tuple(lie, fc.nat(2)), async ([[roll, value, more], which]) => {
      node.answer = (request) => {
        const whole = batchAnswer(request, ({ method }) => pools[method] ?? null);
        return JSON.stringify(replaced(whole, roll + (more.next().value ?? 0), value));
      };
      try {
        if (which === 0) for (const one of await mempool.txids()) expect(isHash(one)).toBe(true);
        else if (which === 1) {
          for (const [id, raw] of await mempool.transactions([txid, hash])) expect(raw.txid(0)).toBe(id);
        } else {
          const spenders = await mempool.spenders(outpoints);
          expect(spenders).toHaveLength(2);
          for (const spender of spenders.flat()) expect(isHash(spender)).toBe(true);
        }
        ends.add('answered');
      } catch (error) {
        if (!(error instanceof BitcoinViewError)) throw error;
        ends.add('refused');
      }
    });
    expect([...ends].sort()).toEqual(['answered', 'refused']);
  });

  test('a transaction of any bytes is none, or has the name that its bytes give', async () => {
    const mempool = nodeMempools('regtest', [node.rpc()]);
    const bytes = fc.oneof(noise(120), spoiledBytes(fc.constant(fromHex(transaction))));
    await fuzzLater(200, bytes, async (raw) => {
      node.answer = (request) =>
        JSON.stringify(
          batchAnswer(request, ({ method }) => (method === 'getrawtransaction' ? toHex(raw) : (pools[method] ?? null))),
        );
      const found = await mempool.transactions([txid]);
      if (found.size > 0) expect(toHex(raw)).toBe(transaction);
    });
  });
});
