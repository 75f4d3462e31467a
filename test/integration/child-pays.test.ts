// Child pays for parent with real processes and a real Bitcoin node whose blocks take nothing below 3 sat/vB: a payout that
// its recipient has pinned by a long chain of cheap transactions, so that no replacement can help.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { btcAmount, btcFromSats } from '../../chain/amount.ts';
import { findBitcoind } from '../../devnet/bitcoind.ts';
import type { Federation } from '../../devnet/federation.ts';
import { burn, newRecipient } from '../../devnet/steps.ts';
import { eventually, paymentsTo, START_TIMEOUT_MS, startBridge, TEST_TIMEOUT_MS, transaction } from './federation.ts';

const PAGE = { limit: 500, offset: 0 } as const;
const BURN = { amount: 200_000n, fee: 2_500n };
/** With the payout itself as many as a mempool lets hang upon one transaction. */
const PINS = 24;
const PIN_FEE = 120n;

let federation: Federation;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'miner-'));
  const bitcoind = join(folder, 'bitcoind');
  const script = `#!/bin/sh\nexec '${await findBitcoind()}' "$@" -blockmintxfee=0.00003\n`;
  writeFileSync(bitcoind, script, { mode: 0o700 });
  federation = await startBridge({
    bitcoind,
    more: {
      automatic: true,
      takeover_s: 1,
      payout_batch_age_s: 2,
      payout_cheap_sat_vb: 0,
      payout_bump_blocks: 2,
      payout_bump_percent: 100,
    },
  });
}, START_TIMEOUT_MS);
afterAll(async () => {
  await federation.stop();
  rmSync(folder, { recursive: true });
});

const mempool = () => federation.bitcoin.rpc.call('getrawmempool', [], z.array(z.string()));
const entrySchema = z.object({
  vsize: z.int(),
  descendantcount: z.int(),
  ancestorsize: z.int(),
  fees: z.object({ base: btcAmount, ancestor: btcAmount, descendant: btcAmount }),
});
const entryOf = (txid: string) => federation.bitcoin.rpc.call('getmempoolentry', [txid], entrySchema);

async function spenderOf(txid: string, vout: number): Promise<string | null> {
  const schema = z.array(z.object({ spendingtxid: z.string().optional() }));
  const [spend] = await federation.bitcoin.rpc.call('gettxspendingprevout', [[{ txid, vout }]], schema);
  return spend?.spendingtxid ?? null;
}

/** The wallet, which has got an output, hangs a chain of cheap transactions upon it. */
async function pin(txid: string, vout: number): Promise<void> {
  const { rpc } = federation.bitcoin;
  const options = { wallet: federation.wallet.name };
  let [spends, amount] = [{ txid, vout }, BURN.amount - BURN.fee];
  for (let at = 0; at < PINS; at++) {
    amount -= PIN_FEE;
    const to = { [await federation.wallet.newAddress()]: btcFromSats(amount) };
    const raw = await rpc.call('createrawtransaction', [[spends], to], z.string());
    const { hex } = await rpc.call('signrawtransactionwithwallet', [raw], z.object({ hex: z.string() }), options);
    spends = { txid: await rpc.call('sendrawtransaction', [hex], z.string()), vout: 0 };
  }
}

async function mineOne(): Promise<void> {
  await federation.bitcoin.mine(1);
  await Bun.sleep(1_500);
}

describe('a payout that its recipient has pinned', () => {
  test(
    'is mined together with a child of its change, after a cheaper child was replaced',
    async () => {
      const recipient = newRecipient();
      const { address } = await federation.operator(0).control('deposit-address', { recipient });
      await federation.wallet.send(address, 10_000_000n);
      await federation.bitcoin.mine(3);
      await eventually('the deposit is minted', async () => federation.ledger.balance(recipient) === 10_000_000n);
      const one = await burn(federation, { recipient, ...BURN });
      await eventually('there is a payout', async () => (await mempool()).length > 0);
      const [txid = ''] = await mempool();
      const { vout } = await transaction(federation, txid);
      const paid = vout.find(({ scriptPubKey }) => scriptPubKey.address === one.btc_address);
      const change = vout.find(({ n }) => n !== paid?.n);
      if (paid === undefined || change === undefined) throw new Error('a payout pays its burn and leaves change');
      await pin(txid, paid.n);

      // No replacement is taken that the burn could pay for: it would have to pay for all that it throws out, and for itself.
      const pinned = await entryOf(txid);
      expect(pinned.descendantcount).toBe(PINS + 1);
      expect(pinned.fees.descendant + BigInt(pinned.vsize)).toBeGreaterThan(BURN.fee);

      const children: string[] = [];
      const rates: number[] = [];
      for (let blocks = 0; (await mempool()).includes(txid); blocks++) {
        if (blocks > 20) throw new Error('it is never mined');
        const child = await spenderOf(txid, change.n);
        if (child !== null && !children.includes(child)) {
          const { ancestorsize, fees } = await entryOf(child);
          children.push(child);
          rates.push(Number(fees.ancestor) / ancestorsize);
        }
        await mineOne();
      }
      expect(children.length).toBeGreaterThanOrEqual(2);
      expect(Number(pinned.fees.base) / pinned.vsize).toBeLessThan(1.1);
      expect(rates.map((rate) => Math.floor(rate))).toEqual([2, 4]);

      const [first = '', last = ''] = children;
      const confirmed = z.object({ blockhash: z.string() });
      const blockOf = (id: string) => federation.bitcoin.rpc.call('getrawtransaction', [id, true], confirmed);
      expect(await blockOf(last)).toEqual(await blockOf(txid));
      expect(await mempool()).not.toContain(first);
      const { vin, vout: left } = await transaction(federation, last);
      expect(vin).toEqual([{ txid, vout: change.n }]);
      expect(left.map(({ scriptPubKey }) => scriptPubKey)).toEqual([change.scriptPubKey]);

      await federation.bitcoin.mine(3);
      await eventually('the payout and its child are settled at the signers', async () => {
        const told = await Promise.all(federation.operators.map((operator) => operator.control('withdrawals', PAGE)));
        const settled = told.filter(({ withdrawals }) =>
          withdrawals.some(
            (row) =>
              row.txid === txid &&
              row.status === 'settled' &&
              (row.children ?? []).some((child) => child.txid === last && child.status === 'settled'),
          ),
        );
        return settled.length >= federation.threshold;
      });
      expect(await paymentsTo(federation, one.btc_address)).toHaveLength(1);

      // What the child leaves is the one coin that suffices for the next.
      const next = await burn(federation, { recipient, amount: 5_000_000n, fee: 40_000n });
      await eventually('it is paid', async () => (await paymentsTo(federation, next.btc_address)).length > 0);
      const [paying] = await paymentsTo(federation, next.btc_address);
      expect(paying?.vin).toEqual([{ txid: last, vout: 0 }]);
    },
    2 * TEST_TIMEOUT_MS,
  );
});
