// What a node does and shows while its own Bitcoin nodes are in trouble: what depends on the trouble waits, the rest goes on,
// and the operator is told.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { bitcoinNodes } from '../../chain/bitcoin-nodes.ts';
import { asUnavailable } from '../../chain/bitcoin-view.ts';
import type { MempoolSource } from '../../chain/mempool-source.ts';
import { parseTransaction } from '../../chain/raw-transactions.ts';
import type { BitcoinRpc, RpcOutcome } from '../../chain/rpc.ts';
import type { Dependent } from '../../chain/tips.ts';
import { Turns } from '../../operator/bridge/turns.ts';
import { lineNow } from '../../operator/chain-state/line-view.ts';
import { LineInputs, NOTHING_LEARNT } from '../../operator/payouts/line-inputs.ts';
import { problemText } from '../../operator/runtime/problems.ts';
import type { Services } from '../../operator/services.ts';
import { chainProblems } from '../../operator/status/chain-report.ts';
import { Validation } from '../../operator/validation/validation.ts';
import { minedTip } from '../../store/line.ts';
import { BridgeWorld } from './bridge-world.ts';
import { freshHash } from './custody.ts';

let world: BridgeWorld;
/** What stops now, at every node, and why. */
let trouble: { readonly what: Dependent; readonly why: string } | null;
/** By outpoint, what another of the nodes' mempools spends it with. */
let rivals: Map<string, string>;

beforeEach(async () => {
  world = await BridgeWorld.opened(1_000_000n);
  [trouble, rivals] = [null, new Map()];
  for (const { index } of world.federation.members) Object.assign(bridgeOf(index), { chain: watch() });
});
afterEach(() => world.close());

const servicesOf = (index: number): Services => world.federation.at(index).services;
const bridgeOf = (index: number) => servicesOf(index).bridge;

/** A watch over nodes as the test has them. */
function watch() {
  const mempools: MempoolSource = {
    txids: async () => new Set(world.chain.mempool.keys()),
    transactions: async (txids) =>
      new Map(
        txids.flatMap((txid) => {
          const known = world.chain.mempool.has(txid) ? world.chain.known.get(txid) : undefined;
          return known === undefined ? [] : [[txid, parseTransaction(known.raw)] as const];
        }),
      ),
    spenders: async (outpoints) =>
      outpoints.map(({ txid, vout }) => rivals.get(`${txid}:${vout}`) ?? []).map((by) => [by].flat()),
  };
  return {
    ready: async () => {},
    look: async () => {},
    reorganised: () => {},
    confirmations: () => 6,
    isForked: () => false,
    problems: () => [],
    mempools: () => mempools,
    stops: (what: Dependent) => (trouble?.what === what ? trouble.why : null),
  };
}

/** What the operator of node 0 is shown. */
function shown(): string {
  const { node } = world.federation.at(0);
  return chainProblems(Object.assign({}, node, { online: servicesOf(0) }))
    .map(problemText)
    .join('\n');
}

describe('a payout whose block left the chain', () => {
  test('is sent again by a node whose index goes on showing it, and whose mempool does not have it', async () => {
    const burn = world.burn({ amount: 480_000n, fee: 500n });
    world.pass(100_000);
    await world.untilAll(burn, 'signed');
    world.mine(1);
    await world.untilAll(burn, 'mined');
    const [payment] = world.paymentsOf(burn);
    world.chain.reorganise(2, () => false, null);
    world.chain.evict(payment?.txid ?? '');
    world.showTip();
    const { bitcoin } = bridgeOf(0);
    const sent: string[] = [];
    const { transaction } = bitcoinNodes('regtest', [staleNode()]);
    const broadcast = async (bytes: Uint8Array) => {
      sent.push(world.chain.txidOf(bytes));
      return { ok: false, reason: 'rejected', detail: 'the test only counts' } as const;
    };
    Object.assign(bitcoin, { transaction, broadcast });
    await world.rounds(1, [0]);
    expect(sent).toEqual([payment?.txid ?? '']);
    expect(minedTip(world.db(0))).toBeNull();
    expect(shown()).toContain('the test only counts');
  });
});

