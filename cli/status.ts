// `status`: the node at a glance, and what an operator should look at.
import type { Command } from 'commander';
import type {
  BackendReport,
  CeremonyReport,
  CommandResults,
  Notice,
  PeerStatusReport,
  Problem,
  Severity,
  SignerReport,
} from '../operator/runtime/command-types.ts';
import { NOTICES, problemSentences } from '../operator/runtime/problems.ts';
import { printable } from '../operator/runtime/shown-text.ts';
import { type Cli, runCommand } from './call.ts';
import { count, duration, localTime, optionalTime, signerFaults, tally } from './format.ts';
import { type Output, renderFields, type Style } from './output.ts';
import { addExamples } from './program.ts';
import { federationLine, serviceLine } from './service-text.ts';

type Status = CommandResults['status'];

const SEVERITY_STYLES: Readonly<Record<Severity, readonly Style[]>> = {
  critical: ['bold', 'red'],
  error: ['red'],
  warning: ['yellow'],
};
const SEVERITY_WIDTH = 8;
const NOTICE_LABEL = 'NOTICE'.padEnd(SEVERITY_WIDTH);
/** What is known of a node is fresh for so long, in ms; then its age is shown. */
const FRESH_MS = 15_000;

export function registerStatus(program: Command, cli: Cli): void {
  const command = program
    .command('status')
    .description('Show the state of this node; exit code 1 if something needs attention.')
    .action(() => runCommand(cli, 'status', {}, { text: statusText, failure: statusFailure }));
  addExamples(command, 'mpc_operator status', 'mpc_operator status --json');
}

function statusText(status: Status, output: Output): string {
  const { notices } = status;
  const fields = renderFields([
    ['operator', `${status.name} (index ${status.my_index}), ${status.network}`],
    ['federation', `${status.threshold} of ${status.participants}, ${count(status.peers_known, 'card')} known`],
    ['server', serverLine(status)],
    ['key file', keyFileLine(status)],
    ['key', status.key_id ?? 'none yet'],
    ...backendFields('bitcoin', status.bitcoin, status.clock.now),
    ...backendFields('wire', status.wire, status.clock.now),
    ...status.peers.map((peer) => [`operator ${peer.index}`, peerLine(peer, status.clock.now)] as const),
    ...status.ceremonies.flatMap(ceremonyFields),
    ...scanFields(status.scan),
    ['treasury', status.treasury?.detail ?? 'no key yet'],
    ['service', serviceLine(status.service)],
    ...status.service.does.map((line) => ['', line] as const),
    ['open', federationLine(status.service)],
    ['deposits', tally(status.deposits)],
    ['withdrawals', tally(status.withdrawals)],
    ...certificateFields(status.certificates),
    ['refused messages', tally(status.rejections)],
    ...signerFields(status.signers),
    ['accounts', accountsLine(status.accounts)],
    ['clock', clockLine(status.clock)],
    ['audit log', `entry ${status.audit_head.seq}, ${status.audit_head.hash}`],
    ['backups', backupLine(status)],
    ['version', status.version],
  ]);
  const parts = [fields, verdictText(status, output)];
  if (notices.length > 0) parts.push(['To know:', ...notices.map((one) => entryLines(NOTICE_LABEL, one))].join('\n'));
  return parts.join('\n\n');
}

// Nothing is wrong with a node that waits for a step of its set-up, but it is not well either: it can do nothing yet.
function verdictText({ problems, notices }: Status, output: Output): string {
  if (problems.length > 0) {
    return [
      output.style('Needs attention:', 'bold', 'yellow'),
      ...problems.map((one) => problemLines(one, output)),
    ].join('\n');
  }
  return notices.some(({ code }) => NOTICES[code])
    ? output.style('Nothing is wrong, but the set-up is not finished.', 'yellow')
    : output.style('All is well.', 'green');
}

function problemLines(problem: Problem, output: Output): string {
  const { severity } = problem;
  const label = output.style(severity.toUpperCase().padEnd(SEVERITY_WIDTH), ...SEVERITY_STYLES[severity]);
  return entryLines(label, problem);
}

function entryLines(label: string, told: Problem | Notice): string {
  const [wrong, remedy] = problemSentences(told, localTime);
  return `  ${label} ${printable(wrong)}\n  ${' '.repeat(SEVERITY_WIDTH)} ${printable(remedy)}`;
}

