// `monitoring export` and `monitoring test-alert`: what watches the node, and whether an alert reaches people.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { absolutePath } from '../operator/config/paths.ts';
import { writeDurably } from '../operator/runtime/durable-file.ts';
import { asFailure, type Cli } from './call.ts';
import { CliError } from './errors.ts';
import { monitoringFiles } from './monitoring-files.ts';
import { addExamples } from './program.ts';

const FILE_MODE = 0o644;
const ANSWER_MS_MAX = 10_000;
/** How long the test alert lasts, in ms. */
const ALERT_MS = 5 * 60_000;

export function registerMonitoring(program: Command, cli: Cli): void {
  const monitoring = program
    .command('monitoring')
    .description('Set Prometheus, Alertmanager and Grafana up for this node.');
  addExamples(monitoring, 'mpc_operator monitoring export --dir monitoring', 'mpc_operator monitoring test-alert');
  const exported = monitoring
    .command('export')
    .description('Write prometheus.yml, alert rules, alertmanager.yml and a Grafana dashboard for this configuration.')
    .requiredOption('--dir <folder>', 'where to write; made where it is missing')
    .option('--force', 'overwrite files that are there')
    .action((flags: { readonly dir: string; readonly force?: boolean }) =>
      exportFiles(cli, flags.dir, flags.force === true),
    );
  addExamples(exported, 'mpc_operator monitoring export --dir monitoring');
  const test = monitoring
    .command('test-alert')
    .description(
      'Send one alert of five minutes to Alertmanager ("alertmanager_url"); then see whether it reaches you.',
    )
    .action(() => testAlert(cli));
  addExamples(test, 'mpc_operator monitoring test-alert');
}

async function exportFiles({ context }: Cli, dir: string, isForced: boolean): Promise<void> {
  const { metricsAddress, alertmanagerUrl } = context.config();
  const { workingDirectory, home } = context.surroundings.paths;
  const folder = absolutePath(dir, workingDirectory, home);
  const files = monitoringFiles({ metricsAddress: metricsAddress.text, alertmanagerUrl });
  const [taken] = [...files.keys()].map((name) => join(folder, name)).filter((path) => existsSync(path));
  if (taken !== undefined && !isForced) {
    throw new CliError(
      `${taken} is there already: give --force to overwrite it, or name another folder. Nothing was written.`,
    );
  }
  try {
    for (const [name, text] of files) {
      const path = join(folder, name);
      // Other users run what reads them.
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      await writeDurably(path, new TextEncoder().encode(text), FILE_MODE);
    }
  } catch (error) {
    throw asFailure(error);
  }
  const written = [...files.keys()];
  context.output.result({ folder, files: written }, () =>
    written.map((name) => `Wrote ${join(folder, name)}`).join('\n'),
  );
  context.output.note(
    'Next: copy them to /etc/prometheus and /etc/grafana, add a receiver to alertmanager.yml, and restart them.',
  );
}

async function testAlert({ context }: Cli): Promise<void> {
  const { alertmanagerUrl, name, myIndex, network } = context.config();
  const now = Date.now();
  const alert = {
    labels: { alertname: 'MpcOperatorTestAlert', severity: 'warning', operator: name, index: `${myIndex}`, network },
    annotations: { summary: `A test alert of ${name}, sent by mpc_operator monitoring test-alert.` },
    startsAt: new Date(now).toISOString(),
    endsAt: new Date(now + ALERT_MS).toISOString(),
  };
  const url = `${alertmanagerUrl}/api/v2/alerts`;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([alert]),
    redirect: 'manual',
    proxy: false,
    signal: AbortSignal.any([AbortSignal.timeout(ANSWER_MS_MAX), context.signal]),
  }).catch((error: unknown) => {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
    throw new CliError(
      `Alertmanager at ${alertmanagerUrl} cannot be reached (${why}): start it, or set "alertmanager_url".`,
    );
  });
  if (!answer.ok) throw new CliError(`Alertmanager at ${alertmanagerUrl} refused the alert (HTTP ${answer.status}).`);
  context.output.result(
    { alertmanager: alertmanagerUrl, alert },
    () => `Alertmanager took the alert ${alert.labels.alertname}.`,
  );
  context.output.note(
    'It ends by itself in 5 minutes. If it does not reach you by then, look at the receivers in alertmanager.yml.',
  );
}
