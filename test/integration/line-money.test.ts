// What the treasury line does with money, on a real bitcoind: a burn far above the treasury is funded out of many deposits, and
// after payouts, sweeps, a top-up and a replacement every figure of every operator follows from the chain alone.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { addressScript } from '../../chain/network.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import type { Federation } from '../../devnet/federation.ts';
import type { LedgerBurn } from '../../devnet/ledger.ts';
import { burn } from '../../devnet/steps.ts';
import type { OperatorConfig } from '../../operator/config/config.ts';
import { collectReport } from '../../operator/reporting/collect.ts';
import { dayOf } from '../../store/activity.ts';
import type { Queries } from '../../store/database.ts';
import { getStep } from '../../store/line.ts';
import { openReader } from '../../store/open.ts';
import { eventually, mempool, mintedAt, paymentsTo, START_TIMEOUT_MS, startBridge } from './federation.ts';
import { lineOnChain, type StepMoney, surpluses } from './line-on-chain.ts';

const TREASURY_SATS = 20_000n;
const DEPOSITS = 40;
const LONG_MS = 240_000;
const burns: LedgerBurn[] = [];
let federation: Federation;

beforeAll(async () => {
  federation = await startBridge({ more: { automatic: true, takeover_s: 1, payout_batch_age_s: 0 } }, TREASURY_SATS);
}, START_TIMEOUT_MS);
afterAll(() => federation?.stop(), START_TIMEOUT_MS);

async function burnt(recipient: string, amount: bigint, fee: bigint): Promise<LedgerBurn> {
  const one = await burn(federation, { recipient, amount, fee });
  burns.push(one);
  return one;
}

const isPaid = async ({ btc_address }: LedgerBurn) => (await paymentsTo(federation, btc_address)).length > 0;

/** Mines whatever is sent until the burn is paid, and gives what pays it. */
async function untilPaid(one: LedgerBurn) {
  const paid = async () => {
    if (await isPaid(one)) return true;
    if ((await mempool(federation)).length > 0) await federation.bitcoin.mine(1);
    return false;
  };
  await eventually('the burn is paid', paid, LONG_MS);
  await federation.bitcoin.mine(1);
  return paymentsTo(federation, one.btc_address);
}

test(
  `a burn of 1 BTC with a fee of 1,000 sats is paid out of ${DEPOSITS} deposits and a treasury of 20,000 sats`,
  async () => {
    const recipient = await mintedAt(
      federation,
      Array.from({ length: DEPOSITS }, () => 2_500_000n),
    );
    const one = await burnt(recipient, 100_000_000n, 1_000n);
    const payments = await untilPaid(one);
    const [paid, ...more] = payments.flatMap(({ vout }) =>
      vout.filter(({ scriptPubKey }) => scriptPubKey.address === one.btc_address),
    );
    expect([paid?.value, more]).toEqual([99_999_000n, []]);
  },
  LONG_MS,
);

test(
  'a top-up is swept with the next step, and a payout is replaced by `bump`',
  async () => {
    const recipient = await mintedAt(federation, [10_000_000n]);
    const { address } = await federation.operator(0).control('treasury', {});
    const topUp = await federation.wallet.send(address, 50_000n);
    await federation.bitcoin.mine(6);
    const one = await burnt(recipient, 1_000_000n, 8_000n);
    // What sweeps the top-up may have been sent before the burn; then the payout replaces it.
    await eventually('a payout of it waits', () => isPaid(one));
    const [first] = await mempool(federation);
    const knows = async () =>
      (await federation.operator(1).control('treasury', {})).waiting?.some(({ txid }) => txid === first) ?? false;
    await eventually('operator 1 has learnt of the payout', knows);
    const { step } = await federation.operator(1).control('bump', {});
    expect(step.burns.map(({ burn_txid }) => burn_txid)).toEqual([one.burn_txid]);
    expect([await mempool(federation), step.txid === first]).toEqual([[step.txid], false]);
    await untilPaid(one);
    const [payment] = await paymentsTo(federation, one.btc_address);
    expect(payment?.vin.map(({ txid, vout }) => `${txid}:${vout}`)).toContain(`${topUp.txid}:${topUp.vout}`);
    for (const amount of [2_000_000n, 3_000_000n]) await untilPaid(await burnt(recipient, amount, 2_000n));
  },
  LONG_MS,
);

