// What status shows of incidents, of people who could not be notified, and of the date of the key ceremony.
import { openIncidents } from '../../store/timeline.ts';
import { ceremonyDates, currentDate } from '../incidents/ceremony-dates.ts';
import { type Incident, incidentOf, overdue } from '../incidents/incident.ts';
import type { Node } from '../node.ts';
import { type Notice, type Problem, problem } from '../runtime/problems.ts';

/** Most open incidents that are shown one by one; the gravest and newest come first. */
const SHOWN_MAX = 20;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SEVERITIES = { 1: 'warning', 2: 'error', 3: 'critical' } as const;

/** All of them. */
export function incidentProblems(node: Node): readonly Problem[] {
  const { store, config, input } = node;
  const now = input.effects.now();
  const open = openIncidents(store.db, SHOWN_MAX).flatMap((id) => incidentOf(store.db, id, config.parties) ?? []);
  return [
    ...open.flatMap((incident) => [openProblem(incident), ...overdueProblems(incident, now)]),
    ...(node.notifier?.problems() ?? []),
    ...unansweredDate(node, now),
  ];
}

/** The date of the key ceremony, with who accepts it, until it is over. */
export function ceremonyDateNotices({ store, config, input }: Node): readonly Notice[] {
  const now = input.effects.now();
  const date = currentDate(ceremonyDates(store.db, config.parties, now));
  if (date === null) return [];
  const { ceremonyId, firstAt, backupAt, accepted, answers } = date;
  const waiting = answers.filter(({ answer }) => answer === null).map(({ index }) => index);
  const refusing = answers.filter(({ answer }) => answer === 'refused').map(({ index }) => index);
  const parts = [
    `it is scheduled for ${iso(firstAt)} (${untilText(firstAt - now)}), else for ${iso(backupAt)}`,
    `accepted by ${accepted} of ${config.parties}`,
    ...(waiting.length === 0 ? [] : [`no answer of operator ${waiting.join(', ')}`]),
    ...(refusing.length === 0 ? [] : [`refused by operator ${refusing.join(', ')}`]),
  ];
  const action = '`mpc_operator ceremony schedule show` says more; be there with your passphrase in time';
  const subject = ceremonyId === null ? 'key ceremony' : `key ceremony ${ceremonyId}`;
  return [{ code: 'ceremony_scheduled', subject, since: iso(date.proposedAt), cause: parts.join('; '), action }];
}

function openProblem({ id, level, summary, openedBy, openedAt }: Incident): Problem {
  return problem('incident_open', {
    subject: `incident ${id}`,
    since: openedAt,
    severity: SEVERITIES[level ?? 1],
    cause: `operator ${openedBy} opened it at level ${level}: ${summary}`,
    action: `see \`mpc_operator incident show ${id}\`; call with \`mpc_operator contacts\``,
  });
}

function overdueProblems(incident: Incident, now: number): readonly Problem[] {
  const { id } = incident;
  return overdue(incident, now).map(({ step, what, due, missing }) => {
    const by = missing.length === 0 ? '' : ` by operator ${missing.join(', ')}`;
    const cause = `it was not ${what}${by} in time`;
    const text = step === 'acknowledge' ? '' : ' --text TEXT';
    const action = `run \`mpc_operator incident ${step} ${id}${text}\`, or call who should`;
    return problem('incident_overdue', { subject: `incident ${id}`, since: due, cause, action });
  });
}

function unansweredDate({ store, config }: Node, now: number): readonly Problem[] {
  const [newest] = ceremonyDates(store.db, config.parties, now);
  const own = newest?.answers.find(({ index }) => index === config.myIndex);
  if (newest === undefined || own?.answer !== null) return [];
  const { id, proposedBy, proposedAt, firstAt } = newest;
  const cause = `operator ${proposedBy} proposes ${iso(firstAt)}, and waits for your answer`;
  const action = `run \`mpc_operator ceremony schedule accept ${id}\`, or \`refuse ${id} --reason TEXT\``;
  return [problem('date_unanswered', { subject: 'key ceremony', since: proposedAt, cause, action })];
}

function untilText(ms: number): string {
  if (ms <= 0) return 'begun';
  if (ms < HOUR_MS) return `in ${Math.ceil(ms / 60_000)} min`;
  return ms < 2 * DAY_MS ? `in ${Math.floor(ms / HOUR_MS)} h` : `in ${Math.floor(ms / DAY_MS)} days`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
