// `escalate` and `incident`: something happened that other operators, and people, have to know of.
import type { Command } from 'commander';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import type { DeliveryReport, IncidentReport } from '../operator/runtime/incident-command-types.ts';
import { TIMELINE_TEXT_CHARACTERS_MAX } from '../store/schema-timeline.ts';
import { type Cli, runCommand } from './call.ts';
import { contactTable } from './contacts.ts';
import { localTime, optionalTime } from './format.ts';
import { renderFields, renderTable } from './output.ts';
import { addPageOptions, type PageOptions, pageLine } from './page.ts';
import { addExamples } from './program.ts';
import { bad, choiceValue, lineValue } from './values.ts';

const EXAMPLE_ID = '0-1f2e3d4c';
const line = (flag: string) => lineValue(flag, TIMELINE_TEXT_CHARACTERS_MAX, 'a text');

export function registerIncidents(program: Command, cli: Cli): void {
  const level = choiceValue('--level', ['1', '2', '3']);
  const escalate = program
    .command('escalate')
    .description('Open an incident, tell all operators, and show whom to call.')
    .requiredOption('--level <n>', '1 technical issue, 2 security concern, 3 critical emergency', level)
    .requiredOption('--summary <text>', 'what happened, in one line', line('--summary'))
    .action((flags: { readonly level: '1' | '2' | '3'; readonly summary: string }) =>
      runCommand(cli, 'escalate', { level: LEVELS[flags.level], summary: flags.summary }, { text: escalateText }),
    );
  addExamples(escalate, 'mpc_operator escalate --level 2 --summary "an unknown login on our node"');
  const incident = program.command('incident').description('See incidents, and take their steps.');
  addExamples(incident, 'mpc_operator incident list', `mpc_operator incident acknowledge ${EXAMPLE_ID}`);
  const list = incident
    .command('list')
    .description('List incidents, newest first.')
    .action(({ limit, offset }: PageOptions) =>
      runCommand(cli, 'incident-list', { limit, offset }, { text: (result) => listText(result, offset) }),
    );
  addPageOptions(list);
  addExamples(list, 'mpc_operator incident list', 'mpc_operator incident list --json');
  const show = incident
    .command('show')
    .description('Show an incident with everything that was said of it.')
    .argument('<id>', 'the incident', incidentId)
    .action((id: string) =>
      runCommand(cli, 'incident-show', { id }, { text: ({ incident: one }) => incidentText(one) }),
    );
  addExamples(show, `mpc_operator incident show ${EXAMPLE_ID}`);
  registerSteps(incident, cli);
  const test = incident
    .command('test-notify')
    .description('Run "notify_command" once with a test message, and show what it said; exit code 1 if it fails.')
    .action(() =>
      runCommand(
        cli,
        'incident-test-notify',
        {},
        { text: notifyText, failure: ({ ok, detail }) => (ok ? null : `${detail}.`) },
      ),
    );
  addExamples(test, 'mpc_operator incident test-notify');
}

const LEVELS = { '1': 1, '2': 2, '3': 3 } as const;

function registerSteps(incident: Command, cli: Cli): void {
  const acknowledge = incident
    .command('acknowledge')
    .description('Say that you have seen an incident: due within 15 minutes.')
    .argument('<id>', 'the incident', incidentId)
    .option('--text <text>', 'who takes it, or what else to say', line('--text'), 'acknowledged')
    .action((id: string, { text }: { readonly text: string }) =>
      runCommand(cli, 'incident-acknowledge', { id, text }, { text: stepText }),
    );
  addExamples(acknowledge, `mpc_operator incident acknowledge ${EXAMPLE_ID} --text "Ann takes it"`);
  const respond = incident
    .command('respond')
    .description('Say what is found or done: the first time within an hour.')
    .argument('<id>', 'the incident', incidentId)
    .requiredOption('--text <text>', 'what is found or done', line('--text'))
    .action((id: string, { text }: { readonly text: string }) =>
      runCommand(cli, 'incident-respond', { id, text }, { text: stepText }),
    );
  addExamples(respond, `mpc_operator incident respond ${EXAMPLE_ID} --text "the node is off the network"`);
  const plan = incident
    .command('plan')
    .description('Say how it will be resolved: due within 4 hours.')
    .argument('<id>', 'the incident', incidentId)
    .requiredOption('--text <text>', 'the plan', line('--text'))
    .action((id: string, { text }: { readonly text: string }) =>
      runCommand(cli, 'incident-plan', { id, text }, { text: stepText }),
    );
  addExamples(
    plan,
    `mpc_operator incident plan ${EXAMPLE_ID} --text "restore from backup tonight, then a new certificate"`,
  );
  const close = incident
    .command('close')
    .description('Close an incident with a review; it is kept for good.')
    .argument('<id>', 'the incident', incidentId)
    .requiredOption('--review <text>', 'what happened, why, and what is changed', line('--review'))
    .action((id: string, { review }: { readonly review: string }) =>
      runCommand(cli, 'incident-close', { id, text: review }, { text: stepText }),
    );
  addExamples(close, `mpc_operator incident close ${EXAMPLE_ID} --review "a test login; accounts are now named"`);
}

