// `seal`: drops the keys of a running server from its memory.
import type { Command } from 'commander';
import { type Cli, runCommand } from './call.ts';
import { addExamples } from './program.ts';

export function registerSeal(program: Command, cli: Cli): void {
  const command = program
    .command('seal')
    .description(
      'Drop the keys of the running server from its memory. It signs nothing until `mpc_operator unseal`, and the others go on without it.',
    )
    .action(() =>
      runCommand(
        cli,
        'seal',
        {},
        {
          text: ({ sealed }) =>
            sealed ? 'The node is sealed.\nNext, when it is to sign again: mpc_operator unseal' : 'The node is open.',
          failure: ({ sealed }) => (sealed ? null : 'The keys are still in memory.'),
        },
      ),
    );
  addExamples(command, 'mpc_operator seal');
}
