// Scanning, forks and the mempool against real bitcoinds in regtest. Blocks go from one to another only when a test hands
// them over, so that forks last as long as they are meant to.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { z } from 'zod';
import { btcAmount, btcFromSats } from '../../chain/amount.ts';
import { bitcoinNodes } from '../../chain/bitcoin-nodes.ts';
import type { BitcoinView } from '../../chain/bitcoin-view.ts';
import { parseBlock } from '../../chain/block.ts';
import { scanTransactions, WatchList } from '../../chain/block-scan.ts';
import { BlockSource, lastScanned, type ScanCursor, scanFrom } from '../../chain/block-source.ts';
import { confirmationsInForce, type ForkState, followFork } from '../../chain/fork-state.ts';
import { replacedInBlock } from '../../chain/mempool.ts';
import { nodeMempools } from '../../chain/mempool-source.ts';
import { MempoolWatch } from '../../chain/mempool-watch.ts';
import { readNodeReports } from '../../chain/node-reports.ts';
import { type BitcoinRpc, createBitcoinRpc } from '../../chain/rpc.ts';
import { chainHealth, type HealthLimits, stopped } from '../../chain/tips.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { custodyScript, taprootAddress } from '../../crypto/taproot.ts';
import { type Regtest, type RegtestWallet, startRegtest } from '../../devnet/bitcoind.ts';
import { singleSigner } from '../chain/single-signer.ts';
import { REGTEST_START_TIMEOUT_MS, startFundedRegtest } from './regtest.ts';

// To whom each side of a fork mines, so that their blocks differ.
const SIDE = {
  left: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080',
  right: 'bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6',
} as const;
const LIMITS: HealthLimits = { tipAgeSecondsMax: null, needsEstimate: false, feeRateMin: 100n, feeRateMax: 3_000_000n };
const { groupKey } = singleSigner(5);
const deposit = custodyScript(groupKey, { kind: 'deposit', recipient: new Uint8Array(32).fill(3) });
const depositAddress = taprootAddress(deposit.scriptPubKey, 'regtest');
const text = z.string();

let left: Regtest;
let right: Regtest;
let wallet: RegtestWallet;
let down: BitcoinRpc;

beforeAll(async () => {
  [{ node: left, wallet }, right] = await Promise.all([startFundedRegtest(), startRegtest()]);
  await handOver(left, right);
  down = createBitcoinRpc({
    url: 'http://127.0.0.1:1',
    credentials: { kind: 'file', path: left.cookiePath },
    retry: { attemptsMax: 1, delayBaseMs: 1, delayMaxMs: 1, jitter: () => 0 },
  });
}, REGTEST_START_TIMEOUT_MS);
afterAll(() => Promise.all([left.stop(), right.stop()]), 30_000);

const height = (node: Regtest) => node.rpc.call('getblockcount', [], z.int());
const hashAt = (node: Regtest, at: number) => node.rpc.call('getblockhash', [at], text);

/** Gives every block of one node's best chain to the other, which then follows the heavier chain. */
async function handOver(from: Regtest, to: Regtest): Promise<void> {
  const top = await height(from);
  let first = Math.min(await height(to), top);
  while ((await hashAt(from, first)) !== (await hashAt(to, first))) first -= 1;
  for (let at = first + 1; at <= top; at++) {
    const raw = await from.rpc.call('getblock', [await hashAt(from, at), 0], text);
    await to.rpc.call('submitblock', [raw], text.nullable());
  }
}

const viewOf = (...nodes: BitcoinRpc[]): BitcoinView => bitcoinNodes('regtest', nodes);

async function scanAll(view: BitcoinView, cursor: ScanCursor) {
  const watched = new WatchList<string, never>();
  watched.watchScript(deposit.scriptPubKey, 'deposit');
  const source = new BlockSource(view);
  const log: string[] = [];
  let now = cursor;
  for (;;) {
    const event = await source.next(now);
    if (event.kind === 'rewind') log.push(`rewind ${event.depth} to ${event.height}`);
    else if (event.kind !== 'block') return { log, cursor: now, end: event.kind };
    else {
      const { payments } = scanTransactions(event.block.transactions, watched);
      for (const { txid, vout, amount } of payments) log.push(`${event.height} ${txid}:${vout} ${amount}`);
    }
    now = event.cursor;
  }
}

