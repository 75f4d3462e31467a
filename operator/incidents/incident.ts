// Where an incident stands, pure: what follows from its entries, in whatever order they came, and which deadlines of the launch
// instructions have passed.

import type { Queries } from '../../store/database.ts';
import { entriesOfThread, type StoredEntry } from '../../store/timeline.ts';
import type { EscalationLevel } from '../runtime/incident-command-types.ts';

const MINUTE_MS = 60_000;
/** What has to happen after an incident is opened, and within how many ms: launch instructions, Appendix C. */
export const INCIDENT_STEPS = [
  { step: 'acknowledge', within: 15 * MINUTE_MS, what: 'acknowledged' },
  { step: 'respond', within: 60 * MINUTE_MS, what: 'answered' },
  { step: 'plan', within: 240 * MINUTE_MS, what: 'given a plan' },
] as const;
export type IncidentStep = (typeof INCIDENT_STEPS)[number]['step'];

/** One deadline. `missing`: whose step it still is, by index; none where anybody may take it. Times in ms since 1970. */
export interface IncidentDeadline {
  readonly step: IncidentStep;
  readonly what: string;
  readonly due: number;
  readonly doneAt: number | null;
  readonly missing: readonly number[];
}

/** An incident. `level` and `summary` null: its operator's opening has not reached this node yet. */
export interface Incident {
  readonly id: string;
  readonly openedBy: number;
  readonly openedAt: number;
  readonly level: EscalationLevel | null;
  readonly summary: string | null;
  readonly closed: StoredEntry | null;
  readonly deadlines: readonly IncidentDeadline[];
  readonly entries: readonly StoredEntry[];
}

/** An incident by its id, or null where this node has heard nothing of it. */
export function incidentOf(db: Queries, id: string, participants: number): Incident | null {
  const entries = entriesOfThread(db, id).filter(({ kind }) => kind !== 'scheduled');
  return entries.length === 0 ? null : incidentFrom(id, entries, participants);
}

/** The deadlines that passed before `now` (ms since 1970) with nothing done. */
export function overdue({ closed, deadlines }: Incident, now: number): readonly IncidentDeadline[] {
  return closed !== null ? [] : deadlines.filter(({ due, doneAt }) => doneAt === null && due < now);
}

/** The incident that these entries, oldest first, are of. */
export function incidentFrom(id: string, entries: readonly StoredEntry[], participants: number): Incident {
  const opening = entries.find(({ kind }) => kind === 'opened');
  const openedBy = Number(id.split('-')[0]);
  const openedAt = opening?.at ?? entries[0]?.at ?? 0;
  const level = levelOf(opening);
  const others = Array.from({ length: participants }, (_, index) => index).filter((index) => index !== openedBy);
  const silent = others.filter((index) => !entries.some(({ author }) => author === index));
  const first = (kinds: readonly StoredEntry['kind'][]) => entries.find(({ kind }) => kinds.includes(kind))?.at ?? null;
  // In an emergency every operator has to know; else one that does is enough. Whoever says more has acknowledged as well.
  const heard = entries.filter(({ author }) => author !== openedBy);
  const acknowledged = level === 3 ? (silent.length === 0 ? lastFirst(heard) : null) : (heard[0]?.at ?? null);
  const done: Readonly<Record<IncidentStep, number | null>> = {
    acknowledge: acknowledged,
    respond: first(['responded', 'planned']),
    plan: first(['planned']),
  };
  const deadlines = INCIDENT_STEPS.map(({ step, within, what }) => ({
    ...{ step, what, due: openedAt + within, doneAt: done[step] },
    missing: step === 'acknowledge' && done[step] === null ? silent : [],
  }));
  const closed = entries.find(({ kind }) => kind === 'closed') ?? null;
  return { id, openedBy, openedAt, level, summary: opening?.text ?? null, closed, deadlines, entries };
}

// When the last of the others said something for the first time.
function lastFirst(heard: readonly StoredEntry[]): number | null {
  const firsts = new Map<number, number>();
  for (const { author, at } of heard) firsts.set(author, Math.min(at, firsts.get(author) ?? at));
  return firsts.size === 0 ? null : Math.max(...firsts.values());
}

function levelOf(opening: StoredEntry | undefined): EscalationLevel | null {
  const { level = null } = opening ?? {};
  return level === 1 || level === 2 || level === 3 ? level : null;
}
