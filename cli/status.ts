// `status`: the node on one screen, what needs attention first. `--full` shows all that is known.
import type { Command } from 'commander';
import type {
  CeremonyReport,
  CommandResults,
  Notice,
  PeerStatusReport,
  Problem,
  Severity,
} from '../operator/runtime/command-types.ts';
import { NOTICES, problemSentences } from '../operator/runtime/problems.ts';
import { printable } from '../operator/runtime/shown-text.ts';
import { type Cli, runCommand } from './call.ts';
import { age, bitcoins, count, daysUntil, localTime, shortHex, tally } from './format.ts';
import { type Output, renderFields, type Screen, type Style } from './output.ts';
import { addExamples } from './program.ts';
import { accountsLine, certificateFields, fullFields, keyFileLine, serverLine } from './status-full.ts';

type Status = CommandResults['status'];
type Fields = readonly (readonly [name: string, value: string])[];

const SEVERITY_STYLES: Readonly<Record<Severity, readonly Style[]>> = {
  critical: ['bold', 'red'],
  error: ['red'],
  warning: ['yellow'],
};
const SEVERITY_WIDTH = 8;
const NOTICE_LABEL = 'NOTICE'.padEnd(SEVERITY_WIDTH);
/** Most peers that are named one by one. */
const PEERS_NAMED_MAX = 4;
/** What stands below the screen: the next prompt, and the sentence on stderr that says how many problems there are. */
const ROWS_BELOW = 2;
const NOT_QUEUED: ReadonlySet<string> = new Set(['minted', 'gone', 'settled', 'passed', 'replaced']);

export function registerStatus(program: Command, cli: Cli): void {
  const command = program
    .command('status')
    .description('Show the state of this node on one screen; exit code 1 if something needs attention.')
    .option('--full', 'show all that is known, however long it is')
    .action(({ full }: { readonly full?: boolean }) => {
      const text = full === true ? fullText : screenText;
      return runCommand(cli, 'status', {}, { text, failure: statusFailure });
    });
  addExamples(command, 'mpc_operator status', 'mpc_operator status --full', 'mpc_operator status --json');
}

function fullText(status: Status, output: Output): string {
  return [verdictText(status, output), fullFields(status)].join('\n\n');
}

// On a terminal no field is longer than its line, and problems take what room is left, the worst first.
function screenText(status: Status, output: Output): string {
  const { screen } = output;
  if (screen === null) return [verdictText(status, output), renderFields(screenFields(status))].join('\n\n');
  const lines = renderFields(screenFields(status)).split('\n');
  const fields = lines.map((line) => cut(line, screen.columns));
  const room = screen.rows - ROWS_BELOW - fields.length - 1;
  return [verdictText(status, output, { ...screen, rows: room }), fields.join('\n')].join('\n\n');
}

function screenFields(status: Status): Fields {
  const { clock, certificates } = status;
  return [
    [
      'operator',
      `${status.name} (index ${status.my_index}), ${status.network}, ${status.threshold} of ${status.participants} sign, version ${status.version}`,
    ],
    ['server', serverLine(status)],
    ['key', `${status.key_id ?? 'none yet'}, key file ${keyFileLine(status)}`],
    ['service', serviceText(status)],
    ['peers', peersText(status)],
    ['chain', chainText(status)],
    ['custody', custodyText(status)],
    ['queues', queuesText(status)],
    ...status.ceremonies.map((one) => ['ceremony', ceremonyText(one, clock.now)] as const),
    ['backups', backupsText(status)],
    ['certificate', certificateText(status)],
    ...certificateFields(certificates),
    ['accounts', accountsText(status.accounts)],
  ];
}

function serviceText({ service: { state, since, open, enabled, participants, threshold }, clock }: Status): string {
  const own = state === 'off' ? 'off, never enabled' : `${state} for ${age(since, clock.now)}`;
  if (open === null) return own;
  const counts = `${enabled} of ${participants} enabled, ${threshold} needed`;
  return `${own}; federation ${open ? 'open' : 'NOT OPEN'}: ${counts}`;
}

function peersText({ peers, participants, clock }: Status): string {
  const silent = peers.filter(({ reachable }) => reachable === false);
  const answering = peers.filter(({ reachable }) => reachable === true);
  if (silent.length + answering.length === 0)
    return `not asked; ${count(peers.length, 'card')} of ${participants - 1} here`;
  const named = peers.length > PEERS_NAMED_MAX ? silent : [...silent, ...answering];
  return [`${answering.length} of ${participants - 1} answer`, ...named.map((peer) => peerText(peer, clock.now))].join(
    '; ',
  );
}

function peerText(peer: PeerStatusReport, now: string): string {
  const { name, reachable, since, phase, clock_offset_ms: offset, paused_since } = peer;
  if (reachable === false) return `${name} DOES NOT ANSWER for ${age(since, now)}`;
  if (paused_since !== null) return `${name} PAUSED for ${age(paused_since, now)}`;
  const clock = offset === null || Math.abs(offset) < 1_000 ? '' : `, clock ${Math.round(offset / 1_000)} s off`;
  return `${name} ${phase ?? 'answers'}${clock}`;
}