/** A node whose index has every transaction in a block that left the chain, and whose mempool is empty. */
function staleNode(): BitcoinRpc {
  const hash = 'aa'.repeat(32);
  const info = { chain: 'regtest', blocks: 9, headers: 9, bestblockhash: hash, initialblockdownload: false };
  const answers: Readonly<Record<string, unknown>> = {
    getblockchaininfo: info,
    getrawtransaction: { confirmations: 0, blockhash: 'bb'.repeat(32), vout: [{}, {}] },
    gettxout: null,
  };
  const batch: BitcoinRpc['batch'] = async (calls) =>
    calls.map(({ method }): RpcOutcome => {
      if (method === 'getmempoolentry') return { ok: false, code: -5, message: 'Transaction not in mempool' };
      return { ok: true, result: answers[method] };
    });
  return {
    label: 'stale',
    batch,
    call: () => Promise.reject(new Error('nothing is asked but in batches')),
  };
}

describe('while the fee estimate is absurd', () => {
  test('no payout takes its fee from it, at its coordinator or at a signer; deposits are attested', async () => {
    world.chain.feeRate = 90_000n;
    const key = world.federation.key();
    const bridge = bridgeOf(0);
    const order = { wish: { kind: 'auto' }, named: null, now: true } as const;
    const planned = async () => {
      const standing = await lineNow(bridge, key);
      if (!standing.ok) throw new Error(standing.detail);
      return new LineInputs(bridge, new Turns(bridge)).gather(key, standing.line, order, NOTHING_LEARNT);
    };
    const { config, store, keys, bitcoin, wire, input } = world.federation.at(0).node;
    const { effects, log } = input;
    const validation = new Validation({
      config,
      db: store.db,
      keys,
      bitcoin,
      wire,
      verifyProof: null,
      effects,
      log,
      chain: watch(),
    });
    const signed = () => validation.signerViews(key).bitcoin.feeRate(6).catch(asUnavailable);
    expect([(await planned()).input.estimate, await signed()]).toEqual([90_000n, 90_000n]);
    trouble = { what: 'fee_estimates', why: 'the node estimates 90 sat/vB' };
    expect((await planned()).input.estimate).toBeNull();
    expect(await signed()).toMatchObject({ ok: false, detail: 'the node estimates 90 sat/vB' });
    const paid = world.pay(await world.recipient());
    world.mine(6);
    await world.untilMinted(paid);
  });
});

describe('a deposit in the mempool', () => {
  test('whose coin another node sees spent otherwise is shown, and is no more once it is mined', async () => {
    const spends = { txid: freshHash(), vout: 0 };
    const paid = world.pay(await world.recipient(), 1_000_000n, spends);
    await world.rounds(1, [0]);
    expect(shown()).toBe('');
    const by = freshHash();
    rivals.set(`${spends.txid}:0`, by);
    await world.rounds(1, [0]);
    expect(shown()).toContain(paid.txid);
    expect(shown()).toContain(by);
    rivals.clear();
    world.mine(1);
    await world.rounds(1, [0]);
    expect(shown()).toBe('');
  });
});

describe('a long absence', () => {
  test('is shown with what is left to read until it is caught up', async () => {
    await world.rounds(1, [0]);
    const view = world.federation.chain.views[0];
    if (view === undefined) throw new Error('every member has a view');
    const read = view.block;
    view.block = () => Promise.reject(new Error('the node hands out no blocks'));
    world.mine(20);
    await world.rounds(1, [0]);
    expect(shown()).toMatch(/Bitcoin blocks: 20 blocks to read/);
    view.block = read;
    await world.rounds(1, [0]);
    expect(shown()).toBe('');
  });
});
