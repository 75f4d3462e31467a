// `config check`: everything that a start reads, before it is started.
import type { Command } from 'commander';
import type { ConfigFinding } from '../operator/config-check.ts';
import { type Cli, plainJson } from './call.ts';
import { CliError } from './errors.ts';
import { count } from './format.ts';
import type { Output, Style } from './output.ts';
import { addExamples } from './program.ts';

type Finding = ConfigFinding;

const LABELS: Readonly<Record<Finding['verdict'], readonly [label: string, style: Style]>> = {
  ok: ['ok     ', 'green'],
  warning: ['WARNING', 'yellow'],
  fault: ['FAULT  ', 'red'],
};

export function registerConfig(program: Command, cli: Cli): void {
  const config = program.command('config').description('Look at the configuration and at what it names.');
  addExamples(config, 'mpc_operator config check');
  const check = config
    .command('check')
    .description(
      'Check all that a start of the server reads: configuration, files and their modes, certificate, database, addresses. Changes nothing; exit code 1 if there is a fault.',
    )
    .option('--online', 'ask the Bitcoin and Wire nodes too')
    .action((flags: { readonly online?: boolean }) => checkConfig(cli, flags.online === true));
  addExamples(
    check,
    'mpc_operator config check',
    'mpc_operator config check --online --json',
    'sudo -u mpc-operator mpc_operator config check --config /etc/mpc-operator/config.json',
  );
}

async function checkConfig({ context }: Cli, online: boolean): Promise<void> {
  const [{ checkNodeFiles: look }, { isServerRunning }] = await Promise.all([
    import('../operator/config-check.ts'),
    import('./control-client.ts'),
  ]);
  const { paths } = context.surroundings;
  const findings = await look({
    ...{ file: context.configFile, online, now: Date.now(), serverRuns: isServerRunning },
    ...{ home: paths.home, workingDirectory: paths.workingDirectory, env: paths.env },
  });
  const faults = findings.filter(({ verdict }) => verdict === 'fault').length;
  const result = { ok: faults === 0, findings };
  context.output.result(plainJson(result), () => findingsText(findings, context.output));
  if (faults > 0) throw new CliError(`${count(faults, 'fault')} to correct before a start.`);
}

function findingsText(findings: readonly Finding[], output: Output): string {
  return findings
    .map(({ subject, verdict, detail, action }) => {
      const [label, style] = LABELS[verdict];
      const line = `${output.style(label, style)} ${subject}: ${detail}.`;
      return action === null ? line : `${line}\n        ${action.charAt(0).toUpperCase()}${action.slice(1)}.`;
    })
    .join('\n');
}
