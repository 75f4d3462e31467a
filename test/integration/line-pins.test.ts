// Whoever is paid by a step can hang transactions on its output, so that replacing the step costs more: on a real bitcoind, a
// payout is replaced all the same where its burns and the surplus bear it, and else waits, named, until it is topped up.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { z } from 'zod';
import { btcFromSats } from '../../chain/amount.ts';
import { scriptAddress } from '../../chain/network.ts';
import type { Outpoint } from '../../chain/outpoint.ts';
import { concat } from '../../crypto/bytes.ts';
import { DEEP_CONFIRMATIONS, type Federation } from '../../devnet/federation.ts';
import type { LedgerBurn } from '../../devnet/ledger.ts';
import { attest, burn, deposit, newRecipient, untilDepositKnown, untilRead, untilSettled } from '../../devnet/steps.ts';
import {
  answer,
  emptyBlock,
  failure,
  mempool,
  paymentsTo,
  START_TIMEOUT_MS,
  startBridge,
  TEST_TIMEOUT_MS,
  transaction,
  waitingSchema,
} from './federation.ts';

const DESCENDANTS = 24;
const BUMP_BLOCKS = 2;
/** Large, at a rate that no miner cares for, and dear to push aside. */
const CHILD_OUTPUTS = 600;
const CHILD_FEE = 30_000n;
const DUST_SATS = 600n;
const recipient = newRecipient();
let federation: Federation;

beforeAll(async () => {
  federation = await startBridge({ more: { payout_bump_blocks: BUMP_BLOCKS } }, 30_000n);
  const claim = await deposit(federation, recipient, 50_000_000n);
  await attest(federation, claim, 0);
  await untilDepositKnown(federation, claim);
}, START_TIMEOUT_MS);
afterAll(() => federation?.stop(), START_TIMEOUT_MS);

/** Pays a burn, and gives the output that pays it; the wallet can spend it. */
async function payBurn(amount: bigint, fee: bigint) {
  const one = await burn(federation, { recipient, amount, fee });
  const { step } = await federation.operator(0).control('withdraw', { burn_txids: [one.burn_txid] });
  const { vout } = await transaction(federation, step.txid);
  const paid = vout.find(({ scriptPubKey }) => scriptPubKey.address === one.btc_address);
  if (paid === undefined) throw new Error('the payout pays the burn');
  return { one, step, output: { txid: step.txid, vout: paid.n }, sats: paid.value };
}

/** Spends an output of the wallet to itself, with so many more outputs, at a fee in sats; gives what the wallet gets. */
async function spend(coin: Outpoint, sats: bigint, fee: bigint, more = 0) {
  const { rpc } = federation.bitcoin;
  const options = { wallet: federation.wallet.name };
  const left = sats - fee - BigInt(more) * DUST_SATS;
  const others = Array.from({ length: more }, () => ({ [anyAddress()]: btcFromSats(DUST_SATS) }));
  const outputs = [{ [await federation.wallet.newAddress()]: btcFromSats(left) }, ...others];
  const raw = await rpc.call('createrawtransaction', [[{ txid: coin.txid, vout: coin.vout }], outputs], z.string());
  const { hex } = await rpc.call('signrawtransactionwithwallet', [raw], z.object({ hex: z.string() }), options);
  const txid = await rpc.call('sendrawtransaction', [hex, 0], z.string());
  return { output: { txid, vout: 0 }, sats: left };
}

/** Of nobody: P2WPKH of random bytes. */
function anyAddress(): string {
  const script = concat(Uint8Array.of(0x00, 20), crypto.getRandomValues(new Uint8Array(20)));
  return scriptAddress(script, 'regtest') ?? '';
}

async function untilWaited(): Promise<void> {
  for (let block = 0; block < BUMP_BLOCKS; block++) await emptyBlock(federation);
  await untilRead(federation);
}

/** The burn is paid once, by this transaction, which is mined and settled. */
async function expectPaidBy({ btc_address }: LedgerBurn, txid: string): Promise<void> {
  await untilSettled(federation, txid);
  expect((await paymentsTo(federation, btc_address)).map((one) => one.txid)).toEqual([txid]);
}

test(
  `a payout with ${DESCENDANTS} descendants on its output is replaced and mined`,
  async () => {
    const { one, step, output, sats } = await payBurn(2_000_000n, 40_000n);
    let last = { output, sats };
    for (let made = 0; made < DESCENDANTS; made++) last = await spend(last.output, last.sats, 150n);
    expect(await mempool(federation)).toHaveLength(DESCENDANTS + 1);
    await untilWaited();
    const { step: next } = await answer(
      federation.operator(1),
      ['bump'],
      z.object({ step: z.object({ txid: z.string() }) }),
    );
    expect(next.txid).not.toBe(step.txid);
    expect(await mempool(federation)).toEqual([next.txid]);
    await expectPaidBy(one, next.txid);
  },
  TEST_TIMEOUT_MS,
);

test(
  'a payout with a bulky child that costs more than burns and surplus bear waits, named, and goes on after the top-up',
  async () => {
    const { one, output, sats } = await payBurn(9_000_000n, 1_000n);
    await spend(output, sats, CHILD_FEE, CHILD_OUTPUTS);
    await untilWaited();
    const { address } = await federation.operator(1).control('treasury', {});
    const refused = await failure(federation.operator(1), ['bump']);
    expect(refused.says).toContain('pinned');
    expect(refused.says).toContain(address);

    // Other burns that would join it wait for the same reason.
    const next = await burn(federation, { recipient, amount: 1_000_000n, fee: 1_000n });
    expect((await failure(federation.operator(1), ['withdraw', '--burn', next.burn_txid])).says).toContain('pinned');
    const { waiting } = await answer(federation.operator(1), ['withdrawals', '--waiting'], waitingSchema);
    const pin = waiting.find(({ burn_txid, reason }) => burn_txid === null && reason === 'pinned');
    expect(pin?.top_up_address).toBe(address);
    const missing = BigInt(pin?.missing_sats ?? 0);
    expect(missing).toBeGreaterThan(0n);
    const status = await federation.operator(1).cli(['status']);
    expect(status.stdout).toContain(address);
    expect(status.stdout).toContain('pinned');

    const topUp = await federation.wallet.send(address, missing);
    const generate = [await federation.wallet.newAddress(), [topUp.txid]];
    await federation.bitcoin.rpc.call('generateblock', generate, z.object({ hash: z.string() }));
    for (let block = 1; block < DEEP_CONFIRMATIONS; block++) await emptyBlock(federation);
    await untilRead(federation);
    const made = await federation.operator(1).control('withdraw', { burn_txids: [one.burn_txid, next.burn_txid] });
    expect(made.status).toBe('new');
    expect(await mempool(federation)).toEqual([made.step.txid]);
    await expectPaidBy(one, made.step.txid);
    await expectPaidBy(next, made.step.txid);
  },
  TEST_TIMEOUT_MS,
);
