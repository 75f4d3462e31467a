// `server`: runs the node until it is told to end.
import type { Command } from 'commander';
import { zeroize } from '../crypto/bytes.ts';
import { asFailure, type Cli } from './call.ts';
import type { PassphraseOptions } from './context.ts';
import { CliError } from './errors.ts';
import { addExamples, addPassphraseOptions } from './program.ts';

export function registerServer(program: Command, cli: Cli): void {
  const command = program
    .command('server')
    .description(
      'Run the node. Without a passphrase it starts sealed and waits for `mpc_operator unseal`. The log goes to standard error; SIGTERM, SIGINT and SIGHUP end it in order.',
    )
    .action((options: PassphraseOptions) => serve(cli, options));
  addPassphraseOptions(command);
  addExamples(
    command,
    'mpc_operator server',
    'mpc_operator server --passphrase-file ~/passphrase',
    'mpc_operator server --passphrase-fd 3 3< <(pass show mpc-operator)',
  );
}

async function serve({ context, services }: Cli, options: PassphraseOptions): Promise<void> {
  const config = context.config();
  if ((await context.server(config)) !== null) {
    throw new CliError(`A server runs with ${config.file} already; it answers at ${config.controlSocket}.`);
  }
  const passphrase = await context.passphrase(options, 'open');
  try {
    await services.serve(config, { passphrase, signal: context.signal });
  } catch (error) {
    throw asFailure(error);
  } finally {
    if (passphrase !== null) zeroize(passphrase);
  }
}
