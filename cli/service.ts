// `enable-service`, `disable-service` and `service-status`: whether this node does real work. Enabling is the moment from which
// money moves, so it says first what begins, and asks.
import type { Command } from 'commander';
import type { ServiceReport } from '../operator/runtime/command-types.ts';
import { type Cli, callNode, runCommand } from './call.ts';
import { CliError, UsageError } from './errors.ts';
import { optionalTime } from './format.ts';
import { renderFields } from './output.ts';
import { addExamples } from './program.ts';
import { confirmPrompt } from './prompt.ts';
import { federationLine, serviceLine } from './service-text.ts';

export function registerService(program: Command, cli: Cli): void {
  const enable = program
    .command('enable-service')
    .description('Begin real attestations and payouts at this node; it says what begins, and asks first.')
    .option('--yes', 'do not ask')
    .action(({ yes }: { readonly yes?: boolean }) => enableService(cli, yes === true));
  addExamples(enable, 'mpc_operator enable-service', 'mpc_operator enable-service --yes');
  const disable = program
    .command('disable-service')
    .description('End new attestations at this node, and close its public API; burns are still paid.')
    .action(() => runCommand(cli, 'disable-service', {}, { text: serviceText }));
  addExamples(disable, 'mpc_operator disable-service');
  const status = program
    .command('service-status')
    .description('Show whether the service is enabled here and at the peers, and what this node does by itself.')
    .action(() => runCommand(cli, 'service-status', {}, { text: serviceText }));
  addExamples(status, 'mpc_operator service-status', 'mpc_operator service-status --json');
}

async function enableService(cli: Cli, isAgreed: boolean): Promise<void> {
  const before = await callNode(cli, 'service-status', {});
  // Where something is missing, the node refuses with its name; there is nothing to agree to.
  if (before.state !== 'enabled' && before.missing === null) await agree(cli, before, isAgreed);
  await runCommand(cli, 'enable-service', {}, { text: serviceText });
}

async function agree({ context }: Cli, { would_begin }: ServiceReport, isAgreed: boolean): Promise<void> {
  const { stdin, stderr } = context.surroundings;
  context.output.note('With the service enabled, this node does the following:');
  for (const line of would_begin) context.output.note(`  ${line}`);
  if (isAgreed) return;
  const ask = confirmPrompt(stdin, stderr, context.signal);
  if (ask === null) throw new UsageError('Nobody can be asked here, as this is no terminal: give --yes.');
  if (!(await ask('Enable the service?'))) throw new CliError('Nothing was changed.');
}

function serviceText(report: ServiceReport): string {
  const { does, missing, peers, state, first_enabled_at } = report;
  return renderFields([
    ['service', serviceLine(report)],
    ...(first_enabled_at === null ? [] : [['first enabled', optionalTime(first_enabled_at)] as const]),
    ...does.map((line, i) => [i === 0 ? 'this node' : '', line] as const),
    ...(missing === null || state === 'enabled' ? [] : [['not ready', missing] as const]),
    ['federation', federationLine(report)],
    ...peers.map((peer) => [`operator ${peer.index}`, `${peer.name}: ${peerText(peer)}`] as const),
  ]);
}

function peerText({ state, heard_at, counts, paused }: ServiceReport['peers'][number]): string {
  if (state === null) return 'not heard yet';
  const silent = state === 'enabled' && !counts ? (paused ? ', but paused' : ', but does not answer') : '';
  return `${state === 'off' ? 'never enabled' : state}${silent}, heard ${optionalTime(heard_at)}`;
}
