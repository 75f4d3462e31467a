// `tls generate` and `tls rotate`: this node's TLS certificate, made without other programs and changed without an outage.
import type { Command } from 'commander';
import { loadConfig } from '../operator/config/config.ts';
import { NAME_CHARACTERS_MAX } from '../operator/config/config-keys.ts';
import { absolutePath } from '../operator/config/paths.ts';
import type { CommandResults } from '../operator/runtime/command-types.ts';
import { asFailure, type Cli, runCommand } from './call.ts';
import { CliError } from './errors.ts';
import { localTime } from './format.ts';
import { renderFields } from './output.ts';
import { addExamples } from './program.ts';
import { bad, nameValue, textValue } from './values.ts';

interface GenerateFlags {
  readonly certificate?: string;
  readonly key?: string;
  readonly name?: string;
  readonly host?: string;
}

const HOST_CHARACTERS_MAX = 253;
const CERTIFICATE_DEFAULT = '~/.0btc-wire/mpc/tls_cert.pem';
const KEY_DEFAULT = '~/.0btc-wire/mpc/tls_key.pem';

export function registerTls(program: Command, cli: Cli): void {
  const tls = program.command('tls').description('Make and change the TLS certificate of this node.');
  addExamples(tls, 'mpc_operator tls generate', 'mpc_operator tls rotate');
  const generate = tls
    .command('generate')
    .description(
      'Make a self-signed P-256 certificate and its key, valid for 825 days, where there are none. Overwrites nothing.',
    )
    .option(
      '--certificate <path>',
      `where the certificate goes (default: of the configuration, or ${CERTIFICATE_DEFAULT})`,
    )
    .option('--key <path>', `where the key goes (default: of the configuration, or ${KEY_DEFAULT})`)
    .option(
      '--name <text>',
      "the operator's name (default: of the configuration)",
      nameValue('--name', NAME_CHARACTERS_MAX),
    )
    .option('--host <name>', 'host name or IP address of this node (default: of the configuration)', hostValue)
    .action((flags: GenerateFlags) => generateFiles(cli, flags));
  addExamples(
    generate,
    'mpc_operator tls generate',
    'mpc_operator tls generate --name operator1 --host operator1.example.com',
  );
  const rotate = tls
    .command('rotate')
    .description(
      'Make a new certificate and announce it to the other operators. Old and new hold for an overlap ("tls_overlap_s", 7 days); the change comes once all have the new one, without a restart.',
    )
    .action(() => runCommand(cli, 'tls-rotate', {}, { text: rotateText }));
  addExamples(rotate, 'mpc_operator tls rotate');
}

const hostText = textValue('--host', HOST_CHARACTERS_MAX, 'a host name or IP address');

function hostValue(text: string): string {
  const host = hostText(text);
  if (/^[A-Za-z0-9._:-]+$/.test(host)) return host;
  throw bad('--host', text, 'a host name or IP address');
}

async function generateFiles({ context }: Cli, flags: GenerateFlags): Promise<void> {
  const { home, workingDirectory } = context.surroundings.paths;
  // The launch instructions make the certificate before there is a configuration.
  const loaded = loadConfig(context.configFile, home);
  const config = loaded.ok ? loaded.config : null;
  const path = (flag: string | undefined, configured: string | undefined, other: string) =>
    absolutePath(flag ?? configured ?? other, workingDirectory, home);
  const certificatePath = path(flags.certificate, config?.tlsCertPath, CERTIFICATE_DEFAULT);
  const keyPath = path(flags.key, config?.tlsKeyPath, KEY_DEFAULT);
  const name = flags.name ?? config?.name ?? flags.host ?? 'mpc_operator';
  const address = flags.host ?? config?.partyAddresses[config.myIndex]?.text ?? 'localhost';
  const { ensureTlsFiles, loadTlsIdentity } = await import('../operator/peers/tls.ts');
  try {
    const { outcome } = await ensureTlsFiles({ certificatePath, keyPath, name, address, now: Date.now() });
    if (outcome !== 'made') throw taken(outcome, certificatePath, keyPath);
    const made = await loadTlsIdentity(certificatePath, keyPath, Date.now());
    if (!made.ok) throw new CliError(`${made.detail}.`);
    const { fingerprint, notAfter } = made.identity.facts;
    const expires_at = new Date(notAfter).toISOString();
    const data = { certificate: certificatePath, key: keyPath, fingerprint, expires_at };
    context.output.result(data, () =>
      renderFields([
        ['certificate', certificatePath],
        ['key', keyPath],
        ['SHA-256', fingerprint],
        ['valid until', localTime(expires_at)],
      ]),
    );
  } catch (error) {
    throw asFailure(error);
  }
}

function taken(outcome: 'kept' | 'incomplete', certificate: string, key: string): CliError {
  return outcome === 'kept'
    ? new CliError(`${certificate} and ${key} are there already: change them with \`mpc_operator tls rotate\`.`)
    : new CliError(`Only one of ${certificate} and ${key} is there: put both, or remove the other.`);
}

function rotateText({ fingerprint, until, taken: has, missing }: CommandResults['tls-rotate']): string {
  const told = has.length === 0 ? 'none yet' : has.map((index) => `operator ${index}`).join(', ');
  const lines = renderFields([
    ['new certificate', fingerprint],
    ['the old one holds until', localTime(until)],
    ['known to', told],
    ...missing.map(({ index, detail }) => ['not yet to', `operator ${index}: ${detail}`] as const),
  ]);
  const verdict =
    missing.length === 0
      ? 'All operators have it, and this node shows it from now on.'
      : 'The others are told again and again; this node shows the new one once all have it, or when the time is over.';
  return `${lines}\n\n${verdict}`;
}
