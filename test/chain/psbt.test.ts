// Steps of the line as PSBTs and what reading them back tells.
import { describe, expect, test } from 'bun:test';
import { exportPsbt, inspectPsbt, PSBT_BYTES_MAX } from '../../chain/psbt.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { custodyScript, taprootAddress } from '../../crypto/taproot.ts';
import { built, burn, deposit, groupKey, hash, stepOf } from './line-steps.ts';

const ADDRESS = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const swept = deposit(4, 100_000n);
const step = built(stepOf({ step: 'payout', test: true, swept: [swept], burns: [burn(1, 90_000n, 900n, ADDRESS)] }));
const text = exportPsbt(step, groupKey);

describe('a step as a PSBT', () => {
  test('tells txid, fee, addresses and the BIP 371 fields of each input when read back', () => {
    const verdict = inspectPsbt(text, 'regtest');
    if (!verdict.ok) throw new Error(verdict.reason);
    const recipient = fromHex(hash(4, '7'));
    const custody = custodyScript(groupKey, { kind: 'deposit', recipient });
    expect(verdict.summary).toMatchObject({ txid: step.txid, version: 2, lockTime: 0, fee: step.intent.fee });
    expect(verdict.summary.inputs[1]).toEqual({
      txid: swept.txid,
      vout: 4,
      sequence: 0xffff_fffd,
      amount: 100_000n,
      address: taprootAddress(custody.scriptPubKey, 'regtest'),
      internalKey: toHex(groupKey.slice(1)),
      merkleRoot: toHex(custody.merkleRoot),
      leafScripts: [toHex(custody.leafScript)],
      signed: false,
    });
    expect(verdict.summary.inputs).toHaveLength(3);
    expect(verdict.summary.outputs.map(({ amount }) => amount)).toEqual(step.outputs.map(({ amount }) => amount));
    expect(verdict.summary.outputs.map(({ address }) => address)).toEqual([
      taprootAddress(custodyScript(groupKey, { kind: 'treasury' }).scriptPubKey, 'regtest'),
      null,
      ADDRESS,
    ]);
  });

  test('is refused when cut, changed to nonsense, or too large', () => {
    expect(inspectPsbt(text.slice(0, 200), 'regtest')).toEqual({ ok: false, reason: 'malformed' });
    expect(inspectPsbt('bm90IGEgUFNCVA==', 'regtest')).toEqual({ ok: false, reason: 'malformed' });
    expect(inspectPsbt('A'.repeat(PSBT_BYTES_MAX * 2), 'regtest')).toEqual({ ok: false, reason: 'too_large' });
  });
});
