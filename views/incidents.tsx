/** @jsxImportSource hono/jsx */
// Incidents: what is open, which timers run and which have run out, and what everybody said.
import type { CommandResults } from '../operator/runtime/command-types.ts';
import type { IncidentReport } from '../operator/runtime/incident-command-types.ts';
import { ActLink, Ago, Card, Chip, durationText, Empty, Facts, Pager, Table, Time, type Tone } from './kit.tsx';
import { Notice } from './layout.tsx';

const STATES: Readonly<Record<IncidentReport['state'], readonly [string, Tone]>> = {
  open: ['Open', 'warn'],
  overdue: ['Overdue', 'bad'],
  closed: ['Closed', 'ok'],
};
const NOT_HERE = 'Its operator has not told this node yet what happened.';

function StateChip({ state }: { state: IncidentReport['state'] }) {
  const [word, tone] = STATES[state];
  return <Chip tone={tone}>{word}</Chip>;
}

/** A page of incidents, the newest first. */
export function IncidentList({
  report: { incidents, total },
  now,
  offset,
  limit,
  mayOpen,
}: {
  report: CommandResults['incident-list'];
  now: number;
  offset: number;
  limit: number;
  mayOpen: boolean;
}) {
  return (
    <Card title="Incidents">
      {incidents.length === 0 ? (
        <Empty>
          <p>
            {total === 0
              ? 'There was no incident yet. Open one as soon as something may be wrong: all operators are told, and timers begin.'
              : 'There are no incidents so far back.'}
          </p>
        </Empty>
      ) : (
        <Table caption="Incidents" hideCaption head={['Incident', 'State', 'Level', 'What happened', 'Opened', 'Next']}>
          {incidents.map((incident) => (
            <tr id={`incident-${incident.id}`}>
              <th scope="row">
                <a href={`/federation/incidents/${incident.id}`}>{incident.id}</a>
              </th>
              <td>
                <StateChip state={incident.state} />
              </td>
              <td>{incident.level ?? '–'}</td>
              <td>{incident.summary ?? NOT_HERE}</td>
              <td>
                <Time at={incident.opened_at} /> <span class="muted">by {incident.opened_by_name}</span>
              </td>
              <td>{nextText(incident, now)}</td>
            </tr>
          ))}
        </Table>
      )}
      <Pager total={total} limit={limit} offset={offset} href={(to) => `/federation/incidents?offset=${to}`} />
      {mayOpen && <Escalate />}
      {mayOpen && (
        <details>
          <summary>Whether your people are told</summary>
          <p>The command in "notify_command" tells your people of incidents. Try it before there is one.</p>
          <ActLink act="incident-test-notify" title="Send a test notification" />
        </details>
      )}
    </Card>
  );
}

/** Opens an incident at a level. */
function Escalate() {
  return (
    <div class="buttons">
      <ActLink act="escalate" title="Level 1: technical issue" fields={{ level: '1' }} />
      <ActLink act="escalate" title="Level 2: security concern" fields={{ level: '2' }} />
      <ActLink act="escalate" title="Level 3: critical emergency" fields={{ level: '3' }} />
    </div>
  );
}

const STEPS = { acknowledge: 'Acknowledge', respond: 'First response', plan: 'Plan' } as const;

function nextText({ state, deadlines }: IncidentReport, now: number): string {
  if (state === 'closed') return '–';
  const open = deadlines.find(({ done_at }) => done_at === null);
  return open === undefined ? 'Close it with a review' : `${STEPS[open.step]}: ${dueText(open.due, now)}`;
}

function dueText(due: string, now: number): string {
  const left = Date.parse(due) - now;
  return left >= 0 ? `due in ${durationText(left)}` : `overdue for ${durationText(-left)}`;
}

/** What is open, in short, on the page of the federation. */
export function OpenIncidents({
  report: { incidents, total },
  now,
  mayOpen,
}: {
  report: CommandResults['incident-list'];
  now: number;
  mayOpen: boolean;
}) {
  const open = incidents.filter(({ state }) => state !== 'closed');
  return (
    <Card title="Incidents">
      {open.length === 0 ? (
        <p>No incident is open.</p>
      ) : (
        <ul>
          {open.map((incident) => (
            <li id={`open-${incident.id}`}>
              <StateChip state={incident.state} />{' '}
              <a href={`/federation/incidents/${incident.id}`}>
                {incident.id}, level {incident.level ?? 'unknown'}
              </a>
              : {incident.summary ?? NOT_HERE} <span class="muted">{nextText(incident, now)}</span>
            </li>
          ))}
        </ul>
      )}
      {total > 0 && (
        <p>
          <a href="/federation/incidents">All incidents ({total})</a>
        </p>
      )}
      {mayOpen && <Escalate />}
    </Card>
  );
}

