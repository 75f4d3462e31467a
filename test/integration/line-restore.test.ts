// The treasury line after the worst days, with real processes: blocks that held payouts leave the chain and the mempool is lost,
// and an operator loses its database.

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { startRegtest } from '../../devnet/bitcoind.ts';
import type { Federation } from '../../devnet/federation.ts';
import type { LedgerBurn } from '../../devnet/ledger.ts';
import type { DevnetOperator } from '../../devnet/operator.ts';
import {
  attest,
  burn,
  deposit,
  newRecipient,
  untilDepositKnown,
  untilRead,
  untilSettled,
  withdraw,
} from '../../devnet/steps.ts';
import { problemText } from '../../operator/runtime/problems.ts';
import {
  emptyBlock,
  eventually,
  mempool,
  paymentsTo,
  START_TIMEOUT_MS,
  startBridge,
  TEST_TIMEOUT_MS,
} from './federation.ts';

const REORGANISED = 30;
const ADDRESS = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const PAGE = { limit: 100, offset: 0 } as const;
const recipient = newRecipient();
const paid: { readonly one: LedgerBurn; readonly txid: string }[] = [];
let federation: Federation;
const endings: (() => Promise<void>)[] = [];

beforeAll(async () => {
  federation = await startBridge();
  const claim = await deposit(federation, recipient, 50_000_000n);
  await attest(federation, claim, 0);
  await untilDepositKnown(federation, claim);
}, START_TIMEOUT_MS);
afterAll(async () => {
  await Promise.all(endings.map((end) => end()));
  await federation?.stop();
}, START_TIMEOUT_MS);

async function pay(amount: bigint, at: number): Promise<void> {
  const one = await burn(federation, { recipient, amount, fee: 3_000n });
  const { step } = await withdraw(federation, [one.burn_txid], at);
  await untilSettled(federation, step.txid);
  paid.push({ one, txid: step.txid });
}

/** What `withdrawals` lists, without the times at which this node came to know of it. */
async function listAt(one: DevnetOperator): Promise<readonly unknown[]> {
  const { withdrawals } = await one.control('withdrawals', PAGE);
  return withdrawals.map(({ created_at: _, ...rest }) => rest);
}

async function untilSigning(one: DevnetOperator): Promise<void> {
  const signs = async () =>
    !(await one.control('status', {})).problems.map(problemText).join().includes('signs nothing');
  await eventually('the peers confirm its state', signs, TEST_TIMEOUT_MS);
}

test(
  `three settled payouts are sent again and mined after ${REORGANISED} blocks have left the chain and the mempool is lost`,
  async () => {
    const { rpc } = federation.bitcoin;
    const before = await rpc.call('getblockcount', [], z.int());
    for (const amount of [1_000_000n, 2_000_000n, 3_000_000n]) await pay(amount, 0);
    while ((await rpc.call('getblockcount', [], z.int())) < before + REORGANISED) await emptyBlock(federation);
    const first = await rpc.call('getblockhash', [before + 1], z.string());
    await rpc.call('invalidateblock', [first], z.null());
    const { dir } = federation.bitcoin;
    await federation.bitcoin.stop();
    const node = await startRegtest({ dir, flags: ['-persistmempool=0'] });
    endings.push(() => node.stop());
    federation = { ...federation, bitcoin: node };
    expect(await mempool(federation)).toEqual([]);
    await node.mine(REORGANISED + 1);
    for (const operator of federation.operators) {
      await operator.stop();
      await operator.configure({ bitcoin_nodes: [node.rpcUrl], bitcoin_rpc_cookie_file: node.cookiePath });
      await operator.start();
    }
    await untilRead(federation);
    const all = async () => (await mempool(federation)).length === paid.length;
    await eventually('all three wait in the mempool', all, TEST_TIMEOUT_MS);
    for (const { txid } of paid) await untilSettled(federation, txid);
    for (const { one, txid } of paid) {
      expect((await paymentsTo(federation, one.btc_address)).map((payment) => payment.txid)).toEqual([txid]);
    }
  },
  3 * TEST_TIMEOUT_MS,
);

test(
  'an operator that lost its database lists the same withdrawals once it has read the chain, and signs the next payout',
  async () => {
    const lost = federation.operator(2);
    const other = federation.operator(0);
    const before = await listAt(other);
    await lost.stop();
    const { securityDbPath } = lost.config();
    for (const end of ['', '-wal', '-shm']) await rm(`${securityDbPath}${end}`, { force: true });
    await lost.start();
    const cards = federation.operators.filter((one) => one !== lost).map(({ folder }) => join(folder, 'card.json'));
    await lost.mustRun(['peer', 'add', ...cards]);
    const file = join(other.folder, 'ceremony.json');
    await other.mustRun(['ceremony', 'show', 'initial-dkg', '--output', file]);
    await lost.mustRun(['ceremony', 'recover', file]);
    // With the database went that it was enabled.
    await lost.mustRun(['enable-service', '--yes']);
    const same = async () => JSON.stringify(await listAt(lost)) === JSON.stringify(before);
    await eventually('it lists the same withdrawals', same, TEST_TIMEOUT_MS).catch(async () => {
      expect(await listAt(lost)).toEqual([...before]);
    });
    await untilSigning(lost);
    await federation.operator(1).kill();
    await untilSigning(other);
    const one = await burn(federation, { recipient, amount: 1_500_000n, fee: 3_000n, address: ADDRESS });
    const { step } = await withdraw(federation, [one.burn_txid], 0);
    expect(step.signing.signers).toEqual([0, 2]);
    await federation.operator(1).start();
    await untilSettled(federation, step.txid);
    expect(await paymentsTo(federation, one.btc_address)).toHaveLength(1);
  },
  3 * TEST_TIMEOUT_MS,
);
