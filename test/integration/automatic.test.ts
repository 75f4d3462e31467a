// The bridge by itself with real processes and a real Bitcoin node: nobody types a command after a recipient is registered.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { btcAmount, btcFromSats } from '../../chain/amount.ts';
import { DEEP_CONFIRMATIONS, type Federation } from '../../devnet/federation.ts';
import type { LedgerBurn } from '../../devnet/ledger.ts';
import type { DevnetOperator } from '../../devnet/operator.ts';
import { burn, newRecipient } from '../../devnet/steps.ts';
import {
  emptyBlock,
  eventually,
  mempool,
  paymentsTo,
  START_TIMEOUT_MS,
  startBridge,
  TEST_TIMEOUT_MS,
} from './federation.ts';
import { startFeeProxy } from './fee-proxy.ts';

const PAGE = { limit: 500, offset: 0 } as const;
const BURNS = 200;
const BUMP_BLOCKS = 2;
let federation: Federation;

beforeAll(async () => {
  federation = await startBridge({
    more: {
      automatic: true,
      takeover_s: 1,
      payout_batch_age_s: 2,
      payout_batch_count: BURNS,
      payout_cheap_sat_vb: 0,
      payout_bump_blocks: BUMP_BLOCKS,
    },
  });
}, START_TIMEOUT_MS);
afterAll(() => federation.stop());

const running = (): readonly DevnetOperator[] => federation.operators.filter(({ isRunning }) => isRunning);

/** A deposit to a recipient that only operator `at` is told of; not mined yet. */
async function pay(at: number, amount: bigint): Promise<string> {
  const recipient = newRecipient();
  const { address } = await federation.operator(at).control('deposit-address', { recipient });
  await federation.wallet.send(address, amount);
  return recipient;
}

async function minted(at: number, amount: bigint): Promise<string> {
  const recipient = await pay(at, amount);
  await federation.bitcoin.mine(DEEP_CONFIRMATIONS);
  await eventually(`${amount} sats are minted`, async () => federation.ledger.balance(recipient) === amount);
  return recipient;
}

async function statusAt(one: DevnetOperator, burnTxid: string): Promise<string> {
  const { withdrawals } = await one.control('withdrawals', PAGE);
  return withdrawals.find(({ burns }) => burns.some(({ burn_txid }) => burn_txid === burnTxid))?.status ?? 'unknown';
}

async function untilPaid({ btc_address }: LedgerBurn): Promise<void> {
  await eventually('the burn is paid', async () => (await paymentsTo(federation, btc_address)).length > 0);
}

async function untilSettled({ burn_txid }: LedgerBurn): Promise<void> {
  const isSettled = async (one: DevnetOperator) => (await statusAt(one, burn_txid)) === 'settled';
  // At all: whoever was away while it was made has asked the others since.
  await eventually('the payout is settled at all', async () => {
    const settled = await Promise.all(running().map(isSettled));
    return settled.every(Boolean);
  });
}

/** What `deposits` and `withdrawals` list at an operator, without the times and the states, which each comes to by itself. */
async function lists(one: DevnetOperator): Promise<readonly unknown[]> {
  const { deposits } = await one.control('deposits', PAGE);
  const { withdrawals } = await one.control('withdrawals', PAGE);
  const paid = withdrawals.filter(({ status }) => status === 'settled');
  return [
    deposits
      .map(({ txid, vout, amount, recipient, status }) => `${txid}:${vout} ${amount} ${recipient} ${status}`)
      .sort(),
    paid.map(({ txid, burns, miner_fee }) => JSON.stringify({ txid, burns, miner_fee })).sort(),
  ];
}

