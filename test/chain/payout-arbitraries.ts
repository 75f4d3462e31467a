// Payout requests for tests, random ones and one simple one, with the custody outputs they may spend put into a fake view.
import fc from 'fast-check';
import type { BurnClaim } from '../../chain/burn.ts';
import { scriptAddress } from '../../chain/network.ts';
import { outpointName } from '../../chain/outpoint.ts';
import type { PayoutPlan } from '../../chain/payout.ts';
import type { PayoutCheckRules } from '../../chain/payout-check.ts';
import type { CustodyUtxo, PayoutIntent } from '../../chain/payout-intent.ts';
import { concat, toHex } from '../../crypto/bytes.ts';
import { type CustodyLeaf, custodyScript, taprootAddress } from '../../crypto/taproot.ts';
import { type FakeBitcoin, fakeBitcoin } from './fake-bitcoin.ts';
import { singleSigner } from './single-signer.ts';

export const signer = singleSigner(5);

export const rules: PayoutCheckRules = {
  network: 'regtest',
  groupKey: signer.groupKey,
  feeRateMin: 1_000n,
  feeRateMax: 200_000n,
  inputConfirmations: 1,
};

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hash = bytes(32).map(toHex);

const address = fc
  .oneof(
    bytes(20).map((program) => concat(Uint8Array.of(0x00, 20), program)),
    bytes(32).map((program) => concat(Uint8Array.of(0x00, 32), program)),
    bytes(20).map((program) => concat(Uint8Array.of(0x76, 0xa9, 20), program, Uint8Array.of(0x88, 0xac))),
    bytes(20).map((program) => concat(Uint8Array.of(0xa9, 20), program, Uint8Array.of(0x87))),
    fc.nat(1000).map((seed) => custodyScript(singleSigner(seed).groupKey, { kind: 'change' }).scriptPubKey),
  )
  .map((script) => {
    const text = scriptAddress(script, 'regtest');
    if (text === null) throw new Error('every one of these scripts has an address');
    return text;
  });

export const burns: fc.Arbitrary<BurnClaim[]> = fc.uniqueArray(
  fc.record({
    burnTxid: hash,
    address,
    amount: fc.bigInt(40_000n, 5_000_000n),
    fee: fc.bigInt(300n, 30_000n),
  }),
  { minLength: 1, maxLength: 6, selector: (burn) => burn.burnTxid },
);

const leaf: fc.Arbitrary<CustodyLeaf> = fc.oneof(
  bytes(32).map((recipient) => ({ kind: 'deposit' as const, recipient })),
  fc.constant({ kind: 'change' as const }),
  fc.constant({ kind: 'reservoir' as const }),
);

export function utxos(limits: { minLength: number; maxLength: number }): fc.Arbitrary<CustodyUtxo[]> {
  return fc.uniqueArray(fc.record({ txid: hash, vout: fc.nat(5), amount: fc.bigInt(20n, 6_000_000n), leaf }), {
    ...limits,
    selector: outpointName,
  });
}

/** A view in which all of these are confirmed custody outputs. */
export function viewOf(coins: readonly CustodyUtxo[]): FakeBitcoin {
  const view = fakeBitcoin();
  for (const coin of coins) {
    const script = custodyScript(signer.groupKey, coin.leaf).scriptPubKey;
    view.add(coin, { amount: coin.amount, script, confirmations: 3, coinbase: false });
  }
  return view;
}

/** Any request, most of which can be paid. */
export const request = fc.record({
  test: fc.boolean(),
  burns,
  required: utxos({ minLength: 0, maxLength: 2 }),
  candidates: utxos({ minLength: 0, maxLength: 25 }),
  feeRate: fc.bigInt(1_000n, 20_000n),
});

/** The intent of a plan that must have succeeded. */
export function planned(plan: PayoutPlan): PayoutIntent {
  if (!plan.ok) throw new Error(`${plan.reason}: ${plan.detail}`);
  return plan.payout.intent;
}

export const ADDRESS = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
export const OTHER_ADDRESS = taprootAddress(
  custodyScript(signer.groupKey, { kind: 'reservoir' }).scriptPubKey,
  'regtest',
);
export const coin = (n: number, amount: bigint): CustodyUtxo => ({
  txid: n.toString(16).padStart(64, '0'),
  vout: 0,
  amount,
  leaf: { kind: 'deposit', recipient: new Uint8Array(32).fill(n) },
});
export const burn = (n: number, amount: bigint, fee: bigint) => ({
  burnTxid: n.toString(16).padStart(64, 'b'),
  address: ADDRESS,
  amount,
  fee,
});
export const simple = {
  test: false,
  burns: [burn(1, 500_000n, 1_000n)],
  required: [],
  candidates: [],
  feeRate: 2_000n,
};