// Blocks that are mined one after the other may bear times of the next day.
function reportOf(config: OperatorConfig, db: Queries) {
  const now = Date.now();
  const period = { firstDay: dayOf(now) - 2, lastDay: dayOf(now) + 1 };
  return collectReport(db, { config, version: 'test', period, now });
}

/** What a report of all of this has to say, from the steps as the chain has them. */
function reported(
  steps: readonly StepMoney[],
  balance: bigint,
  surplus: bigint,
  feeOf: (script: string, amount: bigint) => bigint,
) {
  const total = (of: (step: StepMoney) => bigint) => steps.reduce((sum, step) => sum + of(step), 0n);
  const paid = steps.flatMap((step) => step.paid);
  const deposited = BigInt(DEPOSITS) * 2_500_000n + 10_000_000n;
  const unswept = deposited - total(({ swept, strays }) => swept - strays);
  const burnFees = paid.reduce((sum, { script, amount }) => sum + feeOf(script, amount), 0n);
  const paidOut = paid.reduce((sum, { amount }) => sum + amount, 0n);
  return {
    ...{ deposits: DEPOSITS + 1, deposited: `${deposited}`, minted: `${deposited}` },
    ...{ burns: burns.length, burns_paid: burns.length, paid_out: `${paidOut}`, burn_fees: `${burnFees}` },
    ...{ miner_fees: `${total(({ minerFee }) => minerFee)}`, surplus: `${surplus}`, unswept: '0', unexplained: '0' },
    ...{ reserves: `${balance + unswept}`, liabilities: `${deposited - paidOut - burnFees}` },
  };
}

test(
  'every figure of every operator, and of its report, follows from the chain to the satoshi',
  async () => {
    const [{ bitcoin_public_key: groupKey = '' } = {}] = (await federation.operator(0).control('key-info', {})).keys;
    const { root } = await federation.operator(0).control('treasury', {});
    if (root === null) throw new Error('the treasury is open');
    const steps = await lineOnChain(federation, root, fromHex(groupKey));
    const feeOf = (script: string, amount: bigint) => {
      const found = burns.find((one) => {
        const address = addressScript(one.btc_address, 'regtest');
        return address.ok && toHex(address.script) === script && BigInt(one.amount) - BigInt(one.fee) === amount;
      });
      if (found === undefined) throw new Error(`no burn is paid by ${amount} sats to ${script}`);
      return BigInt(found.fee);
    };
    const expected = surpluses(TREASURY_SATS, steps, feeOf);
    expect(steps.map(({ parsed }) => parsed.surplus)).toEqual([...expected]);
    expect(steps.flatMap(({ paid }) => paid)).toHaveLength(burns.length);
    expect(steps.reduce((sum, { strays }) => sum + strays, 0n)).toBe(50_000n);
    let balance = TREASURY_SATS;
    for (const { swept, minerFee, paid, treasury } of steps) {
      balance += swept - minerFee - paid.reduce((sum, { amount }) => sum + amount, 0n);
      expect(treasury).toBe(balance);
    }
    const figures = { balance: `${balance}`, surplus: `${expected.at(-1)}` };
    for (const operator of federation.operators) {
      await eventually('it has read the chain', async () => {
        const { tip } = await operator.control('treasury', {});
        return tip?.txid === steps.at(-1)?.parsed.txid;
      });
      expect(await operator.control('treasury', {})).toMatchObject(figures);
      const { db, close } = openReader(operator.config().securityDbPath);
      const stored = steps.map(({ parsed }) => getStep(db, parsed.txid));
      const { totals, closing } = reportOf(operator.config(), db);
      close();
      expect({ ...totals, ...closing }).toMatchObject(reported(steps, balance, expected.at(-1) ?? 0n, feeOf));
      expect(stored.map((step) => [step?.surplus, step?.treasuryAmount, step?.fee ?? null])).toEqual(
        steps.map(({ treasury, minerFee }, at) => [expected[at], treasury, minerFee]),
      );
    }
  },
  LONG_MS,
);
