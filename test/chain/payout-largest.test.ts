// The largest payout: as many burns as one transaction pays, of the largest kind of output, still is a standard transaction
// and fits the messages that carry it.
import { expect, test } from 'bun:test';
import { type Intent, intentSchema } from '../../ceremony/intent.ts';
import { STANDARD_WEIGHT_MAX } from '../../chain/fee.ts';
import { scriptAddress } from '../../chain/network.ts';
import { planPayout } from '../../chain/payout.ts';
import { checkIntent } from '../../chain/payout-check.ts';
import { type CustodyUtxo, payoutIntentJson } from '../../chain/payout-intent.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { canonicalBytes, type Json } from '../../crypto/canonical-json.ts';
import { PEER_MESSAGE_BYTES_MAX } from '../../crypto/envelope.ts';
import { ANNOUNCED_TRANSACTION_BYTES_MAX } from '../../operator/messages.ts';
import { signer } from './payout-arbitraries.ts';

const BURNS = 200;
const rules = { network: 'regtest', groupKey: signer.groupKey, feeRateMin: 1_000n, feeRateMax: 200_000n } as const;
const hash = (kind: string, i: number) => `${kind}${i.toString(16).padStart(63, '0')}`;
const address = scriptAddress(
  fromHex(`5120${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`),
  'regtest',
);

function planned(count: number) {
  const burns = Array.from({ length: count }, (_, i) => ({
    burnTxid: hash('b', i),
    address: address ?? '',
    amount: 10_000n,
    fee: 300n,
  }));
  const coins = Array.from({ length: 100 }, (_, i): CustodyUtxo => {
    return { txid: hash('c', i), vout: 0, amount: 20_500n, leaf: { kind: 'change' } };
  });
  return planPayout(rules, { test: false, burns, required: coins, candidates: [], feeRate: 1_000n });
}

test('pays 200 burns in one transaction that nodes relay and participants agree to', () => {
  const plan = planned(BURNS);
  if (!plan.ok) throw new Error(`${plan.reason}: ${plan.detail}`);
  const { intent, weight, vsize } = plan.payout;
  expect(intent.burns).toHaveLength(BURNS);
  expect(weight).toBeLessThanOrEqual(STANDARD_WEIGHT_MAX);
  expect(checkIntent(rules, intent)).toMatchObject({ ok: true });

  const json: Json = JSON.parse(JSON.stringify(payoutIntentJson(intent)));
  const read: Intent = intentSchema.parse(json);
  expect(read.kind === 'payout' && read.burns.length).toBe(BURNS);
  // Announced with its witnesses, and asked for with a nonce of each of 64 signers for each of its inputs.
  expect(vsize * 4).toBeLessThan(ANNOUNCED_TRANSACTION_BYTES_MAX);
  const nonces = intent.inputs.length * (64 * ('"63":""'.length + 32 + 1) + 66 + 100);
  expect(canonicalBytes(json).length + nonces).toBeLessThan(PEER_MESSAGE_BYTES_MAX);
});

test('pays no more than 200', () => {
  expect(planned(BURNS + 1)).toMatchObject({
    ok: false,
    reason: 'bad_request',
    detail: expect.stringContaining('200'),
  });
});
