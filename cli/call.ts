// How a command reaches the node: through the control socket where a server runs, else in this process where the
// command makes sense without one. The choice is made here and nowhere else.
import type { Json } from '../crypto/canonical-json.ts';
import { actionOf } from '../operator/accounts/permissions.ts';
import type { OperatorConfig } from '../operator/config/config.ts';
import type { Credentials } from '../operator/runtime/account-command-types.ts';
import { CommandError } from '../operator/runtime/command-error.ts';
import type { CommandName, CommandParams, CommandResults } from '../operator/runtime/command-types.ts';
import { databaseFault, fileFault } from '../operator/runtime/file-fault.ts';
import type { CliContext, PassphraseOptions } from './context.ts';
import type { ControlClient } from './control-client.ts';
import { CliError, EXIT_FAILURE } from './errors.ts';
import type { Output } from './output.ts';
import type { NodeServices } from './services.ts';
import { shownByFlags, shownOnDemand } from './sign-in.ts';

/** What each command's file is given. */
export interface Cli {
  readonly context: CliContext;
  readonly services: NodeServices;
}

/** How a result is shown as text, and what to say where it means that something is wrong (exit code 1). */
export interface Shown<C extends CommandName> {
  readonly text: (result: CommandResults[C], output: Output) => string;
  /** One sentence for stderr, or null where all is well. */
  readonly failure?: (result: CommandResults[C]) => string | null;
}

// These need the server's peers, nonces and open key file, so they are of no use in a process of their own.
const SERVER_COMMANDS: ReadonlySet<CommandName> = new Set<CommandName>([
  'unseal',
  'seal',
  'tls-rotate',
  'ceremony-abandon',
  'ceremony-recover',
  'treasury-open',
  'attest',
  'withdraw',
  'bump',
  'hold',
  'unhold',
  'void',
  'requests-approve',
  'requests-refuse',
  'withdrawals-waiting',
  'test-communication',
  'test-signing',
  'test-burn',
  'escalate',
  'incident-acknowledge',
  'incident-respond',
  'incident-plan',
  'incident-close',
  'incident-test-notify',
  'ceremony-schedule',
  'ceremony-schedule-answer',
  'consolidate-fees',
  'test-consolidate-fees',
]);

// Faults of the program itself; every other class of error is an operator's matter and its message a sentence for them.
const BUG_NAMES: ReadonlySet<string> = new Set([
  'Error',
  'TypeError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'ZodError',
]);

/** Whether an error is a fault of the program, whose message is for its developers. */
export function isBug(error: unknown): boolean {
  return !(error instanceof Error) || BUG_NAMES.has(error.name);
}

/** Makes one call and prints its result; a failure that the result tells of becomes a `CliError` after printing. */
export async function runCommand<C extends CommandName>(
  cli: Cli,
  command: C,
  params: CommandParams<C>,
  shown: Shown<C>,
  passphrase: PassphraseOptions = {},
): Promise<void> {
  const { output } = cli.context;
  const result = await callNode(cli, command, params, passphrase);
  output.result(plainJson(result), () => shown.text(result, output));
  const failure = shown.failure?.(result) ?? null;
  if (failure !== null) throw new CliError(failure);
}

/**
 * Runs a command in the running server, or in this process. Refusals and failures are a `CliError` with one sentence.
 * `passphrase`: where to look for it if the command runs here and needs secrets. Whoever acts signs in, by the flags or asked
 * at the terminal where the node says that it is needed. `given`: a configuration other than that of this command line.
 */
export async function callNode<C extends CommandName>(
  cli: Cli,
  command: C,
  params: CommandParams<C>,
  passphrase: PassphraseOptions = {},
  given?: OperatorConfig,
): Promise<CommandResults[C]> {
  const { context } = cli;
  const config = given ?? context.config();
  const client = SERVER_COMMANDS.has(command) ? await context.requireServer() : await context.server(config);
  const call = (shown: readonly Credentials[]) => callOnce(cli, { config, client, shown }, command, params, passphrase);
  return actionOf(command, params) === null ? call([]) : withSignIn(context, call);
}