async function startHere(view: BitcoinView): Promise<ScanCursor> {
  const { height: at, hash } = await view.tip();
  return scanFrom({ height: at, hash });
}

const verboseBlock = z.object({
  hash: text,
  previousblockhash: text,
  merkleroot: text,
  time: z.int(),
  tx: z.array(
    z.object({
      txid: text,
      vin: z.array(z.object({ txid: text.optional(), vout: z.int().optional() })),
      vout: z.array(z.object({ value: btcAmount, scriptPubKey: z.object({ hex: text }) })),
    }),
  ),
});

describe('a real block', () => {
  test('with legacy, nested, SegWit and Taproot spends is read as the node itself reads it', async () => {
    const options = { wallet: wallet.name };
    for (const type of ['legacy', 'p2sh-segwit', 'bech32', 'bech32m']) {
      await wallet.send(await left.rpc.call('getnewaddress', ['', type], text, options), 2_000_000n);
    }
    await left.mine(1);
    const legacy = await left.rpc.call('getnewaddress', ['', 'legacy'], text, options);
    const legacyOutput = await wallet.send(legacy, 3_000_000n);
    await left.mine(1);
    const sendAll = (inputs: readonly { txid: string; vout: number }[] | null) =>
      left.rpc.call(
        'sendall',
        [[depositAddress], null, 'unset', 5, inputs === null ? {} : { inputs: inputs.map((one) => ({ ...one })) }],
        z.object({ txid: text }),
        options,
      );
    await sendAll([legacyOutput]);
    await sendAll(null);
    const [hash = ''] = await left.mine(1);
    const raw = fromHex(await left.rpc.call('getblock', [hash, 0], text));
    const shown = await left.rpc.call('getblock', [hash, 2], verboseBlock);
    const { header, transactions } = parseBlock(raw, { hash });
    expect(header).toEqual({
      hash: shown.hash,
      prev: shown.previousblockhash,
      merkleRoot: shown.merkleroot,
      time: shown.time,
    });
    expect(transactions.count).toBe(3);
    expect(shown.tx.map(({ txid }) => txid)).toEqual(shown.tx.map((_, index) => transactions.txid(index)));
    const inputs = shown.tx.flatMap(({ vin }) => vin);
    expect(inputs.length).toBeGreaterThan(5);
    expect([...transactions.inputOffsets].slice(1).map((_, place) => transactions.outpoint(place + 1))).toEqual(
      inputs.slice(1).map(({ txid = '', vout = -1 }) => ({ txid, vout })),
    );
    const outputs = shown.tx.flatMap(({ vout }) => vout);
    expect(
      [...transactions.outputOffsets].map((_, place) => ({
        amount: transactions.amount(place),
        script: toHex(transactions.script(place)),
      })),
    ).toEqual(outputs.map(({ value, scriptPubKey }) => ({ amount: value, script: scriptPubKey.hex })));
    // The wallet is empty now: three new coinbases for what follows.
    await left.mine(2, await wallet.newAddress());
    await wallet.fund();
    await handOver(left, right);
  }, 60_000);
});

