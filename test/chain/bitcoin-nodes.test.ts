// Several nodes behind one view: a majority must answer, all that answer must agree.
import { describe, expect, test } from 'bun:test';
import { bitcoinNodes } from '../../chain/bitcoin-nodes.ts';
import type { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { readNodeReports } from '../../chain/node-reports.ts';
import { parseTransaction } from '../../chain/raw-transactions.ts';
import { type BitcoinRpc, BitcoinRpcError, type RpcOutcome, readResult } from '../../chain/rpc.ts';
import { toHex } from '../../crypto/bytes.ts';
import { rawTransaction } from '../../simulation/raw-bytes.ts';
import { makeBlock } from './block-arbitraries.ts';

const HASH = 'aa'.repeat(32);
const OTHER = 'bb'.repeat(32);
const OUTPOINT = { txid: 'cc'.repeat(32), vout: 0 };

interface NodeState {
  readonly down?: boolean;
  readonly chain?: string;
  readonly blocks?: number;
  readonly syncing?: boolean;
  readonly hashes?: Readonly<Record<number, string>>;
  readonly answers?: Readonly<Record<string, unknown>>;
  /** A request that holds one of these methods is refused as a whole, as Bitcoin Core does. */
  readonly forbidden?: readonly string[];
}

function node(state: NodeState = {}): BitcoinRpc {
  const { blocks = 10, hashes = {} } = state;
  const answer = (method: string, params: readonly unknown[]): RpcOutcome => {
    if (method === 'getblockchaininfo') {
      const bestblockhash = hashes[blocks] ?? HASH;
      const initialblockdownload = state.syncing === true;
      const chain = state.chain ?? 'main';
      const result = { chain, blocks, headers: 10, bestblockhash, initialblockdownload, mediantime: 5 };
      return { ok: true, result };
    }
    if (method === 'getblockhash') return { ok: true, result: hashes[Number(params[0])] ?? HASH };
    const result = state.answers?.[method];
    return result === undefined ? { ok: false, code: -5, message: 'not found' } : { ok: true, result };
  };
  const batch: BitcoinRpc['batch'] = async (calls) => {
    if (state.down === true) throw new BitcoinRpcError('unreachable', 'node: down');
    if (calls.some(({ method }) => state.forbidden?.includes(method))) {
      throw new BitcoinRpcError('forbidden', 'node: 403');
    }
    return calls.map(({ method, params }) => answer(method, params));
  };
  return {
    label: 'node',
    batch,
    async call(method, params, schema) {
      const [outcome] = await batch([{ method, params }]);
      return readResult(schema, outcome?.ok === true ? outcome.result : undefined, 'node');
    },
  };
}

const ENTRY = {
  ...{ vsize: 150, height: 8, ancestorcount: 1, ancestorsize: 150, descendantcount: 2, descendantsize: 261 },
  fees: { base: '0.00000300', ancestor: '0.00000300', descendant: '0.00000400' },
};
const output = (value: string, confirmations: number) => ({
  value,
  confirmations,
  coinbase: false,
  scriptPubKey: { hex: '5120' },
});
const having = (value: string, confirmations: number) => node({ answers: { gettxout: output(value, confirmations) } });
const view = (...nodes: BitcoinRpc[]) => bitcoinNodes('mainnet', nodes);

async function refusal(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'ok',
    (error: BitcoinViewError) => error.reason,
  );
}

