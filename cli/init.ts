// `init`: writes the configuration with the launch instructions' default keys, and makes keys and certificate where they
// are missing. What is wrong with the flags is told before anything is asked or written. The launch instructions have a
// draft of the configuration written by hand before: of it, and of one in use, what no flag says is kept.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { z } from 'zod';
import { CONFIG_BYTES_MAX, type ConfigProblem, checkConfig, loadConfig } from '../operator/config/config.ts';
import {
  type ConfigFile,
  configFileSchema,
  NAME_CHARACTERS_MAX,
  NETWORKS,
  PARTICIPANTS_MAX,
} from '../operator/config/config-keys.ts';
import { draftConfig } from '../operator/config/config-write.ts';
import { jsonFault } from '../operator/config/json-fault.ts';
import { absolutePath } from '../operator/config/paths.ts';
import type { PassphrasePurpose } from '../operator/config/secrets-input.ts';
import { asFailure, type Cli, callNode, plainJson } from './call.ts';
import { contactValue, type RoleContact } from './contact-value.ts';
import type { CliContext, PassphraseOptions } from './context.ts';
import { CliError, UsageError } from './errors.ts';
import { readInput } from './files.ts';
import { renderFields } from './output.ts';
import { addExamples, addPassphraseOptions } from './program.ts';
import type { InitialiseResult } from './services.ts';
import { choiceValue, nameValue, wholeValue } from './values.ts';

interface InitFlags extends PassphraseOptions {
  readonly parties: number;
  readonly threshold: number;
  readonly index: number;
  readonly addresses: readonly string[];
  readonly output?: string;
  readonly name?: string;
  readonly network?: (typeof NETWORKS)[number];
  readonly wireNode?: readonly string[];
  readonly bitcoinNode?: readonly string[];
  readonly bitcoinRpcUser?: string;
  readonly bitcoinRpcPasswordFile?: string;
  readonly bitcoinRpcCookieFile?: string;
  readonly force?: boolean;
  readonly singleOperator?: boolean;
  readonly contact?: readonly RoleContact[];
}

const WHY_PARTIES = "A key ceremony's messages grow with the square of their number, and are at most 1 MiB.";
const WHY_THRESHOLD = 'No operator alone may be able to sign, and no more than 64 take part.';
/** Where the RPC password goes that is typed, beside the configuration. */
const RPC_PASSWORD_FILE = 'bitcoin_rpc_password';
const ADDRESSES = 'operator1.example.com:50051,operator2.example.com:50051,operator3.example.com:50051';
const FLAGS: Readonly<Record<string, string>> = {
  parties: '--parties',
  threshold: '--threshold',
  my_index: '--index',
  party_addresses: '--addresses',
  name: '--name',
  network: '--network',
  wire_nodes: '--wire-node',
  bitcoin_nodes: '--bitcoin-node',
  contacts: '--contact',
  bitcoin_rpc_user: '--bitcoin-rpc-user',
  bitcoin_rpc_password_file: '--bitcoin-rpc-password-file',
  bitcoin_rpc_cookie_file: '--bitcoin-rpc-cookie-file',
};

