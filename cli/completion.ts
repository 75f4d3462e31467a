// `completion bash|zsh|fish`: the shell's script, made from the table of commands, so that it never lags behind them.
import { Argument, type Command } from 'commander';
import type { Cli } from './call.ts';
import { commandTable, type TableRow } from './command-table.ts';
import { addExamples } from './program.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

const SCRIPTS: Readonly<Record<Shell, (rows: readonly TableRow[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

export function registerCompletion(program: Command, { context }: Cli): void {
  const completion = program
    .command('completion')
    .description('Print the script that completes commands and flags in a shell.')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell: Shell) => {
      const script = SCRIPTS[shell](commandTable(program));
      context.output.result({ shell, script }, () => script);
    });
  addExamples(
    completion,
    'mpc_operator completion bash | sudo tee /etc/bash_completion.d/mpc_operator',
    'mpc_operator completion zsh > "$fpath[1]/_mpc_operator"',
    'mpc_operator completion fish > ~/.config/fish/completions/mpc_operator.fish',
  );
}

const pathOf = ({ words }: TableRow): string => words.join(' ');
const flagsOf = ({ options }: TableRow): readonly string[] => options.flatMap(({ names }) => names);
const globalFlags = (rows: readonly TableRow[]): readonly string[] => rows.slice(0, 1).flatMap(flagsOf);

/** Flags after which a value comes, which is a file or the operator's own. */
function valueFlags(rows: readonly TableRow[]): readonly string[] {
  const names = rows.flatMap(({ options }) =>
    options.filter(({ takesValue }) => takesValue).flatMap((one) => one.names),
  );
  return [...new Set(names)].sort();
}

function candidates(row: TableRow, rows: readonly TableRow[]): readonly string[] {
  return [...new Set([...row.subcommands.map(({ name }) => name), ...flagsOf(row), ...globalFlags(rows)])];
}

function bashScript(rows: readonly TableRow[]): string {
  const below = rows.slice(1).map((row) => `"${pathOf(row)}"`);
  const cases = rows.map((row) => `    "${pathOf(row)}") words="${candidates(row, rows).join(' ')}" ;;`);
  // Where nothing fits, -o default lets the shell complete the names of files.
  return `# bash completion of mpc_operator; made by \`mpc_operator completion bash\`
_mpc_operator() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="mpc_operator" words="" at
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "$path \${COMP_WORDS[at]}" in
      ${below.join('|')}) path="$path \${COMP_WORDS[at]}" ;;
    esac
  done
  case "\${COMP_WORDS[COMP_CWORD - 1]}" in
    ${valueFlags(rows).join('|')}) return ;;
  esac
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _mpc_operator mpc_operator
`;
}

function zshScript(rows: readonly TableRow[]): string {
  const below = rows.slice(1).map((row) => `"${pathOf(row)}"`);
  const cases = rows.map((row) => {
    const commands = row.subcommands.map(({ name, description }) => single(`${name}:${description}`));
    const known = new Map([...row.options, ...(rows[0]?.options ?? [])].map((one) => [one.names.at(-1) ?? '', one]));
    const flags = [...known].map(([name, { description }]) => single(`${name}:${description}`));
    return `    "${pathOf(row)}") commands=(${commands.join(' ')}) flags=(${flags.join(' ')}) ;;`;
  });
  return `#compdef mpc_operator
# zsh completion of mpc_operator; made by \`mpc_operator completion zsh\`
_mpc_operator() {
  local at route="mpc_operator"
  local -a commands flags
  for ((at = 2; at < CURRENT; at++)); do
    case "$route $words[at]" in
      ${below.join('|')}) route="$route $words[at]" ;;
    esac
  done
  case "$words[CURRENT-1]" in
    ${valueFlags(rows).join('|')}) _files; return ;;
  esac
  case "$route" in
${cases.join('\n')}
  esac
  (( $#commands )) && _describe command commands
  [[ "$PREFIX" == -* ]] && _describe option flags || _files
}
if [ "$funcstack[1]" = "_mpc_operator" ]; then _mpc_operator "$@"; else compdef _mpc_operator mpc_operator; fi
`;
}

function fishScript(rows: readonly TableRow[]): string {
  const below = rows.slice(1).map((row) => `'${pathOf(row)}'`);
  const lines = rows.flatMap((row) => {
    const at = `-n '__mpc_operator_at "${pathOf(row)}"'`;
    const commands = row.subcommands.map(
      ({ name, description }) => `complete -c mpc_operator ${at} -f -a ${name} -d ${single(description)}`,
    );
    const flags = row.options.flatMap(({ names, takesValue, description }) => {
      const named = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
      const where = row.words.length === 1 ? '' : `${at} `;
      return `complete -c mpc_operator ${where}${named.join(' ')}${takesValue ? ' -r' : ''} -d ${single(description)}`;
    });
    return [...commands, ...flags];
  });
  return `# fish completion of mpc_operator; made by \`mpc_operator completion fish\`
function __mpc_operator_at
  set -l route mpc_operator
  for word in (commandline -opc)[2..-1]
    contains -- "$route $word" ${below.join(' ')}; and set route "$route $word"
  end
  test "$route" = "$argv[1]"
end
${lines.join('\n')}
`;
}

// In single quotes of all three shells; a backslash ends them for fish.
function single(text: string): string {
  return `'${text.replaceAll('\\', '').replaceAll("'", '’')}'`;
}