/** Does what somebody signs in for, by the flags, or asked at the terminal where a refusal says that it is needed. */
export async function withSignIn<T>(
  context: CliContext,
  act: (shown: readonly Credentials[]) => Promise<T>,
): Promise<T> {
  let shown = await shownByFlags(context);
  for (;;) {
    try {
      return await act(shown);
    } catch (error) {
      const failure = asFailure(error);
      const more = await shownOnDemand(context, failure, shown);
      if (more === null) throw failure;
      shown = [...shown, more];
    }
  }
}

/** The place of a command, and the credentials of the person who acts. */
interface CallPlace {
  readonly config: OperatorConfig;
  readonly client: ControlClient | null;
  readonly shown: readonly Credentials[];
}

async function callOnce<C extends CommandName>(
  cli: Cli,
  { config, client, shown }: CallPlace,
  command: C,
  params: CommandParams<C>,
  passphrase: PassphraseOptions,
): Promise<CommandResults[C]> {
  const { context } = cli;
  const display = context.output.progress();
  try {
    if (client === null) return await runHere(cli, { config, shown }, command, params, passphrase, display);
    const options = { onProgress: display.report, signal: context.signal, credentials: shown };
    const outcome = await client.call(command, plainJson(params), options);
    if (!outcome.ok) throw refusal(outcome.message, outcome.code);
    const result: unknown = outcome.result;
    // Server and command line are one executable; the control client has seen to it that this is JSON.
    return result as CommandResults[C];
  } finally {
    display.stop();
  }
}

/** A value as the JSON that travels over the control socket and that `--json` prints: absent members left out. */
export function plainJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}

async function runHere<C extends CommandName>(
  { context, services }: Cli,
  { config, shown }: Pick<CallPlace, 'config' | 'shown'>,
  command: C,
  params: CommandParams<C>,
  sources: PassphraseOptions,
  display: ReturnType<Output['progress']>,
): Promise<CommandResults[C]> {
  const passphrase = () => {
    // A question and a moving line cannot share the terminal.
    display.stop();
    return requiredPassphrase(context, sources);
  };
  const passphraseIfAny = () => {
    display.stop();
    return context.passphrase(sources, 'open');
  };
  try {
    return await services.runLocally(config, command, params, {
      progress: display.report,
      passphrase,
      passphraseIfAny,
      signal: context.signal,
      credentials: shown,
    });
  } catch (error) {
    throw asFailure(error);
  }
}

/** The passphrase of the existing key file, or a `CliError` that says how to give it. The caller zeroes it. */
export async function requiredPassphrase(context: CliContext, sources: PassphraseOptions): Promise<Uint8Array> {
  const passphrase = await context.passphrase(sources, 'open');
  if (passphrase !== null) return passphrase;
  throw new CliError('This needs the passphrase of the key file: give --passphrase-file or --passphrase-fd.');
}

/** An error of the node as the sentence for the user; a bug stays what it is. */
export function asFailure(error: unknown): unknown {
  const fault = error instanceof CliError ? null : (fileFault(error) ?? databaseFault(error));
  if (fault !== null) return new CliError(sentence(fault.message));
  if (!(error instanceof Error) || error instanceof CliError || isBug(error)) return error;
  if (error.name === 'AbortError') return new CliError('Stopped.');
  return error instanceof CommandError ? refusal(error.message, error.code) : new CliError(sentence(error.message));
}

function refusal(message: string, code: string): CliError {
  return new CliError(named(message, code), EXIT_FAILURE, code);
}

// A refusal ends with its name from the documented list, which is what to search the documentation for.
function named(message: string, code: string): string {
  return /^[a-z]+(_[a-z]+)+$/.test(code) ? sentence(`${message.replace(/\.$/, '')} (${code})`) : sentence(message);
}

// Messages of the lower layers are fragments without capital and full stop where others quote them. Only a word takes a
// capital: what begins with a txid, a name or a command must stay as it is, to be copied.
function sentence(message: string): string {
  const text = message.replace(/^[a-z]+(?=[\s,]|$)/, (word) => word.charAt(0).toUpperCase() + word.slice(1));
  return /[.?!]$/.test(text) ? text : `${text}.`;
}
