// `deposits`: the deposits this node knows, newest first.
import type { Command } from 'commander';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { optionalTime, sats } from './format.ts';
import { renderTable } from './output.ts';
import { addPageOptions, type PageOptions, pageLine } from './page.ts';
import { addExamples } from './program.ts';

export function registerDeposits(program: Command, cli: Cli): void {
  const command = program
    .command('deposits')
    .description('List deposits with their attestations and mints.')
    .action(({ limit, offset }: PageOptions) =>
      runCommand(cli, 'deposits', { limit, offset }, { text: (result) => depositsText(result, offset) }),
    );
  addPageOptions(command);
  addExamples(command, 'mpc_operator deposits', 'mpc_operator deposits --limit 20 --offset 40 --json');
}

function depositsText({ deposits, total }: CommandResults['deposits'], offset: number): string {
  if (total === 0) return 'No deposits yet.';
  const table = renderTable(
    [
      { title: 'DEPOSIT' },
      { title: 'AMOUNT', align: 'right' },
      { title: 'STATUS' },
      { title: 'ATTESTED' },
      { title: 'MINTED' },
      { title: 'RECIPIENT' },
      { title: 'WAITS FOR' },
    ],
    deposits.map((deposit) => [
      `${deposit.txid}:${deposit.vout}`,
      sats(deposit.amount),
      deposit.status,
      optionalTime(deposit.attested_at),
      optionalTime(deposit.minted_at),
      deposit.recipient,
      deposit.waits_for ?? '-',
    ]),
  );
  return `${table}\n${pageLine(deposits.length, offset, total)}`;
}