describe('a view over several nodes', () => {
  test('answers as long as a majority does', async () => {
    expect(await view(node(), node(), node({ down: true })).tip()).toEqual({ height: 10, hash: HASH });
    expect(await refusal(view(node(), node({ down: true })).tip())).toBe('bitcoin_unavailable');
    expect(await refusal(view(node({ down: true })).tip())).toBe('bitcoin_unavailable');
  });

  test('gives the highest block that all of them have', async () => {
    const ahead = node({ blocks: 12, hashes: { 12: OTHER, 10: HASH } });
    expect(await view(ahead, node()).tip()).toEqual({ height: 10, hash: HASH });
    const forked = node({ blocks: 12, hashes: { 12: OTHER, 10: OTHER } });
    expect(await refusal(view(forked, node()).tip())).toBe('bitcoin_unavailable');
  });

  test('gives the hash of a block that all of them have at that height', async () => {
    expect(await view(node(), node()).blockHash(4)).toBe(HASH);
    expect(await refusal(view(node(), node({ hashes: { 4: OTHER } })).blockHash(4))).toBe('bitcoin_unavailable');
  });

  test('refuses as soon as one node is on another network, and does not count one that is syncing', async () => {
    expect(await refusal(view(node(), node(), node({ chain: 'test' })).tip())).toBe('wrong_network');
    expect(await refusal(view(node(), node({ syncing: true })).tip())).toBe('bitcoin_unavailable');
  });

  test('takes the least confirmations of an output that all describe alike', async () => {
    const [found] = await view(having('0.5', 7), having('0.50000000', 6)).txOuts([OUTPOINT], 'confirmed');
    expect(found).toEqual({
      amount: 50_000_000n,
      confirmations: 6,
      coinbase: false,
      script: Uint8Array.of(0x51, 0x20),
    });
  });

  test('is unavailable where nodes differ in an amount or in whether an output is unspent', async () => {
    const ask = (...nodes: BitcoinRpc[]) => refusal(view(...nodes).txOuts([OUTPOINT], 'confirmed'));
    const gone = node({ answers: { gettxout: null } });
    expect(await ask(having('0.5', 7), having('0.6', 7))).toBe('bitcoin_unavailable');
    expect(await ask(having('0.5', 7), gone)).toBe('bitcoin_unavailable');
    expect(await ask(gone, having('0.5', 7), having('0.5', 7))).toBe('bitcoin_unavailable');
    expect(await ask(gone, gone)).toBe('ok');
  });

  test('reports the descendants of a mempool transaction as the node with most of them sees it', async () => {
    const waiting = (descendant: string) =>
      node({
        answers: {
          getmempoolentry: { ...ENTRY, fees: { ...ENTRY.fees, descendant } },
        },
      });
    const entry = await view(waiting('0.00000400'), waiting('0.00000900'), node()).mempoolEntry(HASH);
    expect(entry).toEqual({
      vsize: 150,
      height: 8,
      fee: 300n,
      ancestors: { count: 1, vsize: 150, fees: 300n },
      descendants: { count: 2, vsize: 261, fees: 900n },
    });
    expect(await view(node(), node()).mempoolEntry(HASH)).toBeNull();
    expect(await refusal(view(node({ down: true })).mempoolEntry(HASH))).toBe('bitcoin_unavailable');
  });

  test('knows a transaction by its unspent outputs where there is no index', async () => {
    expect(await view(having('0.5', 3)).transaction(OUTPOINT.txid)).toEqual({
      state: 'confirmed',
      confirmations: 3,
      outputs: null,
    });
    expect(await view(node({ answers: { gettxout: null } })).transaction(OUTPOINT.txid)).toEqual({ state: 'unknown' });
  });

  test('counts a transaction as confirmed only where every node that knows it says so', async () => {
    const indexed = (confirmations: number) =>
      node({ answers: { gettxout: null, getrawtransaction: { confirmations, vout: [{}, {}] } } });
    const status = (...nodes: BitcoinRpc[]) => view(...nodes).transaction(OUTPOINT.txid);
    expect(await status(indexed(3), indexed(2))).toEqual({ state: 'confirmed', confirmations: 2, outputs: 2 });
    const waiting = node({ answers: { getrawtransaction: { vout: [{}, {}] }, getmempoolentry: ENTRY } });
    expect(await status(indexed(3), waiting)).toEqual({ state: 'mempool', outputs: 2 });
    expect(await status(indexed(3), indexed(0))).toEqual({ state: 'confirmed', confirmations: 3, outputs: 2 });
  });

  test('takes a transaction for one that waits only where the mempool itself has it', async () => {
    const status = (answers: Readonly<Record<string, unknown>>) => view(node({ answers })).transaction(OUTPOINT.txid);
    const stale = { confirmations: 0, blockhash: OTHER, vout: [{}, {}] };
    const gone = { gettxout: null };
    expect(await status({ ...gone, getrawtransaction: stale })).toEqual({ state: 'unknown' });
    expect(await status({ ...gone, getrawtransaction: { vout: [{}] } })).toEqual({ state: 'unknown' });
    expect(await status({ ...gone, getmempoolentry: ENTRY })).toEqual({ state: 'mempool', outputs: null });
    expect(await status({ ...gone, getrawtransaction: stale, getmempoolentry: ENTRY })).toEqual({
      state: 'mempool',
      outputs: 2,
    });
    // Mined again in another block, which the index has not reached.
    expect(await status({ gettxout: output('0.5', 2), getrawtransaction: stale })).toEqual({
      state: 'confirmed',
      confirmations: 2,
      outputs: 2,
    });
  });

  test('takes an answer with a part missing for none, never for a state', async () => {
    const short = view(node({ answers: { gettxspendingprevout: [] } }));
    expect(await refusal(short.mempoolSpends([OUTPOINT]))).toBe('bitcoin_unavailable');
    const undecided = view(node({ answers: { testmempoolaccept: [{ txid: HASH }] } }));
    expect(await refusal(undecided.testAccept(Uint8Array.of(1)))).toBe('bitcoin_unavailable');
  });

  test('asks for the highest fee rate any node needs, and never for less than 1 sat/vB', async () => {
    const rate = (estimate: string, least: string) =>
      node({
        answers: {
          estimatesmartfee: { feerate: estimate },
          getmempoolinfo: { mempoolminfee: least, minrelaytxfee: '0.00000100' },
        },
      });
    expect(await view(rate('0.00002000', '0.00001000'), rate('0.00003000', '0.00001000')).feeRate(6)).toBe(3_000n);
    expect(await view(rate('0.00000200', '0.00000100')).feeRate(6)).toBe(1_000n);
    expect(await view(rate('0.00002000', '0.00005000')).feeRate(6)).toBe(5_000n);
  });

  test('estimates by the nodes that do, and by none is refused; on a test network too little data is the least rate', async () => {
    const getmempoolinfo = { mempoolminfee: '0.00001000', minrelaytxfee: '0.00000100' };
    const refused = node({ answers: { getmempoolinfo }, forbidden: ['estimatesmartfee'] });
    const disabled = node({ answers: { getmempoolinfo } });
    const young = { getmempoolinfo, estimatesmartfee: { errors: ['Insufficient data or no feerate found'] } };
    const estimating = node({ answers: { getmempoolinfo, estimatesmartfee: { feerate: '0.00002000' } } });
    expect(await view(refused, disabled, estimating).feeRate(6)).toBe(2_000n);
    for (const nodes of [[refused], [disabled], [node({ answers: young })]]) {
      expect(await refusal(view(...nodes).feeRate(6))).toBe('bitcoin_unavailable');
    }
    const regtest = (answers: NodeState['answers'] = {}) =>
      bitcoinNodes('regtest', [node({ chain: 'regtest', answers })]).feeRate(6);
    expect(await regtest(young)).toBe(1_000n);
    expect(await refusal(regtest({ getmempoolinfo }))).toBe('bitcoin_unavailable');
  });

  test('relays at the rate of the strictest node, and with the usual dust rate if a node gives none', async () => {
    const floor = (least: string, relay: string, incremental: string, dust?: string) => {
      const getmempoolinfo = { mempoolminfee: least, minrelaytxfee: relay, incrementalrelayfee: incremental };
      const told = dust === undefined ? getmempoolinfo : { ...getmempoolinfo, dustrelayfee: dust };
      return node({ answers: { getmempoolinfo: told } });
    };
    const core = floor('0.00000500', '0.00000100', '0.00000100');
    const knots = floor('0.00000100', '0.00000400', '0.00001000', '0.00004000');
    expect(await view(core).relayFloor()).toEqual({ feeRateMin: 500n, dustRelayRate: 3_000n, incrementalRate: 100n });
    expect(await view(core, knots).relayFloor()).toEqual({
      feeRateMin: 500n,
      dustRelayRate: 4_000n,
      incrementalRate: 1_000n,
    });
    expect(await refusal(view(node({ answers: { getmempoolinfo: {} } })).relayFloor())).toBe('bitcoin_unavailable');
  });

  test('gives the bytes of a transaction from whichever node has it, and never those of another', async () => {
    const raw = rawTransaction([OUTPOINT], [{ amount: 5n, script: Uint8Array.of(0x51) }]);
    const txid = parseTransaction(raw).txid(0);
    const sending = (text: string) => node({ answers: { getrawtransaction: text } });
    const honest = sending(toHex(raw));
    expect(await view(node(), honest).rawTransaction(txid)).toEqual(raw);
    expect(await view(node(), node()).rawTransaction(txid)).toBeNull();
    for (const lie of [toHex(raw).replace('51', '52'), `${toHex(raw)}00`, 'zz', '']) {
      expect(await refusal(view(sending(lie)).rawTransaction(txid))).toBe('bitcoin_unavailable');
      expect(await view(sending(lie), honest, honest).rawTransaction(txid)).toEqual(raw);
    }
    expect(await refusal(view(honest).rawTransaction(OTHER))).toBe('bitcoin_unavailable');
  });

  test('would relay what no node complains of but for its signatures, and refuses what any node would', async () => {
    const trying = (reason: string, details?: string) => {
      const told = { txid: HASH, allowed: false, 'reject-reason': reason };
      return node({
        answers: { testmempoolaccept: [details === undefined ? told : { ...told, 'reject-details': details }] },
      });
    };
    const policy = (...nodes: BitcoinRpc[]) => view(...nodes).testPolicy(Uint8Array.of(1));
    const ok = { ok: true, txid: HASH } as const;
    const unsigned = trying('mempool-script-verify-flag-failed (Invalid Schnorr signature)', 'more');
    expect(await policy(unsigned)).toEqual(ok);
    for (const reason of [
      ...['mandatory-script-verify-flag-failed (x)', 'non-mandatory-script-verify-flag (x)'],
      ...['block-script-verify-flag-failed (x)', 'txn-already-in-mempool', 'txn-same-nonwitness-data-in-mempool'],
    ]) {
      expect(await policy(trying(reason))).toEqual(ok);
    }
    expect(await policy(node({ answers: { testmempoolaccept: [{ txid: HASH, allowed: true }] } }))).toEqual(ok);
    const low = trying('min relay fee not met', 'min relay fee not met, 100 < 222');
    const rejected = { ok: false, reason: 'rejected' } as const;
    expect(await policy(unsigned, low)).toEqual({ ...rejected, detail: 'min relay fee not met, 100 < 222' });
    expect(await policy(trying('missing-inputs'), unsigned)).toEqual({ ...rejected, detail: 'missing-inputs' });
    expect(await policy(trying('a script-verify-flag-failed'))).toMatchObject(rejected);
    // A node that cannot be asked has refused nothing.
    expect(await refusal(policy(node()))).toBe('bitcoin_unavailable');
    expect(await policy(unsigned, node(), unsigned)).toEqual(ok);
  });

  test('gives the last common block where the nodes part, with the tips, and none where they part too deep', async () => {
    const chain = (blocks: number, parts: number, name: string) => {
      const hashes = Array.from({ length: 200 }, (_, height) => [height, height < parts ? HASH : name] as const);
      return node({ blocks, hashes: Object.fromEntries(hashes) });
    };
    expect(await view(chain(150, 200, HASH), chain(152, 200, HASH)).agreedTip()).toEqual({
      height: 150,
      hash: HASH,
      fork: null,
    });
    const third = chain(149, 200, OTHER);
    const parted = await view(chain(150, 140, OTHER), chain(152, 140, 'cc'.repeat(32)), third).agreedTip();
    expect(parted).toMatchObject({ height: 139, hash: HASH, fork: { height: 140 } });
    expect(parted.fork?.tips.map(({ height, hash }) => [height, hash])).toEqual([
      [150, OTHER],
      [152, 'cc'.repeat(32)],
      [149, HASH],
    ]);
    const deep = view(chain(150, 6, OTHER), chain(150, 6, 'cc'.repeat(32))).agreedTip();
    expect(await refusal(deep)).toBe('bitcoin_unavailable');
    const near = await view(chain(150, 7, OTHER), chain(150, 7, 'cc'.repeat(32))).agreedTip();
    expect(near.height).toBe(6);
  });

  test('gives several hashes at once, in order, where all nodes have the same', async () => {
    const one = node({ hashes: { 4: OTHER } });
    expect(await view(one, node({ hashes: { 4: OTHER } })).blockHashes([5, 4])).toEqual([HASH, OTHER]);
    expect(await refusal(view(one, node()).blockHashes([5]))).toBe('ok');
    expect(await refusal(view(one, node()).blockHashes([5, 4]))).toBe('bitcoin_unavailable');
    const many = Array.from({ length: 512 }, (_, height) => height);
    await expect(view(node()).blockHashes(many)).rejects.toThrow('512 heights');
  });

  test('gives a block from whichever node has it, and never one that is not what its hash says', async () => {
    const { bytes, hash } = makeBlock([]);
    const raw = toHex(bytes);
    const changed = `${raw.slice(0, -2)}ff`;
    const lies = [changed, raw.slice(0, -2), 'zz', '', toHex(makeBlock([], new Uint8Array(32).fill(1)).bytes)];
    const sending = (text: string) => node({ answers: { getblock: text } });
    for (const lie of lies) {
      expect((await view(sending(lie), node({ down: true }), sending(raw)).block(hash)).header.hash).toBe(hash);
      expect(await refusal(view(sending(lie)).block(hash))).toBe('bitcoin_unavailable');
    }
    await expect(view(sending(changed), node({ down: true })).block(hash)).rejects.toThrow(
      `no node gives block ${hash}: node: the transactions are not those`,
    );
  });

  test('needs at least one node', () => {
    expect(() => view()).toThrow('at least one');
  });
});

