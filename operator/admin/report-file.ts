// Reports as files for the browser, made by `generate-report` in a process of its own: a year may take seconds, and the node has
// deadlines of other operators to keep.

import type { OperatorConfig } from '../config/config.ts';
import { type Period, readPeriod } from '../reporting/period.ts';
import { CommandError } from '../runtime/command-error.ts';

export const REPORT_FORMATS = ['html', 'md', 'json'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** Longest time that one may take, in ms. */
const REPORT_MS_MAX = 120_000;
const STDERR_CHARACTERS_MAX = 2_000;

/** A report that somebody asks for; `fault`: what is wrong with the question, a sentence. */
export type ReportQuestion =
  | { readonly ok: true; readonly period: string; readonly span: Period; readonly format: ReportFormat }
  | { readonly ok: false; readonly fault: string };

/** Reads the question from the address: `period`, or `from` and `to` (dates), and `format`. `now` in ms since 1970. */
export function readReportQuestion(query: URLSearchParams, now: number): ReportQuestion {
  const format = REPORT_FORMATS.find((one) => one === (query.get('format') ?? 'html'));
  if (format === undefined) return { ok: false, fault: `Take one of the formats ${REPORT_FORMATS.join(', ')}.` };
  const [from, to] = [query.get('from') ?? '', query.get('to') ?? ''];
  const named = query.get('period') ?? '';
  const period = named === 'dates' ? `${from}..${to === '' ? from : to}` : named;
  const verdict = readPeriod(period, now);
  return verdict.ok ? { ok: true, period, span: verdict.period, format } : { ok: false, fault: verdict.detail };
}

/** What makes it. `program`: how this program is started. */
export interface ReportMaking {
  readonly program: readonly string[];
  readonly config: Pick<OperatorConfig, 'file'>;
  readonly home: string;
  readonly signal: AbortSignal;
}

let isUnderWay = false;

/** Makes one report. Throws `CommandError` where another is being made, or this one fails. */
export async function makeReportFile(
  { program, config, home, signal }: ReportMaking,
  { period, format }: { readonly period: string; readonly format: ReportFormat },
): Promise<string> {
  if (isUnderWay) throw new CommandError('report_under_way', 'another report is being made: try again in a moment');
  isUnderWay = true;
  try {
    const child = Bun.spawn(
      [...program, 'generate-report', '--config', config.file, '--period', period, '--format', format],
      {
        ...{ stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', signal, timeout: REPORT_MS_MAX },
        env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: home },
      },
    );
    const [text, said, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (code === 0) return text;
    throw new CommandError('report_failed', said.trim().slice(0, STDERR_CHARACTERS_MAX) || 'the report was not made');
  } finally {
    isUnderWay = false;
  }
}
