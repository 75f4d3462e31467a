// The incidents of a report: those that were opened in the period, with what came of their deadlines.
import type { Queries } from '../../store/database.ts';
import { incidentsOpenedBetween } from '../../store/timeline.ts';
import { type Incident, incidentOf } from '../incidents/incident.ts';
import type { Span } from './collect-node.ts';
import type { IncidentReport, Listed } from './report.ts';

const INCIDENTS_SHOWN_MAX = 100;

/** The incidents that were opened in a span, the newest first. `now` in ms since 1970. */
export function incidentsIn(
  db: Queries,
  { from, to }: Span,
  participants: number,
  now: number,
): Listed<IncidentReport> {
  const { rows, total } = incidentsOpenedBetween(db, from, to, INCIDENTS_SHOWN_MAX);
  return { rows: rows.flatMap((id) => incidentOf(db, id, participants) ?? []).map((one) => shown(one, now)), total };
}

function shown({ id, openedBy, openedAt, level, summary, closed, deadlines }: Incident, now: number): IncidentReport {
  const late = deadlines.filter(({ due, doneAt }) => (doneAt ?? closed?.at ?? now) > due).map(({ step }) => step);
  return {
    ...{ id, opened_by: openedBy, opened_at: new Date(openedAt).toISOString() },
    level: level === null ? 'not known here' : String(level),
    state: closed === null ? 'open' : 'closed',
    late,
    ...{ summary: summary ?? '', review: closed?.text ?? '' },
  };
}
