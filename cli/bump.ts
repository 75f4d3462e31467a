// `bump`: replaces the step that waits by one with a higher fee.
import type { Command } from 'commander';
import { type Cli, runCommand } from './call.ts';
import { addExamples } from './program.ts';
import { madeText, notBroadcast } from './step-text.ts';
import { feeRateValue } from './values.ts';

export function registerBump(program: Command, cli: Cli): void {
  const command = program
    .command('bump')
    .description('Replace the waiting step of the treasury line by one with a higher fee.')
    .option('--fee-rate <sat/vB>', 'the fee rate (default: one step up, or the estimate)', feeRateValue('--fee-rate'))
    .action(({ feeRate }: { readonly feeRate?: number }) =>
      runCommand(
        cli,
        'bump',
        { ...(feeRate !== undefined && { fee_rate: feeRate }) },
        { text: madeText, failure: ({ step }) => notBroadcast(step) },
      ),
    );
  addExamples(command, 'mpc_operator bump', 'mpc_operator bump --fee-rate 25');
}