export function registerInit(program: Command, cli: Cli): void {
  const operators = (flag: string, why: string) =>
    wholeValue(flag, 2, PARTICIPANTS_MAX, 'a whole number of operators', why);
  const index = wholeValue('--index', 0, PARTICIPANTS_MAX - 1, 'a place in --addresses');
  const command = program
    .command('init')
    .description('Write the configuration; make keys and TLS certificate if they are missing.')
    .requiredOption('--parties <n>', 'how many operators there are', operators('--parties', WHY_PARTIES))
    .requiredOption('--threshold <t>', 'how many must sign', operators('--threshold', WHY_THRESHOLD))
    .requiredOption('--index <i>', "this operator's place in --addresses, counted from 0", index)
    .requiredOption('--addresses <list>', 'host:port of all operators in index order, with commas between', list)
    .option('--output <path>', 'where to write the configuration (default: that of --config)')
    .option(
      '--name <text>',
      'how the others call this operator (default: the host of its address)',
      nameValue('--name', NAME_CHARACTERS_MAX),
    )
    .option('--network <name>', `${NETWORKS.join(', ')} (default: mainnet)`, choiceValue('--network', NETWORKS))
    .option('--wire-node <url>', 'URL of your own Wire node; may be repeated', repeated)
    .option('--bitcoin-node <url>', 'URL of your own Bitcoin node; may be repeated', repeated)
    .option('--contact <text>', 'whom to call: "ROLE: Name - Email - Phone - Messenger"; may be repeated', contactValue)
    .option('--single-operator', 'one person runs this node: no act asks for a second person; `status` shows it')
    .option('--no-single-operator', 'acts that take a second person ask for one again')
    .option(
      '--bitcoin-rpc-user <name>',
      'RPC user of your Bitcoin nodes; its password is asked for, or read from a file',
    )
    .option('--bitcoin-rpc-password-file <path>', 'file that holds the RPC password, and stays where it is')
    .option('--bitcoin-rpc-cookie-file <path>', "bitcoind's .cookie file (default: what ~/.bitcoin has)")
    .option(
      '--force',
      'change a node that is set up; settings without a flag stay, and old files are kept under another name',
    )
    .action((flags: InitFlags) => init(cli, flags));
  addPassphraseOptions(command);
  addExamples(
    command,
    `mpc_operator init --parties 3 --threshold 2 --index 0 --addresses "${ADDRESSES}" --output ~/.0btc-wire/mpc/config.json`,
    `mpc_operator init --parties 3 --threshold 2 --index 0 --addresses "${ADDRESSES}" --bitcoin-rpc-user alice --force`,
  );
}

async function init(cli: Cli, flags: InitFlags): Promise<void> {
  const { context, services } = cli;
  const { paths } = context.surroundings;
  const file =
    flags.output === undefined ? context.configFile : absolutePath(flags.output, paths.workingDirectory, paths.home);
  const before = existsSync(file) ? await readBefore(context, file, flags.force === true) : null;
  const content = {
    ...contentOf(flags),
    ...withoutOtherWay(before, flags),
    ...fromFlags(flags),
    ...contactsFromFlags(before, flags),
    ...rpcFromFlags(context, flags),
  };
  checkContent(context, content, file);
  if (before !== null) await signInToChange(cli, file);
  const passphrase = async (purpose: PassphrasePurpose) => {
    const found = await context.passphrase(flags, purpose);
    if (found !== null) return found;
    throw new CliError('A passphrase is needed for the key file: give --passphrase-file or --passphrase-fd.');
  };
  try {
    const whole = configFileSchema.parse(content);
    const force = flags.force === true;
    const rpc = asksForRpcPassword(flags) ? { rpcPassword: () => rpcPassword(context) } : {};
    const result = await services.initialise({ file, home: paths.home, content: whole, passphrase, force, ...rpc });
    context.output.result(plainJson(result), () => initText(result));
    if (before !== null) context.output.note(`${file} was there already: settings without a flag were kept.`);
    context.output.note('Next: mpc_operator peer export --output card.json, and send the card to the other operators.');
  } catch (error) {
    throw asFailure(error);
  }
}

// A configuration in use is changed by a user who may, once there are users. One that cannot be loaded names none.
async function signInToChange(cli: Cli, file: string): Promise<void> {
  const before = loadConfig(file, cli.context.surroundings.paths.home);
  if (!before.ok || !existsSync(before.config.userDbPath)) return;
  await callNode(cli, 'authorise', { action: 'configure' }, {}, before.config);
}

function contentOf({ parties, threshold, index, addresses }: InitFlags): ConfigFile {
  return draftConfig({ parties, threshold, index, addresses });
}

// What the flags say, under the configuration's keys.
function fromFlags(flags: InitFlags): Partial<ConfigFile> {
  const { parties, threshold, index, addresses, name, network, wireNode, bitcoinNode, singleOperator } = flags;
  return {
    parties,
    threshold,
    party_addresses: [...addresses],
    my_index: index,
    ...(name !== undefined && { name }),
    ...(network !== undefined && { network }),
    ...(wireNode !== undefined && { wire_nodes: [...wireNode] }),
    ...(bitcoinNode !== undefined && { bitcoin_nodes: [...bitcoinNode] }),
    ...(singleOperator !== undefined && { single_operator: singleOperator }),
  };
}