describe('nodes that are left alone', () => {
  test(
    'mint a deposit whose recipient one of them was told of, pay a burn, and settle it',
    async () => {
      const recipient = await minted(1, 10_000_000n);
      const known = async (one: DevnetOperator) => (await one.control('deposits', PAGE)).total === 1;
      await eventually('all know it', async () => (await Promise.all(running().map(known))).every(Boolean));
      const one = await burn(federation, { recipient, amount: 1_000_000n, fee: 5_000n });
      await untilPaid(one);
      await federation.bitcoin.mine(3);
      await untilSettled(one);
      expect(await paymentsTo(federation, one.btc_address)).toHaveLength(1);
      for (const operator of running()) expect((await operator.control('status', {})).problems).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'say first of all who does not answer, the louder the fewer are left, and that all is well once they are back',
    async () => {
      const first = async () => (await federation.operator(0).control('status', {})).problems[0] ?? null;
      const isFirst = async (severity: string) => {
        const found = await first();
        return found?.code === 'peer_unreachable' && found.severity === severity;
      };
      await federation.operator(1).kill();
      await eventually('one more loss stops signing', () => isFirst('error'));
      expect((await first())?.cause).toContain('2 of 3 are left, and 2 must sign: one more loss stops signing');
      await federation.operator(2).kill();
      await eventually('nothing can be signed', () => isFirst('critical'));
      for (const index of [1, 2]) await federation.operator(index).start();
      await eventually('all is well', async () => (await first()) === null);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'replace a payout that blocks leave out once the fee rate has risen, without any command, and it is mined once',
    async () => {
      const proxy = startFeeProxy(federation.bitcoin.rpcUrl);
      const useNode = async (url: string) => {
        for (const operator of federation.operators) {
          await operator.stop();
          await operator.configure({ bitcoin_nodes: [url] });
          await operator.start();
        }
      };
      try {
        proxy.estimate = 2;
        await useNode(proxy.url);
        const recipient = await minted(0, 4_000_000n);
        const one = await burn(federation, { recipient, amount: 600_000n, fee: 20_000n });
        await untilPaid(one);
        const paying = async () => (await paymentsTo(federation, one.btc_address)).map(({ txid }) => txid);
        const [first = ''] = await paying();
        const entry = z.object({ fees: z.object({ base: btcAmount }) });
        const feeOf = async (txid: string) =>
          (await federation.bitcoin.rpc.call('getmempoolentry', [txid], entry)).fees.base;
        const before = await feeOf(first);
        proxy.estimate = 10;
        for (let block = 0; block < BUMP_BLOCKS; block++) await emptyBlock(federation);
        await eventually('it is replaced', async () => !(await paying()).includes(first));
        const [next = ''] = await paying();
        expect(await feeOf(next)).toBeGreaterThan(4n * before);
        await federation.bitcoin.mine(3);
        await untilSettled(one);
        expect(await paying()).toEqual([next]);
      } finally {
        await useNode(federation.bitcoin.rpcUrl);
        await proxy.stop();
      }
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'go on after kill -9 of each in turn, at every stage, and pay once',
    async () => {
      const recipient = await pay(0, 5_000_000n);
      const crash = async (index: number) => {
        await federation.operator(index).kill();
        await federation.operator(index).start();
      };
      await crash(0);
      await federation.bitcoin.mine(3);
      await crash(1);
      await eventually('it is minted', async () => federation.ledger.balance(recipient) === 5_000_000n);
      const one = await burn(federation, { recipient, amount: 700_000n, fee: 5_000n });
      await crash(2);
      await crash(0);
      await untilPaid(one);
      await crash(1);
      await federation.bitcoin.mine(3);
      await untilSettled(one);
      expect(await paymentsTo(federation, one.btc_address)).toHaveLength(1);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'take up what happened during a long absence, and go on with it',
    async () => {
      await federation.operator(2).kill();
      const recipient = await minted(0, 6_000_000n);
      const one = await burn(federation, { recipient, amount: 800_000n, fee: 5_000n });
      await untilPaid(one);
      await federation.bitcoin.mine(120);
      await untilSettled(one);
      await federation.operator(2).start();
      const late = federation.operator(2);
      const mintedThere = async () => {
        const { deposits } = await late.control('deposits', PAGE);
        return deposits.some((deposit) => deposit.recipient === recipient && deposit.status === 'minted');
      };
      await eventually('it knows the deposit', mintedThere);
      await untilSettled(one);
      expect(await lists(late)).toEqual(await lists(federation.operator(0)));
      // Two are needed to sign: it must have the coins that it was not told of.
      await federation.operator(0).kill();
      const next = await burn(federation, { recipient, amount: 900_000n, fee: 5_000n });
      await untilPaid(next);
      await federation.operator(0).start();
      await federation.bitcoin.mine(3);
      await untilSettled(next);
      expect(await paymentsTo(federation, one.btc_address)).toHaveLength(1);
      expect(await paymentsTo(federation, next.btc_address)).toHaveLength(1);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'say so when a deposit comes into the mempool, and when another transaction takes its coins',
    async () => {
      const { rpc } = federation.bitcoin;
      const options = { wallet: federation.wallet.name };
      const logs = async (what: string) => (await readFile(federation.operator(1).logPath, 'utf8')).includes(what);
      const { address } = await federation.operator(1).control('deposit-address', { recipient: newRecipient() });
      const coins = z.array(z.object({ txid: z.string(), vout: z.int(), amount: btcAmount }));
      const [coin] = await rpc.call('listunspent', [1], coins, options);
      if (coin === undefined) throw new Error('the wallet has coins');
      const spend = async (to: string, fee: bigint): Promise<string> => {
        const input = { txid: coin.txid, vout: coin.vout, sequence: 0xffff_fffd };
        const raw = await rpc.call(
          'createrawtransaction',
          [[input], { [to]: btcFromSats(coin.amount - fee) }],
          z.string(),
        );
        const signed = z.object({ hex: z.string() });
        const { hex } = await rpc.call('signrawtransactionwithwallet', [raw], signed, options);
        return rpc.call('sendrawtransaction', [hex, 0], z.string());
      };
      const txid = await spend(address, 1_000n);
      await eventually('it is seen', () => logs(`"deposit_in_mempool","txid":"${txid}"`));
      await spend(await federation.wallet.newAddress(), 100_000n);
      await eventually('it is missed', () => logs(`"deposit_replaced","txid":"${txid}"`));
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'replace a payout that waits by one that pays a new burn as well, from the same treasury output',
    async () => {
      const recipient = await minted(0, 3_000_000n);
      const one = await burn(federation, { recipient, amount: 500_000n, fee: 50_000n });
      await untilPaid(one);
      const [first = ''] = await mempool(federation);
      const next = await burn(federation, { recipient, amount: 600_000n, fee: 50_000n });
      await untilPaid(next);
      const [second = '', ...others] = await mempool(federation);
      expect([others, second === first]).toEqual([[], false]);
      const payments = await Promise.all([one, next].map(({ btc_address }) => paymentsTo(federation, btc_address)));
      expect(payments.flat().map(({ txid }) => txid)).toEqual([second, second]);
      await federation.bitcoin.mine(3);
      await untilSettled(one);
      await untilSettled(next);
      for (const { btc_address } of [one, next]) expect(await paymentsTo(federation, btc_address)).toHaveLength(1);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    `pay ${BURNS} burns by one transaction that a real node takes`,
    async () => {
      const recipient = await minted(0, 40_000_000n);
      const addresses: string[] = [];
      while (addresses.length < BURNS) addresses.push(await federation.wallet.newAddress());
      const begun = Date.now();
      const burns = addresses.map((btcAddress) =>
        federation.ledger.burn({ recipient, btcAddress, amount: 100_000n, fee: 400n }),
      );
      await eventually('there is a payout', async () => (await mempool(federation)).length > 0);
      const took = Date.now() - begun;
      const [txid = '', ...others] = await mempool(federation);
      expect(others).toEqual([]);
      const outputs = z.object({
        vout: z.array(z.object({ scriptPubKey: z.object({ address: z.string().optional() }) })),
        vsize: z.int(),
      });
      const paid = await federation.bitcoin.rpc.call('getrawtransaction', [txid, true], outputs);
      const toWhom = new Set(paid.vout.map(({ scriptPubKey }) => scriptPubKey.address));
      expect(burns.filter(({ btc_address }) => toWhom.has(btc_address))).toHaveLength(BURNS);
      process.stdout.write(`${BURNS} burns, ${paid.vsize} vbytes: in the mempool after ${took} ms\n`);
      await federation.bitcoin.mine(3);
      const [last] = burns;
      if (last !== undefined) await untilSettled(last);
    },
    TEST_TIMEOUT_MS,
  );
});
