// `hold` and `unhold`: burns for which this node signs no payout.
import type { Command } from 'commander';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { addExamples } from './program.ts';
import { textValue, txidValue } from './values.ts';

const REASON_MAX = 500;
type Held = CommandResults['hold'];

function heldText({ burn_txid, known, holds_needed }: Held): string {
  const many = `It is not paid once ${holds_needed} operators hold it.`;
  const unknown = known ? '' : ' This node has read no such burn on its Wire nodes yet: check the id.';
  return `Burn ${burn_txid} is held at this node. ${many}${unknown}`;
}

function notStopped({ signed_step }: Held): string | null {
  if (signed_step === null) return null;
  return `Step ${signed_step} pays it and is signed already. Unless it is mined, \`mpc_operator void --reason TEXT\` can stop it.`;
}

export function registerHold(program: Command, cli: Cli): void {
  const hold = program
    .command('hold')
    .description(
      'Hold a burn back: this node signs no payout of it. The burn is not paid once n − t + 1 nodes hold it.',
    )
    .argument('<burn>', 'the burn, by its transaction id on Wire', txidValue('<burn>'))
    .requiredOption('--reason <text>', 'why, for the audit log', textValue('--reason', REASON_MAX, 'a reason'))
    .action((burn: string, { reason }: { readonly reason: string }) =>
      runCommand(cli, 'hold', { burn_txid: burn, reason }, { text: heldText, failure: notStopped }),
    );
  addExamples(hold, `mpc_operator hold ${'cd'.repeat(32)} --reason "the address is on a sanctions list"`);
  const unhold = program
    .command('unhold')
    .description('Release a burn that was held: this node may sign its payout again.')
    .argument('<burn>', 'the burn, by its transaction id on Wire', txidValue('<burn>'))
    .action((burn: string) =>
      runCommand(cli, 'unhold', { burn_txid: burn }, { text: ({ burn_txid }) => `Burn ${burn_txid} is released.` }),
    );
  addExamples(unhold, `mpc_operator unhold ${'cd'.repeat(32)}`);
}
