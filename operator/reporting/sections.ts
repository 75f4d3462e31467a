// A report as people read it: sections of facts, charts and tables, from which Markdown and HTML are made. Both say the same, as
// neither adds anything.
import { type Chart, chartOfBalance, chartOfMoney, chartOfSigning } from './charts.ts';
import type { BalanceReport, DayReport, EntryReport, Listed, MoneyReport, Report, SignerReport } from './report.ts';
import { atMinute, bitcoin, duration, grouped, percent, plural } from './shown.ts';

/** A table; cells are plain text. `total`: the last row sums up the others. */
export interface Table {
  readonly caption: string;
  readonly columns: readonly { readonly title: string; readonly isNumber?: boolean }[];
  readonly rows: readonly (readonly string[])[];
  readonly hasTotal?: boolean;
}

/** A section; `facts` are names and values, `lines` sentences. */
export interface Section {
  readonly title: string;
  readonly facts?: readonly (readonly [name: string, value: string])[];
  readonly lines?: readonly string[];
  readonly chart?: Chart | null;
  readonly tables?: readonly Table[];
}

const number = (title: string) => ({ title, isNumber: true });
const text = (title: string) => ({ title });

/** What a report is called. */
export function titleOf({ node, period }: Report): string {
  const span = period.from === period.to ? period.from : `${period.from} to ${period.to}`;
  return `Report of ${node.name}, ${span}`;
}

/** All sections that this report has something to say in. */
export function sectionsOf(report: Report): readonly Section[] {
  return [
    summary(report),
    balance(report),
    money(report),
    fees(report),
    uptime(report),
    signing(report),
    refusals(report),
    ceremonies(report),
    incidents(report.incidents),
    entries('Configuration changes', 'Nothing was changed.', report.changes),
    entries('Alarms and decisions', 'None.', report.events),
    keeping(report),
    log(report),
    notes(report),
  ];
}

function summary(report: Report): Section {
  const { node, period, totals, closing, uptime: up, made_at, version } = report;
  const open = period.is_over ? '' : ' (not over yet)';
  return {
    title: 'Summary',
    facts: [
      ['Node', `${node.name}, operator ${node.index} of ${node.participants}, ${node.threshold} must sign`],
      ['Network', node.network],
      ['Key', node.key_id ?? 'none yet'],
      ['Period', `${period.from} to ${period.to}, both included, ${plural(period.days, 'day')} of UTC${open}`],
      ['Deposits', `${grouped(totals.deposits)}, ${bitcoin(totals.deposited)}`],
      ['Paid out', `${plural(totals.burns_paid, 'burn')}, ${bitcoin(totals.paid_out)}`],
      ['Reserves', bitcoin(closing.reserves)],
      ['Liabilities', bitcoin(closing.liabilities)],
      ['Unexplained difference', unexplained(closing)],
      ...(closing.exposed === '0' ? [] : [['Owed and not held', bitcoin(closing.exposed)] as const]),
      ['Running', up.measured_ms === 0 ? 'not recorded' : percent(up.running_ms, up.measured_ms)],
      ['Made', `${atMinute(made_at)}, version ${version}`],
    ],
  };
}

function unexplained({ unexplained: sats }: BalanceReport): string {
  return sats === '0' ? 'none: to the satoshi' : `${grouped(sats)} sats, see "Reserves and liabilities"`;
}

function balance(report: Report): Section {
  const { opening, closing } = report;
  const row = (name: string, of: (one: BalanceReport) => string) => [name, grouped(of(opening)), grouped(of(closing))];
  const isExposed = closing.exposed !== '0' || opening.exposed !== '0';
  const isWhole = closing.unexplained === '0' && opening.unexplained === '0';
  return {
    title: 'Reserves and liabilities',
    lines: [
      'Reserves are all outputs of custody in blocks. Liabilities are all deposits, less what was burnt and paid.',
      ...(isExposed
        ? [
            'Some deposits were minted for, or may be minted for, although no block holds them: see `mpc_operator status`.',
          ]
        : []),
      ...(isWhole ? [] : ['Some of the difference is unexplained: find out why with the other operators.']),
      ...(report.incomplete.unlisted_steps === 0
        ? []
        : [`${plural(report.incomplete.unlisted_steps, 'step')} paid burns that this node does not know yet.`]),
      ...(report.incomplete.unknown_burns === 0
        ? []
        : [
            `Of ${plural(report.incomplete.unknown_burns, 'burn')} that were paid this node does not know the amount yet.`,
          ]),
    ],
    chart: chartOfBalance(report),
    tables: [
      {
        caption: 'Reserves and liabilities in sats',
        columns: [text(''), number('Before the period'), number('At its end')],
        rows: [
          row('Reserves', (one) => one.reserves),
          row('Liabilities', (one) => one.liabilities),
          row('Difference', (one) => one.difference),
          row('– of which the floor of the treasury', (one) => one.floor),
          row('– of which surplus', (one) => one.surplus),
          row('– of which payments to the treasury, not swept yet', (one) => one.unswept),
          ...(isExposed
            ? [row('– of which attested deposits that no block holds', ({ exposed }) => minus(exposed))]
            : []),
          row('– unexplained', (one) => one.unexplained),
        ],
      },
      {
        caption: 'At the end of each day, in sats',
        columns: [text('Day'), number('Reserves'), number('Liabilities')],
        rows: moved(report.days).map((day) => [day.date, grouped(day.reserves), grouped(day.liabilities)]),
      },
    ],
  };
}

