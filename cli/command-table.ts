// The commands as data, read from the program that parses them: what help, completion and the man page are made from.
import type { Command } from 'commander';

/** An option: how it is written (`--limit`, `-h`), whether a value follows, and what it is for. */
export interface TableOption {
  readonly names: readonly string[];
  readonly flags: string;
  readonly takesValue: boolean;
  readonly description: string;
}

/** A command by the words that call it, the program's name first; the program itself is the first row. */
export interface TableRow {
  readonly words: readonly string[];
  readonly description: string;
  readonly usage: string;
  readonly options: readonly TableOption[];
  readonly subcommands: readonly { readonly name: string; readonly description: string }[];
}

/** All commands, each before those below it. The built-in `help` is left out: `--help` says the same. */
export function commandTable(program: Command): readonly TableRow[] {
  return rowsOf(program, [program.name()]);
}

/** The command that a row is of. */
export function commandOf(program: Command, { words }: TableRow): Command {
  return words.slice(1).reduce((at, word) => below(at).find((child) => child.name() === word) ?? at, program);
}

function rowsOf(command: Command, words: readonly string[]): readonly TableRow[] {
  const children = below(command);
  const help = command.createHelp();
  const options = help.visibleOptions(command).map(({ short, long, flags, required, optional, description }) => ({
    names: [short, long].flatMap((name) => name ?? []),
    ...{ flags, takesValue: required || optional, description },
  }));
  const row = {
    ...{ words, options, description: command.description(), usage: command.usage() },
    subcommands: children.map((child) => ({ name: child.name(), description: child.description() })),
  };
  return [row, ...children.flatMap((child) => rowsOf(child, [...words, child.name()]))];
}

function below(command: Command): readonly Command[] {
  return command.commands.filter((child) => child.name() !== 'help');
}
