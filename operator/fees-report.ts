// `fees`: what burns paid, what miners took, what came in by top-ups and what was consolidated, by day, with the surplus.
import { rootSurplus } from '../chain/line.ts';
import { type StepAccount, stepAccounts } from '../store/line-accounts.ts';
import { requireLiveKey } from './bridge/bridge.ts';
import { lineRoot } from './chain-state/line-terms.ts';
import type { Node } from './node.ts';
import { CommandError } from './runtime/command-error.ts';
import type { CommandParams, CommandResults, FeeSums } from './runtime/command-types.ts';

const DAY_S = 86_400;
const NOTHING: Sums = { steps: 0, burnFees: 0n, minerFees: 0n, topUps: 0n, consolidated: 0n };

interface Sums {
  readonly steps: number;
  readonly burnFees: bigint;
  readonly minerFees: bigint;
  readonly topUps: bigint;
  readonly consolidated: bigint;
}

/** The figures of the last days, today counted, by UTC. Throws `CommandError` where there is no line yet. */
export function feesReport(node: Node, { days }: CommandParams<'fees'>): CommandResults['fees'] {
  const { config, store, keys, input } = node;
  const root = lineRoot(store.db, requireLiveKey(keys));
  if (root === null) {
    throw new CommandError('no_root', 'the treasury is not open yet, so no fees came in: see `mpc_operator treasury`');
  }
  const first = dayOf(Math.floor(input.effects.now() / 1000)) - days + 1;
  let opening = rootSurplus(root);
  let surplus = opening;
  let incomplete = 0;
  const byDay = new Map<number, { readonly sums: Sums; readonly surplus: bigint }>();
  let day = 0;
  for (const step of stepAccounts(store.db, { amount: root.amount, surplus: opening })) {
    // The header of a block may say an earlier time than that of its parent: days never go back.
    day = Math.max(day, step.time === null ? 0 : dayOf(step.time));
    surplus = step.surplus;
    if (day < first) opening = surplus;
    else byDay.set(day, { sums: added(byDay.get(day)?.sums ?? NOTHING, step), surplus });
    if (step.incomplete || step.kind === null) incomplete += 1;
  }
  const listed = [...byDay.entries()];
  const reserve = config.policy.feeReserveSats;
  return {
    days: listed.map(([at, one]) => ({ date: dateOf(at), ...sumsJson(one.sums), surplus: `${one.surplus}` })),
    opening_surplus: `${opening}`,
    total: sumsJson(listed.map(([, { sums }]) => sums).reduce(joined, NOTHING)),
    surplus: `${surplus}`,
    fee_reserve: `${reserve}`,
    above_reserve: `${surplus > reserve ? surplus - reserve : 0n}`,
    incomplete_steps: incomplete,
  };
}

function added(sums: Sums, { burnFees, minerFee, strays, consolidated }: StepAccount): Sums {
  return joined(sums, { steps: 1, burnFees, minerFees: minerFee, topUps: strays, consolidated });
}

function joined(a: Sums, b: Sums): Sums {
  return {
    steps: a.steps + b.steps,
    burnFees: a.burnFees + b.burnFees,
    minerFees: a.minerFees + b.minerFees,
    topUps: a.topUps + b.topUps,
    consolidated: a.consolidated + b.consolidated,
  };
}

function sumsJson({ steps, burnFees, minerFees, topUps, consolidated }: Sums): FeeSums {
  return {
    steps,
    burn_fees: `${burnFees}`,
    miner_fees: `${minerFees}`,
    top_ups: `${topUps}`,
    consolidated: `${consolidated}`,
  };
}

function dayOf(seconds: number): number {
  return Math.floor(seconds / DAY_S);
}

function dateOf(day: number): string {
  return new Date(day * DAY_S * 1000).toISOString().slice(0, 10);
}
