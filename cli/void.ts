// `void`: makes everything worthless that was signed from the tip of the treasury line and is not mined.
import type { Command } from 'commander';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { renderFields } from './output.ts';
import { addExamples } from './program.ts';
import { stepText, waitsTable } from './step-text.ts';
import { textValue } from './values.ts';

const ABOUT = [
  'Make all steps worthless that are signed from the tip of the treasury line and not mined yet: a void step spends',
  "the tip instead. Each signer's operator has to approve it (`requests approve ID`). Until enough operators have",
  'approved, this node tries again, for at most a day. A later step pays the burns whose payout became worthless.',
].join(' ');

export function registerVoid(program: Command, cli: Cli): void {
  const command = program
    .command('void')
    .summary('Make all steps worthless that are signed and not mined, once the operators approve.')
    .description(ABOUT)
    .requiredOption('--reason <text>', 'why, shown to the other operators', textValue('--reason', 500, 'a reason'))
    .action(({ reason }: { readonly reason: string }) => runCommand(cli, 'void', { reason }, { text: voidText }));
  addExamples(command, 'mpc_operator void --reason "a payout was signed with a wrong fee estimate"');
}

function voidText({ request, step, left, detail }: CommandResults['void']): string {
  const head = renderFields([
    ['request', request.id],
    ['treasury output', request.treasury ?? ''],
    ['open until', request.expires_at],
  ]);
  if (step !== null) return `${head}\n\n${stepText(step)}`;
  const unsigned = `Not signed yet: ${detail}\nThe others approve with: mpc_operator requests approve ${request.id}`;
  return left.length === 0 ? `${head}\n\n${unsigned}` : `${head}\n\n${unsigned}\n\n${waitsTable(left)}`;
}
