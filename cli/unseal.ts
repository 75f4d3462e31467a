// `unseal`: opens the key file of a running server.
import type { Command } from 'commander';
import { zeroize } from '../crypto/bytes.ts';
import { type Cli, requiredPassphrase, runCommand } from './call.ts';
import type { PassphraseOptions } from './context.ts';
import { addExamples, addPassphraseOptions } from './program.ts';

export function registerUnseal(program: Command, cli: Cli): void {
  const command = program
    .command('unseal')
    .description('Open the key file of the running server, so that it can sign.')
    .action((options: PassphraseOptions) => unseal(cli, options));
  addPassphraseOptions(command);
  addExamples(command, 'mpc_operator unseal', 'mpc_operator unseal --passphrase-file ~/passphrase');
}

async function unseal(cli: Cli, options: PassphraseOptions): Promise<void> {
  // Nobody should type a passphrase to be told that there is no server.
  await cli.context.requireServer();
  const bytes = await requiredPassphrase(cli.context, options);
  try {
    const passphrase = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    await runCommand(
      cli,
      'unseal',
      { passphrase },
      {
        text: ({ sealed }) =>
          sealed ? 'The node is still sealed.' : 'The node is unsealed.\nNext: mpc_operator status',
        failure: ({ sealed }) => (sealed ? 'The key file could not be opened.' : null),
      },
    );
  } finally {
    zeroize(bytes);
  }
}
