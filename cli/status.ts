// `status`: the node at a glance, and what an operator should look at.
import type { Command } from 'commander';
import type { BackendReport, CommandResults, SignerReport } from '../operator/runtime/command-types.ts';
import { printable } from '../operator/runtime/shown-text.ts';
import { type Cli, runCommand } from './call.ts';
import { count, duration, localTime, signerFaults, tally } from './format.ts';
import { type Output, renderFields } from './output.ts';
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
    ...scanFields(status.scan),
    ['treasury', status.treasury?.detail ?? 'no key yet'],
    ['deposits', tally(status.deposits)],
    ['withdrawals', tally(status.withdrawals)],
    ['refused messages', tally(status.rejections)],
    ...signerFields(status.signers),
    ['clock', clockLine(status.clock)],
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

// Those that always helped are counted together; whoever did not is shown with what was wrong last.
function signerFields(signers: readonly SignerReport[]): (readonly [string, string])[] {
  const troubled = signers.filter(({ last }) => last !== null);
  const well = signers.length - troubled.length;
  return [
    ['signers', signers.length === 0 ? 'none asked yet' : `${well} of ${signers.length} always answered in time`],
    ...troubled.map((signer): readonly [string, string] => [`signer ${signer.index}`, signerLine(signer)]),
  ];
}

function signerLine({ name, answered, last, ...signer }: SignerReport): string {
  const when = last === null ? '' : `; last ${last.fault} at ${localTime(last.at)}: ${last.reason}, ${last.detail}`;
  return `${name}: ${answered} in time, ${signerFaults(signer)}${when}`;
}

function clockLine({ now, peers, set }: Status['clock']): string {
  const most = Math.max(...peers.map(({ offset_ms }) => Math.abs(offset_ms)));
  const compared =
    peers.length === 0 ? 'not compared with peers' : `within ${duration(most)} of ${count(peers.length, 'peer')}`;
  const told = `${localTime(now)}, ${compared}`;
  if (set === null) return told;
  const direction = set.by_ms < 0 ? 'back' : 'forward';
  return `${told}; set ${direction} by ${duration(Math.abs(set.by_ms))} at ${localTime(set.at)}`;
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

// A moment's lag is nothing to look at: it stands among the fields, and as a problem only when it lasts.
function scanFields(scan: Status['scan']): (readonly [string, string])[] {
  if (scan === null) return [];
  const left = scan.tip - scan.height;
  return [['blocks', left <= 0 ? 'all read' : `${count(left, 'block')} to read (${scan.height} of ${scan.tip})`]];
}

function statusFailure({ problems }: Status): string | null {
  return problems.length === 0 ? null : `${count(problems.length, 'problem')} to look at.`;
}