function peerLine(peer: PeerStatusReport, now: string): string {
  const { name, reachable, since, phase, version, bitcoin_height: height, head, heard_at, paused_since } = peer;
  const answers =
    reachable === null ? 'not asked' : reachable ? 'answers' : `DOES NOT ANSWER since ${localTime(since ?? now)}`;
  const parts = [
    answers,
    phase,
    paused_since === null ? null : `PAUSED since ${localTime(paused_since)}`,
    height === null ? null : `block ${height}`,
    head === null ? null : `head ${head.epoch}/${head.seq}`,
    version === null ? null : `version ${version}`,
    heard_at === null ? null : ageText('heard', heard_at, now),
  ];
  return `${name}: ${parts.filter((part) => part !== null).join(', ')}`;
}

function ceremonyFields(ceremony: CeremonyReport): (readonly [string, string])[] {
  const { ceremony_id, rehearsal, phase, detail, created_at, steps, participants } = ceremony;
  const line = `${ceremony_id}${rehearsal ? ' (rehearsal)' : ''}: ${phase}, ${detail}, begun ${localTime(created_at)}`;
  const step = steps.at(-1);
  return [
    ['ceremony', line],
    ...(step === undefined ? [] : [['', `step ${step.step} since ${localTime(step.at)}`] as const]),
    ...participants.map(({ name, state, detail: why, since }) => {
      const when = since === null ? '' : ` since ${localTime(since)}`;
      return ['', `${name}: ${state.replace('_', ' ')}${when}${why === '' ? '' : `, ${why}`}`] as const;
    }),
  ];
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

function certificateFields(certificates: Status['certificates']): (readonly [string, string])[] {
  const { rotation = null, overlaps = [] } = certificates ?? {};
  const missing = rotation?.missing.map(({ index, detail }) => `operator ${index} (${detail})`).join(', ') ?? '';
  const own =
    rotation === null ? [] : [['new certificate', `announced; not yet taken by ${missing || 'nobody left'}`] as const];
  const ofPeers = overlaps.map(({ index, until }) => {
    return ['certificates', `operator ${index}: its old one holds beside the new until ${localTime(until)}`] as const;
  });
  return [...own, ...ofPeers];
}

// No problem by itself: a node may well be run without accounts. Whoever looks has to see it, though.
function accountsLine({ users, admins, locked, single_operator, fault }: Status['accounts']): string {
  if (fault !== null) return `NOT READABLE, so nobody can sign in: ${fault}`;
  const waived = single_operator ? '; SINGLE OPERATOR: no act asks for a second person' : '';
  if (users === 0) {
    return `none: whoever may run commands here acts without signing in (\`mpc_operator user create\` ends that)${waived}`;
  }
  const locks = locked.length === 0 ? '' : `, locked: ${locked.join(', ')}`;
  return `${count(users, 'user')}, ${count(admins, 'admin')}${locks}${waived}`;
}

function clockLine({ now, peers, set }: Status['clock']): string {
  const most = Math.max(...peers.map(({ offset_ms }) => Math.abs(offset_ms)));
  const compared =
    peers.length === 0 ? 'not compared with peers' : `within ${duration(most)} of ${count(peers.length, 'peer')}`;
  const clock = `${localTime(now)}, ${compared}`;
  if (set === null) return clock;
  const direction = set.by_ms < 0 ? 'back' : 'forward';
  return `${clock}; set ${direction} by ${duration(Math.abs(set.by_ms))} at ${localTime(set.at)}`;
}

function backupLine({ backups: { key_share, database, drill } }: Status): string {
  return `key material ${optionalTime(key_share)}, database ${optionalTime(database)}, last drill ${optionalTime(drill)}`;
}

function serverLine(status: Status): string {
  if (!status.running) return 'not running';
  if (status.listening === null) return `running, sealed: run \`mpc_operator unseal\``;
  return `listening on ${status.listening} since ${localTime(status.started_at)}`;
}

// A command that runs without a server cannot tell more than that the file is not open here.
function keyFileLine({ running, sealed }: Status): string {
  if (!running) return 'not open, as no server runs';
  return sealed ? 'sealed' : 'open';
}

function backendFields(name: string, backends: readonly BackendReport[], now: string): (readonly [string, string])[] {
  if (backends.length === 0) return [[name, 'no node configured']];
  return backends.map(({ url, ok, height, detail, answered_at }) => [
    name,
    [url, ok ? 'ok' : 'NOT OK', height === null ? '' : `height ${height}`, detail, answerAge(answered_at, now)]
      .filter((part) => part !== '')
      .join(', '),
  ]);
}

function answerAge(answered: string | null, now: string): string {
  if (answered === null || Date.parse(now) - Date.parse(answered) <= FRESH_MS) return '';
  return ageText('answered', answered, now);
}

function ageText(what: string, at: string, now: string): string {
  return `${what} ${duration(Math.max(0, Date.parse(now) - Date.parse(at)))} ago`;
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