function minus(sats: string): string {
  return sats === '0' ? sats : `-${sats}`;
}

function money(report: Report): Section {
  const row = (day: MoneyReport, name: string) => [
    ...[name, grouped(day.deposits), grouped(day.deposited), grouped(day.mints), grouped(day.minted)],
    ...[grouped(day.burns), grouped(day.burnt), grouped(day.burns_paid), grouped(day.paid_out)],
  ];
  const { decided, signed } = report.attestations;
  return {
    title: 'Deposits, mints, burns and payouts',
    facts: [
      ['Attestations decided here', `${grouped(decided)}, ${grouped(signed)} of them signed`],
      ['Burns that wait now', `${grouped(report.waiting.burns)}, ${bitcoin(report.waiting.sats)}`],
    ],
    chart: chartOfMoney(report),
    tables: [
      {
        caption: 'By day, amounts in sats',
        columns: [
          ...[text('Day'), number('Deposits'), number('Deposited'), number('Mints'), number('Minted')],
          ...[number('Burns'), number('Burnt'), number('Paid'), number('Paid out')],
        ],
        rows: [...moved(report.days).map((day) => row(day, day.date)), row(report.totals, 'Total')],
        hasTotal: true,
      },
    ],
  };
}

function fees(report: Report): Section {
  const kinds = Object.entries(report.totals.steps);
  const row = (day: MoneyReport, name: string) => [
    ...[name, grouped(day.burn_fees), grouped(day.miner_fees), grouped(day.consolidated)],
  ];
  const unknown = report.incomplete.unknown_fees;
  return {
    title: 'Fees',
    facts: [['Steps of the line', kinds.length === 0 ? 'none' : kinds.map(([kind, n]) => `${kind} ${n}`).join(', ')]],
    lines: unknown === 0 ? [] : [`Of ${plural(unknown, 'step')} the miner fee is not known yet.`],
    tables: [
      {
        caption: 'Fees by day, in sats',
        columns: [text('Day'), number('From burns'), number('To miners'), number('Consolidated')],
        rows: [...moved(report.days).map((day) => row(day, day.date)), row(report.totals, 'Total')],
        hasTotal: true,
      },
    ],
  };
}

function uptime({ uptime: up }: Report): Section {
  if (up.measured_ms === 0) return { title: 'Uptime', lines: ['Nothing is recorded of this period.'] };
  const share = (ms: number): string => `${percent(ms, up.measured_ms)}, ${duration(ms)}`;
  return {
    title: 'Uptime',
    facts: [
      ['Measured', duration(up.measured_ms)],
      ['Running', share(up.running_ms)],
      ['Unsealed', share(up.unsealed_ms)],
      ['Starts', `${grouped(up.starts)}, ${grouped(up.unclean_ends)} of them after a crash or a kill`],
    ],
    lines: up.known_from === null ? [] : [`Recorded since ${atMinute(up.known_from)}.`],
  };
}

function signing(report: Report): Section {
  const { signers } = report;
  if (signers.length === 0) return { title: 'Signing', lines: ['This node coordinated no signature.'] };
  const time = (ms: number | null): string => (ms === null ? '–' : `${grouped(ms)} ms`);
  const row = (one: SignerReport) => [
    ...[one.name, grouped(one.timed), grouped(one.answered), time(one.average_ms), time(one.max_ms)],
    ...[grouped(one.slow), grouped(one.silent), grouped(one.refused), grouped(one.lying)],
  ];
  return {
    title: 'Signing',
    lines: ['Requests that this node coordinated. An answer to a batch counts once.'],
    chart: chartOfSigning(report),
    tables: [
      {
        caption: 'What each signer did',
        columns: [
          ...[text('Operator'), number('Answers'), number('In time'), number('On average'), number('Slowest')],
          ...[number('Slow'), number('Silent'), number('Refused'), number('Wrong')],
        ],
        rows: signers.map(row),
      },
      {
        caption: 'Answers by day',
        columns: [text('Day'), number('Answers'), number('On average'), number('Slowest')],
        rows: report.signing_days.map((day) => [
          ...[day.date, grouped(day.timed), time(day.average_ms), time(day.max_ms)],
        ]),
      },
    ],
  };
}

