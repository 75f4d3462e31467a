// What real Bitcoin nodes relay, asked before anything is signed: a transaction with placeholders for its signatures is tried
// on two nodes of different relay floors, and every reason but the signatures counts.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { Transaction } from '@scure/btc-signer';
import { z } from 'zod';
import { bitcoinNodes } from '../../chain/bitcoin-nodes.ts';
import { placeholderSpend, type ScriptOutput, SPEND_SEQUENCE } from '../../chain/custody-spend.ts';
import type { Outpoint } from '../../chain/outpoint.ts';
import { toHex } from '../../crypto/bytes.ts';
import { custodyScript, taprootAddress } from '../../crypto/taproot.ts';
import { type Regtest, type RegtestWallet, startRegtest } from '../../devnet/bitcoind.ts';
import { singleSigner } from '../chain/single-signer.ts';
import { lineOnNode, newBurn } from './line-on-node.ts';
import { REGTEST_START_TIMEOUT_MS, startFundedRegtest } from './regtest.ts';

const signer = singleSigner(5);
const { groupKey } = signer;
const script = custodyScript(groupKey, { kind: 'treasury' }).scriptPubKey;
const PAID = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const COIN = 500_000n;
const ok = { ok: true } as const;
const refused = (detail: string) =>
  ({ ok: false, reason: 'rejected', detail: expect.stringContaining(detail) }) as const;

let cheap: Regtest;
let dear: Regtest;
let wallet: RegtestWallet;

beforeAll(async () => {
  ({ node: cheap, wallet } = await startFundedRegtest());
  dear = await startRegtest({ flags: ['-minrelaytxfee=0.00005', '-incrementalrelayfee=0.00002'] });
}, REGTEST_START_TIMEOUT_MS);
afterAll(() => Promise.all([cheap.stop(), dear.stop()]), 30_000);

const view = () => bitcoinNodes('regtest', [cheap.rpc, dear.rpc]);

/** A custody coin that both nodes have in their chains. */
async function coin(): Promise<Outpoint> {
  const outpoint = await wallet.send(taprootAddress(script, 'regtest'), COIN);
  await cheap.mine(1);
  await handOver();
  return outpoint;
}

/** Gives the dearer node the blocks of the other. */
async function handOver(): Promise<void> {
  const count = z.int();
  const [from, to] = await Promise.all([dear, cheap].map(({ rpc }) => rpc.call('getblockcount', [], count)));
  for (let height = (from ?? 0) + 1; height <= (to ?? 0); height++) {
    const hash = await cheap.rpc.call('getblockhash', [height], z.string());
    await dear.rpc.call('submitblock', [await cheap.rpc.call('getblock', [hash, 0], z.string())], z.null());
  }
}

/** A transaction whose signatures are zeros. */
function unsigned(inputs: readonly Outpoint[], outputs: readonly ScriptOutput[]): Uint8Array {
  const transaction = new Transaction({ version: 2, allowUnknownOutputs: true });
  for (const { txid, vout } of inputs) transaction.addInput({ txid, index: vout, sequence: SPEND_SEQUENCE });
  for (const output of outputs) transaction.addOutput(output);
  for (const index of inputs.keys()) {
    transaction.updateInput(index, { finalScriptWitness: [new Uint8Array(64)] }, true);
  }
  return transaction.toBytes(true, true);
}

describe('two nodes of different relay floors', () => {
  test('relay at the floor of the dearer', async () => {
    const floor = await view().relayFloor();
    expect(floor).toEqual({ feeRateMin: 5_000n, dustRelayRate: 3_000n, incrementalRate: 2_000n });
    expect((await bitcoinNodes('regtest', [cheap.rpc]).relayFloor()).feeRateMin).toBeLessThan(5_000n);
  });

  test('take a transaction with placeholders for its signatures, but for what any of them would not relay', async () => {
    const spent = await coin();
    const pays = (amount: bigint, ...more: ScriptOutput[]) => unsigned([spent], [{ script, amount }, ...more]);
    // 111 vbytes: 555 sats at the floor of the dearer, a tenth of which the cheaper asks for.
    const just = pays(COIN - 555n);
    expect(await view().testPolicy(just)).toMatchObject(ok);
    const low = pays(COIN - 200n);
    expect(await bitcoinNodes('regtest', [cheap.rpc]).testPolicy(low)).toMatchObject(ok);
    expect(await view().testPolicy(low)).toEqual(refused('min relay fee not met'));
    expect(await view().testPolicy(pays(400_000n, { script, amount: 329n }))).toEqual(refused('dust'));
    expect(await view().testPolicy(pays(COIN + 1n))).toEqual(refused('bad-txns-in-belowout'));
    const elsewhere = unsigned([{ txid: '12'.repeat(32), vout: 0 }], [{ script, amount: 1_000n }]);
    expect(await view().testPolicy(elsewhere)).toEqual(refused('missing-inputs'));
    expect(await view().testPolicy(Uint8Array.of(2, 0))).toEqual(refused('TX decode failed'));
    // The whole truth about the first: its signature is none.
    expect(await view().testAccept(just)).toEqual(refused('Invalid Schnorr signature'));
  });

  test('take what they hold already, refuse a replacement that pays too little, and know what is mined', async () => {
    const line = await lineOnNode(signer, cheap, wallet, COIN);
    await handOver();
    const built = line.step({ burns: [newBurn(PAID, 300_000n, 9_000n)], rate: 5_000n });
    const signed = line.signed(built);
    const placeholder = placeholderSpend(built);
    expect(await view().testPolicy(placeholder)).toEqual({ ok: true, txid: built.txid });
    const { height } = await view().tip();
    expect(await view().broadcast(signed)).toEqual({ ok: true, txid: built.txid });
    expect(await view().testPolicy(placeholder)).toEqual({ ok: true, txid: built.txid });
    const { fee } = built.intent;
    expect(await view().mempoolEntry(built.txid)).toMatchObject({ height, fee, vsize: built.vsize });
    const instead = (more: bigint) => view().testPolicy(unsigned([line.tip()], [{ script, amount: COIN - more }]));
    expect(await instead(fee)).toEqual(refused('insufficient fee'));
    expect(await instead(fee + 10_000n)).toMatchObject(ok);

    expect(toHex((await view().rawTransaction(built.txid)) ?? new Uint8Array())).toBe(toHex(signed));
    await coin();
    expect(await view().mempoolEntry(built.txid)).toBeNull();
    expect(await view().testPolicy(placeholder)).toEqual(refused('txn-already-known'));
    expect(toHex((await view().rawTransaction(built.txid)) ?? new Uint8Array())).toBe(toHex(signed));
    expect(await view().rawTransaction('12'.repeat(32))).toBeNull();
  });
});
