// `audit list|verify|export`: the log of every decision of this node. It is read from the database itself, which works beside a
// running server and without one.
import type { Command } from 'commander';
import type { AuditEntryReport, AuditListReport, AuditVerifyReport } from '../operator/audit-reports.ts';
import { asFailure, type Cli, plainJson } from './call.ts';
import type { CliContext } from './context.ts';
import { CliError, UsageError } from './errors.ts';
import { writeOutput } from './files.ts';
import { localTime } from './format.ts';
import { renderTable } from './output.ts';
import { addPageOptions, type PageOptions, pageLine } from './page.ts';
import { addExamples } from './program.ts';
import { textValue, timeValue } from './values.ts';

interface ListFlags extends PageOptions {
  readonly kind?: readonly string[];
  readonly since?: number;
  readonly until?: number;
}

const KIND_CHARACTERS_MAX = 64;
const BODY_SHOWN_CHARACTERS_MAX = 100;
/** Only the node's own user may read the file: it holds recipients and addresses. */
const EXPORT_MODE = 0o600;

export function registerAudit(program: Command, cli: Cli): void {
  const audit = program
    .command('audit')
    .description('See, verify and export the log of every decision of this node. Works with and without a server.');
  addExamples(audit, 'mpc_operator audit list', 'mpc_operator audit verify');
  registerList(audit, cli);
  const verify = audit
    .command('verify')
    .description('Verify that no entry was changed, taken out or put in; exit code 1 and the first broken entry if so.')
    .action(() => verifyLog(cli));
  addExamples(verify, 'mpc_operator audit verify', 'mpc_operator audit verify --json');
  const exported = audit
    .command('export')
    .description('Write all entries as lines of JSON, oldest first, and the head of the log in the last line.')
    .option('--output <file>', 'write to a file (mode 0600) instead of standard output')
    .action((flags: { readonly output?: string }) => exportLog(cli, flags.output));
  addExamples(
    exported,
    'mpc_operator audit export --output audit.jsonl',
    'mpc_operator audit export | gzip > audit.gz',
  );
}

function registerList(audit: Command, cli: Cli): void {
  const kind = textValue('--kind', KIND_CHARACTERS_MAX, 'a kind of entry');
  const list = audit
    .command('list')
    .description('List entries, newest first.')
    .option('--kind <kind>', 'only entries of this kind; may be repeated', (text, before: readonly string[] = []) => [
      ...before,
      kind(text),
    ])
    .option(
      '--since <time>',
      'only entries of this time or later, as 2026-03-01 or 2026-03-01T09:30',
      timeValue('--since'),
    )
    .option('--until <time>', 'only entries before this time', timeValue('--until'))
    .action((flags: ListFlags) => listLog(cli, flags));
  addPageOptions(list);
  addExamples(
    list,
    'mpc_operator audit list',
    'mpc_operator audit list --kind peer_added --kind peer_updated --since 2026-03-01 --json',
  );
}

async function listLog({ context }: Cli, { kind = [], since, until, limit, offset }: ListFlags): Promise<void> {
  if (since !== undefined && until !== undefined && since >= until) {
    throw new UsageError('--until is not later than --since, so no entry could be of that time.');
  }
  const filter = { kinds: kind, since: since ?? null, until: until ?? null };
  const report = await read(context, ({ auditList }, db) => auditList(db, filter, { limit, offset }));
  context.output.result(plainJson(report), () => listText(report, offset));
}

async function verifyLog({ context }: Cli): Promise<void> {
  const report = await read(context, ({ auditVerify }, db) => auditVerify(db));
  context.output.result(plainJson(report), () => verifyText(report));
  failWhereBroken(report);
}

async function exportLog({ context }: Cli, output: string | undefined): Promise<void> {
  const { stdout } = context.surroundings;
  const report = await read(context, async ({ auditLines, auditVerify }, db) => {
    if (output !== undefined) await writeOutput(context, output, auditLines(db), EXPORT_MODE);
    else for (const lines of auditLines(db)) stdout.write(lines);
    return auditVerify(db);
  });
  const { head } = report;
  context.output.note(
    `Exported ${output === undefined ? '' : `to ${output} `}with the head ${head.seq}, ${head.hash}.`,
  );
  failWhereBroken(report);
}

type Reports = typeof import('../operator/audit-reports.ts');
type Use<T> = (reports: Reports, db: Parameters<Reports['auditVerify']>[0]) => T | Promise<T>;

async function read<T>(context: CliContext, use: Use<T>): Promise<T> {
  const reports = await import('../operator/audit-reports.ts');
  const config = context.config();
  try {
    return await reports.withAuditLog(config, (db) => use(reports, db));
  } catch (error) {
    throw asFailure(error);
  }
}

function failWhereBroken({ broken }: AuditVerifyReport): void {
  if (broken === null) return;
  throw new CliError(
    `Entry ${broken.seq} of the audit log is broken: ${broken.detail}. Keep the database as it is, and find out who changed it.`,
  );
}

function listText({ entries, total, head }: AuditListReport, offset: number): string {
  if (total === 0) return head.seq === 0 ? 'The audit log is empty.' : 'No entry is of that kind and time.';
  const table = renderTable(
    [{ title: 'ENTRY', align: 'right' }, { title: 'TIME' }, { title: 'KIND' }, { title: 'CONTENTS' }],
    entries.map(({ seq, at, kind, body }) => [String(seq), localTime(at), kind, shortBody(body)]),
  );
  return `${table}\n${pageLine(entries.length, offset, total)}`;
}

function shortBody(body: AuditEntryReport['body']): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return text.length <= BODY_SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, BODY_SHOWN_CHARACTERS_MAX - 1)}…`;
}

function verifyText({ entries, head, broken }: AuditVerifyReport): string {
  if (broken === null) {
    return `${entries === 1 ? '1 entry' : `${entries} entries`}, each goes with the one before. Head: ${head.seq}, ${head.hash}`;
  }
  return `Broken at entry ${broken.seq}: ${broken.detail}. The ${broken.seq - 1} before it are whole.`;
}
