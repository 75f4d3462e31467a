// `man`: the manual page in roff (groff_man(7)), made from the same table as help.
import type { Command } from 'commander';
import type { Cli } from './call.ts';
import { commandOf, commandTable, type TableOption, type TableRow } from './command-table.ts';
import { addExamples, examplesOf } from './program.ts';
import { VERSION } from './version.ts';

export function registerMan(program: Command, { context }: Cli): void {
  const man = program
    .command('man')
    .description('Print the manual page of all commands, in roff.')
    .action(() => {
      const page = manPage(program);
      context.output.result({ page }, () => page);
    });
  addExamples(
    man,
    'mpc_operator man | man -l -',
    'mpc_operator man | sudo tee /usr/local/share/man/man1/mpc_operator.1 > /dev/null',
  );
}

/** The page; it has no date, so that the same version gives the same bytes. */
export function manPage(program: Command): string {
  const [root, ...rows] = commandTable(program);
  if (root === undefined) throw new Error('a program is its own first row');
  return `.TH MPC_OPERATOR 1 "" "mpc_operator ${roff(VERSION)}" "0BTC Wire"
.SH NAME
mpc_operator \\- ${roff(root.description.replace(/\.$/, ''))}
.SH SYNOPSIS
.B mpc_operator
.RI [ options ]
.I command
.RI [ arguments ]
.SH DESCRIPTION
${roff(root.description)}
Commands reach the running server through its control socket; those that need none open the files of the node themselves.
.SH OPTIONS
Before or after any command:
${optionLines(root.options)}
.SH COMMANDS
${rows.map((row) => commandLines(row, examplesOf(commandOf(program, row)))).join('\n')}
.SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
Something failed, or needs attention.
.TP
.B 2
The command line is wrong; nothing was done.
.SH FILES
.TP
.I ~/.0btc\\-wire/mpc/config.json
The configuration, unless \\fB\\-\\-config\\fR or the environment names another.
.SH ENVIRONMENT
.TP
.B MPC_OPERATOR_CONFIG
The configuration file.
.TP
.B MPC_OPERATOR_PASSPHRASE_FILE
A file of mode 0600 with the passphrase of the key file.
.TP
.B NO_COLOR
No colours, if it is set.
.SH SEE ALSO
.BR bitcoind (1),
.BR systemd.service (5)
`;
}

function commandLines({ words, usage, description, options }: TableRow, examples: readonly string[]): string {
  const own = options.filter(({ names }) => !names.includes('--help'));
  return [
    `.SS "${roff(words.join(' '))}"`,
    `.B ${roff(words.join(' '))}`,
    roff(usage.replace('[options] ', '').replace(/^\[options\]$/, '') || '[options]'),
    '.PP',
    roff(description),
    ...(own.length === 0 ? [] : [optionLines(own)]),
    ...(examples.length === 0
      ? []
      : ['.PP', 'Example:', '.PP', '.EX', ...examples.map((one) => `  $ ${roff(one)}`), '.EE']),
  ].join('\n');
}

function optionLines(options: readonly TableOption[]): string {
  return options.map(({ flags, description }) => `.TP\n.B ${roff(flags)}\n${roff(description)}`).join('\n');
}

// A backslash begins a request within a line, a dot or quote at its beginning one of its own; a plain - may become a hyphen
// that cannot be pasted.
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('"', '\\(dq')
    .replaceAll('’', '\\(cq')
    .replaceAll('…', '...')
    .replaceAll('−', '\\-')
    .replace(/^([.'])/, '\\&$1');
}
