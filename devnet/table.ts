// How the devnet shows what happened: a table for people, JSON for programs.
import { btcFromSats } from '../chain/amount.ts';
import { duration, shortHex } from '../cli/format.ts';
import { type Printable, renderFields, renderTable } from '../cli/output.ts';
import type { StepRow, Story } from './story.ts';

const NOTHING = '-';

/** The table and below it, in full, what it shows shortened. */
export function storyText(story: Story): string {
  const table = renderTable(
    [
      { title: 'STEP' },
      { title: 'SIGNED BY' },
      { title: 'TRANSACTION' },
      { title: 'AMOUNT (BTC)', align: 'right' },
      { title: 'FEE (SATS)', align: 'right' },
      { title: 'TIME', align: 'right' },
    ],
    [...story.steps.map(cells), ['total', NOTHING, NOTHING, NOTHING, NOTHING, duration(story.duration_ms)]],
  );
  return `${table}\n\n${renderFields(facts(story))}`;
}

/** The same for programs: amounts are decimal strings of sats, transaction ids are whole. */
export function storyJson(story: Story): Printable {
  return {
    ok: story.error === null,
    ...story,
    key: story.key === null ? null : { ...story.key },
    steps: story.steps.map((row) => ({ ...row })),
  };
}

function cells({ step, signers, txid, vout, amount, fee, duration_ms }: StepRow): readonly string[] {
  return [
    step,
    signers === null ? NOTHING : signers.join(', '),
    txid === null ? NOTHING : `${shortHex(txid)}${vout === null ? '' : `:${vout}`}`,
    amount === null ? NOTHING : btcFromSats(amount),
    fee === null ? NOTHING : fee.toString(),
    duration(duration_ms),
  ];
}

function facts(story: Story): (readonly [string, string])[] {
  const rows: (readonly [string, string | null | undefined])[] = [
    ['bitcoin key', story.key?.bitcoin_public_key],
    ['attestation key', story.key?.attestation_public_key],
    ['transcript', story.key?.transcript_hash],
    ['recipient', story.recipient],
    ['deposit address', story.deposit_address],
    ['deposit', transactionOf(story, 'deposit')],
    ['burn', transactionOf(story, 'burn')],
    ['payout', transactionOf(story, 'pay out')],
    ['paid to', story.payout_address],
  ];
  return rows.flatMap(([name, value]) => (value === null || value === undefined ? [] : [[name, value] as const]));
}

function transactionOf(story: Story, step: string): string | null {
  const row = story.steps.find((one) => one.step === step);
  if (row === undefined || row.txid === null) return null;
  return row.vout === null ? row.txid : `${row.txid}:${row.vout}`;
}
