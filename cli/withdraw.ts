// `withdraw`: pays burns out on Bitcoin by a step of the treasury line.
import type { Command } from 'commander';
import { NO_BURN_WAITS } from '../operator/runtime/line-command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { CliError } from './errors.ts';
import { addExamples } from './program.ts';
import { madeText, notBroadcast } from './step-text.ts';
import { bad, txidValue } from './values.ts';

const BURNS_MAX = 1000;

export function registerWithdraw(program: Command, cli: Cli): void {
  const command = program
    .command('withdraw')
    .description('Pay burns out in one Bitcoin transaction; without --burn, all that wait.')
    .option('--burn <txid...>', 'the burns to pay, by their transaction id on Wire', burnList)
    .action(({ burn = [] }: { readonly burn?: readonly string[] }) => withdraw(cli, burn));
  addExamples(command, 'mpc_operator withdraw', `mpc_operator withdraw --burn ${'cd'.repeat(32)}`);
}

async function withdraw(cli: Cli, burns: readonly string[]): Promise<void> {
  try {
    await runCommand(
      cli,
      'withdraw',
      { burn_txids: [...burns] },
      {
        text: (result) => (result.status === 'new' ? '' : 'Under way already.\n') + madeText(result),
        failure: ({ step }) => notBroadcast(step),
      },
    );
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== NO_BURN_WAITS) throw error;
    cli.context.output.result(
      { status: 'nothing', step: null, left: [] },
      () => 'Nothing to do: no burn waits to be paid.',
    );
  }
}

function burnList(text: string, earlier: readonly string[] | undefined): readonly string[] {
  const txid = txidValue('--burn')(text);
  const list = earlier ?? [];
  if (list.includes(txid)) throw bad('--burn', text, 'given once only');
  if (list.length >= BURNS_MAX)
    throw bad('--burn', text, `among the first ${BURNS_MAX}, which one transaction can pay`);
  return [...list, txid];
}
