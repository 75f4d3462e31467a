// `generate-report`: what this node did in some days. Read from the database itself, which works beside a running server and
// without one, and costs the server nothing.
import { extname } from 'node:path';
import type { Command } from 'commander';
import type { Period } from '../operator/reporting/period.ts';
import type { Report } from '../operator/reporting/report.ts';
import { asFailure, type Cli, plainJson } from './call.ts';
import { UsageError } from './errors.ts';
import { writeOutput } from './files.ts';
import { jsonText } from './output.ts';
import { addExamples } from './program.ts';
import { bad, choiceValue } from './values.ts';
import { VERSION } from './version.ts';

const FORMATS = ['md', 'html', 'json'] as const;
type Format = (typeof FORMATS)[number];
const FORMAT_OF_SUFFIX: Readonly<Record<string, Format>> = { '.html': 'html', '.htm': 'html', '.json': 'json' };
/** It names operators, amounts and reasons: whoever should read it is given it. */
const REPORT_MODE = 0o600;

interface Flags {
  readonly period: string;
  readonly format?: Format;
  readonly output?: string;
}

export function registerGenerateReport(program: Command, cli: Cli): void {
  const report = program
    .command('generate-report')
    .description('Report what this node did: money, fees, signing, uptime, changes. Works with and without a server.')
    .requiredOption(
      '--period <period>',
      'daily (yesterday), weekly (the last whole week, from Monday), monthly (the last whole month), or FROM..TO: dates of UTC, both included',
    )
    .option(
      '--format <format>',
      'md, html (one file with charts) or json (default: by the suffix of --output, else md)',
      choiceValue('--format', FORMATS),
    )
    .option('--output <file>', 'write to a file (mode 0600) instead of standard output')
    .action((flags: Flags) => generate(cli, flags));
  addExamples(
    report,
    'mpc_operator generate-report --period weekly',
    'mpc_operator generate-report --period 2026-03-01..2026-03-31 --output march.html',
  );
}

async function generate({ context }: Cli, flags: Flags): Promise<void> {
  const { output } = flags;
  const format = formatOf(flags, context.output.json);
  const { readPeriod } = await import('../operator/reporting/period.ts');
  const now = Date.now();
  const verdict = readPeriod(flags.period, now);
  if (!verdict.ok) throw bad('--period', flags.period, 'a period', verdict.detail);
  const text = await rendered(await collected(context, verdict.period, now), format);
  if (output === undefined) {
    context.surroundings.stdout.write(text);
    return;
  }
  await writeOutput(context, output, text, REPORT_MODE);
  context.output.note(`Written to ${output}.`);
}

function formatOf({ format, output }: Flags, isJson: boolean): Format {
  if (isJson && format !== undefined && format !== 'json') {
    throw new UsageError(`--json and --format ${format} contradict each other: give one of them.`);
  }
  if (isJson) return 'json';
  return format ?? FORMAT_OF_SUFFIX[extname(output ?? '').toLowerCase()] ?? 'md';
}

async function collected(context: Cli['context'], period: Period, now: number): Promise<Report> {
  const config = context.config();
  const [{ withAuditLog }, { collectReport }, { isBeingWritten }] = await Promise.all([
    import('../operator/audit-reports.ts'),
    import('../operator/reporting/collect.ts'),
    import('../store/open.ts'),
  ]);
  try {
    // The process that writes the database is the server, but for the moments of a command.
    const isRunning = isBeingWritten(config.securityDbPath);
    const input = { config, version: VERSION, period, now, isRunning };
    return await withAuditLog(config, (db) => collectReport(db, input));
  } catch (error) {
    throw asFailure(error);
  }
}

async function rendered(report: Report, format: Format): Promise<string> {
  if (format === 'json') return `${jsonText(plainJson(report))}\n`;
  if (format === 'html') return (await import('../operator/reporting/html.ts')).htmlOf(report);
  return (await import('../operator/reporting/markdown.ts')).markdownOf(report);
}
