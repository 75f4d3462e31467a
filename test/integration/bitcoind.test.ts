// chain/ against a real bitcoind in regtest: deposits found, steps of the treasury line accepted and mined, with Bitcoin Core's
// relay policy and with the build's own, which is stricter where it is Bitcoin Knots.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { bitcoinNodes } from '../../chain/bitcoin-nodes.ts';
import type { BitcoinView } from '../../chain/bitcoin-view.ts';
import { buildSpend, finalizeSpend } from '../../chain/custody-spend.ts';
import { verifyDeposit } from '../../chain/deposit.ts';
import { dustThreshold } from '../../chain/fee.ts';
import type { SweptOutput } from '../../chain/line-intent.ts';
import { addressScript } from '../../chain/network.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { exportPsbt } from '../../chain/psbt.ts';
import { assertNetwork, createBitcoinRpc } from '../../chain/rpc.ts';
import { toHex } from '../../crypto/bytes.ts';
import { custodyScript, taprootAddress } from '../../crypto/taproot.ts';
import { findBitcoind, type Regtest, type RegtestWallet } from '../../devnet/bitcoind.ts';
import { singleSigner } from '../chain/single-signer.ts';
import { lineOnNode, newBurn } from './line-on-node.ts';
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

const recipientOf = (byte: number) => new Uint8Array(32).fill(byte);

