// `service print|install|uninstall`: the systemd unit of the server. `install` writes the unit and nothing else; what a person
// has to do besides is printed as commands.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../operator/config/config.ts';
import { locateConfig } from '../operator/config/paths.ts';
import { writeDurably } from '../operator/runtime/durable-file.ts';
import { fileFault } from '../operator/runtime/file-fault.ts';
import type { Cli } from './call.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { CliError } from './errors.ts';
import { addExamples } from './program.ts';
import {
  PASSPHRASE_PATH,
  SERVICE_HOME,
  SERVICE_USER,
  UNIT_FOLDER,
  UNIT_NAME,
  type UnitInput,
  unitText,
} from './service-unit.ts';
import { bad } from './values.ts';

interface UnitFlags extends GlobalOptions {
  readonly user: string;
  readonly executable?: string;
  readonly passphraseFile: string;
  readonly sealed?: boolean;
  readonly dryRun?: boolean;
  readonly to: string;
}

const UNIT_MODE = 0o644;
const EXECUTABLE_DEFAULT = '/usr/local/bin/mpc_operator';

export function registerServiceUnit(program: Command, cli: Cli): void {
  const service = program.command('service').description('Make the systemd unit that runs the server.');
  addExamples(service, 'mpc_operator service print', 'sudo mpc_operator service install');
  const print = service
    .command('print')
    .description('Print the systemd unit.')
    .action((_: unknown, command: Command) => printUnit(cli, command.optsWithGlobals<UnitFlags>()));
  addUnitOptions(print);
  addExamples(print, 'mpc_operator service print', 'mpc_operator service print --sealed --user $USER');
  const install = service
    .command('install')
    .description(`Write the unit ${UNIT_NAME} and print what to run next. Needs root, and changes nothing else.`)
    .option('--dry-run', 'write nothing; print the unit and what to run next')
    .option('--to <folder>', 'where units lie', absolute('--to'), UNIT_FOLDER)
    .action((_: unknown, command: Command) => installUnit(cli, command.optsWithGlobals<UnitFlags>()));
  addUnitOptions(install);
  addExamples(install, 'sudo mpc_operator service install', 'mpc_operator service install --dry-run');
  const uninstall = service
    .command('uninstall')
    .description(`Remove the unit ${UNIT_NAME}. Keys, database and configuration stay. Needs root.`)
    .option('--dry-run', 'remove nothing; print what would be done')
    .option('--to <folder>', 'where units lie', absolute('--to'), UNIT_FOLDER)
    .action(({ dryRun, to }: Pick<UnitFlags, 'dryRun' | 'to'>) =>
      removeUnit(cli, join(to, UNIT_NAME), dryRun === true),
    );
  addExamples(uninstall, 'sudo mpc_operator service uninstall', 'mpc_operator service uninstall --dry-run');
}

function addUnitOptions(command: Command): void {
  command
    .option('--user <name>', 'the user that the server runs as', userValue, SERVICE_USER)
    .option(
      '--executable <path>',
      `the program (default: this one, or ${EXECUTABLE_DEFAULT})`,
      absolute('--executable'),
    )
    .option(
      '--passphrase-file <path>',
      'file that systemd hands to the server as a credential',
      absolute('--passphrase-file'),
      PASSPHRASE_PATH,
    )
    .option('--sealed', 'without a passphrase: the server waits for `mpc_operator unseal`');
}

function userValue(text: string): string {
  if (!/^[a-z_][a-z0-9_-]{0,30}$/.test(text))
    throw bad('--user', text, "a user's name of small letters, digits, - or _");
  return text;
}

function absolute(flag: string): (text: string) => string {
  return (text) => {
    if (!isAbsolute(text) || /[\0\n\r]/.test(text)) throw bad(flag, text, 'an absolute path');
    return text;
  };
}

function printUnit({ context }: Cli, flags: UnitFlags): void {
  const unit = unitText(unitInput(context, flags));
  context.output.result({ name: UNIT_NAME, unit }, () => unit);
}

