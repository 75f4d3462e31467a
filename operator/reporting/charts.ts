// The charts of a report as data, each with a sentence that says what it shows to whoever does not see it.
import type { Report } from './report.ts';
import { bitcoin, grouped, percent } from './shown.ts';

const SATS_PER_BITCOIN = 100_000_000;
/** A line through one day shows nothing. */
const LINE_DAYS_MIN = 2;
const ANSWER_PARTS = ['up to 0.1 s', 'up to 0.3 s', 'up to 1 s', 'up to 3 s', 'longer'] as const;

/** Values by day, as bars beside each other or as lines. */
export interface DaysChart {
  readonly kind: 'bars' | 'lines';
  readonly title: string;
  /** What a reader who does not see it is told. */
  readonly text: string;
  readonly unit: string;
  readonly dates: readonly string[];
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
}

/** Rows of parts that fill a whole. */
export interface SharesChart {
  readonly kind: 'shares';
  readonly title: string;
  readonly text: string;
  readonly parts: readonly string[];
  readonly rows: readonly { readonly name: string; readonly note: string; readonly values: readonly number[] }[];
}

export type Chart = DaysChart | SharesChart;

/** Deposits and payouts by day; null where there were none. */
export function chartOfMoney({ days, totals, period }: Report): Chart | null {
  if (totals.deposits + totals.burns_paid === 0) return null;
  const sums = `deposits of ${bitcoin(totals.deposited)} and payouts of ${bitcoin(totals.paid_out)}`;
  return {
    kind: 'bars',
    title: 'Deposits and payouts by day, in BTC',
    text: `From ${period.from} to ${period.to} there were ${sums}. The table below has each day.`,
    unit: 'BTC',
    dates: days.map(({ date }) => date),
    series: [
      { name: 'Deposits', values: days.map(({ deposited }) => inBitcoin(deposited)) },
      { name: 'Payouts', values: days.map(({ paid_out }) => inBitcoin(paid_out)) },
    ],
  };
}

/** Reserves and liabilities at the end of each day; null for one day, or where nothing is held or owed. */
export function chartOfBalance({ days, opening, closing, period }: Report): Chart | null {
  const isEmpty = days.every(({ reserves, liabilities }) => reserves === '0' && liabilities === '0');
  if (isEmpty || days.length < LINE_DAYS_MIN) return null;
  const from = `${bitcoin(opening.reserves)} held and ${bitcoin(opening.liabilities)} owed before ${period.from}`;
  const to = `${bitcoin(closing.reserves)} held and ${bitcoin(closing.liabilities)} owed at the end of ${period.to}`;
  return {
    kind: 'lines',
    title: 'Reserves against liabilities at the end of each day, in BTC',
    text: `From ${from} to ${to}. The table below has each day.`,
    unit: 'BTC',
    dates: days.map(({ date }) => date),
    series: [
      { name: 'Reserves', values: days.map(({ reserves }) => inBitcoin(reserves)) },
      { name: 'Liabilities', values: days.map(({ liabilities }) => inBitcoin(liabilities)) },
    ],
  };
}

/** How fast each signer answered; null where no time was taken. */
export function chartOfSigning({ signers }: Report): Chart | null {
  const timed = signers.filter((one) => one.timed > 0);
  if (timed.length === 0) return null;
  const rows = timed.map(({ name, timed: answers, within }) => {
    const ends = [...within, answers];
    return {
      name,
      note: `${grouped(answers)} answers`,
      values: ends.map((end, at) => Math.max(0, end - (at === 0 ? 0 : (ends[at - 1] ?? 0)))),
    };
  });
  const shares = timed.map(({ name, timed: answers, within }) => `${name} ${percent(within[2] ?? 0, answers)}`);
  return {
    kind: 'shares',
    title: 'How long signers took to answer',
    text: `Answers within a second: ${shares.join(', ')}. The table below has averages.`,
    parts: ANSWER_PARTS,
    rows,
  };
}

// Charts need no more than a double holds.
function inBitcoin(sats: string): number {
  return Number(sats) / SATS_PER_BITCOIN;
}