describe('the scan', () => {
  test('finds a deposit, sees a reorg of three blocks undo it, and finds it again where it is mined next', async () => {
    const view = viewOf(left.rpc);
    const before = await startHere(view);
    const { height: base } = lastScanned(before);
    const { txid, vout } = await wallet.send(depositAddress, 500_000n);
    const [first = ''] = await left.mine(1, SIDE.left);
    await left.mine(2, SIDE.left);
    const found = await scanAll(view, before);
    expect(found.log).toEqual([`${base + 1} ${txid}:${vout} 500000`]);

    await left.rpc.call('invalidateblock', [first], z.null());
    // The chain that ends where it was before contradicts nothing yet.
    expect(await scanAll(view, found.cursor)).toEqual({ log: [], cursor: found.cursor, end: 'done' });
    await left.rpc.call('generateblock', [SIDE.right, []], z.object({ hash: text }));
    await left.mine(3, SIDE.right);
    const again = await scanAll(view, found.cursor);
    expect(again.log).toEqual([`rewind 3 to ${base}`, `${base + 2} ${txid}:${vout} 500000`]);
    expect(lastScanned(again.cursor)).toEqual(await view.tip());
    await handOver(left, right);
  }, 60_000);

  test('goes on while one of three nodes is down, and not while two are', async () => {
    const view = viewOf(left.rpc, down, right.rpc);
    const before = await startHere(view);
    await left.mine(2, SIDE.left);
    await handOver(left, right);
    const after = await scanAll(view, before);
    expect(lastScanned(after.cursor)).toEqual(await viewOf(left.rpc).tip());
    await expect(scanAll(viewOf(left.rpc, down, down), before)).rejects.toMatchObject({
      reason: 'bitcoin_unavailable',
    });
    const reports = await readNodeReports('regtest', [left.rpc, down, right.rpc]);
    expect(chainHealth(reports, LIMITS, 0)).toMatchObject({
      tip: { state: 'ok' },
      problems: [{ problem: 'node_unavailable', node: '127.0.0.1:1', stops: [] }],
    });
    const alone = chainHealth(await readNodeReports('regtest', [left.rpc, down, down]), LIMITS, 0);
    expect(alone.tip.state).toBe('unavailable');
    expect(stopped(alone).has('payouts')).toBe(true);
  }, 60_000);

  test('takes a block only from a node that has it', async () => {
    const hash = await left.rpc.call('getbestblockhash', [], text);
    expect((await viewOf(down, left.rpc).block(hash)).header.hash).toBe(hash);
    await expect(viewOf(left.rpc).block('12'.repeat(32))).rejects.toMatchObject({ reason: 'bitcoin_unavailable' });
  });
});

describe('two nodes on different forks', () => {
  test('raise the confirmations, agree on what lies below, and settle after some blocks', async () => {
    const view = viewOf(left.rpc, right.rpc);
    const outpoint = await wallet.send(depositAddress, 700_000n);
    await left.mine(2, SIDE.left);
    await handOver(left, right);
    const common = await view.tip();
    const { cursor } = await scanAll(
      view,
      scanFrom({ height: common.height - 2, hash: await view.blockHash(common.height - 2) }),
    );

    const unseen = await wallet.send(depositAddress, 800_000n);
    await left.mine(2, SIDE.left);
    await right.mine(3, SIDE.right);
    await expect(view.tip()).rejects.toMatchObject({ reason: 'bitcoin_unavailable' });
    const agreed = await view.agreedTip();
    expect(agreed).toMatchObject({ ...common, fork: { height: common.height + 1 } });
    expect(agreed.fork?.tips.map(({ height: at }) => at)).toEqual([common.height + 2, common.height + 3]);
    // Common outputs count the fewer confirmations; those of one side alone are no answer.
    const [output] = await view.txOuts([outpoint], 'confirmed');
    expect(output?.confirmations).toBe(4);
    await expect(view.txOuts([unseen], 'confirmed')).rejects.toMatchObject({ reason: 'bitcoin_unavailable' });
    expect((await scanAll(view, cursor)).log).toEqual([]);

    const observe = async (state: ForkState) => {
      const health = chainHealth(await readNodeReports('regtest', [left.rpc, right.rpc]), LIMITS, 0);
      const next = followFork(state, { kind: 'tips', verdict: health.tip }, 2, 5);
      return { health, next, need: confirmationsInForce(next, 6, 12) };
    };
    const forked = await observe({ state: 'agreed' });
    expect(forked.health).toMatchObject({
      tip: { state: 'fork', height: common.height + 1, agreed: common },
      problems: [{ problem: 'fork', stops: [] }],
    });
    expect(forked.need).toBe(12);

    await handOver(right, left);
    const joined = await observe(forked.next);
    expect(joined).toMatchObject({ health: { tip: { state: 'ok' }, problems: [] }, need: 12 });
    await left.mine(2, SIDE.left);
    await handOver(left, right);
    const settled = await observe(joined.next);
    expect(settled).toMatchObject({ next: { state: 'agreed' }, need: 6 });
    expect((await scanAll(view, cursor)).log).toEqual([`${common.height + 4} ${unseen.txid}:${unseen.vout} 800000`]);
  }, 60_000);
});

