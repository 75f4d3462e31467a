// chain/ against a real bitcoind in regtest: deposits found, payouts accepted and mined, with Bitcoin Core's relay
// policy and with the build's own, which is stricter where it is Bitcoin Knots.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { bitcoinNodes } from '../../chain/bitcoin-nodes.ts';
import type { BitcoinView } from '../../chain/bitcoin-view.ts';
import { verifyDeposit } from '../../chain/deposit.ts';
import { dustThreshold } from '../../chain/fee.ts';
import { addressScript } from '../../chain/network.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { planPayout } from '../../chain/payout.ts';
import { checkPayout } from '../../chain/payout-check.ts';
import type { CustodyUtxo } from '../../chain/payout-intent.ts';
import { exportPsbt } from '../../chain/psbt.ts';
import { assertNetwork, createBitcoinRpc } from '../../chain/rpc.ts';
import { type BuiltPayout, finalizePayout } from '../../chain/transaction.ts';
import { toHex } from '../../crypto/bytes.ts';
import { type CustodyLeaf, custodyScript, taprootAddress } from '../../crypto/taproot.ts';
import { findBitcoind, type Regtest, type RegtestWallet } from '../../devnet/bitcoind.ts';
import { singleSigner } from '../chain/single-signer.ts';
import { REGTEST_START_TIMEOUT_MS, startFundedRegtest } from './regtest.ts';

const ADDRESSES = {
  p2wpkh: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080',
  p2pkh: 'mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn',
  p2sh: '2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc',
  p2tr: 'bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6',
} as const;

function script(address: string): Uint8Array {
  const verdict = addressScript(address, 'regtest');
  if (!verdict.ok) throw new Error(`${address}: ${verdict.detail}`);
  return verdict.script;
}

let burnCount = 0;
const burn = (address: string, amount: bigint, fee: bigint) => ({
  burnTxid: (++burnCount).toString(16).padStart(64, '0'),
  address,
  amount,
  fee,
});

