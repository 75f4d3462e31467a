// `deposit-address`: where a recipient on Wire deposits bitcoin.
import type { Command } from 'commander';
import { type Cli, runCommand } from './call.ts';
import { renderFields } from './output.ts';
import { addExamples } from './program.ts';
import { recipientValue } from './values.ts';

const RECIPIENT = '1f'.repeat(32);

export function registerDepositAddress(program: Command, cli: Cli): void {
  const command = program
    .command('deposit-address')
    .description('Show the Bitcoin address that belongs to a recipient on Wire. Every node derives the same one.')
    .requiredOption('--recipient <hex>', 'the recipient: 64 hexadecimal characters', recipientValue('--recipient'))
    .action(({ recipient }: { recipient: string }) =>
      runCommand(
        cli,
        'deposit-address',
        { recipient },
        {
          text: (result) =>
            renderFields([
              ['address', result.address],
              ['recipient', result.recipient],
              ['script', result.script],
            ]),
        },
      ),
    );
  addExamples(command, `mpc_operator deposit-address --recipient ${RECIPIENT}`);
}