function incidentId(text: string): string {
  const id = text.toLowerCase();
  if (!/^(0|[1-9][0-9]?)-[0-9a-f]{8}$/.test(id))
    throw bad('<id>', text, `the id of an incident, such as ${EXAMPLE_ID}`);
  return id;
}

function escalateText({ incident, delivery, contacts }: CommandResults['escalate']): string {
  return `${incidentText(incident)}\n${deliveryText(delivery)}\n\nCall now:\n${contactTable(contacts)}`;
}

function stepText({ incident, delivery }: CommandResults['incident-respond']): string {
  return `${incidentText(incident)}\n${deliveryText(delivery)}`;
}

/** Which operators have it already, and which have to be called meanwhile. */
export function deliveryText({ told, untold }: DeliveryReport): string {
  const reached = told.length === 0 ? 'No other operator has it yet.' : `Told already: operator ${told.join(', ')}.`;
  const missing = untold.map(
    ({ index, name, detail }) =>
      `Operator ${index} (${name}) does not have it yet: ${detail}. It is told again; call it.`,
  );
  return [reached, ...missing].join('\n');
}

function listText({ incidents, total }: CommandResults['incident-list'], offset: number): string {
  if (total === 0) return 'No incidents.';
  const table = renderTable(
    [
      { title: 'INCIDENT' },
      { title: 'LEVEL' },
      { title: 'OPENED' },
      { title: 'BY' },
      { title: 'STATE' },
      { title: 'SUMMARY' },
    ],
    incidents.map(({ id, level, summary, opened_at, opened_by, state }) => [
      id,
      level === null ? '-' : String(level),
      localTime(opened_at),
      `operator ${opened_by}`,
      state,
      summary ?? NOT_HERE,
    ]),
  );
  return `${table}\n${pageLine(incidents.length, offset, total)}`;
}

const NOT_HERE = 'its operator has not told this node yet';
const STEP_WORDS = { acknowledge: 'acknowledge', respond: 'first response', plan: 'plan' } as const;

function incidentText(incident: IncidentReport): string {
  const { id, level, summary, opened_by, opened_by_name, opened_at, state, deadlines, timeline } = incident;
  return renderFields([
    ['incident', `${id}, level ${level ?? 'unknown'}, ${state}`],
    ['summary', summary ?? NOT_HERE],
    ['opened by', `operator ${opened_by} (${opened_by_name}), at ${localTime(opened_at)}`],
    ...deadlines.map(({ step, due, done_at, overdue, missing }) => {
      const by = missing.length === 0 ? '' : ` by operator ${missing.join(', ')}`;
      const open = `${overdue ? 'OVERDUE' : 'open'}${by}, due ${localTime(due)}`;
      return [STEP_WORDS[step], done_at === null ? open : `done ${optionalTime(done_at)}`] as const;
    }),
    ...timeline.map(({ at, operator, name, kind, text }, index) => {
      return [
        index === 0 ? 'timeline' : '',
        `${localTime(at)} operator ${operator} (${name}) ${kind}: ${text}`,
      ] as const;
    }),
  ]);
}

function notifyText({ ok, detail, output }: CommandResults['incident-test-notify']): string {
  return renderFields([
    ['notify_command', ok ? 'ran: see whether the test message reaches you' : `FAILED: ${detail}`],
    ...(output === '' ? [] : [['it said', output] as const]),
  ]);
}
