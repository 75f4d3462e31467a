// `veto`: keeps a large payout from being signed anywhere, for a day.
import type { Command } from 'commander';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { localTime } from './format.ts';
import { addExamples } from './program.ts';
import { textValue, txidValue } from './values.ts';

const ABOUT = [
  'Veto the payout of a burn within its hold window (policy hold_above_sats, hold_minutes): no node that has the veto signs it.',
  'It lapses after 24 h, or once as many operators as must sign have let the payout go (`requests approve ID`). Each operator',
  'vetoes a burn once. `hold` keeps a burn back at this node alone, for as long as you want.',
].join(' ');

export function registerVeto(program: Command, cli: Cli): void {
  const command = program
    .command('veto')
    .summary('Veto a large payout within its hold window, at all nodes.')
    .description(ABOUT)
    .argument('<burn>', 'the burn, by its transaction id on Wire', txidValue('<burn>'))
    .requiredOption('--reason <text>', 'why, shown to all operators', textValue('--reason', 500, 'a reason'))
    .action((burn: string, { reason }: { readonly reason: string }) =>
      runCommand(cli, 'veto', { burn_txid: burn, reason }, { text: vetoText }),
    );
  addExamples(command, `mpc_operator veto ${'cd'.repeat(32)} --reason "nobody knows this payee"`);
}

function vetoText({ request, told }: CommandResults['veto']): string {
  const peers = told.length === 0 ? 'no other operator yet' : `operators ${told.join(', ')}`;
  return [
    `The payout of burn ${request.burn_txid} is vetoed until ${localTime(request.expires_at)}.`,
    `Taken by ${peers}; the others are told again until they answer.`,
    `To let it go earlier, operators run: mpc_operator requests approve ${request.id}`,
  ].join('\n');
}
