// `release-burn`: takes up a burn again that this node left to the others when it was restored, where that is safe.
import type { Command } from 'commander';
import type { CommandResults } from '../operator/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { count } from './format.ts';
import { renderFields, renderTable } from './output.ts';
import { addExamples } from './program.ts';
import { txidValue } from './values.ts';

const ABOUT = [
  'Take up a burn again that was left to the other operators, once no payout of it that this node may have signed before',
  'it was restored can be mined. Such a payout is given up when another transaction has spent a coin of it',
  'fork_confirmations blocks deep, or when this node and all its Bitcoin nodes have known nothing of a coin of it for as',
  'many blocks. Those are counted from the first time that this command misses the coin: it then tells how many are left,',
  'and has to be run again after them.',
].join(' ');

export function registerReleaseBurn(program: Command, cli: Cli): void {
  const command = program
    .command('release-burn')
    .summary('Take up a burn again that was left to the other operators, once nothing signed before can be mined.')
    .description(ABOUT)
    .requiredOption('--burn <txid>', 'the burn, by its transaction id on Wire', txidValue('--burn'))
    .action(({ burn }: { burn: string }) =>
      runCommand(cli, 'release-burn', { burn_txid: burn }, { text: releaseText, failure: stillContested }),
    );
  addExamples(command, `mpc_operator release-burn --burn ${'cd'.repeat(32)}`);
}

function releaseText({ burn_txid, released, left }: CommandResults['release-burn']): string {
  const fields = renderFields([
    ['burn', burn_txid],
    ['released', released.length === 0 ? 'nothing' : released.join(', ')],
  ]);
  if (left.length === 0) return `${fields}\n\nThis node takes part in its payout again.`;
  const table = renderTable(
    [{ title: 'PAYOUT' }, { title: 'WHY IT STAYS' }],
    left.map(({ txid, reason }) => [txid, reason]),
  );
  return `${fields}\n\n${table}`;
}

function stillContested({ left }: CommandResults['release-burn']): string | null {
  if (left.length === 0) return null;
  const waits = left.map(({ blocks_left }) => blocks_left);
  if (waits.includes(null)) {
    return `${count(left.length, 'payout')} of this burn may still be mined: the other operators have to pay it.`;
  }
  const longest = waits.reduce<number>((most, blocks) => Math.max(most, blocks ?? 0), 0);
  return `Run this command again in ${count(longest, 'block')}, or have the other operators pay it.`;
}
