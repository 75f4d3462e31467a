// What an operator asks of incidents and of the date of the key ceremony: each step is written down here, and told to all.
import { DATE_AHEAD_MS_MAX, listIncidents, type TimelineEntry } from '../store/timeline.ts';
import { contactsOfLevel, contactsReport } from './contacts-report.ts';
import { type CeremonyDate, ceremonyDates, currentDate } from './incidents/ceremony-dates.ts';
import { type Incident, incidentOf, overdue } from './incidents/incident.ts';
import { type Said, say } from './incidents/timeline.ts';
import type { Node } from './node.ts';
import { listCards } from './peers/federation.ts';
import { CommandError } from './runtime/command-error.ts';
import type { CommandParams, CommandResults } from './runtime/command-types.ts';
import type { CeremonyDateReport, DeliveryReport, IncidentReport } from './runtime/incident-command-types.ts';

/** The commands of this file, by name. */
export const incidentCommands = {
  contacts: contactsReport,
  escalate,
  'incident-list': incidentReports,
  'incident-show': (node: Node, { id }: CommandParams<'incident-show'>) => ({ incident: shown(node, id) }),
  'incident-acknowledge': step('acknowledged'),
  'incident-respond': step('responded'),
  'incident-plan': step('planned'),
  'incident-close': step('closed'),
  'incident-test-notify': testNotify,
  'ceremony-schedule': schedule,
  'ceremony-schedule-show': datesShown,
  'ceremony-schedule-answer': answerDate,
};

async function escalate(node: Node, params: CommandParams<'escalate'>): Promise<CommandResults['escalate']> {
  const { level, summary } = params;
  const { entry, delivery } = await tellAll(node, { kind: 'opened', text: summary, level });
  return { incident: shown(node, entry.thread), delivery, contacts: contactsOfLevel(node, level) };
}

function step(kind: 'acknowledged' | 'responded' | 'planned' | 'closed') {
  return async (
    node: Node,
    { id, text }: CommandParams<'incident-respond'>,
  ): Promise<CommandResults['incident-respond']> => {
    const incident = required(node, id);
    if (incident.closed !== null) {
      const whose = `operator ${incident.closed.author} closed incident ${id}`;
      throw new CommandError('incident_closed', `${whose}: open another with \`mpc_operator escalate\``);
    }
    const { delivery } = await tellAll(node, { kind, text, thread: id });
    return { incident: shown(node, id), delivery };
  };
}

function incidentReports(node: Node, page: CommandParams<'incident-list'>): CommandResults['incident-list'] {
  const { rows, total } = listIncidents(node.store.db, page);
  return { incidents: rows.map((id) => shown(node, id)), total };
}

async function testNotify(node: Node): Promise<CommandResults['incident-test-notify']> {
  const { notifier } = node;
  if (notifier !== undefined && node.config.notifyCommand !== null) return notifier.test();
  const remedy = 'set "notify_command" in the configuration and restart the server';
  throw new CommandError('no_notify_command', `there is no command to notify people with: ${remedy}`);
}

async function schedule(
  node: Node,
  { at, backup, ceremony_id: ceremonyId }: CommandParams<'ceremony-schedule'>,
): Promise<CommandResults['ceremony-schedule']> {
  const [firstAt, backupAt, now] = [Date.parse(at), Date.parse(backup), node.input.effects.now()];
  if (firstAt <= now) throw new CommandError('date_past', `the date ${at} is over: name a later one`);
  if (backupAt <= firstAt) throw new CommandError('date_order', 'the second date must be later than the first');
  if (backupAt > now + DATE_AHEAD_MS_MAX) throw new CommandError('date_far', 'the dates must lie within a year');
  const { entry, delivery } = await tellAll(node, { kind: 'scheduled', text: '', ceremonyId, firstAt, backupAt });
  return { date: dateReport(node, requiredDate(node, entry.thread)), delivery };
}

function datesShown(node: Node): CommandResults['ceremony-schedule-show'] {
  const dates = datesOf(node);
  const current = currentDate(dates);
  return {
    current: current === null ? null : dateReport(node, current),
    proposals: dates.map((date) => dateReport(node, date)),
  };
}

