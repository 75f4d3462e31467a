// `status`: the node at a glance, and what an operator should look at.
import type { Command } from 'commander';
import type { BackendReport, CommandResults } from '../operator/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { count, localTime, tally } from './format.ts';
import { type Output, printable, renderFields } from './output.ts';
import { addExamples } from './program.ts';

type Status = CommandResults['status'];

export function registerStatus(program: Command, cli: Cli): void {
  const command = program
    .command('status')
    .description('Show the state of this node; exit code 1 where something needs attention.')
    .action(() => runCommand(cli, 'status', {}, { text: statusText, failure: statusFailure }));
  addExamples(command, 'mpc_operator status', 'mpc_operator status --json');
}

function statusText(status: Status, output: Output): string {
  const { problems } = status;
  const fields = renderFields([
    ['operator', `${status.name} (index ${status.my_index}), ${status.network}`],
    ['federation', `${status.threshold} of ${status.participants}, ${count(status.peers_known, 'card')} known`],
    ['server', serverLine(status)],
    ['key file', status.sealed ? 'sealed' : 'open'],
    ['key', status.key_id ?? 'none yet'],
    ...backendFields('bitcoin', status.bitcoin),
    ...backendFields('wire', status.wire),
    ['deposits', tally(status.deposits)],
    ['withdrawals', tally(status.withdrawals)],
    ['refused messages', tally(status.rejections)],
    ['audit log', `entry ${status.audit_head.seq}, ${status.audit_head.hash}`],
    ['version', status.version],
  ]);
  const verdict =
    problems.length === 0
      ? output.style('All is well.', 'green')
      : [output.style('To look at:', 'bold', 'yellow'), ...problems.map((problem) => `  - ${printable(problem)}`)].join(
          '\n',
        );
  return `${fields}\n\n${verdict}`;
}

function serverLine(status: Status): string {
  if (status.listening === null) return 'not running';
  return `listening on ${status.listening} since ${localTime(status.started_at)}`;
}

function backendFields(name: string, backends: readonly BackendReport[]): (readonly [string, string])[] {
  if (backends.length === 0) return [[name, 'no node configured']];
  return backends.map(({ url, ok, height, detail }) => [
    name,
    [url, ok ? 'ok' : 'NOT OK', height === null ? '' : `height ${height}`, detail]
      .filter((part) => part !== '')
      .join(', '),
  ]);
}

function statusFailure({ problems }: Status): string | null {
  return problems.length === 0 ? null : `${count(problems.length, 'problem')} to look at.`;
}
