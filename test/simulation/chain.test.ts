// What the nodes of the simulated Bitcoin network say of a transaction before it is signed, and of one that waits.
import { beforeEach, describe, expect, test } from 'bun:test';
import type { Outpoint } from '../../chain/outpoint.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { SimulatedChain } from '../../simulation/chain.ts';
import { bitcoinViewOf, ChainView } from '../../simulation/chain-view.ts';
import { rawTransaction } from '../../simulation/raw-bytes.ts';

const script = fromHex(`5120${'0b'.repeat(32)}`);
const COIN = 100_000n;

let chain: SimulatedChain;
let view: ChainView;
let coin: Outpoint;

beforeEach(() => {
  chain = new SimulatedChain();
  view = new ChainView(chain);
  const { txid } = chain.send([{ txid: 'aa'.repeat(32), vout: 0 }], [{ script, amount: COIN }]);
  coin = { txid, vout: 0 };
  chain.mine(() => true);
  view.catchUp();
});

const bitcoin = () => bitcoinViewOf(view, async (_what, answer) => answer());
const paying = (...amounts: readonly bigint[]) =>
  rawTransaction(
    [coin],
    amounts.map((amount) => ({ script, amount })),
  );
const detailOf = async (bytes: Uint8Array) => {
  const verdict = await bitcoin().testPolicy(bytes);
  return verdict.ok ? null : verdict.detail;
};

describe('a simulated node', () => {
  test('validates an unsigned transaction by its own floor, and by what waits', async () => {
    // 111 vbytes.
    expect(await detailOf(paying(COIN - 111n))).toBeNull();
    expect(await detailOf(paying(COIN - 110n))).toBe('min relay fee not met');
    view.floor = { feeRateMin: 5_000n, dustRelayRate: 6_000n, incrementalRate: 1_000n };
    expect(await bitcoin().relayFloor()).toEqual(view.floor);
    expect(await detailOf(paying(COIN - 554n))).toBe('min relay fee not met');
    expect(await detailOf(paying(COIN - 555n))).toBeNull();
    expect(await detailOf(paying(90_000n, 659n))).toBe('dust');
    expect(await detailOf(paying(90_000n, 660n))).toBeNull();
    chain.send([coin], [{ script, amount: 1n }]);
    // What it replaces paid 1,000 sats, and its own 111 vbytes are paid for as well.
    expect(await detailOf(paying(COIN - 1_110n))).toBe('insufficient fee');
    expect(await detailOf(paying(COIN - 1_111n))).toBeNull();
  });

  test('gives the bytes of what waits or is mined in its own chain, and the height at which it entered the mempool', async () => {
    chain.mine(() => true);
    const sent = chain.send([coin], [{ script, amount: 1n }]);
    expect(await bitcoin().mempoolEntry(sent.txid)).toMatchObject({ height: 2 });
    expect(await bitcoin().rawTransaction(sent.txid)).toEqual(sent.raw);
    chain.mine(() => true);
    view.catchUp();
    expect(await bitcoin().rawTransaction(sent.txid)).toEqual(sent.raw);
    expect(await bitcoin().rawTransaction('bb'.repeat(32))).toBeNull();
  });
});