async function answerDate(
  node: Node,
  { id, answer, reason }: CommandParams<'ceremony-schedule-answer'>,
): Promise<CommandResults['ceremony-schedule-answer']> {
  const date = requiredDate(node, id);
  const { delivery } = await tellAll(node, { kind: answer, text: reason, thread: date.id });
  return { date: dateReport(node, requiredDate(node, date.id)), delivery };
}

/** The date of the key ceremony for a checklist: the one that counts, and how many operators accept it; null: none. */
export function ceremonyDateReport(node: Node): CeremonyDateReport | null {
  return datesShown(node).current;
}

// A sealed node tells the others once it is unsealed.
async function tellAll(
  node: Node,
  said: Said,
): Promise<{ readonly entry: TimelineEntry; readonly delivery: DeliveryReport }> {
  const { store, config, input, online } = node;
  const entry = say({ db: store.db, config, effects: input.effects }, said);
  await online?.timeline.tell();
  const others = Array.from({ length: config.parties }, (_, index) => index).filter((one) => one !== config.myIndex);
  const sealed = 'this node is sealed: it tells the others once it is unsealed';
  const known = online === null ? [] : online.timeline.untold(entry.id);
  const cards = new Set(listCards(store.db).map(({ index }) => index));
  const untold = others.flatMap((index) => {
    const lacking = known.find((one) => one.index === index)?.detail;
    const detail = online === null ? sealed : cards.has(index) ? lacking : 'its operator card is not here';
    return detail === undefined ? [] : [{ index, name: nameOf(node, index), detail }];
  });
  return { entry, delivery: { told: others.filter((index) => !untold.some((one) => one.index === index)), untold } };
}

function required({ store, config }: Node, id: string): Incident {
  const incident = incidentOf(store.db, id, config.parties);
  if (incident !== null) return incident;
  throw new CommandError('incident_unknown', `there is no incident ${id} here: see \`mpc_operator incident list\``);
}

function shown(node: Node, id: string): IncidentReport {
  const incident = required(node, id);
  const { level, summary, openedBy, openedAt, closed, deadlines, entries } = incident;
  const late = new Set(overdue(incident, node.input.effects.now()).map(({ step: name }) => name));
  return {
    ...{ id, level, summary, opened_by: openedBy, opened_by_name: nameOf(node, openedBy), opened_at: iso(openedAt) },
    state: closed !== null ? 'closed' : late.size > 0 ? 'overdue' : 'open',
    closed_at: closed === null ? null : iso(closed.at),
    review: closed?.text ?? null,
    deadlines: deadlines.map(({ step: name, due, doneAt, missing }) => ({
      ...{ step: name, due: iso(due), done_at: doneAt === null ? null : iso(doneAt) },
      ...{ overdue: late.has(name), missing },
    })),
    timeline: entries.map(({ at, author, kind, text }) => ({
      ...{ at: iso(at), operator: author, name: nameOf(node, author), kind, text },
    })),
  };
}

function datesOf({ store, config, input }: Node): readonly CeremonyDate[] {
  return ceremonyDates(store.db, config.parties, input.effects.now());
}

function requiredDate(node: Node, id: string | null): CeremonyDate {
  const dates = datesOf(node);
  const date = id === null ? dates[0] : dates.find((one) => one.id === id);
  if (date !== undefined) return date;
  const remedy = 'propose one with `mpc_operator ceremony schedule`';
  throw new CommandError(
    'date_unknown',
    id === null ? `no date is proposed: ${remedy}` : `there is no date ${id} here`,
  );
}

function dateReport(node: Node, date: CeremonyDate): CeremonyDateReport {
  const { id, ceremonyId, firstAt, backupAt, proposedBy, proposedAt, answers, accepted, agreed } = date;
  return {
    ...{ id, ceremony_id: ceremonyId, at: iso(firstAt), backup: iso(backupAt) },
    ...{ proposed_by: proposedBy, proposed_by_name: nameOf(node, proposedBy), proposed_at: iso(proposedAt) },
    answers: answers.map(({ index, answer, reason }) => ({ index, name: nameOf(node, index), answer, reason })),
    ...{ accepted, participants: node.config.parties, agreed },
  };
}

function nameOf({ store }: Node, index: number): string {
  return listCards(store.db).find((card) => card.index === index)?.name ?? `operator ${index}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
