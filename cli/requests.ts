// `requests`: what operators have asked each other to approve.
import type { Command } from 'commander';
import type { CommandResults, RequestReport } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { localTime } from './format.ts';
import { renderFields, renderTable } from './output.ts';
import { addPageOptions, type PageOptions, pageLine } from './page.ts';
import { addExamples } from './program.ts';
import { bad, textValue } from './values.ts';

const EXAMPLE_ID = 'ab'.repeat(16);

export function registerRequests(program: Command, cli: Cli): void {
  const requests = program.command('requests').description('See, approve or refuse the requests of operators.');
  addExamples(requests, 'mpc_operator requests list', `mpc_operator requests approve ${EXAMPLE_ID}`);
  const list = requests
    .command('list')
    .description('List requests, newest first.')
    .action(({ limit, offset }: PageOptions) =>
      runCommand(cli, 'requests-list', { limit, offset }, { text: (result) => listText(result, offset) }),
    );
  addPageOptions(list);
  addExamples(list, 'mpc_operator requests list', 'mpc_operator requests list --json');
  const show = requests
    .command('show')
    .description('Show one request.')
    .argument('<id>', 'the request: its id, or a beginning that no other has', requestId)
    .action((id: string) => runCommand(cli, 'requests-show', { id }, { text: ({ request }) => requestText(request) }));
  addExamples(show, `mpc_operator requests show ${EXAMPLE_ID}`);
  const approve = requests
    .command('approve')
    .description('Approve a request: this node signs it when it is asked to.')
    .argument('<id>', 'the request: its id, or a beginning that no other has', requestId)
    .action((id: string) =>
      runCommand(cli, 'requests-approve', { id }, { text: ({ request }) => requestText(request) }),
    );
  addExamples(
    approve,
    `mpc_operator requests approve ${EXAMPLE_ID.slice(0, 8)}`,
    `mpc_operator requests approve ${EXAMPLE_ID}`,
  );
  const refuse = requests
    .command('refuse')
    .description('Refuse a request.')
    .argument('<id>', 'the request: its id, or a beginning that no other has', requestId)
    .requiredOption('--reason <text>', 'why, for the audit log', textValue('--reason', 500, 'a reason'))
    .action((id: string, { reason }: { readonly reason: string }) =>
      runCommand(cli, 'requests-refuse', { id, reason }, { text: ({ request }) => requestText(request) }),
    );
  addExamples(refuse, `mpc_operator requests refuse ${EXAMPLE_ID} --reason "the payout is right"`);
}

function requestId(text: string): string {
  const id = text.toLowerCase();
  if (!/^[0-9a-f]{6,32}$/.test(id)) throw bad('<id>', text, 'a request id, or at least its first 6 characters');
  return id;
}

function listText({ requests, total }: CommandResults['requests-list'], offset: number): string {
  if (total === 0) return 'No requests.';
  const table = renderTable(
    [
      { title: 'REQUEST' },
      { title: 'KIND' },
      { title: 'ASKED BY' },
      { title: 'OPEN UNTIL' },
      { title: 'DECISION' },
      { title: 'OUTCOME' },
      { title: 'REASON' },
    ],
    requests.map(({ id, kind, asked_by, expires_at, decision, outcome, reason }) => [
      id,
      kind,
      `operator ${asked_by}`,
      localTime(expires_at),
      decision ?? 'none yet',
      outcome.state,
      reason,
    ]),
  );
  return `${table}\n${pageLine(requests.length, offset, total)}`;
}

function requestText(request: RequestReport): string {
  const { id, reason, asked_by, created_at, expires_at, decision, decision_reason, outcome } = request;
  return renderFields([
    ['request', id],
    ['asks for', aimText(request)],
    ['asked by', `operator ${asked_by}, at ${localTime(created_at)}`],
    ['reason', reason],
    ['open until', localTime(expires_at)],
    [
      'decision',
      decision === null ? 'none yet' : decision_reason === null ? decision : `${decision}: ${decision_reason}`,
    ],
    ['outcome', otherOutcome(request) ?? outcomeText(outcome)],
  ]);
}

function aimText({ kind, treasury, burn_txid }: RequestReport): string {
  if (kind === 'void') return `void: everything signed from ${treasury} and not mined becomes worthless`;
  if (kind === 'veto') return `veto: no node signs the payout of burn ${burn_txid}; to approve it lets the payout go`;
  return `payout: this node signs the payout of burn ${burn_txid}`;
}

function otherOutcome({ kind, outcome }: RequestReport): string | null {
  if (kind === 'payout') return payoutOutcome(outcome);
  if (kind !== 'veto') return null;
  if (outcome.state === 'done') return 'lifted: enough operators let the payout go';
  return outcome.state === 'expired' ? 'lapsed' : 'open: it keeps the payout from being signed';
}

function payoutOutcome({ state, txid }: RequestReport['outcome']): string {
  switch (state) {
    case 'signed':
      return `step ${txid} pays it and is signed; it waits for a block`;
    case 'done':
      return `paid by step ${txid}`;
    case 'expired':
      return 'expired: while the burn waits, it is asked anew';
    default:
      return 'open: nothing that is signed pays it';
  }
}

function outcomeText({ state, txid }: RequestReport['outcome']): string {
  switch (state) {
    case 'open':
      return 'open: nothing is signed for it yet';
    case 'signed':
      return `the void step ${txid} is signed; it waits for a block`;
    case 'done':
      return `done: the void step ${txid} is mined`;
    case 'overtaken':
      return `overtaken: step ${txid} was mined, so there is nothing left to make worthless`;
    case 'expired':
      return 'expired: too few operators approved it in time';
  }
}
