// Operators whose Bitcoin nodes relay different things, two real ones that are connected: nothing is signed that the signers'
// own nodes would not relay, and what was signed so is replaced by those that are left.

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { z } from 'zod';
import { type Regtest, startRegtest } from '../../devnet/bitcoind.ts';
import type { Federation } from '../../devnet/federation.ts';
import type { LedgerBurn } from '../../devnet/ledger.ts';
import { freePorts } from '../../devnet/ports.ts';
import { attest, burn, deposit, newRecipient, untilDepositKnown, untilRead, untilSettled } from '../../devnet/steps.ts';
import { problemText } from '../../operator/runtime/problems.ts';
import {
  answer,
  eventually,
  mempool,
  paymentsTo,
  START_TIMEOUT_MS,
  startBridge,
  TEST_TIMEOUT_MS,
  withdrawnSchema,
} from './federation.ts';

/** What the dearer node relays, in sat/vB. */
const FLOOR = 1.8;
const recipient = newRecipient();
let federation: Federation;
let dear: Regtest;

beforeAll(async () => {
  federation = await startBridge();
  const claim = await deposit(federation, recipient, 50_000_000n);
  await attest(federation, claim, 0);
  await untilDepositKnown(federation, claim);
  const [port] = freePorts(1);
  const listening = ['-listen=1', `-bind=127.0.0.1:${port}`];
  dear = await startRegtest({ flags: [...listening, `-minrelaytxfee=0.0000${FLOOR * 10}`, '-dustrelayfee=0.0001'] });
  await federation.bitcoin.rpc.call('addnode', [`127.0.0.1:${port}`, 'add'], z.null());
  const count = (node: Pick<Regtest, 'rpc'>) => node.rpc.call('getblockcount', [], z.int());
  await eventually(
    'both nodes have the same blocks',
    async () => (await count(dear)) === (await count(federation.bitcoin)),
  );
  for (const index of [1, 2]) await useNode(index, dear);
}, 2 * START_TIMEOUT_MS);
afterAll(async () => {
  await federation?.stop();
  await dear?.stop();
}, START_TIMEOUT_MS);

/** Has an operator ask another Bitcoin node from now on. */
async function useNode(index: number, { rpcUrl, cookiePath }: Regtest): Promise<void> {
  const operator = federation.operator(index);
  await operator.stop();
  await operator.configure({ bitcoin_nodes: [rpcUrl], bitcoin_rpc_cookie_file: cookiePath });
  await operator.start();
  await untilReady();
}

/** A node that has just started signs once its peers have confirmed its state. */
async function untilReady(): Promise<void> {
  await untilRead(federation);
  const isReady = async () => {
    const running = federation.operators.filter(({ isRunning }) => isRunning);
    const said = await Promise.all(
      running.map(async (one) => (await one.control('status', {})).problems.map(problemText).join()),
    );
    return said.every((problems) => !problems.includes('signs nothing'));
  };
  await eventually('every operator signs', isReady, TEST_TIMEOUT_MS);
}

const withdrawAt = (index: number, burns: readonly LedgerBurn[]) =>
  answer(
    federation.operator(index),
    ['withdraw', ...burns.flatMap((one) => ['--burn', one.burn_txid])],
    withdrawnSchema,
  );

const waitsAt = async (node: Regtest) => node.rpc.call('getrawmempool', [], z.array(z.string()));

/** Mines at the dearer node: what it does not relay is not in its blocks. */
async function settled(txid: string, one: LedgerBurn): Promise<void> {
  await dear.mine(3);
  await untilRead(federation);
  await untilSettled(federation, txid);
  expect((await paymentsTo(federation, one.btc_address)).map((payment) => payment.txid)).toEqual([txid]);
}

test(
  'a payout is not signed below the floor of the signers, and its coordinator learns the rate from them',
  async () => {
    const one = await burn(federation, { recipient, amount: 1_000_000n, fee: 3_000n });
    const { step } = await withdrawAt(0, [one]);
    expect(step.fee_rate).toBeGreaterThanOrEqual(FLOOR);
    await eventually('the dearer node has it', async () => (await waitsAt(dear)).includes(step.txid));
    await settled(step.txid, one);
  },
  2 * TEST_TIMEOUT_MS,
);

test(
  'a burn that is dust for the nodes of two of three does not hold up an honest one in its batch',
  async () => {
    const small = await burn(federation, { recipient, amount: 1_400n, fee: 1_000n });
    const one = await burn(federation, { recipient, amount: 1_000_000n, fee: 3_000n });
    const { step } = await withdrawAt(0, [small, one]);
    expect(step.burns.map(({ burn_txid }) => burn_txid)).toEqual([one.burn_txid]);
    await settled(step.txid, one);
    expect(await paymentsTo(federation, small.btc_address)).toEqual([]);
  },
  2 * TEST_TIMEOUT_MS,
);

test(
  'a step that was signed at a low rate by nodes that then died is replaced by those that are left',
  async () => {
    await useNode(1, federation.bitcoin);
    await federation.operator(2).kill();
    const one = await burn(federation, { recipient, amount: 1_000_000n, fee: 3_000n });
    const { step: low } = await withdrawAt(0, [one]);
    expect(low.fee_rate).toBeLessThan(FLOOR);
    expect([await mempool(federation), await waitsAt(dear)]).toEqual([[low.txid], []]);
    await federation.operator(0).kill();
    await federation.operator(2).start();
    await useNode(1, dear);
    const { status, step } = await withdrawAt(1, [one]);
    expect([status, step.signing.signers]).toEqual(['new', [1, 2]]);
    expect(step.fee_rate).toBeGreaterThanOrEqual(FLOOR);
    await settled(step.txid, one);
    await federation.operator(0).start();
    await untilReady();
    expect(await paymentsTo(federation, one.btc_address)).toHaveLength(1);
  },
  3 * TEST_TIMEOUT_MS,
);