/** What happened, and where it stands. */
export function IncidentFacts({ incident, now }: { incident: IncidentReport; now: number }) {
  const { id, level, summary, opened_by, opened_by_name, opened_at, state, closed_at, review } = incident;
  return (
    <Card title={`Incident ${id}`}>
      <p>
        <StateChip state={state} /> <strong>{summary ?? NOT_HERE}</strong>
      </p>
      <Facts
        of={[
          ['Level', level === null ? 'unknown' : String(level)],
          ['Opened by', `operator ${opened_by} (${opened_by_name})`],
          [
            'Opened at',
            <>
              <Time at={opened_at} />, <Ago at={opened_at} now={now} /> ago
            </>,
          ],
          ...(closed_at === null ? [] : [['Closed at', <Time at={closed_at} />] as const]),
          ...(review === null ? [] : [['Review', review] as const]),
        ]}
      />
    </Card>
  );
}

/** The timers of an incident. */
export function Deadlines({ incident, now }: { incident: IncidentReport; now: number }) {
  const { deadlines, state } = incident;
  return (
    <Card title="Timers">
      <Table caption="Timers" hideCaption head={['Step', 'State', 'Due', 'Whose turn']}>
        {deadlines.map(({ step, due, done_at, overdue, missing }) => (
          <tr id={`step-${step}`}>
            <th scope="row">{STEPS[step]}</th>
            <td>
              {done_at !== null ? (
                <Chip tone="ok">Done</Chip>
              ) : state === 'closed' ? (
                <Chip tone="idle">Not done</Chip>
              ) : overdue ? (
                <Chip tone="bad">Overdue</Chip>
              ) : (
                <Chip tone="info">Open</Chip>
              )}
            </td>
            <td>
              {done_at !== null ? (
                <>
                  done at <Time at={done_at} />
                </>
              ) : (
                <>
                  <Time at={due} /> {state !== 'closed' && <span class="muted">{dueText(due, now)}</span>}
                </>
              )}
            </td>
            <td>
              {done_at !== null || state === 'closed'
                ? '–'
                : missing.length === 0
                  ? 'any operator'
                  : `operator ${missing.join(', ')}`}
            </td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

/** The next steps of an incident, for those who may take them. */
export function IncidentActs({ incident, mayAct }: { incident: IncidentReport; mayAct: boolean }) {
  const { id, state, deadlines } = incident;
  if (!mayAct) return <Notice tone="info">Your role may look at incidents, not take their steps.</Notice>;
  if (state === 'closed') return null;
  const isOpen = (step: string): boolean => deadlines.some((one) => one.step === step && one.done_at === null);
  return (
    <Card title="What to do">
      <div class="buttons">
        <ActLink act="incident-acknowledge" title="Acknowledge" fields={{ id }} main={isOpen('acknowledge')} />
        <ActLink act="incident-respond" title="Give the first response" fields={{ id }} />
        <ActLink act="incident-plan" title="Give the plan" fields={{ id }} />
        <ActLink act="incident-close" title="Close with a review" fields={{ id }} />
      </div>
      <p class="muted">All operators see each of these, with your organisation's name.</p>
    </Card>
  );
}

const KINDS: Readonly<Record<string, string>> = {
  opened: 'opened it',
  acknowledged: 'acknowledged',
  responded: 'responded',
  planned: 'gave the plan',
  closed: 'closed it',
};

/** All that was said, the oldest first. */
export function Timeline({ incident: { timeline } }: { incident: IncidentReport }) {
  return (
    <Card title="Timeline">
      {timeline.length === 0 ? (
        <Empty>
          <p>{NOT_HERE}</p>
        </Empty>
      ) : (
        <Table caption="Timeline" hideCaption head={['Time', 'Operator', 'What', 'Words']}>
          {timeline.map(({ at, operator, name, kind, text }) => (
            <tr>
              <td>
                <Time at={at} />
              </td>
              <th scope="row">
                {operator} {name}
              </th>
              <td>{KINDS[kind] ?? kind}</td>
              <td>{text}</td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}
