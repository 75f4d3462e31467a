// The money of a report: what deposits, burns, payouts and fees moved by day, and whether what is held goes with what is owed.
import { TREASURY_SATS_MIN } from '../../chain/line.ts';
import type { Queries } from '../../store/database.ts';
import {
  burnsOfDay,
  custodyChange,
  depositedSats,
  depositSums,
  exposedSats,
  type Heights,
  heightsOfDays,
  paidBurns,
  stepSums,
  treasuryAt,
  unpaidBurns,
} from '../../store/report-sums.ts';
import { dateOf, type Period } from './period.ts';
import type { BalanceReport, DayReport, MoneyReport, Report } from './report.ts';

const DAY_MS = 86_400_000;
/** Below every block. */
const BEFORE_ALL = -1;

type Money = Pick<Report, 'days' | 'totals' | 'opening' | 'closing' | 'incomplete' | 'waiting'>;

/** Sats of a day as numbers. */
interface DaySums {
  readonly deposits: number;
  readonly deposited: bigint;
  readonly mints: number;
  readonly minted: bigint;
  readonly burns: number;
  readonly burnt: bigint;
  readonly burnsPaid: number;
  readonly paidOut: bigint;
  readonly burntOfPaid: bigint;
  readonly burnFees: bigint;
  readonly minerFees: bigint;
  readonly consolidated: bigint;
  readonly feesUnknown: number;
  readonly steps: Readonly<Record<string, number>>;
}

/** What is held and owed after a block. Sats. */
interface Balance {
  readonly reserves: bigint;
  readonly liabilities: bigint;
}

/** The same with deposits that are owed although no block holds them, among the liabilities too. */
interface Owing extends Balance {
  readonly exposed: bigint;
}

/** Every sum of money over the period. */
export function moneyOf(db: Queries, { firstDay, lastDay }: Period): Money {
  const heights = heightsOfDays(db, firstDay, lastDay);
  const begin = heights[0] ?? BEFORE_ALL;
  const opening = after(db, { reserves: 0n, liabilities: 0n }, { after: BEFORE_ALL, last: begin });
  let balance = opening;
  const sums: DaySums[] = [];
  const days: DayReport[] = [];
  for (let at = 0; at <= lastDay - firstDay; at++) {
    const range = { after: heights[at] ?? begin, last: heights[at + 1] ?? begin };
    const day = sumsOfDay(db, firstDay + at, range);
    balance = after(db, balance, range);
    sums.push(day);
    const { reserves, liabilities } = owing(db, balance, firstDay + at + 1);
    days.push({
      date: dateOf(firstDay + at),
      ...moneyReport(day),
      reserves: `${reserves}`,
      liabilities: `${liabilities}`,
    });
  }
  const total = sums.reduce(added, NOTHING);
  const waiting = unpaidBurns(db);
  return {
    days,
    totals: moneyReport(total),
    opening: balanceReport(db, owing(db, opening, firstDay), begin),
    closing: balanceReport(db, owing(db, balance, lastDay + 1), heights.at(-1) ?? begin),
    incomplete: {
      unlisted_steps: total.steps['unlisted'] ?? 0,
      unknown_fees: total.feesUnknown,
      unknown_burns: paidBurns(db, { after: BEFORE_ALL, last: heights.at(-1) ?? begin }).unknown,
    },
    waiting: { burns: waiting.count, sats: `${waiting.sats}` },
  };
}

function sumsOfDay(db: Queries, day: number, range: Heights): DaySums {
  const { deposits, minted } = depositSums(db, range);
  const burns = burnsOfDay(db, day * DAY_MS, (day + 1) * DAY_MS, range);
  const paid = paidBurns(db, range);
  const { kinds, paidOut, consolidated, minerFees, feesUnknown } = stepSums(db, range);
  return {
    ...{ deposits: deposits.count, deposited: deposits.sats, mints: minted.count, minted: minted.sats },
    ...{ burns: burns.count, burnt: burns.sats, burnsPaid: paid.burns.count, burntOfPaid: paid.burns.sats },
    ...{ paidOut, burnFees: paid.fees, minerFees, consolidated, feesUnknown, steps: kinds },
  };
}

// Every deposit is owed until what was minted for it is burnt and paid.
function after(db: Queries, before: Balance, range: Heights): Balance {
  return {
    reserves: before.reserves + custodyChange(db, range),
    liabilities: before.liabilities + depositedSats(db, range) - paidBurns(db, range).burns.sats,
  };
}

// What was minted for a deposit is owed, also where its block has left the chain, as it had before this day.
function owing(db: Queries, { reserves, liabilities }: Balance, day: number): Owing {
  const exposed = exposedSats(db, day * DAY_MS);
  return { reserves, liabilities: liabilities + exposed, exposed };
}

function balanceReport(db: Queries, { reserves, liabilities, exposed }: Owing, height: number): BalanceReport {
  const { root, tip, held } = treasuryAt(db, height);
  const isOpen = root !== null || tip !== null;
  const floor = isOpen ? TREASURY_SATS_MIN : 0n;
  const surplus = tip?.surplus ?? (root === null ? 0n : root - TREASURY_SATS_MIN);
  const unswept = held - (tip?.amount ?? root ?? 0n);
  const difference = reserves - liabilities;
  return {
    ...{ reserves: `${reserves}`, liabilities: `${liabilities}`, difference: `${difference}` },
    ...{ floor: `${floor}`, surplus: `${surplus}`, unswept: `${unswept}`, exposed: `${exposed}` },
    unexplained: `${difference - floor - surplus - unswept + exposed}`,
  };
}

function moneyReport(day: DaySums): MoneyReport {
  return {
    ...{ deposits: day.deposits, deposited: `${day.deposited}`, mints: day.mints, minted: `${day.minted}` },
    ...{ burns: day.burns, burnt: `${day.burnt}`, burns_paid: day.burnsPaid, paid_out: `${day.paidOut}` },
    ...{ burnt_of_paid: `${day.burntOfPaid}`, burn_fees: `${day.burnFees}`, miner_fees: `${day.minerFees}` },
    ...{ consolidated: `${day.consolidated}`, steps: day.steps },
  };
}

const NOTHING: DaySums = {
  ...{ deposits: 0, deposited: 0n, mints: 0, minted: 0n, burns: 0, burnt: 0n, burnsPaid: 0, paidOut: 0n },
  ...{ burntOfPaid: 0n, burnFees: 0n, minerFees: 0n, consolidated: 0n, feesUnknown: 0, steps: {} },
};

function added(a: DaySums, b: DaySums): DaySums {
  const steps = { ...a.steps };
  for (const [kind, count] of Object.entries(b.steps)) steps[kind] = (steps[kind] ?? 0) + count;
  return {
    deposits: a.deposits + b.deposits,
    deposited: a.deposited + b.deposited,
    mints: a.mints + b.mints,
    minted: a.minted + b.minted,
    burns: a.burns + b.burns,
    burnt: a.burnt + b.burnt,
    burnsPaid: a.burnsPaid + b.burnsPaid,
    paidOut: a.paidOut + b.paidOut,
    burntOfPaid: a.burntOfPaid + b.burntOfPaid,
    burnFees: a.burnFees + b.burnFees,
    minerFees: a.minerFees + b.minerFees,
    consolidated: a.consolidated + b.consolidated,
    feesUnknown: a.feesUnknown + b.feesUnknown,
    steps,
  };
}