describe('the reports of several nodes', () => {
  const answers = { getindexinfo: { txindex: { best_block_height: 9 } }, estimatesmartfee: { feerate: '0.00002000' } };

  test('give the tip, index and fee estimate of each node, or what is wrong with it', async () => {
    const poor = node({ answers: { getindexinfo: {}, estimatesmartfee: { errors: ['Insufficient data'] } } });
    const nodes = [node({ answers }), poor, node({ down: true }), node({ chain: 'test', answers })];
    const { nodes: reports, comparison } = await readNodeReports('mainnet', nodes);
    const common = { ok: true, node: 'node', tip: { height: 10, hash: HASH }, time: 5, syncing: false, headers: 10 };
    expect(reports.slice(0, 2)).toMatchObject([
      { ...common, index: { ok: true, value: 9 }, feeRate: { ok: true, value: 2_000n } },
      { ...common, index: { ok: true, value: null }, feeRate: { ok: true, value: null } },
    ]);
    expect(reports.slice(2)).toMatchObject([{ fault: 'unreachable' }, { fault: 'wrong_network' }]);
    expect(comparison).toEqual({ agreed: { height: 10, hash: HASH }, fork: null });
  });

  test('hold each answer for itself: a node without index or estimate, or that forbids the question, is not down', async () => {
    const forbidden = ['getindexinfo', 'estimatesmartfee'];
    const nodes = [node(), node({ answers, forbidden }), node({ answers, forbidden: forbidden.slice(1) })];
    const { nodes: reports, comparison } = await readNodeReports('mainnet', nodes);
    const no = { ok: false, detail: expect.any(String) };
    expect(reports).toMatchObject([
      { ok: true, index: no, feeRate: no },
      { ok: true, index: { detail: 'node: 403' }, feeRate: { detail: 'node: 403' } },
      { ok: true, index: { ok: true, value: 9 }, feeRate: no },
    ]);
    expect(comparison).toEqual({ agreed: { height: 10, hash: HASH }, fork: null });
  });

  test('compare the tips of synced nodes alone', async () => {
    const forked = { answers, hashes: { 10: OTHER } };
    const syncing = await readNodeReports('mainnet', [node({ answers }), node({ ...forked, syncing: true })]);
    expect(syncing.comparison?.fork).toBeNull();
    const both = await readNodeReports('mainnet', [node({ answers }), node(forked)]);
    expect(both.comparison).toMatchObject({ agreed: { height: 9 }, fork: { height: 10 } });
    expect((await readNodeReports('mainnet', [node({ down: true })])).comparison).toBeNull();
  });
});
