// The command line: one program, a module for each command, the same manners everywhere. Errors are one sentence on
// stderr; exit code 2 for wrong usage, 1 for failure, 0 for done.
import { Command, CommanderError, type Option } from 'commander';
import { printable } from '../operator/runtime/shown-text.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { CliError, EXIT_FAILURE, EXIT_OK, EXIT_USAGE, UsageError } from './errors.ts';
import { wholeValue } from './values.ts';
import { VERSION } from './version.ts';

/** What a file `cli/<command>.ts` exports: it adds its command, with an example (`addExamples`), to the program. */
export interface CommandModule {
  register(program: Command, context: CliContext): void;
}

// Two methods of commander that its own types leave out (version 14, pinned).
declare module 'commander' {
  interface Command {
    unknownOption(flag: string): void;
    missingMandatoryOptionValue(option: Option): void;
  }
}

/** Whoever mistypes a required flag is told so; commander alone says that the right one is missing. */
class OperatorCommand extends Command {
  override createCommand(name?: string): Command {
    return new OperatorCommand(name);
  }

  override missingMandatoryOptionValue(option: Option): void {
    const unknown = this.args.find((argument) => argument.length > 1 && argument.startsWith('-'));
    if (unknown !== undefined) this.unknownOption(unknown);
    super.missingMandatoryOptionValue(option);
  }
}

const DESCRIPTOR_MAX = 1023;
export const descriptorOf = (flag: string) => wholeValue(flag, 0, DESCRIPTOR_MAX, 'a file descriptor');

/** The whole program with all its commands. */
export function createProgram(context: CliContext, modules: readonly CommandModule[]): Command {
  const { stdout, stderr } = context.surroundings;
  const program = new OperatorCommand('mpc_operator');
  program
    .description('One node of the federation that holds the bridge between Bitcoin and 0BTC Wire.')
    .version(VERSION, '-V, --version', 'print the version')
    .option('--config <path>', 'configuration file (default: ~/.0btc-wire/mpc/config.json, or $MPC_OPERATOR_CONFIG)')
    .option('--json', 'print data as JSON')
    .option('--as <user>', 'who acts; asks for password and code (once there are users)')
    .option('--as-fd <number>', 'file descriptor with that password and code, each on a line', descriptorOf('--as-fd'))
    .option('--second <user>', 'the second person, for acts that take two')
    .option('--second-fd <number>', 'the same for the second person', descriptorOf('--second-fd'))
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showSuggestionAfterError(true)
    // Whoever reads one command's help must not miss --config and --json.
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: (text, write) => write(usageSentence(text)),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride()
    .hook('preAction', (_, action) => context.setOptions(action.optsWithGlobals<GlobalOptions>()));
  addExamples(program, 'mpc_operator status');
  for (const module of modules) module.register(program, context);
  return program;
}

/** Runs one command line (without the executable's name) and says with which code to exit. */
export async function runCli(
  args: readonly string[],
  context: CliContext,
  modules: readonly CommandModule[],
): Promise<number> {
  const program = createProgram(context, modules);
  try {
    assertTypedMarks(args);
    await program.parseAsync([...args], { from: 'user' });
    return EXIT_OK;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    return report(error, context);
  }
}

// Mail and word processors turn `--flag` and `"text"` into marks that look alike: then a flag reads as a missing one.
function assertTypedMarks(args: readonly string[]): void {
  const pasted = args.find((arg) => /^[\u2010-\u2015\u2212]|^[\u2018-\u201f\u00ab]/.test(arg));
  if (pasted === undefined) return;
  const mark = pasted.slice(0, 1);
  const typed = /[\u2018-\u201f\u00ab]/.test(mark) ? 'a quote that no shell knows: type " or \'' : 'no hyphen: type -';
  throw new UsageError(`${JSON.stringify(pasted)} begins with ${mark}, which is ${typed} there yourself.`);
}

const exampleLines = new WeakMap<Command, readonly string[]>();

/** The examples of a command; none where it has none. */
export function examplesOf(command: Command): readonly string[] {
  return exampleLines.get(command) ?? [];
}

/** Adds the section that shows how the command is used. Every command has one; a test sees to it. */
export function addExamples(command: Command, ...examples: readonly [string, ...string[]]): Command {
  exampleLines.set(command, examples);
  const heading = examples.length === 1 ? 'Example' : 'Examples';
  return command.addHelpText('after', `\n${heading}:\n${examples.map((line) => `  $ ${line}`).join('\n')}`);
}

/** Adds `--passphrase-file` and `--passphrase-fd` to a command that opens or makes the key file. */
export function addPassphraseOptions(command: Command): Command {
  return command
    .option('--passphrase-file <path>', 'file (mode 0600) with the passphrase of the key file')
    .option('--passphrase-fd <number>', 'file descriptor to read the passphrase from', descriptorOf('--passphrase-fd'));
}

function report(error: unknown, context: CliContext): number {
  const { env } = context.surroundings.paths;
  if (error instanceof CliError) {
    context.output.fault(error.message);
    return error.exitCode;
  }
  context.output.fault(`Unexpected fault: ${error instanceof Error ? error.message : 'unknown'}.`);
  if (env['MPC_OPERATOR_DEBUG'] === undefined) context.output.note('Set MPC_OPERATOR_DEBUG=1 to see where it arose.');
  else for (const line of traceOf(error).split('\n')) context.output.note(line);
  return EXIT_FAILURE;
}

function traceOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

// commander writes "error: …"; suggestions follow on a line of their own.
function usageSentence(text: string): string {
  const sentence = text
    .replace(/^error: /, '')
    .trim()
    .replaceAll('\n', ' ');
  return `mpc_operator: ${printable(sentence)}\n`;
}
