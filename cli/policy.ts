// `policy show` and `policy set`: what this operator signs.
import type { Command } from 'commander';
import { isPolicyNumber, policyNameOf } from '../operator/policy-commands.ts';
import { CommandError } from '../operator/runtime/command-error.ts';
import type { PolicyReport } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand, sentence } from './call.ts';
import { UsageError } from './errors.ts';
import { renderFields } from './output.ts';
import { addExamples } from './program.ts';
import { bad } from './values.ts';

const SET_ABOUT = [
  'Set one value of the policy in the configuration file; a running server uses it at once. `off` goes back to the default.',
  'Approvals that were given under the policy of before are void.',
].join(' ');

export function registerPolicy(program: Command, cli: Cli): void {
  const policy = program.command('policy').description('Show or change what this operator signs.');
  addExamples(policy, 'mpc_operator policy show', 'mpc_operator policy set day_max_sats 500000000');
  const show = policy
    .command('show')
    .description('Show the policy, and how much was signed to be paid within the last 24 h.')
    .action(() => runCommand(cli, 'policy-show', {}, { text: policyText }));
  addExamples(show, 'mpc_operator policy show', 'mpc_operator policy show --json');
  const set = policy
    .command('set')
    .summary('Change one value of the policy.')
    .description(SET_ABOUT)
    .argument('<name>', 'the value to change, as `policy show` names it')
    .argument('<value...>', 'the new value, or off')
    .action((name: string, values: readonly string[]) => {
      assertSettable(name, values);
      return runCommand(cli, 'policy-set', { name, values: [...values] }, { text: policyText });
    });
  addExamples(
    set,
    'mpc_operator policy set withdrawal_max_sats 100000000',
    'mpc_operator policy set approve_above_sats 50000000',
    'mpc_operator policy set hold_above_sats off',
  );
}

// Here, before two people have signed in for a typing mistake.
function assertSettable(written: string, values: readonly string[]): void {
  let name: string;
  try {
    name = policyNameOf(written);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new UsageError(sentence(error.message));
  }
  const value = values.join(' ');
  if (name === 'consolidate_addresses' || value === 'off' || isPolicyNumber(value)) return;
  const unit = name.endsWith('_sats') ? 'sats without a decimal point (100000000 = 1 BTC)' : 'digits alone';
  throw bad(name, value, `a whole number in ${unit}, or off`);
}

function policyText({ file, values, deposit_min_sats: least, signed_today_sats: today }: PolicyReport): string {
  return renderFields([
    ['file', file],
    ...values.map(({ name, value }) => [name, valueText(value)] as const),
    ['signed in 24 h', `${today} sats`],
    ['deposit_min_sats', `${least}, the same at all operators`],
  ]);
}

function valueText(value: PolicyReport['values'][number]['value']): string {
  if (value === null) return 'off';
  if (typeof value === 'number') return `${value}`;
  return value.length === 0 ? 'none' : value.join(', ');
}