function refusals(report: Report): Section {
  if (report.refusals.length === 0) return { title: 'Refusals', lines: ['Nobody refused to sign.'] };
  return {
    title: 'Refusals',
    tables: [
      {
        caption: 'Who refused to sign, and why',
        columns: [text('Operator'), text('Reason'), text('Meaning'), number('Times')],
        rows: report.refusals.map(({ name, reason, meaning, count }) => [name, reason, meaning, grouped(count)]),
      },
    ],
  };
}

function ceremonies({ ceremonies: { rows, total } }: Report): Section {
  if (total === 0) return { title: 'Key ceremonies', lines: ['None.'] };
  return {
    title: 'Key ceremonies',
    tables: [
      {
        caption: listCaption('Key ceremonies', rows.length, total, 'oldest'),
        columns: [text('Ceremony'), text('Kind'), text('State'), text('Begun'), text('Last change')],
        rows: rows.map((one) => [
          ...[one.ceremony_id, one.rehearsal ? 'rehearsal' : 'real', one.status],
          ...[atMinute(one.begun_at), atMinute(one.updated_at)],
        ]),
      },
    ],
  };
}

function incidents({ rows, total }: Report['incidents']): Section {
  if (total === 0) return { title: 'Incidents', lines: ['None.'] };
  return {
    title: 'Incidents',
    tables: [
      {
        caption: listCaption('Incidents', rows.length, total, 'newest'),
        columns: [
          ...[text('Incident'), text('Opened'), text('By operator'), text('Level'), text('State')],
          ...[text('Not in time'), text('What'), text('Review')],
        ],
        rows: rows.map((one) => [
          ...[one.id, atMinute(one.opened_at), String(one.opened_by), one.level, one.state],
          ...[one.late.join(', ') || 'none', one.summary, one.review],
        ]),
      },
    ],
  };
}

function entries(title: string, nothing: string, { rows, total }: Listed<EntryReport>): Section {
  if (total === 0) return { title, lines: [nothing] };
  return {
    title,
    tables: [
      {
        caption: listCaption('Entries of the audit log', rows.length, total, 'newest'),
        columns: [number('Entry'), text('Time'), text('Kind'), text('Contents')],
        rows: rows.map(({ seq, at, kind, body }) => [String(seq), atMinute(at), kind, body]),
      },
    ],
  };
}

function keeping({ certificates, backups, made_at }: Report): Section {
  const time = (at: string | null): string => (at === null ? 'never' : atMinute(at));
  return {
    title: 'Certificates and backups',
    lines: [`As they are at ${atMinute(made_at)}.`],
    tables: [
      {
        caption: 'TLS certificates',
        columns: [text('Operator'), text('Ends'), number('Days left')],
        rows: certificates.map(({ name, ends_at, days_left }) => [
          ...[name, ends_at === null ? 'unreadable' : atMinute(ends_at), days_left === null ? '–' : grouped(days_left)],
        ]),
      },
      {
        caption: 'Backups of this node',
        columns: [text('Kind'), text('Newest'), text('Last drill'), number('Made in the period')],
        rows: backups.map(({ kind, made_at: made, drilled_at, made_in_period }) => [
          ...[kind.replaceAll('_', ' '), time(made), time(drilled_at), grouped(made_in_period)],
        ]),
      },
    ].filter(({ rows }) => rows.length > 0),
  };
}

function log({ log: { head, head_at_end, verified }, entries: kinds }: Report): Section {
  return {
    title: 'Audit log',
    facts: [
      ['Head', `${head.seq}, ${head.hash}`],
      ['At the end of the period', head_at_end === null ? 'empty' : `${head_at_end.seq}, ${head_at_end.hash}`],
      ['Verified up to entry', grouped(verified)],
    ],
    tables:
      kinds.length === 0
        ? []
        : [
            {
              caption: 'Entries of the period by kind',
              columns: [text('Kind'), number('Entries')],
              rows: kinds.map(({ kind, count }) => [kind, grouped(count)]),
            },
          ],
  };
}

function notes({ days }: Report): Section {
  const hidden = moved(days).length < days.length;
  return {
    title: 'How this is counted',
    lines: [
      'Days are calendar days of UTC. What is on chain counts on the day of its block.',
      'A mint counts on the day of its deposit, because Wire tells no times. A burn counts when this node first saw it, but no later than its payout.',
      ...(hidden ? ['Days on which nothing moved are left out of the tables; the sums are of all days.'] : []),
      'Uptime, signers and refusals are written down every 5 minutes. A crash loses what came since.',
      'Signers and refusals are as this node saw them; other operators’ reports have their own.',
    ],
  };
}

// Days on which something moved, and the last one.
function moved(days: readonly DayReport[]): readonly DayReport[] {
  return days.filter(
    (day, at) =>
      at === days.length - 1 ||
      day.deposits + day.burns + day.burns_paid > 0 ||
      Object.keys(day.steps).length > 0 ||
      day.reserves !== days[at - 1]?.reserves,
  );
}

function listCaption(what: string, shown: number, total: number, which: 'newest' | 'oldest'): string {
  return shown < total ? `${what}: the ${which} ${grouped(shown)} of ${grouped(total)}` : what;
}
