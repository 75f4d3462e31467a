// `withdrawals`: the steps of the treasury line that this node knows, newest first; with --waiting, the burns that wait.
import type { Command } from 'commander';
import type { CommandResults, WithdrawalReport } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { localTime, sats, shortHex } from './format.ts';
import { renderTable } from './output.ts';
import { addPageOptions, type PageOptions, pageLine } from './page.ts';
import { addExamples } from './program.ts';
import { waitsTable } from './step-text.ts';

export function registerWithdrawals(program: Command, cli: Cli): void {
  const command = program
    .command('withdrawals')
    .description('List the steps of the treasury line with the burns they pay, or the burns that wait and why.')
    .option('--waiting', 'list what waits to be paid, why, and what it needs')
    .action(({ limit, offset, waiting = false }: PageOptions & { readonly waiting?: boolean }) =>
      waiting
        ? runCommand(cli, 'withdrawals-waiting', {}, { text: waitingText })
        : runCommand(cli, 'withdrawals', { limit, offset }, { text: (result) => withdrawalsText(result, offset) }),
    );
  addPageOptions(command);
  addExamples(
    command,
    'mpc_operator withdrawals',
    'mpc_operator withdrawals --waiting',
    'mpc_operator withdrawals --limit 20 --offset 40 --json',
  );
}

function waitingText({ waiting }: CommandResults['withdrawals-waiting']): string {
  return waiting.length === 0 ? 'Nothing waits.' : waitsTable(waiting);
}

function withdrawalsText({ withdrawals, total }: CommandResults['withdrawals'], offset: number): string {
  if (total === 0) return 'No withdrawals yet.';
  const table = renderTable(
    [
      { title: 'TRANSACTION' },
      { title: 'KIND' },
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

// One line per burn; what belongs to the transaction stands on its first line only. A step whose place another took pays nothing.
function rows(withdrawal: WithdrawalReport): string[][] {
  const { txid, kind, status, replaced_by, confirmations, miner_fee, created_at, burns } = withdrawal;
  const fee = miner_fee === null ? '-' : sats(miner_fee);
  const standing = replaced_by === null ? status : `${status} by ${shortHex(replaced_by)}`;
  const shared = [txid, kind ?? 'list unknown', standing, String(confirmations), fee, localTime(created_at)];
  if (burns.length === 0) return [[...shared, '-', '-', '-']];
  return burns.map(({ burn_txid, address, amount, fee: burnFee }, at) => [
    ...(at === 0 ? shared : shared.map(() => '')),
    replaced_by !== null || amount === null || burnFee === null
      ? '-'
      : sats((BigInt(amount) - BigInt(burnFee)).toString()),
    address ?? '-',
    burn_txid,
  ]);
}