for (const corePolicy of [true, false]) {
  describe(`a bitcoind with ${corePolicy ? "Bitcoin Core's policy" : "the build's own policy"}`, () => {
    // One run with a key of even y, the other with one of odd y.
    const signer = singleSigner(corePolicy ? 5 : 7);
    const { groupKey } = signer;
    const rules = { network: 'regtest' as const, groupKey };
    let node: Regtest;
    let wallet: RegtestWallet;
    let view: BitcoinView;
    let line: Awaited<ReturnType<typeof lineOnNode>>;

    beforeAll(async () => {
      ({ node, wallet } = await startFundedRegtest({ corePolicy }));
      view = bitcoinNodes('regtest', [node.rpc]);
      line = await lineOnNode(signer, node, wallet, 1_000_000n);
    }, REGTEST_START_TIMEOUT_MS);
    afterAll(() => node.stop(), 30_000);

    async function deposit(byte: number, amount: bigint): Promise<SweptOutput> {
      return line.fund({ kind: 'deposit', recipient: recipientOf(byte) }, amount);
    }

    test('a deposit is seen unconfirmed, confirmed, and spent', async () => {
      const recipient = recipientOf(1);
      const paid = await deposit(1, 1_000_000n);
      const claim = { ...paid, recipient };
      const validate = (change = {}) => verifyDeposit(view, { ...rules, confirmations: 2 }, { ...claim, ...change });
      expect(await validate()).toMatchObject({ reason: 'deposit_too_few_confirmations', have: 0, need: 2 });
      await node.mine(1);
      expect(await validate()).toMatchObject({ reason: 'deposit_too_few_confirmations', have: 1, need: 2 });
      await node.mine(1);
      expect(await validate()).toEqual({ ok: true, confirmations: 2 });
      expect(await validate({ amount: 999_999n })).toMatchObject({ reason: 'deposit_wrong_amount' });
      expect(await validate({ recipient: new Uint8Array(32) })).toMatchObject({ reason: 'deposit_wrong_script' });
      expect(await validate({ vout: paid.vout === 0 ? 1 : 0 })).toMatchObject({ reason: 'deposit_wrong_script' });
      expect(await validate({ vout: 9 })).toMatchObject({ reason: 'deposit_not_found' });
      expect(await validate({ txid: '12'.repeat(32) })).toMatchObject({ reason: 'deposit_not_found' });

      const built = line.step({ burns: [newBurn(ADDRESSES.p2wpkh, 900_000n, 2_000n)], swept: [paid], rate: 1_000n });
      const transaction = line.signed(built);
      expect(await view.broadcast(transaction)).toEqual({ ok: true, txid: built.txid });
      expect(await validate()).toMatchObject({ reason: 'deposit_spent' });
      expect(await view.mempoolSpends([paid])).toEqual([built.txid]);
      await node.mine(1);
      expect(await validate()).toMatchObject({ reason: 'deposit_spent' });
      expect(await view.broadcast(transaction)).toEqual({ ok: true, txid: built.txid });
      line.advance(built);
    });

    test('a coinbase output paid to a custody address counts only once it can be spent', async () => {
      const recipient = recipientOf(7);
      const { scriptPubKey } = custodyScript(groupKey, { kind: 'deposit', recipient });
      const [block = ''] = await node.mine(1, taprootAddress(scriptPubKey, 'regtest'));
      const { tx } = await node.rpc.call('getblock', [block, 1], z.object({ tx: z.array(z.string()) }));
      const [found] = await view.txOuts([{ txid: tx[0] ?? '', vout: 0 }], 'confirmed');
      const claim = { txid: tx[0] ?? '', vout: 0, recipient, amount: found?.amount ?? 0n };
      const verdict = await verifyDeposit(view, { ...rules, confirmations: 1 }, claim);
      expect(verdict).toMatchObject({ reason: 'deposit_too_few_confirmations', have: 1, need: 100 });
    });

    test('a batch of dust-sized outputs of every kind at 1 sat/vB is accepted at its exact size', async () => {
      const swept = [await deposit(2, 100_000n), await line.fund({ kind: 'treasury' }, 100_001n)];
      await node.mine(1);
      const kinds = Object.values(ADDRESSES);
      const burns = kinds.map((address) => newBurn(address, dustThreshold(script(address)) + 2_000n, 2_000n));
      const built = line.step({ burns, swept, rate: 1_000n });
      const transaction = line.signed(built);
      expect(await view.testAccept(transaction)).toEqual({ ok: true, txid: built.txid });
      expect(await view.broadcast(transaction)).toEqual({ ok: true, txid: built.txid });
      const entry = z.object({ vsize: z.int(), 'bip125-replaceable': z.boolean() });
      const { vsize, ...rest } = await node.rpc.call('getmempoolentry', [built.txid], entry);
      expect([vsize, BigInt(vsize)]).toEqual([built.vsize, built.intent.fee]);
      expect(rest).toEqual({ 'bip125-replaceable': true });
      await node.mine(1);
      expect(await view.transaction(built.txid)).toEqual({ state: 'confirmed', confirmations: 1, outputs: 6 });
      line.advance(built);
    });

    test('a step is replaced by one from the same treasury output with a higher fee, which goes on', async () => {
      const burns = [newBurn(ADDRESSES.p2tr, 300_000n, 9_000n)];
      const [first, second] = [1_000n, 5_000n].map((rate) => line.step({ burns, rate }));
      if (first === undefined || second === undefined) throw new Error('there are two versions');
      for (const built of [first, second]) {
        expect(await view.broadcast(line.signed(built))).toEqual({ ok: true, txid: built.txid });
      }
      line.advance(second);
      const child = line.step({ burns: [newBurn(ADDRESSES.p2wpkh, 20_000n, 1_000n)], rate: 1_000n });
      expect(await view.broadcast(line.signed(child))).toEqual({ ok: true, txid: child.txid });
      await node.mine(1);
      const states = await Promise.all([first, second, child].map(({ txid }) => view.transaction(txid)));
      expect(states.map((status) => status.state)).toEqual(['unknown', 'confirmed', 'confirmed']);
      line.advance(child);
    });

    test('a test step is signed in full and rejected for an input that does not exist', async () => {
      const coin = await deposit(4, 200_000n);
      await node.mine(1);
      const burns = [newBurn(ADDRESSES.p2wpkh, 150_000n, 2_000n)];
      const transaction = line.signed(line.step({ test: true, burns, swept: [coin], rate: 1_000n }));
      expect(await view.testAccept(transaction)).toEqual({ ok: false, reason: 'rejected', detail: 'missing-inputs' });
      expect(await view.broadcast(transaction)).toMatchObject({ ok: false, reason: 'rejected' });
      const still = await view.txOuts([coin, line.tip()], 'with_mempool');
      expect(still.map((output) => output?.amount)).toEqual([200_000n, line.tip().amount]);
    });

    test('a signature under the tweak of another leaf is rejected by the node', async () => {
      const coin = await deposit(5, 200_000n);
      await node.mine(1);
      const output = { script: script(ADDRESSES.p2wpkh), amount: 150_000n };
      const wrong = buildSpend([{ ...coin, leaf: { kind: 'treasury' } }], [output], groupKey);
      const final = finalizeSpend(wrong, signer.signAll(wrong));
      if (!final.ok) throw new Error(final.reason);
      const verdict = await view.testAccept(final.transaction);
      expect(verdict).toMatchObject({ ok: false, reason: 'rejected' });
      expect(!verdict.ok && verdict.detail).toContain('Invalid Schnorr signature');
    });

    test('bitcoind reads an exported PSBT as the transaction and fee that were planned', async () => {
      const coin = await deposit(6, 300_000n);
      await node.mine(1);
      const burns = [newBurn(ADDRESSES.p2tr, 200_000n, 2_000n)];
      const built = line.step({ burns, swept: [coin], rate: 2_000n });
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
      const psbt = await node.rpc.call('decodepsbt', [exportPsbt(built, groupKey)], schema);
      expect(psbt.tx.txid).toBe(built.txid);
      expect(psbt.fee).toBe(`0.${built.intent.fee.toString().padStart(8, '0')}`);
      const custody = built.inputs.map(({ leaf }) => custodyScript(groupKey, leaf));
      expect(psbt.inputs).toEqual(
        custody.map(({ internalKey, merkleRoot, leafScript }) => ({
          taproot_internal_key: toHex(internalKey),
          taproot_merkle_root: toHex(merkleRoot),
          taproot_scripts: [{ script: toHex(leafScript) }],
        })),
      );
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
