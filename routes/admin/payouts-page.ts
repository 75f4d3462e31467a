// Payouts: what waits, the treasury and its line, the steps, one step, one burn, and the fees by day.

import type { AdminDesk } from '../../operator/admin/desk.ts';
import { burnReport, lineReport, waitingBurns } from '../../operator/admin/payout-reports.ts';
import { stepReport } from '../../operator/admin/step-reports.ts';
import type { CommandResults } from '../../operator/runtime/command-types.ts';
import { BurnSteps, OneBurn, type PayoutRights, Steps, WaitingBurns } from '../../views/payouts.tsx';
import { StepBurns, StepDrawing, StepHead } from '../../views/step.tsx';
import { FEE_DAYS, FeesByDay, NoTreasury, TheLine, Treasury } from '../../views/treasury.tsx';
import type { AdminPage, PageRequest } from './page.ts';
import { offsetOf } from './query.ts';

const WAITING_ROWS = 25;
const STEP_ROWS = 25;
const DAYS = 30;

function rightsOf({ may }: PageRequest): PayoutRights {
  return {
    ...{ payouts: may('payouts'), hold: may('hold'), void: may('void'), veto: may('veto') },
    consolidate: may('consolidate'),
  };
}

/** What waits, the treasury, and the steps. */
export const payoutsPage: AdminPage = {
  pattern: '/payouts',
  nav: 'payouts',
  title: () => 'Payouts',
  parts: async (request) => {
    const { desk, status, query, now } = request;
    const may = rightsOf(request);
    const waitingPage = {
      limit: WAITING_ROWS,
      offset: offsetOf(new URLSearchParams({ offset: query.get('waiting') ?? '' })),
    };
    const stepPage = { limit: STEP_ROWS, offset: offsetOf(query) };
    const line = lineReport(desk.node);
    if (line === null) return [{ id: 'none', view: NoTreasury() }];
    const { withdrawals: steps, total } = await desk.read('withdrawals', stepPage);
    const next =
      status.treasury?.state === 'open'
        ? 'The next batch begins once a burn is final on your Wire nodes.'
        : 'Burns can be paid once the treasury is open.';
    const report = waitingBurns(desk.node, waitingPage);
    return [
      { id: 'waiting', view: WaitingBurns({ report, page: waitingPage, may, next, now }) },
      {
        id: 'treasury',
        isHalf: true,
        view: Treasury({ report: line, next: status.treasury?.detail ?? '', may }),
      },
      { id: 'line', isHalf: true, view: TheLine({ report: line, may, now }) },
      { id: 'steps', view: Steps({ steps, total, page: stepPage }) },
    ];
  },
};

// A long line takes long to sum up, and a page's stream asks every few seconds.
const FEES_KEPT_MS = 60_000;
type Fees = CommandResults['fees'];
type KeptFees = Map<number, { readonly at: number; readonly fees: Promise<Fees> }>;
const keptFees = new WeakMap<AdminDesk, KeptFees>();

function feesOf(desk: AdminDesk, days: number): Promise<Fees> {
  const now = desk.node.input.effects.monotonic();
  const kept: KeptFees = keptFees.get(desk) ?? new Map();
  keptFees.set(desk, kept);
  const found = kept.get(days);
  if (found !== undefined && now - found.at < FEES_KEPT_MS) return found.fees;
  const fees = desk.read('fees', { days });
  kept.set(days, { at: now, fees });
  return fees;
}

/** Fees by day. */
export const feesPage: AdminPage = {
  pattern: '/payouts/fees',
  nav: 'payouts',
  title: () => 'Fees',
  parts: async ({ desk, query, status }) => {
    const days = FEE_DAYS.find((one) => String(one) === query.get('days')) ?? DAYS;
    const fees = status.treasury?.state === 'open' ? await feesOf(desk, days) : null;
    return [{ id: 'fees', view: FeesByDay({ fees, days }) }];
  },
};

/** One step. */
export const stepPage: AdminPage = {
  pattern: '/payouts/:txid',
  nav: 'payouts',
  title: () => 'A step of the treasury line',
  parts: async (request) => {
    const step = stepReport(request.desk.node, request.path['txid'] ?? '');
    if (step === null) return null;
    return [
      { id: 'step', view: StepHead({ step, may: rightsOf(request) }) },
      { id: 'drawing', view: StepDrawing({ step }) },
      { id: 'burns', view: StepBurns({ step }) },
    ];
  },
};

/** One burn. */
export const burnPage: AdminPage = {
  pattern: '/payouts/burns/:burn',
  nav: 'payouts',
  title: () => 'A burn',
  parts: async (request) => {
    const report = burnReport(request.desk.node, request.path['burn'] ?? '');
    if (report === null) return null;
    return [
      { id: 'burn', view: OneBurn({ report, may: rightsOf(request), now: request.now }) },
      { id: 'steps', view: BurnSteps({ report }) },
    ];
  },
};
