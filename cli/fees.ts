// `fees`: what came into the surplus of the treasury and what left it, by day.
import type { Command } from 'commander';
import type { CommandResults, FeeSums } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { count, sats } from './format.ts';
import { renderFields, renderTable } from './output.ts';
import { addExamples } from './program.ts';
import { wholeValue } from './values.ts';

const DAYS_DEFAULT = 30;
const DAYS_MAX = 3_660;

export function registerFees(program: Command, cli: Cli): void {
  const days = wholeValue('--days', 1, DAYS_MAX, 'a whole number of days');
  const command = program
    .command('fees')
    .description('Show what burns paid, what miners took, top-ups and consolidations, by day (UTC), with the surplus.')
    .option('--days <number>', 'how many days, today counted', days, DAYS_DEFAULT)
    .action(({ days: last }: { readonly days: number }) =>
      runCommand(cli, 'fees', { days: last }, { text: (report) => feesText(report, last) }),
    );
  addExamples(command, 'mpc_operator fees', 'mpc_operator fees --days 7 --json');
}

function feesText(report: CommandResults['fees'], last: number): string {
  const { days, total, opening_surplus, surplus, fee_reserve, above_reserve, incomplete_steps: open } = report;
  const rows = days.map((day) => [day.date, ...cells(day), day.surplus]);
  const table = renderTable(
    [
      { title: 'DAY (UTC)' },
      ...['STEPS', 'BURN FEES', 'MINER FEES', 'TOP-UPS', 'CONSOLIDATED', 'SURPLUS'].map((title) => ({
        title,
        align: 'right' as const,
      })),
    ],
    [['before', '', '', '', '', '', opening_surplus], ...rows, ['all', ...cells(total), surplus]],
  );
  const fields = renderFields([
    ['surplus', sats(surplus)],
    ['fee reserve', sats(fee_reserve)],
    ['above the reserve', sats(above_reserve)],
  ]);
  const note =
    open === 0 ? '' : `\n\n${count(open, 'step')} not fully known yet: this node asks its peers, or reads blocks.`;
  return `Mined steps of the last ${count(last, 'day')}, in sats:\n${table}\n\n${fields}${note}`;
}

function cells({ steps, burn_fees, miner_fees, top_ups, consolidated }: FeeSums): readonly string[] {
  return [`${steps}`, burn_fees, miner_fees, top_ups, consolidated];
}