describe('the mempool', () => {
  const options = () => ({ wallet: wallet.name });
  const coinSchema = z.array(z.object({ txid: text, vout: z.int(), amount: btcAmount }));

  /** Spends the wallet's largest coin to the address, signed but not sent. */
  async function signed(address: string, fee: bigint): Promise<{ hex: string; coin: { txid: string; vout: number } }> {
    const coins = await left.rpc.call('listunspent', [1], coinSchema, options());
    const coin = coins.toSorted((a, b) => (a.amount < b.amount ? 1 : -1))[0];
    if (coin === undefined) throw new Error('the wallet is empty');
    const { txid, vout, amount } = coin;
    const outputs = { [address]: btcFromSats(amount - fee) };
    const raw = await left.rpc.call('createrawtransaction', [[{ txid, vout, sequence: 0xffff_fffd }], outputs], text);
    const shape = z.object({ hex: text, complete: z.literal(true) });
    const { hex } = await left.rpc.call('signrawtransactionwithwallet', [raw], shape, options());
    return { hex, coin: { txid, vout } };
  }

  const send = (node: Regtest, hex: string) => node.rpc.call('sendrawtransaction', [hex, 0], text);

  function watch(...nodes: BitcoinRpc[]) {
    const watched = new WatchList<string, never>();
    watched.watchScript(deposit.scriptPubKey, 'deposit');
    return new MempoolWatch(nodeMempools('regtest', nodes), viewOf(...nodes), watched);
  }

  test('shows a deposit once, follows it into a block, and then no more', async () => {
    const rounds = watch(left.rpc, right.rpc);
    expect(await rounds.round()).toEqual([]);
    const { txid, vout } = await wallet.send(depositAddress, 600_000n);
    const payments = [{ vout, amount: 600_000n, watched: 'deposit' }];
    expect(await rounds.round()).toMatchObject([{ kind: 'seen', deposit: { txid, payments } }]);
    expect(await rounds.round()).toEqual([]);
    await left.mine(1, SIDE.left);
    await handOver(left, right);
    expect(await rounds.round()).toMatchObject([{ kind: 'validated', verdict: { state: 'confirmed' } }]);
    expect(rounds.deposits).toEqual([]);
  }, 60_000);

  test('names the transaction that replaced a deposit', async () => {
    const rounds = watch(left.rpc);
    const paying = await signed(depositAddress, 1_000n);
    const taking = await signed(SIDE.left, 50_000n);
    const txid = await send(left, paying.hex);
    expect(await rounds.round()).toMatchObject([{ kind: 'seen', deposit: { txid, inputs: [paying.coin] } }]);
    const by = await send(left, taking.hex);
    expect(await rounds.round()).toMatchObject([
      { kind: 'validated', verdict: { state: 'deposit_replaced', by, input: paying.coin } },
    ]);
    await left.mine(1, SIDE.left);
    await handOver(left, right);
  }, 60_000);

  test('sees a coin spent twice across nodes, and the block that decides against the deposit', async () => {
    const rounds = watch(left.rpc, right.rpc);
    const paying = await signed(depositAddress, 1_000n);
    const taking = await signed(SIDE.left, 1_000n);
    const txid = await send(left, paying.hex);
    expect(await rounds.round()).toMatchObject([{ kind: 'seen', deposit: { txid } }]);
    const by = await send(right, taking.hex);
    expect(await rounds.round()).toMatchObject([{ kind: 'validated', verdict: { state: 'deposit_contested', by } }]);
    expect(await rounds.round()).toEqual([]);
    const [hash = ''] = await right.mine(1, SIDE.right);
    await handOver(right, left);
    const block = await viewOf(left.rpc, right.rpc).block(hash);
    expect(replacedInBlock(block, rounds.deposits)).toEqual([{ deposit: txid, by, input: paying.coin, block: hash }]);
    expect(await rounds.round()).toMatchObject([
      { kind: 'validated', deposit: { txid }, verdict: { state: 'deposit_replaced', by: null, input: paying.coin } },
    ]);
  }, 60_000);
});