// A person takes the place of the one who had the role; other roles stay.
function contactsFromFlags(before: Record<string, unknown> | null, { contact }: InitFlags): Record<string, unknown> {
  if (contact === undefined) return {};
  const known = z.record(z.string(), z.unknown()).safeParse(before?.['contacts']).data ?? {};
  return { contacts: { ...known, ...Object.fromEntries(contact.map(({ role, contact: who }) => [role, who])) } };
}

// There is one way to the credentials: a new one takes the place of that of the configuration before.
function withoutOtherWay(before: Record<string, unknown> | null, flags: InitFlags): Record<string, unknown> {
  const { bitcoinRpcUser: user, bitcoinRpcPasswordFile: password, bitcoinRpcCookieFile: cookie } = flags;
  const dropped = [
    ...(user !== undefined || password !== undefined ? ['bitcoin_rpc_cookie_file'] : []),
    ...(cookie !== undefined ? ['bitcoin_rpc_user', 'bitcoin_rpc_password_file'] : []),
  ];
  return Object.fromEntries(Object.entries(before ?? {}).filter(([key]) => !dropped.includes(key)));
}

function rpcFromFlags({ surroundings: { paths } }: CliContext, flags: InitFlags): Partial<ConfigFile> {
  const { bitcoinRpcUser: user, bitcoinRpcPasswordFile: password, bitcoinRpcCookieFile: cookie } = flags;
  const place = (path: string) => absolutePath(path, paths.workingDirectory, paths.home);
  return {
    ...(user !== undefined && { bitcoin_rpc_user: user }),
    ...(asksForRpcPassword(flags) && { bitcoin_rpc_password_file: RPC_PASSWORD_FILE }),
    ...(password !== undefined && { bitcoin_rpc_password_file: place(password) }),
    ...(cookie !== undefined && { bitcoin_rpc_cookie_file: place(cookie) }),
  };
}

function asksForRpcPassword({ bitcoinRpcUser: user, bitcoinRpcPasswordFile: password }: InitFlags): boolean {
  return user !== undefined && password === undefined;
}

async function rpcPassword(context: CliContext): Promise<Uint8Array> {
  const typed = await context.typedSecret('RPC password of your Bitcoin nodes');
  if (typed !== null) return typed;
  throw new CliError('The RPC password of your Bitcoin nodes is needed: give --bitcoin-rpc-password-file.');
}

// Its values are checked together with those of the flags. One that cannot be read makes room by force alone.
async function readBefore(context: CliContext, file: string, force: boolean): Promise<Record<string, unknown> | null> {
  const text = new TextDecoder().decode(await readInput(context, file, CONFIG_BYTES_MAX));
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    if (force) return null;
    const where = jsonFault(text);
    const flaw = where === null ? 'is not a JSON object' : `is not JSON (${where})`;
    throw new CliError(`${file} ${flaw}: correct it, or give --force to keep it under another name.`);
  }
}

function checkContent(context: CliContext, content: Readonly<Record<string, unknown>>, file: string): void {
  const verdict = checkConfig(content, file, context.surroundings.paths.home);
  if (verdict.ok) return;
  const [first, ...others] = verdict.problems.map(flagProblem);
  for (const other of others) context.output.fault(other);
  throw new UsageError(first ?? `${file} would not be a valid configuration.`);
}

// The configuration's checks speak of its keys; who types flags looks for flags.
function flagProblem({ key, value, problem, remedy }: ConfigProblem): string {
  const [, name = '', place = ''] = /^([a-z_]+)(\[[0-9]+\])?$/.exec(key ?? '') ?? [];
  const subject = Object.hasOwn(FLAGS, name) ? `${FLAGS[name]}${place}` : `"${key ?? 'configuration'}"`;
  return `${subject}${value === null ? '' : ` ${value}`} ${problem}. ${remedy}`;
}

function list(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function repeated(text: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), text];
}

function initText({ configPath, certificatePath, created, kept, fingerprint }: InitialiseResult): string {
  const fields: (readonly [string, string])[] = [
    ['configuration', configPath],
    ['certificate', certificatePath],
    ...created.map((path) => ['made', path] as const),
    ...kept.map((path) => ['old file', path] as const),
    ['fingerprint', fingerprint],
  ];
  return renderFields(fields);
}