function chainText({ bitcoin, wire, scan }: Status): string {
  const of = (name: string, nodes: Status['bitcoin']) =>
    nodes.length === 0 ? `no ${name} node` : `${name} ${nodes.filter(({ ok }) => ok).length} of ${nodes.length} ok`;
  const height = Math.max(...bitcoin.flatMap((node) => node.height ?? []));
  const block = Number.isFinite(height) ? `block ${height}` : 'no block known';
  const left = scan === null ? 0 : scan.tip - scan.height;
  const behind = scan === null || left <= 0 ? '' : `, ${count(left, 'block')} to read`;
  return `${block}${behind}; ${of('Bitcoin', bitcoin)}, ${of('Wire', wire)}`;
}

function custodyText({ custody, treasury }: Status): string {
  if (custody === null) return treasury === null ? 'no key yet' : `treasury ${treasury.detail}`;
  const { total, owed, excess, is_complete } = custody;
  const isShort = BigInt(excess) < 0n;
  const difference = isShort ? `SHORT of ${bitcoins(`${-BigInt(excess)}`)}` : `${bitcoins(excess)} above`;
  return `${bitcoins(total)}; owed ${is_complete ? '' : 'at most '}${bitcoins(owed)}: ${difference}`;
}

function queuesText({ deposits, burns_waiting, withdrawals }: Status): string {
  const open = (counts: Readonly<Record<string, number>>) =>
    tally(Object.fromEntries(Object.entries(counts).filter(([state]) => !NOT_QUEUED.has(state))));
  return `deposits: ${open(deposits)}; burns to pay: ${burns_waiting}; steps: ${open(withdrawals)}`;
}

function ceremonyText({ ceremony_id, rehearsal, phase, detail, created_at }: CeremonyReport, now: string): string {
  const name = rehearsal ? `${ceremony_id} (rehearsal)` : ceremony_id;
  return `${name}: ${phase} for ${age(created_at, now)}, ${detail}`;
}

function backupsText({ backups: { key_share, database, drill }, clock: { now } }: Status): string {
  const of = (at: string | null) => (at === null ? 'never' : `${age(at, now)} ago`);
  return `keys ${of(key_share)}, database ${of(database)}, drill ${of(drill)}`;
}

function certificateText({ certificate_expires_at: end, clock: { now }, audit_head: { seq, hash } }: Status): string {
  const days = end === null ? null : daysUntil(end, now);
  const left = days === null ? 'no card yet' : days < 0 ? 'EXPIRED' : `${count(days, 'day')} left`;
  return `${left}; audit log entry ${seq}, ${shortHex(hash)}`;
}

function accountsText(accounts: Status['accounts']): string {
  const { users, single_operator, fault } = accounts;
  if (users > 0 || single_operator || fault !== null) return accountsLine(accounts);
  return 'none: commands act without signing in';
}

// Nothing is wrong with a node that waits for a step of its set-up, but it is not well either: it can do nothing yet.
function verdictText(status: Status, output: Output, screen: Screen | null = null): string {
  const { problems, notices } = status;
  const heading =
    problems.length > 0
      ? output.style('Needs attention:', 'bold', 'yellow')
      : notices.some(({ code }) => NOTICES[code])
        ? output.style('Nothing is wrong, but the set-up is not finished.', 'yellow')
        : output.style('All is well.', 'green');
  const entries = [
    ...problems.map((one) => ({ told: one, label: labelOf(one, output) })),
    ...notices.map((one) => ({ told: one, label: NOTICE_LABEL })),
  ];
  const lines = entries.map(({ told, label }) => entryLines(label, told, screen?.columns ?? null));
  const shown = screen === null ? lines : fitting(lines, screen.rows);
  const left = lines.length - shown.length;
  const more = left === 0 ? [] : [`  ${left} more: mpc_operator status --full`];
  const isApart = problems.length === 0 && notices.length > 0;
  return [heading, ...(isApart && screen === null ? ['', 'To know:'] : []), ...shown, ...more].join('\n');
}

// As many of the first as there is room for, at least one, with a line for the heading and one for how many are left out.
function fitting(entries: readonly string[], rows: number): readonly string[] {
  let used = 1;
  const shown: string[] = [];
  for (const [at, text] of entries.entries()) {
    used += text.split('\n').length;
    const reserve = at === entries.length - 1 ? 0 : 1;
    if (shown.length > 0 && used + reserve > rows) break;
    shown.push(text);
  }
  return shown;
}

function labelOf({ severity }: Problem, output: Output): string {
  return output.style(severity.toUpperCase().padEnd(SEVERITY_WIDTH), ...SEVERITY_STYLES[severity]);
}

// On a terminal long sentences are broken between words; elsewhere they stay whole, to be searched.
function entryLines(label: string, told: Problem | Notice, columns: number | null): string {
  const indent = ' '.repeat(SEVERITY_WIDTH + 3);
  const sentences = problemSentences(told, localTime).map((one) => printable(one));
  const width = columns === null ? null : columns - indent.length;
  const lines = sentences.flatMap((one) => (width === null ? [one] : wrapped(one, width)));
  return `  ${label} ${lines.join(`\n${indent}`)}`;
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || Bun.stringWidth(last) + 1 + Bun.stringWidth(word) > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

function cut(line: string, columns: number): string {
  if (Bun.stringWidth(line) <= columns) return line;
  let text = line;
  while (Bun.stringWidth(text) > columns - 1) text = text.slice(0, -1);
  return `${text.trimEnd()}…`;
}

function statusFailure({ problems }: Status): string | null {
  return problems.length === 0 ? null : `${count(problems.length, 'problem')} to look at.`;
}