for (const corePolicy of [true, false]) {
  describe(`a bitcoind with ${corePolicy ? "Bitcoin Core's policy" : "the build's own policy"}`, () => {
    // One run with a key of even y, the other with one of odd y.
    const signer = singleSigner(corePolicy ? 5 : 7);
    const { groupKey } = signer;
    const rules = {
      network: 'regtest' as const,
      groupKey,
      feeRateMin: 1_000n,
      feeRateMax: 500_000n,
      inputConfirmations: 1,
    };
    let node: Regtest;
    let wallet: RegtestWallet;
    let view: BitcoinView;

    beforeAll(async () => {
      ({ node, wallet } = await startFundedRegtest({ corePolicy }));
      view = bitcoinNodes('regtest', [node.rpc]);
    }, REGTEST_START_TIMEOUT_MS);
    afterAll(() => node.stop(), 30_000);

    async function fund(leaf: CustodyLeaf, amount: bigint): Promise<CustodyUtxo> {
      const address = taprootAddress(custodyScript(groupKey, leaf).scriptPubKey, 'regtest');
      return { ...(await wallet.send(address, amount)), amount, leaf };
    }

    async function signed(payout: BuiltPayout): Promise<Uint8Array> {
      const checked = await checkPayout(view, rules, payout.intent);
      if (!checked.ok) throw new Error(`${checked.reason}: ${checked.detail}`);
      const final = finalizePayout(checked.payout, signer.signAll(checked.payout));
      if (!final.ok) throw new Error(final.reason);
      return final.transaction;
    }

    test('a deposit is seen unconfirmed, confirmed, and spent', async () => {
      const recipient = new Uint8Array(32).fill(1);
      const deposit = await fund({ kind: 'deposit', recipient }, 1_000_000n);
      const claim = { ...deposit, recipient };
      const judge = (change = {}) => verifyDeposit(view, { ...rules, confirmations: 2 }, { ...claim, ...change });
      expect(await judge()).toMatchObject({ reason: 'deposit_too_few_confirmations', have: 0, need: 2 });
      await node.mine(1);
      expect(await judge()).toMatchObject({ reason: 'deposit_too_few_confirmations', have: 1, need: 2 });
      await node.mine(1);
      expect(await judge()).toEqual({ ok: true, confirmations: 2 });
      expect(await judge({ amount: 999_999n })).toMatchObject({ reason: 'deposit_wrong_amount' });
      expect(await judge({ recipient: new Uint8Array(32) })).toMatchObject({ reason: 'deposit_wrong_script' });
      expect(await judge({ vout: deposit.vout === 0 ? 1 : 0 })).toMatchObject({ reason: 'deposit_wrong_script' });
      expect(await judge({ vout: 9 })).toMatchObject({ reason: 'deposit_not_found' });
      expect(await judge({ txid: '12'.repeat(32) })).toMatchObject({ reason: 'deposit_not_found' });

      const burns = [burn(ADDRESSES.p2wpkh, 900_000n, 2_000n)];
      const plan = planPayout(rules, { test: false, burns, required: [deposit], candidates: [], feeRate: 1_000n });
      if (!plan.ok) throw new Error(plan.detail);
      const transaction = await signed(plan.payout);
      expect(await view.broadcast(transaction)).toEqual({ ok: true, txid: plan.payout.txid });
      expect(await judge()).toMatchObject({ reason: 'deposit_spent' });
      expect(await view.mempoolSpends([deposit])).toEqual([plan.payout.txid]);
      await node.mine(1);
      expect(await judge()).toMatchObject({ reason: 'deposit_spent' });
      expect(await checkPayout(view, rules, plan.payout.intent)).toMatchObject({ reason: 'input_spent' });
      expect(await view.broadcast(transaction)).toEqual({ ok: true, txid: plan.payout.txid });
    });

    test('a coinbase output paid to a custody address counts only once it can be spent', async () => {
      const recipient = new Uint8Array(32).fill(6);
      const { scriptPubKey } = custodyScript(groupKey, { kind: 'deposit', recipient });
      const [block = ''] = await node.mine(1, taprootAddress(scriptPubKey, 'regtest'));
      const { tx } = await node.rpc.call('getblock', [block, 1], z.object({ tx: z.array(z.string()) }));
      const [found] = await view.txOuts([{ txid: tx[0] ?? '', vout: 0 }], 'confirmed');
      const claim = { txid: tx[0] ?? '', vout: 0, recipient, amount: found?.amount ?? 0n };
      const verdict = await verifyDeposit(view, { ...rules, confirmations: 1 }, claim);
      expect(verdict).toMatchObject({ reason: 'deposit_too_few_confirmations', have: 1, need: 100 });
    });

    test('a batch of dust-sized outputs of every kind at 1 sat/vB is accepted at its exact size', async () => {
      const leaves: CustodyLeaf[] = [
        { kind: 'deposit', recipient: new Uint8Array(32).fill(2) },
        { kind: 'change' },
        { kind: 'reservoir' },
      ];
      const coins: CustodyUtxo[] = [];
      for (const [index, leaf] of leaves.entries()) coins.push(await fund(leaf, 100_000n + BigInt(index)));
      await node.mine(1);
      const kinds = Object.values(ADDRESSES);
      const burns = kinds.map((address) => burn(address, dustThreshold(script(address)) + 2_000n, 2_000n));
      const plan = planPayout(rules, { test: false, burns, required: coins, candidates: [], feeRate: 1_000n });
      if (!plan.ok) throw new Error(plan.detail);
      const transaction = await signed(plan.payout);
      expect(await view.testAccept(transaction)).toEqual({ ok: true, txid: plan.payout.txid });
      expect(await view.broadcast(transaction)).toEqual({ ok: true, txid: plan.payout.txid });
      const entry = z.object({ vsize: z.int(), 'bip125-replaceable': z.boolean() });
      const { vsize, ...rest } = await node.rpc.call('getmempoolentry', [plan.payout.txid], entry);
      expect([vsize, BigInt(vsize)]).toEqual([plan.payout.vsize, plan.payout.intent.fee]);
      expect(rest).toEqual({ 'bip125-replaceable': true });
      await node.mine(1);
      expect(await view.transaction(plan.payout.txid)).toEqual({ state: 'confirmed', confirmations: 1, outputs: 5 });
    });

    test('a payout is replaced by one with the same inputs and a higher fee', async () => {
      const coin = await fund({ kind: 'change' }, 500_000n);
      await node.mine(1);
      const request = {
        test: false,
        burns: [burn(ADDRESSES.p2tr, 300_000n, 9_000n)],
        required: [coin],
        candidates: [],
      };
      const plans = [1_000n, 5_000n].map((feeRate) => planPayout(rules, { ...request, feeRate }));
      const txids: string[] = [];
      for (const plan of plans) {
        if (!plan.ok) throw new Error(plan.detail);
        expect(await view.broadcast(await signed(plan.payout))).toEqual({ ok: true, txid: plan.payout.txid });
        txids.push(plan.payout.txid);
      }
      await node.mine(1);
      const states = await Promise.all(txids.map((txid) => view.transaction(txid)));
      expect(states.map((status) => status.state)).toEqual(['unknown', 'confirmed']);
    });

    test('a test payout is signed in full and rejected for an input that does not exist', async () => {
      const coin = await fund({ kind: 'deposit', recipient: new Uint8Array(32).fill(4) }, 200_000n);
      await node.mine(1);
      const burns = [burn(ADDRESSES.p2wpkh, 150_000n, 2_000n)];
      const plan = planPayout(rules, { test: true, burns, required: [], candidates: [coin], feeRate: 1_000n });
      if (!plan.ok) throw new Error(plan.detail);
      const transaction = await signed(plan.payout);
      expect(await view.testAccept(transaction)).toEqual({ ok: false, reason: 'rejected', detail: 'missing-inputs' });
      expect(await view.broadcast(transaction)).toMatchObject({ ok: false, reason: 'rejected' });
      const [still] = await view.txOuts([coin], 'with_mempool');
      expect(still?.amount).toBe(200_000n);
    });

    test('a signature under the tweak of another leaf is rejected here and by the node', async () => {
      const coin = await fund({ kind: 'change' }, 200_000n);
      await node.mine(1);
      const wrong = { ...coin, leaf: { kind: 'reservoir' as const } };
      const burns = [burn(ADDRESSES.p2wpkh, 150_000n, 2_000n)];
      const plan = planPayout(rules, { test: false, burns, required: [wrong], candidates: [], feeRate: 1_000n });
      if (!plan.ok) throw new Error(plan.detail);
      expect(await checkPayout(view, rules, plan.payout.intent)).toMatchObject({ reason: 'input_unknown' });
      const final = finalizePayout(plan.payout, signer.signAll(plan.payout));
      if (!final.ok) throw new Error(final.reason);
      const verdict = await view.testAccept(final.transaction);
      expect(verdict).toMatchObject({ ok: false, reason: 'rejected' });
      expect(!verdict.ok && verdict.detail).toContain('Invalid Schnorr signature');
    });

    test('bitcoind reads an exported PSBT as the transaction and fee that were planned', async () => {
      const coin = await fund({ kind: 'deposit', recipient: new Uint8Array(32).fill(5) }, 300_000n);
      await node.mine(1);
      const burns = [burn(ADDRESSES.p2tr, 200_000n, 2_000n)];
      const plan = planPayout(rules, { test: false, burns, required: [], candidates: [coin], feeRate: 2_000n });
      if (!plan.ok) throw new Error(plan.detail);
      const schema = z.object({
        tx: z.object({ txid: z.string() }),
        fee: z.string(),
        inputs: z.array(
          z.object({
            taproot_internal_key: z.string(),
            taproot_merkle_root: z.string(),
            taproot_scripts: z.array(z.object({ script: z.string() })),
          }),
        ),
      });
      const psbt = await node.rpc.call('decodepsbt', [exportPsbt(plan.payout)], schema);
      const custody = custodyScript(groupKey, coin.leaf);
      expect(psbt.tx.txid).toBe(plan.payout.txid);
      expect(psbt.fee).toBe(`0.${plan.payout.intent.fee.toString().padStart(8, '0')}`);
      expect(psbt.inputs).toEqual([
        {
          taproot_internal_key: toHex(custody.internalKey),
          taproot_merkle_root: toHex(custody.merkleRoot),
          taproot_scripts: [{ script: toHex(custody.leafScript) }],
        },
      ]);
    });

    test('the two policies are tried with a key of either parity', () => {
      expect(groupKey[0]).toBe(corePolicy ? 2 : 3);
    });

    test('the node is refused for another network, and its cookie is what opens it', async () => {
      expect((await assertNetwork(node.rpc, 'regtest')).chain).toBe('regtest');
      await expect(assertNetwork(node.rpc, 'mainnet')).rejects.toThrow('the node is on regtest');
      await expect(bitcoinNodes('signet', [node.rpc]).tip()).rejects.toMatchObject({ reason: 'wrong_network' });
      process.env['MPC_TEST_WRONG'] = '__cookie__';
      const names = { userVariable: 'MPC_TEST_WRONG', passwordVariable: 'MPC_TEST_WRONG' };
      const credentials = { kind: 'environment', ...names } as const;
      const stranger = createBitcoinRpc({ url: node.rpcUrl, credentials });
      await expect(stranger.call('uptime', [], z.int())).rejects.toMatchObject({ kind: 'unauthorized' });
      delete process.env['MPC_TEST_WRONG'];
    });
  });
}

describe('the regtest node of tests and devnet', () => {
  test('works without a transaction index, and leaves no process and no directory behind', async () => {
    expect(existsSync(await findBitcoind())).toBeTrue();
    const { node, wallet } = await startFundedRegtest({ txIndex: false });
    try {
      const view = bitcoinNodes('regtest', [node.rpc]);
      const output = await wallet.send(await wallet.newAddress(), 10_000n);
      await node.mine(3);
      expect(await view.transaction(output.txid)).toEqual({ state: 'confirmed', confirmations: 3, outputs: null });
      const [found] = await view.txOuts([output], 'confirmed');
      expect([outpointName(output), found?.amount]).toEqual([outpointName(output), 10_000n]);
    } finally {
      await node.stop();
    }
    await node.stop();
    expect(existsSync(node.dir)).toBeFalse();
    expect(() => process.kill(node.pid, 0)).toThrow();
  }, 60_000);
});