async function installUnit({ context }: Cli, flags: UnitFlags): Promise<void> {
  const input = unitInput(context, flags);
  const unit = unitText(input);
  const next = nextSteps(input);
  const isDry = flags.dryRun === true;
  const place = join(flags.to, UNIT_NAME);
  if (!isDry) {
    requireRoot('install');
    await changed(place, () => writeDurably(place, new TextEncoder().encode(unit), UNIT_MODE));
  }
  const data = { path: place, written: !isDry, unit, next };
  context.output.result(data, () => [isDry ? unit : `Wrote ${place}.`, 'Next:', ...next.map(indented)].join('\n'));
}

async function removeUnit({ context }: Cli, place: string, isDry: boolean): Promise<void> {
  const isThere = existsSync(place);
  const before = [`systemctl disable --now ${UNIT_NAME}`];
  if (!isDry) {
    requireRoot('uninstall');
    if (!isThere) throw new CliError(`There is no unit at ${place}: nothing was removed.`);
    await changed(place, () => rm(place));
  }
  const next = ['systemctl daemon-reload'];
  const text = isDry
    ? [isThere ? `Would remove ${place}. Before, run:` : `There is no unit at ${place}.`, ...before.map(indented)]
    : [`Removed ${place}. A server that runs goes on. Next:`, ...[...before, ...next].map(indented)];
  context.output.result({ path: place, removed: !isDry, next: isDry ? before : [...before, ...next] }, () =>
    text.join('\n'),
  );
}

function indented(line: string): string {
  return `  ${line}`;
}

function requireRoot(what: string): void {
  if (process.geteuid?.() === 0) return;
  throw new CliError(`This needs root: run \`sudo mpc_operator service ${what}\`, or look first with --dry-run.`);
}

async function changed(place: string, change: () => Promise<void>): Promise<void> {
  try {
    await change();
  } catch (error) {
    const fault = fileFault(error, place);
    throw fault === null ? error : new CliError(`${fault.message}.`);
  }
}

// `~` of the configuration is the service's home, not that of whoever makes the unit.
function unitInput(context: CliContext, flags: UnitFlags): UnitInput {
  const { paths } = context.surroundings;
  const isOwn = flags.user === SERVICE_USER;
  const config = locateConfig(flags.config, isOwn ? { ...paths, home: SERVICE_HOME } : paths);
  const loaded = loadConfig(config, isOwn ? SERVICE_HOME : paths.home);
  const files = loaded.ok
    ? [loaded.config.keySharePath, loaded.config.securityDbPath, loaded.config.userDbPath, loaded.config.controlSocket]
    : [];
  const folders = [config, ...files].map((name) => dirname(name));
  const commands = loaded.ok ? [loaded.config.notifyCommand, loaded.config.burnProofVerifier] : [];
  const programs = commands.flatMap((command) => command ?? []).filter((word) => isAbsolute(word));
  return {
    ...{ config, user: flags.user, folders: outermost(folders), programs },
    executable: flags.executable ?? (Bun.isStandaloneExecutable ? process.execPath : EXECUTABLE_DEFAULT),
    passphrase: flags.sealed === true ? null : flags.passphraseFile,
  };
}

function outermost(folders: readonly string[]): readonly string[] {
  const known = [...new Set(folders)];
  return known.filter((one) => !known.some((other) => one !== other && one.startsWith(`${other}/`)));
}

function nextSteps({ user, passphrase, config }: UnitInput): readonly string[] {
  const isOwn = user === SERVICE_USER;
  const asUser = `sudo -u ${user} -H mpc_operator`;
  return [
    ...(isOwn ? [`useradd --system --home-dir ${SERVICE_HOME} --create-home --shell /usr/sbin/nologin ${user}`] : []),
    ...(existsSync(config) ? [] : [`${asUser} init …   # writes ${config}`]),
    ...(passphrase === null
      ? []
      : [
          `install -d -m 700 ${dirname(passphrase)}`,
          `install -m 600 /dev/stdin ${passphrase}   # type the passphrase, then Ctrl-D`,
        ]),
    `${asUser} config check --config ${config}`,
    'systemctl daemon-reload',
    `systemctl enable --now ${UNIT_NAME}`,
    `systemctl status ${UNIT_NAME}`,
    ...(passphrase === null ? [`${asUser} unseal --config ${config}`] : []),
  ];
}
