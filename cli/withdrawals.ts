// `withdrawals`: the payout transactions this node knows, newest first.
import type { Command } from 'commander';
import type { CommandResults, WithdrawalReport } from '../operator/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { localTime, sats } from './format.ts';
import { renderTable } from './output.ts';
import { addPageOptions, type PageOptions, pageLine } from './page.ts';
import { addExamples } from './program.ts';

export function registerWithdrawals(program: Command, cli: Cli): void {
  const command = program
    .command('withdrawals')
    .description('List payout transactions with the burns they pay.')
    .action(({ limit, offset }: PageOptions) =>
      runCommand(cli, 'withdrawals', { limit, offset }, { text: (result) => withdrawalsText(result, offset) }),
    );
  addPageOptions(command);
  addExamples(command, 'mpc_operator withdrawals', 'mpc_operator withdrawals --limit 20 --offset 40 --json');
}

function withdrawalsText({ withdrawals, total }: CommandResults['withdrawals'], offset: number): string {
  if (total === 0) return 'No withdrawals yet.';
  const table = renderTable(
    [
      { title: 'TRANSACTION' },
      { title: 'STATUS' },
      { title: 'CONFIRMATIONS', align: 'right' },
      { title: 'MINER FEE', align: 'right' },
      { title: 'MADE' },
      { title: 'PAYS', align: 'right' },
      { title: 'TO' },
      { title: 'BURN' },
    ],
    withdrawals.flatMap(rows),
  );
  return `${table}\n${pageLine(withdrawals.length, offset, total)}`;
}

// One line per burn; what belongs to the transaction stands on its first line only. Then one for each child that pays for it.
function rows(withdrawal: WithdrawalReport): string[][] {
  const children = withdrawal.children ?? [];
  return [
    ...payoutRows(withdrawal),
    ...children.map(({ txid, status, miner_fee }) => [
      txid,
      `child, ${status}`,
      '',
      sats(miner_fee),
      '',
      '-',
      '-',
      '-',
    ]),
  ];
}

function payoutRows(withdrawal: WithdrawalReport): string[][] {
  const { txid, status, confirmations, miner_fee, created_at, burns } = withdrawal;
  const shared = [txid, status, String(confirmations), sats(miner_fee), localTime(created_at)];
  if (burns.length === 0) return [[...shared, '-', '-', '-']];
  return burns.map(({ burn_txid, address, amount, fee }, at) => [
    ...(at === 0 ? shared : shared.map(() => '')),
    sats((BigInt(amount) - BigInt(fee)).toString()),
    address,
    burn_txid,
  ]);
}
