// The devnet's own command line.
import { Command, CommanderError } from 'commander';
import { EXIT_OK, EXIT_USAGE, UsageError } from '../cli/errors.ts';
import type { TextStream } from '../cli/output.ts';
import { wholeValue } from '../cli/values.ts';
import { checkConfig } from '../operator/config/config.ts';
import { PARTICIPANTS_MAX } from '../operator/config/config-keys.ts';
import { draftConfig } from '../operator/config/config-write.ts';

/** What to run. */
export interface DevnetOptions {
  readonly parties: number;
  readonly threshold: number;
  readonly once: boolean;
  readonly json: boolean;
  readonly keep: boolean;
}

export type ArgumentsVerdict =
  | { readonly ok: true; readonly options: DevnetOptions }
  | { readonly ok: false; readonly exitCode: number };

interface Flags {
  readonly parties?: number;
  readonly threshold?: number;
  readonly once?: boolean;
  readonly json?: boolean;
  readonly keep?: boolean;
}

const PARTIES_DEFAULT = 3;
const EXAMPLES = `
Examples:
  $ npm run devnet
  $ npm run devnet -- --parties 5 --threshold 3
  $ npm run --silent devnet -- --once --json`;

/** Reads the arguments; help goes to `stdout`, what is wrong to `stderr`. */
export function readArguments(args: readonly string[], stdout: TextStream, stderr: TextStream): ArgumentsVerdict {
  const operators = (flag: string) => wholeValue(flag, 2, PARTICIPANTS_MAX, 'a whole number of operators');
  const command = new Command('devnet')
    .description(
      'A whole federation on this machine: runs the bridge once from end to end, then stays up until Ctrl-C.',
    )
    .option('--parties <n>', `how many operators there are (default: ${PARTIES_DEFAULT})`, operators('--parties'))
    .option('--threshold <t>', 'how many must sign (default: more than half)', operators('--threshold'))
    .option('--once', 'exit when all is done; exit code 1 if anything failed')
    .option('--json', 'print the table as JSON')
    .option('--keep', 'keep the folder with all data')
    .helpOption('-h, --help', 'show help')
    .allowExcessArguments(false)
    .addHelpText('after', EXAMPLES)
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: (text, write) => write(`devnet: ${text.replace(/^error: /, '')}`),
    })
    .exitOverride();
  try {
    command.parse([...args], { from: 'user' });
    return { ok: true, options: checked(command.opts<Flags>()) };
  } catch (error) {
    if (error instanceof CommanderError) return { ok: false, exitCode: error.exitCode === 0 ? EXIT_OK : EXIT_USAGE };
    if (!(error instanceof UsageError)) throw error;
    stderr.write(`devnet: ${error.message}\n`);
    return { ok: false, exitCode: error.exitCode };
  }
}

// The configuration's own rules for a federation, applied to what `init` is going to write.
function checked(flags: Flags): DevnetOptions {
  const parties = flags.parties ?? PARTIES_DEFAULT;
  const threshold = flags.threshold ?? Math.max(2, Math.floor(parties / 2) + 1);
  const addresses = Array.from({ length: parties }, (_, index) => `127.0.0.1:${index + 1}`);
  const verdict = checkConfig(draftConfig({ parties, threshold, index: 0, addresses }), '/config.json', '/');
  const problem = verdict.ok ? undefined : verdict.problems[0];
  if (problem !== undefined) {
    throw new UsageError(`--${problem.key} ${problem.value ?? ''} ${problem.problem}. ${problem.remedy}`);
  }
  const { once = false, json = false, keep = false } = flags;
  return { parties, threshold, once, json, keep };
}
