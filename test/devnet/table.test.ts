// How the devnet shows its story.
import { describe, expect, test } from 'bun:test';
import { jsonText } from '../../cli/output.ts';
import type { StepRow, Story } from '../../devnet/story.ts';
import { storyJson, storyText } from '../../devnet/table.ts';

const TXID = `${'0a'.repeat(16)}${'f1'.repeat(16)}`;
const BURN = 'cd'.repeat(32);
const none = { signers: null, txid: null, vout: null, amount: null, fee: null, detail: '' };
const steps: StepRow[] = [
  { ...none, step: 'deposit', txid: TXID, vout: 1, amount: 100_000_000n, duration_ms: 42 },
  { ...none, step: 'attest', signers: [0, 2], txid: TXID, vout: 1, amount: 100_000_000n, duration_ms: 1_250 },
  { ...none, step: 'burn', txid: BURN, amount: 50_000_000n, fee: 2_000n, duration_ms: 0 },
];
const story: Story = {
  parties: 3,
  threshold: 2,
  key: null,
  recipient: '1f'.repeat(32),
  deposit_address: 'bcrt1pdeposit',
  payout_address: null,
  steps,
  duration_ms: 61_500,
  failed_step: null,
  error: null,
};

describe('storyText', () => {
  test('shows who signed, transactions, amounts, fees and times in aligned columns', () => {
    expect(storyText(story).split('\n').slice(0, 5)).toEqual([
      'STEP     SIGNED BY  TRANSACTION          AMOUNT (BTC)  FEE (SATS)       TIME',
      'deposit  -          0a0a0a0a…f1f1f1f1:1    1.00000000           -      42 ms',
      'attest   0, 2       0a0a0a0a…f1f1f1f1:1    1.00000000           -      1.3 s',
      'burn     -          cdcdcdcd…cdcdcdcd      0.50000000        2000       0 ms',
      'total    -          -                               -           -  1 min 1 s',
    ]);
  });

  test('names in full below the table what it shortens, and nothing that did not happen', () => {
    const text = storyText(story);
    expect(text).toContain(`deposit          ${TXID}:1`);
    expect(text).toContain(`burn             ${BURN}`);
    expect(text).not.toContain('payout');
  });
});

describe('storyJson', () => {
  test('keeps whole transaction ids and writes amounts as decimal strings of sats', () => {
    const parsed = JSON.parse(jsonText(storyJson(story)));
    expect(parsed).toMatchObject({ ok: true, error: null, duration_ms: 61_500, parties: 3, threshold: 2 });
    expect(parsed.steps[1]).toEqual({
      step: 'attest',
      signers: [0, 2],
      txid: TXID,
      vout: 1,
      amount: '100000000',
      fee: null,
      detail: '',
      duration_ms: 1_250,
    });
    expect(parsed.steps[2].fee).toBe('2000');
  });

  test('is not ok where a step failed, and says which and why', () => {
    const failed = { ...story, failed_step: 'pay out', error: 'no coins' };
    expect(JSON.parse(jsonText(storyJson(failed)))).toMatchObject({
      ok: false,
      failed_step: 'pay out',
      error: 'no coins',
    });
  });
});
