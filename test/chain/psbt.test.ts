// Payouts as PSBTs and what reading them back tells.
import { describe, expect, test } from 'bun:test';
import { planPayout } from '../../chain/payout.ts';
import { exportPsbt, inspectPsbt, PSBT_BYTES_MAX } from '../../chain/psbt.ts';
import { toHex } from '../../crypto/bytes.ts';
import { custodyScript, taprootAddress } from '../../crypto/taproot.ts';
import { rules, signer } from './payout-arbitraries.ts';

const recipient = new Uint8Array(32).fill(3);
const plan = planPayout(rules, {
  test: true,
  burns: [
    { burnTxid: '0b'.repeat(32), address: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', amount: 90_000n, fee: 900n },
  ],
  required: [],
  candidates: [{ txid: '0c'.repeat(32), vout: 4, amount: 100_000n, leaf: { kind: 'deposit', recipient } }],
  feeRate: 2_000n,
});
if (!plan.ok) throw new Error(plan.detail);
const { payout } = plan;

describe('a payout as a PSBT', () => {
  test('tells txid, fee, addresses and the BIP 371 fields of each input when read back', () => {
    const verdict = inspectPsbt(exportPsbt(payout), 'regtest');
    if (!verdict.ok) throw new Error(verdict.reason);
    const custody = custodyScript(signer.groupKey, { kind: 'deposit', recipient });
    expect(verdict.summary).toMatchObject({ txid: payout.txid, version: 2, lockTime: 0, fee: payout.intent.fee });
    expect(verdict.summary.inputs[0]).toEqual({
      txid: '0c'.repeat(32),
      vout: 4,
      sequence: 0xffff_fffd,
      amount: 100_000n,
      address: taprootAddress(custody.scriptPubKey, 'regtest'),
      internalKey: toHex(signer.groupKey.slice(1)),
      merkleRoot: toHex(custody.merkleRoot),
      leafScripts: [toHex(custody.leafScript)],
      signed: false,
    });
    expect(verdict.summary.inputs).toHaveLength(2);
    expect(verdict.summary.outputs.map((output) => output.amount)).toEqual(
      payout.intent.outputs.map((output) => output.amount),
    );
    expect(verdict.summary.outputs[0]?.address).toBe('bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080');
  });

  test('is refused when cut, changed to nonsense, or too large', () => {
    const text = exportPsbt(payout);
    expect(inspectPsbt(text.slice(0, 200), 'regtest')).toEqual({ ok: false, reason: 'malformed' });
    expect(inspectPsbt('bm90IGEgUFNCVA==', 'regtest')).toEqual({ ok: false, reason: 'malformed' });
    expect(inspectPsbt('A'.repeat(PSBT_BYTES_MAX * 2), 'regtest')).toEqual({ ok: false, reason: 'too_large' });
  });
});
